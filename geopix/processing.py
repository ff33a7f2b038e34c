r"""Between people's pictures and words and the model's tensors: prompts, answers, image and segmentation tokens.

A prompt is LLaVA v1's, `USER: <image>\n{text} ASSISTANT:`, and an answer follows as ` {answer}</s>`. Prompt head,
question and answer are tokenised apart and joined, so that a question packed with others behind one image has
exactly the tokens it has alone. Head and question are parted at the image, beside which a tokenizer never joins
letters: together they are the tokens of the whole prompt.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import AutoProcessor, BatchFeature, PreTrainedTokenizerFast, ProcessorMixin

from geopix.boxes import parse_boxes
from geopix.configuration import GeoPixConfig
from geopix.image_processing import GeoPixImageProcessor, ImageInput
from geopix.tokenizer import IMAGE_TOKEN, SEG_TOKENS, train_tokenizer
from harness.errors import ConfigurationError, nearest

__all__ = ["TASKS", "GeoPixProcessor", "parse_boxes", "train_tokenizer"]

SEG = "<SEG>"
PROMPT_TEMPLATE = "USER: <image>\n{text} ASSISTANT:"

#: The released task identifiers, written before the question.
TASKS = {
    "caption": "[caption]",
    "refer": "[refer]",
    "vqa": "[Visual Question Answering]",
    "segment": "[segment]",
}


class GeoPixProcessor(ProcessorMixin):
    """Builds the model's inputs and reads its answers.

    Args:
        image_processor: makes the pixels.
        tokenizer: any fast tokenizer; `<image>` and `[SEG0]`.. are added where it lacks them.
        num_image_tokens: tokens of one image, `GeoPixConfig.num_image_tokens`.
        prompt_template: holds `<image>` once and then `{text}` once.
        system_prompt: written before the template, a space between; "" for none.
        chat_template: kept for transformers; not used.

    Raises:
        ConfigurationError: if the template lacks its two marks.
    """

    # transformers restores only what it can pass by position.
    def __init__(  # noqa: PLR0917
        self,
        image_processor: GeoPixImageProcessor,
        tokenizer: PreTrainedTokenizerFast,
        num_image_tokens: int = 1024,
        prompt_template: str = PROMPT_TEMPLATE,
        system_prompt: str = "",
        chat_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        before, mark, after = prompt_template.partition("{text}")
        if not mark or before.count(IMAGE_TOKEN) != 1 or "{text}" in after or IMAGE_TOKEN in after:
            raise ConfigurationError(
                f"prompt_template must hold {IMAGE_TOKEN!r} once and then '{{text}}' once; found {prompt_template!r}."
            )
        super().__init__(image_processor, tokenizer, chat_template=chat_template)  # type: ignore[no-untyped-call]
        self.num_image_tokens = num_image_tokens
        self.prompt_template = prompt_template
        self.system_prompt = system_prompt
        known = tokenizer.get_vocab()
        tokenizer.add_tokens([t for t in (IMAGE_TOKEN, *SEG_TOKENS) if t not in known], special_tokens=True)
        tokenizer.padding_side = "left"
        self._control = [*tokenizer.all_special_tokens, IMAGE_TOKEN, *SEG_TOKENS]

    @property
    def image_token_id(self) -> int:
        """The id of `<image>`."""
        return int(self.tokenizer.convert_tokens_to_ids(IMAGE_TOKEN))

    @property
    def seg_token_ids(self) -> tuple[tuple[int, ...], ...]:
        """The ids of `[SEG0]`.., int[2][3]: three tokens a level."""
        ids = self.tokenizer.convert_tokens_to_ids(list(SEG_TOKENS))
        return tuple(ids[:3]), tuple(ids[3:])

    def question(self, text: str, task: str | None = None) -> str:
        """Puts the task's identifier before a question.

        Control tokens (`<image>`, `[SEG0]`, `</s>` ...) are taken out of the text: only the processor places them.

        Args:
            text: what the user asks.
            task: a key of `TASKS`, or None for a plain question.

        Raises:
            ConfigurationError: if the task is unknown.
        """
        if task is not None and task not in TASKS:
            known = ", ".join(TASKS)
            raise ConfigurationError(f"Unknown task {task!r}.{nearest(task, TASKS)} Known: {known}.")
        for token in self._control:
            text = text.replace(token, "")
        return f"{TASKS[task]} {text.strip()}" if task else text.strip()

    def encode_prefix(self) -> list[int]:
        """The tokens before every question: system prompt, role and image."""
        before = self.prompt_template.partition(IMAGE_TOKEN)[0]
        before = f"{self.system_prompt} {before}" if self.system_prompt else before
        bos = [self.tokenizer.bos_token_id] if self.tokenizer.bos_token_id is not None else []
        image = [self.image_token_id] * self.num_image_tokens
        return bos + self._encode(before + IMAGE_TOKEN)[:-1] + image

    def encode_question(self, text: str, task: str | None = None) -> list[int]:
        """The tokens behind the image: the question and what calls for the answer."""
        middle, _, tail = self.prompt_template.partition(IMAGE_TOKEN)[2].partition("{text}")
        return self._encode(f"{IMAGE_TOKEN}{middle}{self.question(text, task)}{tail}")[1:]

    def encode_next_question(self, text: str, task: str | None = None) -> list[int]:
        """The tokens of a question that follows an answer: like the first one's, without the image."""
        head = self.prompt_template.partition(IMAGE_TOKEN)[0]
        tail = self.prompt_template.partition("{text}")[2]
        return self._encode(f"{head}{self.question(text, task)}{tail}")

    def encode_answer(self, text: str) -> list[int]:
        """The tokens of an answer, `<SEG>` spoken as a whole run, the end token behind."""
        spoken = text.strip().replace(SEG, "".join(SEG_TOKENS))
        return [*self._encode(f" {spoken}"), self.tokenizer.eos_token_id]

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def __call__(
        self,
        images: ImageInput | Sequence[ImageInput] | None = None,
        text: str | Sequence[str] | None = None,
        *,
        task: str | None = None,
        **kwargs: Any,
    ) -> BatchFeature:
        """Builds a batch of prompts.

        Args:
            images: one picture or several.
            text: one question or several; as many as pictures, unless the caller says which image each is about.
            task: the identifier put before each question.
            **kwargs: not used; here for transformers.

        Returns:
            `input_ids` and `attention_mask` int64[N, T], padded on the left, and `pixel_values` float32[B, 3, S, S].
        """
        data: dict[str, Tensor] = {}
        if text is not None:
            questions = [text] if isinstance(text, str) else list(text)
            prefix = self.encode_prefix()
            data |= self.pad([prefix + self.encode_question(question, task) for question in questions])
        if images is not None:
            data |= self.image_processor(images)
        return BatchFeature(data)

    def pad(self, rows: Sequence[Sequence[int]]) -> dict[str, Tensor]:
        """Pads token rows on the left: `input_ids` and `attention_mask`, int64[N, T]."""
        width = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id or 0
        input_ids = torch.tensor([[pad] * (width - len(row)) + list(row) for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        return {"input_ids": input_ids, "attention_mask": mask}

    def decode(self, token_ids: Sequence[int] | Tensor, **kwargs: Any) -> str:
        """Reads an answer: a whole run of segmentation tokens as `<SEG>`, without end and padding tokens."""
        ids = token_ids.tolist() if isinstance(token_ids, Tensor) else list(token_ids)
        ends = {self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.tokenizer.pad_token_id}
        text = self.tokenizer.decode([i for i in ids if i not in ends], clean_up_tokenization_spaces=False)
        return str(text).replace("".join(SEG_TOKENS), SEG).strip()


AutoProcessor.register(GeoPixConfig, GeoPixProcessor, exist_ok=True)
