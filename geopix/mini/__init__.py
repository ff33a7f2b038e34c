"""geopix-mini, the small checkpoint that ships with the package; its model card is README.md beside this file."""

from pathlib import Path

MINI = Path(__file__).resolve().parent / "checkpoint"
