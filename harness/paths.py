"""Paths that stay where they belong: names come from data files, and a data file may hold anything."""

from pathlib import Path

from harness.errors import DataError


def below(root: Path, *parts: str) -> Path:
    """Returns root joined with the parts, which must lead to a place below root.

    The path comes back as it is spelt, links not resolved; whether it exists does not matter.

    Raises:
        DataError: the path is absolute, climbs out with `..`, or follows a link to a place outside.
    """
    path = root.joinpath(*parts)
    try:
        inside = path.resolve().is_relative_to(root.resolve())
    except (ValueError, OSError, RuntimeError) as error:  # a null character, a name too long, links in a circle
        raise DataError(f"the path {'/'.join(parts)!r} below {root} cannot be used: {error}") from error
    if not inside:
        raise DataError(
            f"the path {'/'.join(parts)!r} leads to {path.resolve()}, outside its root {root.resolve()}. Paths in data "
            "and task files must stay below their root: correct the name, or put the files there (a copy, not a link)."
        )
    return path
