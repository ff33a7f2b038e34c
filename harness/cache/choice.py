"""Which cache a run uses.

A cache is off unless someone turns it on. What this harness is for is to notice that a model's answers have changed,
and an answer from a file cannot: the weights behind an endpoint change under the same name, and so may what no digest
holds, a driver or a library's bug.
"""

from pathlib import Path

from harness.cache.folder import cache_folder


def usual_cache() -> Path:
    """Returns where answers are kept where no file is named."""
    return cache_folder() / "responses.sqlite"


def switch() -> Path:
    """Returns the file that stands beside the cache while later runs are to use it."""
    return cache_folder() / "responses.on"


def chosen_cache(argument: str | None) -> Path | None:
    """Returns the file that a run shares answers through, or None.

    Args:
        argument: what was typed after --cache: a file, `on` for the usual one, or `off`; None where nothing was, and
            `geopix-eval cache on` decides.
    """
    if argument == "off" or (argument is None and not switch().exists()):
        return None
    return usual_cache() if argument in (None, "on") else Path(argument)
