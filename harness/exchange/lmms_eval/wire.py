"""What passes through lmms-eval between our tasks and our models: samples in its documents, answers in its strings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pydantic

from harness.boxes import size_of
from harness.records import ImageFile, Mask, Response, Sample, Target

ANSWER = "geopix_answer"
#: What of an answer scores depend on.
PASSED = ("text", "masks", "boxes", "reason", "box_family", "seen")
_RESPONSE = pydantic.TypeAdapter(Response)


def pack_sample(sample: Sample, data_dir: Path) -> str:
    """Returns a sample as JSON; its images' paths relative to the data folder, so that it can be moved."""
    return orjson.dumps(
        {
            "id": sample.id,
            "images": [[image.id, str(image.path.relative_to(data_dir))] for image in sample.images],
            "fields": dict(sample.fields),
            "target": sample.target,
            "tags": dict(sample.tags),
            "defect": sample.defect,
        }
    ).decode()


def unpack_sample(text: str, data_dir: Path) -> Sample:
    """Returns the sample that `pack_sample` wrote, its images below a data folder."""
    data = orjson.loads(text)
    target = data["target"]
    return Sample(
        id=data["id"],
        images=tuple(ImageFile(name, data_dir / path) for name, path in data["images"]),
        fields=data["fields"],
        target=Target(tuple(target["texts"]), **_shapes(target)),
        tags=data["tags"],
        defect=data["defect"],
    )


def is_ours(document: Mapping[str, Any]) -> bool:
    """Whether a document of lmms-eval's is one of a task that `geopix-eval export` wrote."""
    return {"sample", "capability", "prompt"} <= document.keys()


def pack_response(response: Response) -> str:
    """Returns an answer to one of our tasks as the one string that a model of lmms-eval gives.

    Words alone stay as they are; with anything beside them it is a JSON object whose `masks` are COCO run-length
    encodings, the way lmms-eval's own mask tasks pass them.
    """
    packed = {name: value for name in PASSED if (value := getattr(response, name))}
    if packed.keys() <= {"text"}:
        return response.text
    return orjson.dumps({ANSWER: 1, **packed}, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def unpack_response(text: str) -> Response:
    """Returns the answer that a string holds; a string that `pack_response` did not write is an answer's words."""
    try:
        data = orjson.loads(text)
        if not isinstance(data, dict) or ANSWER not in data:
            return Response(text)
        size_of(data.get("seen"))
        return _RESPONSE.validate_python({name: data[name] for name in PASSED if data.get(name) is not None})
    except ValueError:  # a model may write anything, the beginning of such an object too
        return Response(text)


def _shapes(data: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "masks": tuple(Mask((mask["size"][0], mask["size"][1]), mask["counts"]) for mask in data["masks"]),
        "boxes": tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in data["boxes"]),
    }
