"""Paths that stay where they belong: names come from data files, and a data file may hold anything."""

import os
from pathlib import Path

from harness.errors import DataError


def below(root: Path, *parts: str) -> Path:
    """Returns root joined with the parts, which must lead to a place below root, links followed.

    The path comes back as it is spelt, links not resolved; whether it exists does not matter.

    Raises:
        DataError: the path is absolute, climbs out with `..`, or follows a link to a place outside.
    """
    path = spelt_below(root, *parts)
    _check_inside(root, parts, _resolved(path, root), root.resolve())
    return path


def spelt_below(root: Path, *parts: str) -> Path:
    """Returns root joined with the parts, judged by their spelling alone: for places where a user may have laid a link.

    Raises:
        DataError: the path is absolute, or climbs out with `..`.
    """
    path = root.joinpath(*parts)
    _check_inside(root, parts, _normal(path), _normal(root))
    return path


def _normal(path: Path) -> Path:
    return Path(os.path.normpath(path.absolute()))


def _resolved(path: Path, root: Path) -> Path:
    try:
        return path.resolve()
    except (ValueError, OSError, RuntimeError) as error:  # a null character, a name too long, links in a circle
        raise DataError(f"the path {str(path.relative_to(root))!r} below {root} cannot be used: {error}") from error


def _check_inside(root: Path, parts: tuple[str, ...], place: Path, limit: Path) -> None:
    if not place.is_relative_to(limit):
        raise DataError(
            f"the path {'/'.join(parts)!r} leads to {place}, outside its root {root.resolve()}. Paths in data "
            "and task files must stay below their root: correct the name, or put the files there (a copy, not a link)."
        )
