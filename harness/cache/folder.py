"""Where things are kept that can be had again: one folder of the user's, outside every run."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """Returns the folder, which may not exist yet.

    It is what the variable GEOPIX_CACHE names, else `geopix` below XDG_CACHE_HOME or `~/.cache`.
    """
    named = os.environ.get("GEOPIX_CACHE")
    usual = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(named) if named else Path(usual) / "geopix"
