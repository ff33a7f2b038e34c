"""What a checkpoint knows of itself: recipe, versions, git state, seed, the data's digests and what was skipped."""

import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

from geopix.training.mixture import Mixture
from geopix.training.schema import Recipe

LIBRARIES = ("geopix", "torch", "transformers", "accelerate", "peft", "tokenizers", "numpy", "pillow")


def versions() -> dict[str, str]:
    """Returns the versions of Python and of the libraries that training depends on."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> dict[str, object] | None:
    """Returns the commit of the code and whether it was changed since; None where it is no git checkout."""
    root = Path(__file__).resolve().parents[2]
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return None
    return {"commit": commit, "changed": bool(_git(root, "status", "--porcelain", "--untracked-files=no"))}


def _git(root: Path, *arguments: str) -> str | None:
    if not (root / ".git").exists():
        return None
    try:
        done = subprocess.run(  # noqa: S603
            ["git", "-C", str(root), *arguments],  # noqa: S607
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def describe_run(recipe: Recipe, mixture: Mixture, processes: int, device: str) -> dict[str, object]:
    """Returns what does not change while a run goes on."""
    return {
        "recipe": recipe.model_dump(mode="json", by_alias=True),
        "command": sys.argv[1:],
        "seed": recipe.seed,
        "images": len(mixture.lessons),
        "questions": sum(len(lesson.turns) for lesson in mixture.lessons),
        "data": [{"name": name, "sha256": digest} for name, digest in mixture.digests],
        "left_out": len(mixture.skipped),
        "processes": processes,
        "threads": torch.get_num_threads(),
        "device": device,
        "git": git_state(),
        "versions": versions(),
    }
