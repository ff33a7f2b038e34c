"""A plugin package as pip leaves it behind: a module, and metadata with an entry point."""

from pathlib import Path


def install(folder: Path, name: str, source: str) -> Path:
    """Writes a package whose one module is registered as a plugin; returns the folder for PYTHONPATH."""
    metadata = folder / f"{name}-1.0.dist-info"
    metadata.mkdir(parents=True)
    (folder / f"{name}.py").write_text(source)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(f"[geopix_eval]\n{name} = {name}\n")
    return folder
