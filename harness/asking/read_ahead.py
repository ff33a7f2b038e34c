"""Pictures that are decoded before they are asked about, in threads and in bounded memory."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Generic, TypeVar

from harness.errors import SampleError
from harness.images import image_size
from harness.records import ImageFile

Picture = TypeVar("Picture")

#: Decoded ahead for one batch at most: 200 MB in three channels of 8 bits.
MOST_PIXELS = 2**26
MOST_THREADS = 4
#: The batch that is being answered, and the next one.
BATCHES_KEPT = 2


class ReadAhead(Generic[Picture]):
    """Keeps the pictures of the batch that is being answered and of the next one.

    One thread fetches while another one takes what is ready. What cannot be read, or is too large to be kept, is left
    to whoever asks for it.

    Args:
        read: decodes an image.
    """

    def __init__(self, read: Callable[[ImageFile], Picture]) -> None:
        self._read = read
        self._batches: deque[dict[Path, Picture]] = deque(maxlen=BATCHES_KEPT)

    def fetch(self, images: Iterable[ImageFile]) -> None:
        """Decodes the images of the next batch; raises nothing."""
        batch: dict[Path, Picture] = {}
        wanted = []
        for image in dict.fromkeys(images):
            if (kept := self.ready(image.path)) is not None:
                batch[image.path] = kept
            else:
                wanted.append(image)
        batch.update(self._decoded(list(_that_fit(wanted))))
        self._batches.append(batch)

    def ready(self, path: Path) -> Picture | None:
        """Returns the picture of a file, if it is decoded already."""
        return next((batch[path] for batch in tuple(self._batches) if path in batch), None)

    def _decoded(self, images: list[ImageFile]) -> dict[Path, Picture]:
        found: dict[Path, Picture] = {}

        def decode(image: ImageFile) -> None:
            # Whoever answers reads the file again and says what is wrong with it.
            with suppress(Exception):
                found[image.path] = self._read(image)

        threads = min(len(images), MOST_THREADS, os.cpu_count() or 1)
        if threads > 1:
            with ThreadPoolExecutor(threads, "decode") as pool:
                list(pool.map(decode, images))
        elif images:
            for image in images:
                decode(image)
        return found


def _that_fit(images: Iterable[ImageFile]) -> Iterator[ImageFile]:
    """Yields images as long as they are small enough together."""
    left = MOST_PIXELS
    for image in images:
        try:
            height, width = image_size(image)
        except SampleError:
            continue
        left -= height * width
        if left < 0:
            return
        yield image
