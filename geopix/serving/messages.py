"""What the page and the server say to each other, as JSON."""

from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geopix.boxes import boxes_of_masks
from geopix.prediction.inputs import guess_task
from geopix.predictor import Asking
from geopix.serving.desk import Brought, Told
from harness.errors import ConfigurationError, nearest
from harness.masks import encode


class Question(BaseModel):
    """A question about a picture that lies on the desk; the options are those of `geopix.predictor.Asking`.

    The task "guess" is what the question's words call for.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    picture: str
    text: str
    task: str | None = "guess"
    temperature: float = Field(0.0, ge=0, le=10)
    top_p: float = Field(1.0, gt=0, le=1)
    seed: int = Field(0, ge=0, lt=2**63)
    max_new_tokens: int = Field(256, ge=1, le=4096)
    max_masks: int = Field(32, ge=0, le=256)

    def asking(self) -> Asking:
        """Returns the options that the predictor takes."""
        return Asking(
            task=guess_task(self.text) if self.task == "guess" else self.task,
            temperature=self.temperature,
            top_p=self.top_p,
            seed=self.seed,
            max_new_tokens=self.max_new_tokens,
            max_masks=self.max_masks,
        )


def read_question(body: bytes) -> Question:
    """Reads a question.

    Raises:
        ConfigurationError: it is no such JSON; all that is wrong with it is said.
    """
    try:
        return Question.model_validate_json(body)
    except ValidationError as error:
        raise ConfigurationError("The question cannot be read: " + "; ".join(map(_told, error.errors()))) from error


def _told(mistake: Any) -> str:
    place = ".".join(map(str, mistake["loc"]))
    if mistake["type"] == "extra_forbidden":
        return f"{place}: there is no such option.{nearest(place, Question.model_fields)}"
    found = "" if mistake["type"] in ("missing", "json_invalid") else f", found {mistake['input']!r}"
    return f"{place or 'body'}: {mistake['msg']}{found}"


def describe_picture(brought: Brought) -> dict[str, Any]:
    """Returns what the page needs to know of a picture: its name, and its size in pixels as stored."""
    return {"picture": brought.id, "width": brought.width, "height": brought.height}


def describe_answer(told: Told) -> dict[str, Any]:
    """Returns an answer as the page draws it.

    Masks are COCO run-length encodings at the picture's own size, each with its area in pixels and its tight box;
    boxes are those that the text speaks. All boxes are x0 y0 x1 y1 in pixels as stored, the far sides exclusive.
    """
    answer = told.answer
    masks = [
        {"segmentation": asdict(encode(mask)), "area": int(mask.sum()), "box": box.tolist()}
        for mask, box in zip(answer.masks, boxes_of_masks(answer.masks), strict=True)
    ]
    return {
        "text": answer.text,
        "masks": masks,
        "boxes": answer.boxes.tolist() if answer.box_source == "text" else [],
        "reason": answer.reason,
        "tokens": answer.tokens,
        "seconds": round(told.seconds, 3),
    }
