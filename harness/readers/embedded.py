"""Images that a table keeps inside itself, as `datasets` does: each is copied once to a cache, so that it has a path.

They lie below the folder of `harness.cache.folder`.
"""

import hashlib
import os

from harness.cache.folder import cache_folder
from harness.records import ImageFile


def keep_embedded(content: bytes) -> ImageFile:
    """Returns an image's bytes as a file whose name, and the image's id, is their sha256.

    The file is written beside its place and renamed, so what is there is whole.
    """
    name = hashlib.sha256(content).hexdigest()
    path = cache_folder() / "images" / name[:2] / name
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(f".{os.getpid()}.partial")
        partial.write_bytes(content)
        partial.replace(path)
    return ImageFile(name, path)
