"""Images that a table keeps inside itself, as `datasets` does: each is copied once to a cache, so that it has a path.

The cache is the folder that the variable GEOPIX_CACHE names, else `geopix` below XDG_CACHE_HOME or `~/.cache`.
"""

import hashlib
import os
from pathlib import Path

from harness.records import ImageFile


def cache_folder() -> Path:
    """Returns the folder of the copies, which may not exist yet."""
    named = os.environ.get("GEOPIX_CACHE")
    if named:
        return Path(named) / "images"
    usual = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(usual) / "geopix" / "images"


def keep_embedded(content: bytes) -> ImageFile:
    """Returns an image's bytes as a file whose name, and the image's id, is their sha256.

    The file is written beside its place and renamed, so what is there is whole.
    """
    name = hashlib.sha256(content).hexdigest()
    path = cache_folder() / name[:2] / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(content)
        partial.replace(path)
    return ImageFile(name, path)
