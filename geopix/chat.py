"""Several turns about one image: the values, the chat template, and messages in the form that transformers has.

The template is the prompt's own words as Jinja, so that one turn gives the prompt that `GeoPixProcessor` builds. Later
turns follow LLaVA v1: the answer, the end token, and the same words again without the image.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from geopix.image_processing import ImageInput
from geopix.tokenizer import IMAGE_TOKEN
from harness.errors import ConfigurationError, nearest

Message = Mapping[str, Any]
#: Gives a message's words, cleaned, with what its role puts before them.
Clean = Callable[[str, Message], str]
ROLES = ("system", "user", "assistant")


@dataclass(frozen=True)
class Turn:
    """A question that was asked before, and its answer.

    Attributes:
        question: what the user asked.
        answer: what was answered; each mask's place reads `<SEG>`.
        task: the identifier put before the question, a key of `geopix.processing.TASKS`.
    """

    question: str
    answer: str
    task: str | None = None


def follow_up(prompt_template: str) -> str:
    r"""Returns the words of a later turn: those of the prompt without the image and the white space behind it.

    >>> follow_up("USER: <image>\n{text} ASSISTANT:")
    'USER: {text} ASSISTANT:'
    """
    return re.sub(rf"{IMAGE_TOKEN}\s*", "", prompt_template)


def own_template(prompt_template: str, system_prompt: str) -> str:
    """Returns the Jinja template of a prompt's words; answers are marked by `{% generation %}`."""
    head, _, tail = prompt_template.partition("{text}")
    later = follow_up(prompt_template).partition("{text}")[0]
    words = {"HEAD": head, "LATER": later, "TAIL": tail, "SYSTEM": system_prompt}
    return re.sub("HEAD|LATER|TAIL|SYSTEM", lambda found: json.dumps(words[found[0]]), _TEMPLATE)


_TEMPLATE = """\
{%- macro words(message) %}
{%- if message['content'] is string %}{{- message['content'] }}
{%- else %}{%- for part in message['content'] if part['type'] == 'text' %}{{- part['text'] }}{%- endfor %}{%- endif %}
{%- endmacro %}
{%- set told = messages[0]['role'] == 'system' %}
{%- set system = words(messages[0]) if told else SYSTEM %}
{{- bos_token }}{{- system + ' ' if system else '' }}
{%- for message in (messages[1:] if told else messages) %}
{%- if message['role'] == 'user' %}
{{- HEAD if loop.first else LATER }}{{- words(message) }}
{{- TAIL if add_generation_prompt or not loop.last else '' }}
{%- else %}{%- generation %}{{- ' ' + words(message) + eos_token }}{%- endgeneration %}
{%- endif %}
{%- endfor %}"""


@dataclass(frozen=True)
class Chat:
    """Messages that were checked and cleaned.

    Attributes:
        messages: as the template takes them, each with its words alone.
        image: the image of the first question, where it is given and not only marked.
    """

    messages: tuple[Message, ...]
    image: ImageInput | None


def read_chat(messages: Sequence[Message], clean: Clean) -> Chat:
    """Checks the messages of one conversation.

    Args:
        messages: `{"role": .., "content": text or parts}`; a part is `{"type": "text", "text": ..}` or
            `{"type": "image", "image": picture or path}`. A system message may come first; then user and assistant
            take turns, and the first question may hold the image.
        clean: takes out what only the processor may write.

    Raises:
        ConfigurationError: a role, a part or their order is wrong; says which message.
    """
    spoken: list[Message] = []
    images: list[ImageInput] = []
    for number, message in enumerate(messages, 1):
        role = message.get("role")
        expected = _expected(spoken)
        if role not in expected:
            hint = nearest(str(role), ROLES) if role not in ROLES else ""
            raise ConfigurationError(
                f"message {number} of {len(messages)}: expected the role {' or '.join(expected)}, found {role!r}.{hint}"
            )
        text, shown = _parts(message, f"message {number} of {len(messages)}")
        if len(images) + len(shown) > 1 or (shown and any(earlier["role"] == "user" for earlier in spoken)):
            raise ConfigurationError(
                f"message {number} of {len(messages)}: GeoPix talks about one image, which the first question holds; "
                "start another conversation for another image."
            )
        images += shown
        spoken.append({"role": role, "content": clean(text, message)})
    if not any(message["role"] == "user" for message in spoken):
        raise ConfigurationError("a conversation needs a question: a message with the role user.")
    return Chat(tuple(spoken), next((image for image in images if image is not None), None))


def _expected(spoken: Sequence[Message]) -> tuple[str, ...]:
    if not spoken:
        return ("system", "user")
    return ("assistant",) if spoken[-1]["role"] == "user" else ("user",)


def _parts(message: Message, where: str) -> tuple[str, list[Any]]:
    """The words of a message and its images; an image that is only marked is None."""
    content = message.get("content")
    if isinstance(content, str):
        return content, []
    if not isinstance(content, Sequence) or not all(isinstance(part, Mapping) for part in content):
        raise ConfigurationError(f"{where}: expected text, or a list of parts, found {type(content).__name__}.")
    texts, images = [], []
    for part in content:
        kind = part.get("type")
        if kind == "text" and isinstance(part.get("text"), str):
            texts.append(part["text"])
        elif kind == "image" and "url" not in part:
            images.append(part.get("image", part.get("path")))
        else:
            raise ConfigurationError(
                f"{where}: a part must be {{'type': 'text', 'text': ..}} or {{'type': 'image', 'image': ..}}, an image "
                f"a picture or a file's path (nothing is downloaded); found {str(dict(part))[:80]}."
            )
    return "".join(texts), images
