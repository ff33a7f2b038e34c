"""The folder of a data set's images, listed once: thousands of questions must not mean thousands of system calls."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.errors import DataError
from harness.paths import below
from harness.readers.tables import missing
from harness.records import ImageFile


@dataclass(frozen=True)
class Found:
    """What a search for an image gave.

    Attributes:
        images: the image; empty when its path must not be used.
        defect: why there is no such image, or None.
    """

    images: tuple[ImageFile, ...]
    defect: str | None = None


@dataclass(frozen=True)
class Gallery:
    """The images of one folder below a data set's root.

    Attributes:
        root: the data set's folder.
        folder: the images' folder below it.
        extensions: endings that are tried, in this order, after an image's name; empty where names have theirs.
    """

    root: Path
    folder: str
    extensions: Sequence[str] = ()
    _known: dict[str, Found] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def _place(self) -> Path:
        return below(self.root, self.folder)

    @cached_property
    def _listing(self) -> dict[str, bool]:
        """Whether each name is a link."""
        if not self._place.is_dir():
            raise missing(self._place, "the folder of the data set's images")
        with os.scandir(self._place) as entries:
            return {entry.name: entry.is_symlink() for entry in entries}

    def find(self, image_id: str, name: str) -> Found:
        """Returns the image of a name, with the reason where it cannot be used.

        Raises:
            MissingDataError: the folder itself is not there.
        """
        key = name if name == image_id else f"{image_id}\0{name}"
        if key not in self._known:
            self._known[key] = self._search(image_id, name)
        return self._known[key]

    def _search(self, image_id: str, name: str) -> Found:
        names = [f"{name}.{extension}" for extension in self.extensions] or [name]
        present = next((candidate for candidate in names if candidate in self._listing), None)
        if present is not None and not self._listing[present]:
            return Found((ImageFile(image_id, self._place / present),))
        try:
            path = below(self.root, self.folder, present or names[0])
        except DataError as error:
            return Found((), f"image {image_id}: {error}")
        image = ImageFile(image_id, path)
        # A name with a folder in it is not in the listing.
        if path.is_file():
            return Found((image,))
        return Found((image,), f"image {image_id}: {' or '.join(names)} is not in {self._place.absolute()}")
