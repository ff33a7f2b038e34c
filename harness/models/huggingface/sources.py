"""Where a checkpoint comes from, a folder or the hub, and what makes it that one and no other."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.digests import folder_digest
from harness.errors import EnvironmentProblem

CONFIG_FILE = "config.json"
_HUB_ID = re.compile(r"[\w-][\w.-]*(?:/[\w.-]+)?")


@dataclass(frozen=True)
class Source:
    """A checkpoint folder, or one commit of a repository on the hub.

    Attributes:
        place: the folder, or the id.
        commit: the commit; None for a folder.
    """

    place: str
    commit: str | None = None

    @property
    def name(self) -> str:
        """The folder's name, or the id."""
        return self.place if self.commit else Path(self.place).resolve().name

    @property
    def digest(self) -> str:
        """The id and the commit, or the sha256 over every file of the folder."""
        return f"{self.place} {self.commit}" if self.commit else folder_digest(Path(self.place))

    @property
    def at(self) -> dict[str, str]:
        """What `from_pretrained` has to be told so that all files are those of one commit."""
        return {"revision": self.commit} if self.commit else {}


def find(place: str, word: str, revision: str | None = None) -> Source:
    """Returns the source that was typed after `WORD:`.

    Args:
        place: a folder, or an id on the hub.
        word: what was typed before it, for messages.
        revision: a branch, tag or commit on the hub.

    Raises:
        EnvironmentProblem: it is neither, or the hub cannot be asked and its cache does not hold it.
    """
    folder = Path(place)
    if folder.is_dir():
        _check_folder(folder)
        return Source(place)
    if not _HUB_ID.fullmatch(place):
        raise EnvironmentProblem(
            f"{word}:{place}: no folder {folder.resolve()}, and no id of the hub either, such as "
            "Qwen/Qwen2.5-VL-7B-Instruct."
        )
    from huggingface_hub import hf_hub_download  # noqa: PLC0415 - an extra, and slow to import

    with told(f"{word}:{place}", f" There is no folder {folder.resolve()} either."):
        # The cache keeps a commit's files in a folder that has the commit's name.
        return Source(place, Path(hf_hub_download(place, CONFIG_FILE, revision=revision)).parent.name)


def _check_folder(folder: Path) -> None:
    try:
        if not isinstance(json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8")), dict):
            raise ValueError("it holds no object")
    except (OSError, ValueError) as error:
        present = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
        raise EnvironmentProblem(
            f"{folder.resolve()} is no checkpoint folder: {CONFIG_FILE} cannot be read ({error}). Found there: "
            f"{present}. Expected what `save_pretrained` of a model and of its processor write."
        ) from error


def whole_model(kind: Any, source: Source, **settings: Any) -> Any:
    """Returns what `from_pretrained` of one of transformers' classes loads, in evaluation mode.

    Raises:
        EnvironmentProblem: weights are missing, in whose place there would be random ones.
    """
    model, found = kind.from_pretrained(source.place, output_loading_info=True, **source.at, **settings)
    if missing := sorted(found["missing_keys"]):
        raise EnvironmentProblem(
            f"{source.place}: {len(missing)} weights are missing, {', '.join(missing[:3])} for example, and would be "
            "random. Copy or download the checkpoint again."
        )
    return model.eval()


@contextmanager
def told(what: str, hint: str = "") -> Iterator[None]:
    """Says in our words what transformers, the hub or torch has to complain about.

    Args:
        what: what is being loaded.
        hint: a sentence to add.

    Raises:
        EnvironmentProblem: it cannot be loaded.
    """
    try:
        yield
    except (
        OSError,
        ValueError,
        RuntimeError,
        KeyError,
        TypeError,
        AttributeError,
        ImportError,
        AssertionError,
    ) as error:
        # torch says with an assertion that it was built without CUDA.
        reason = " ".join(str(error).split())
        if "trust_remote_code" in reason:
            hint = " Read that code first; `--model-option trust_remote_code=true` then runs it."
        raise EnvironmentProblem(f"{what} cannot be loaded: {reason[:400]}{hint}") from error
