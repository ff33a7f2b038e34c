"""From a request to the text that a processor reads: through a chat template, or as a prefix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from harness.errors import ConfigurationError


class Prompt(Protocol):
    """Writes the text of a request, with a place for each of its pictures."""

    def text(self, words: str, pictures: int) -> str:
        """Returns what the processor reads for some words about some pictures."""
        ...


@dataclass(frozen=True)
class ChatPrompt:
    """The checkpoint's own chat template, with the pictures before the words.

    Attributes:
        processor: what `AutoProcessor` gave; it has a chat template.
        system: a system prompt, or None.
    """

    processor: Any
    system: str | None = None

    def text(self, words: str, pictures: int) -> str:
        """Returns the rendered conversation, up to where the answer begins."""
        content = [{"type": "image"}] * pictures + [{"type": "text", "text": words}]
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if self.system is not None:
            messages.insert(0, {"role": "system", "content": [{"type": "text", "text": self.system}]})
        return str(self.processor.apply_chat_template([messages], add_generation_prompt=True)[0])


@dataclass(frozen=True)
class PrefixPrompt:
    """Pictures and words on one line, nothing around them: for models of prefixes, which end at a new line.

    Attributes:
        token: what stands for a picture.
    """

    token: str

    def text(self, words: str, pictures: int) -> str:
        """Returns the pictures' places and the words."""
        return self.token * pictures + " ".join(words.split())


def chat_prompt(processor: Any, source: str, system: str | None) -> ChatPrompt:
    """Returns the chat prompt of a checkpoint, tried once.

    Raises:
        ConfigurationError: it has no chat template, or one that leaves out the picture or the system prompt.
    """
    if not getattr(processor, "chat_template", None):
        raise ConfigurationError(
            f"{source} has no chat template, so it cannot be asked: it is a base model, or a file is missing "
            "(chat_template.jinja). Take the instruction-tuned checkpoint, or put the template there."
        )
    words = "What is it?"
    plain = _tried(ChatPrompt(processor), source, words, "a question about a picture")
    if plain == _tried(ChatPrompt(processor), source, words, "a question", pictures=0):
        raise ConfigurationError(f"the chat template of {source} leaves the picture out. Mend the template.")
    if system is not None and plain == _tried(ChatPrompt(processor, system), source, words, "a system prompt"):
        raise ConfigurationError(
            f"the chat template of {source} leaves a system prompt out. Write it before the task's words instead, with "
            "the option prompt and {prompt} in it."
        )
    return ChatPrompt(processor, system)


def _tried(prompt: ChatPrompt, source: str, words: str, what: str, pictures: int = 1) -> str:
    try:
        return prompt.text(words, pictures)
    except Exception as error:  # a template may raise anything, its own `raise_exception` too
        raise ConfigurationError(f"the chat template of {source} refuses {what}: {error}") from error
