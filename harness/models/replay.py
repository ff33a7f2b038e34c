"""Answers from a file: scores a model that ran elsewhere, or ran before."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from harness.boxes import size_of
from harness.errors import ConfigurationError, DataError, EnvironmentProblem, SampleError, nearest
from harness.parsers.box_spellings import FAMILIES
from harness.records import Mask, Request, Response

OPTIONS = {"id": "sample_id", "text": "text", "boxes": ""}


@dataclass(frozen=True)
class Replay:
    """Gives each sample the answer that a file holds for it.

    Attributes:
        name: the file's stem.
        digest: sha256 of the file and the options.
        responses: the answers by sample id.
        path: the file.
    """

    name: str
    digest: str
    responses: Mapping[str, Response]
    path: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    reads_images: bool = False
    batch_size: int = 1024

    def respond(self, requests: Sequence[Request]) -> list[Response]:
        """Returns the file's answers.

        Raises:
            SampleError: the file has no answer for a sample.
        """
        return [self._answer(request.sample_id) for request in requests]

    def _answer(self, sample_id: str) -> Response:
        if sample_id not in self.responses:
            raise SampleError(f"{self.path} has no answer for sample {sample_id}")
        return self.responses[sample_id]


def replay(argument: str, options: Mapping[str, str]) -> Replay:
    """Returns a model that answers from a JSON Lines file.

    A line is a record of an earlier run, or an object with `sample_id`, `text` and, where there are any, `masks`
    (COCO run-length encodings) and `boxes` (pixels, x0 y0 x1 y1).

    Args:
        argument: the file's path.
        options: `id` and `text`: the names of those two keys, where the file calls them otherwise; `boxes`: how the
            answers write boxes, a name of `harness.parsers.box_spellings.FAMILIES`.

    Raises:
        EnvironmentProblem: the file cannot be read.
        DataError: lines that are no answers; all of them, by number.
        ConfigurationError: an unknown option or family.
    """
    for option in options:
        if option not in OPTIONS:
            known = ", ".join(OPTIONS)
            raise ConfigurationError(f"replay has no option {option!r}.{nearest(option, OPTIONS)} Known: {known}.")
    if "boxes" in options:
        _check_family(options["boxes"])
    path = Path(argument)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise EnvironmentProblem(
            f"{path.resolve()} cannot be read: {error.strerror}. Expected a JSON Lines file of answers after `replay:`."
        ) from error
    keys = OPTIONS | dict(options)
    responses: dict[str, Response] = {}
    problems: list[str] = []
    for number, line in _lines(content):
        try:
            key, response = _response(orjson.loads(line), keys)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            problems.append(f"{path}:{number}: not an answer: {_words(error)}")
            continue
        if key in responses:
            problems.append(f"{path}:{number}: a second answer for sample {key}")
        elif response is not None:
            responses[key] = response
    if problems:
        more = [f"and {len(problems) - 20} more"] if len(problems) > 20 else []
        raise DataError("\n".join([*problems[:20], *more, _expected(keys)]))
    digest = hashlib.sha256(content + repr(sorted(options.items())).encode()).hexdigest()
    return Replay(path.stem, digest, responses, path, {"file": str(path.resolve()), **options})


def _expected(keys: Mapping[str, str]) -> str:
    return (
        f"Each line should be a JSON object with the keys {keys['id']!r} and {keys['text']!r}. Where they have other "
        "names, say so: --model-option id=KEY --model-option text=KEY."
    )


def _check_family(name: str) -> None:
    if name not in FAMILIES:
        raise ConfigurationError(
            f"replay option boxes: unknown family {name!r}.{nearest(name, FAMILIES)} Known: {', '.join(FAMILIES)}."
        )


def _words(error: Exception) -> str:
    return f"the key {error} is missing" if isinstance(error, KeyError) else str(error)


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    return ((number, line) for number, line in enumerate(content.splitlines(), 1) if line.strip())


def _response(data: dict[str, Any], keys: Mapping[str, str]) -> tuple[str, Response | None]:
    """One line's sample and answer; a record of a sample that failed has none."""
    sample_id = str(data[keys["id"]])
    if data.get("response", data) is None:
        return sample_id, None
    answer = data["response"] if isinstance(data.get("response"), dict) else data
    text = answer[keys["text"]] if keys["text"] in answer or not {"masks", "boxes"} & answer.keys() else ""
    return sample_id, Response(
        text=str(text),
        masks=tuple([_mask(mask) for mask in answer.get("masks", ())]),
        boxes=tuple([(float(a), float(b), float(c), float(d)) for a, b, c, d in answer.get("boxes", ())]),
        seconds=None if answer.get("seconds") is None else float(answer["seconds"]),
        tokens=None if answer.get("tokens") is None else int(answer["tokens"]),
        reason=None if answer.get("reason") is None else str(answer["reason"]),
        box_family=str(answer.get("box_family") or keys["boxes"]) or None,
        seen=size_of(answer.get("seen")),
    )


def _mask(data: dict[str, Any]) -> Mask:
    size = data["size"]
    return Mask((int(size[0]), int(size[1])), str(data["counts"]))
