"""What may be typed with --model-option of a model behind an endpoint."""

from collections.abc import Mapping
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from harness.endpoints.address import DEFAULT_KEY, DEFAULT_URL
from harness.endpoints.pictures import PictureFormat
from harness.errors import ConfigurationError, SampleError, nearest
from harness.options import worded
from harness.parsers.box_spellings import family

#: What answers do not depend on: left out of the settings and so of the digest.
_MANNERS = {"timeout", "retries", "patience", "parallel", "key_env", "price_in", "price_out"}


class EndpointOptions(BaseModel):
    """The options of `--model openai:`, each with what it is for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: int = Field(1024, ge=16, le=16384, description="Pixels of a picture's longer side at most, as sent.")
    format: PictureFormat = Field("png", description="How pictures are sent: `png`, `webp` (lossless) or `jpeg`.")
    detail: Literal["auto", "low", "high"] | None = Field(None, description="OpenAI's word for how closely it looks.")
    system: str = Field("", description="A system prompt.")
    temperature: Literal["task", "server"] = Field(
        "task", description="`task` sends the task's; `server` sends none, for models that take none."
    )
    seed: int | None = Field(None, description="Sent with each request.")
    max_tokens: Literal["max_tokens", "max_completion_tokens"] | None = Field(
        None, description="The name of the bound on tokens; by default what the server at this address knows."
    )
    boxes: str | None = Field(None, description="How its boxes are written: a family of docs/metrics.md.")
    extra_body: dict[str, Any] = Field({}, description="A JSON object of further keys for the request's body.")
    revision: str = Field("", description="What you know of the weights; part of the digest.")
    timeout: float = Field(120.0, gt=0, le=86400, description="Seconds without a word from the server.")
    retries: int = Field(5, ge=0, le=100, description="How often a request is sent again.")
    patience: float = Field(120.0, ge=0, le=86400, description="The longest Retry-After that is obeyed, in seconds.")
    parallel: int = Field(16, ge=1, le=1024, description="Requests under way at most.")
    key_env: str = Field(DEFAULT_KEY, min_length=1, description="The environment variable that holds the key.")
    price_in: float | None = Field(None, ge=0, allow_inf_nan=False, description="Price of a million prompt tokens.")
    price_out: float | None = Field(None, ge=0, allow_inf_nan=False, description="Price of a million answer tokens.")

    @field_validator("extra_body", mode="before")
    @classmethod
    def _read_json(cls, value: Any) -> Any:
        try:
            return orjson.loads(value) if isinstance(value, str) else value
        except ValueError as error:
            raise ValueError(f"expected a JSON object ({error})") from error

    @field_validator("boxes")
    @classmethod
    def _known_family(cls, name: str | None) -> str | None:
        try:
            if name is not None:
                family(name)
        except SampleError as error:
            raise ValueError(str(error)) from error
        return name

    def told(self) -> dict[str, str]:
        """What answers depend on, as text; what is as usual and not sent is left out."""
        usual = {name for name, value in self if value in (None, "", {})}
        told = self.model_dump(exclude=_MANNERS | usual)
        return {name: value if isinstance(value, str) else _json(value) for name, value in told.items()}

    def limit_key(self, url: str) -> str:
        """The name of the bound on tokens: OpenAI's newer models take another than all else does."""
        return self.max_tokens or ("max_completion_tokens" if url == DEFAULT_URL else "max_tokens")

    def cost(self, asked: int | None, given: int | None) -> float | None:
        """Returns what an answer cost, in the prices' currency; None without prices or counts."""
        if self.price_in is None and self.price_out is None:
            return None
        if asked is None or given is None:
            return None
        return ((self.price_in or 0.0) * asked + (self.price_out or 0.0) * given) / 1e6


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def endpoint_options(options: Mapping[str, str]) -> EndpointOptions:
    """Returns the options typed as text.

    Raises:
        ConfigurationError: unknown options or values; all of them. What stands in an option is not repeated when the
            option is unknown: it may be a key.
    """
    known = list(EndpointOptions.model_fields)
    try:
        return EndpointOptions.model_validate(dict(options))
    except ValidationError as error:
        problems = []
        for detail in error.errors():
            name = str(detail["loc"][0])
            if name in known:
                problems.append(f"model option {name}: {worded(detail)}.")
            else:
                problems.append(
                    f"the model openai has no option {name!r}.{nearest(name, known)} Known: {', '.join(known)}. A key "
                    "is read from the environment alone."
                )
        raise ConfigurationError("\n".join(problems)) from None
