r"""Between people's pictures and words and the model's tensors: prompts, answers, image and segmentation tokens.

A prompt is LLaVA v1's, `USER: <image>\n{text} ASSISTANT:`, and an answer follows as ` {answer}</s>`. Prompt head,
question and answer are tokenised apart and joined, so that a question packed with others behind one image has
exactly the tokens it has alone. Head and question are parted at the image, beside which a tokenizer never joins
letters: together they are the tokens of the whole prompt.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import AutoProcessor, BatchFeature, PreTrainedTokenizerFast, ProcessorMixin
from transformers.utils.chat_template_utils import render_jinja_template

from geopix.boxes import parse_boxes
from geopix.chat import Chat, Message, Turn, follow_up, own_template, read_chat
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
        chat_template: a Jinja template for `apply_chat_template`; that of the prompt's own words when None.

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
        self.prompt_template = prompt_template
        self.system_prompt = system_prompt
        super().__init__(image_processor, tokenizer, chat_template=chat_template)  # type: ignore[no-untyped-call]
        self.num_image_tokens = num_image_tokens
        known = tokenizer.get_vocab()
        tokenizer.add_tokens([t for t in (IMAGE_TOKEN, *SEG_TOKENS) if t not in known], special_tokens=True)
        tokenizer.padding_side = "left"
        self._control = [*tokenizer.all_special_tokens, IMAGE_TOKEN, *SEG_TOKENS]

    @property
    def chat_template(self) -> str:
        """The Jinja template of `apply_chat_template`: the one given, else that of the prompt's own words."""
        return self._given_template or self._own_template

    @chat_template.setter
    def chat_template(self, template: str | dict[str, str] | None) -> None:
        chosen = template.get("default") if isinstance(template, dict) else template
        self._given_template = None if chosen == self._own_template else chosen

    @property
    def _own_template(self) -> str:
        return own_template(self.prompt_template, self.system_prompt)

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
        words = self._without_control(text)
        return f"{TASKS[task]} {words}" if task else words

    def _without_control(self, text: str) -> str:
        for token in self._control:
            text = text.replace(token, "")
        return text.strip()

    def encode_prefix(self) -> list[int]:
        """The tokens before every question: system prompt, role and image."""
        before = self.prompt_template.partition(IMAGE_TOKEN)[0]
        before = f"{self.system_prompt} {before}" if self.system_prompt else before
        bos = [self.tokenizer.bos_token_id] if self.tokenizer.bos_token_id is not None else []
        image = [self.image_token_id] * self.num_image_tokens
        return bos + self._encode(before + IMAGE_TOKEN)[:-1] + image

    def encode_question(self, text: str, task: str | None = None, history: Sequence[Turn] = ()) -> list[int]:
        """The tokens behind the image: what was said before, the question and what calls for the answer."""
        if history:
            *earlier, last = history
            said = self.encode_question(last.question, last.task, earlier)
            said += self.encode_answer(self._without_control(last.answer))
            return said + self.encode_next_question(text, task)
        middle, _, tail = self.prompt_template.partition(IMAGE_TOKEN)[2].partition("{text}")
        return self._encode(f"{IMAGE_TOKEN}{middle}{self.question(text, task)}{tail}")[1:]

    def encode_next_question(self, text: str, task: str | None = None) -> list[int]:
        """The tokens of a question that follows an answer."""
        return self._encode(follow_up(self.prompt_template).replace("{text}", self.question(text, task)))

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
        history: Sequence[Turn] = (),
        **kwargs: Any,
    ) -> BatchFeature:
        """Builds a batch of prompts.

        Args:
            images: one picture or several.
            text: one question or several; as many as pictures, unless the caller says which image each is about.
            task: the identifier put before each question.
            history: what was said before each question.
            **kwargs: not used; here for transformers.

        Returns:
            `input_ids` and `attention_mask` int64[N, T], padded on the left, and `pixel_values` float32[B, 3, S, S].
        """
        data: dict[str, Tensor] = {}
        if text is not None:
            questions = [text] if isinstance(text, str) else list(text)
            prefix = self.encode_prefix()
            data |= self.pad([prefix + self.encode_question(question, task, history) for question in questions])
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

    def apply_chat_template(  # type: ignore[override]
        self,
        conversation: Sequence[Message] | Sequence[Sequence[Message]],
        chat_template: str | None = None,
        *,
        add_generation_prompt: bool = False,
        tokenize: bool = False,
        return_dict: bool = False,
        return_assistant_tokens_mask: bool = False,
        **kwargs: Any,
    ) -> str | list[str] | Tensor | BatchFeature:
        """Turns chat messages into a prompt.

        Args:
            conversation: messages as `geopix.chat.read_chat` describes them, or several such lists. A user's message
                may name a `task`; its identifier is put before the words. Control tokens are taken out of all of them.
            chat_template: another template than the processor's.
            add_generation_prompt: whether to end with what calls for the answer.
            tokenize: whether to return tokens.
            return_dict: whether to return, with the tokens, what `__call__` returns.
            return_assistant_tokens_mask: whether that shall hold `assistant_masks`, 1 on the tokens of answers.
            **kwargs: given to the template.

        Returns:
            The text, its image as one `<image>` and each mask as `<SEG>`; or int64[N, T]; or the model's inputs, with
            `pixel_values` where every conversation gives its image.

        Raises:
            ConfigurationError: a message is wrong, or a template of another's does not mark the answers.
        """
        single = not conversation or isinstance(conversation[0], Mapping)
        several: Any = [conversation] if single else conversation
        chats = [read_chat(messages, self._clean) for messages in several]
        rendered: Any = render_jinja_template(
            conversations=[[dict(message) for message in chat.messages] for chat in chats],
            chat_template=chat_template or self.chat_template,
            return_assistant_tokens_mask=tokenize,  # where the answers are, to cut the text there
            add_generation_prompt=add_generation_prompt,
            **{"bos_token": "", "eos_token": ""} | self.tokenizer.special_tokens_map | kwargs,
        )
        texts, answers = rendered
        if not tokenize:
            return str(texts[0]) if single else list(texts)
        pieces = [self._pieces(text, spans, chat) for text, spans, chat in zip(texts, answers, chats, strict=True)]
        data = self.pad([[token for piece, _ in row for token in piece] for row in pieces])
        if not return_dict:
            return data["input_ids"]
        if return_assistant_tokens_mask:
            data["assistant_masks"] = self._marks(pieces, data["input_ids"].shape[1])
        images = [chat.image for chat in chats if chat.image is not None]
        return BatchFeature(data | (dict(self.image_processor(images)) if len(images) == len(chats) else {}))

    def _clean(self, text: str, message: Message) -> str:
        return self.question(text, message.get("task")) if message["role"] == "user" else self._without_control(text)

    def _pieces(self, text: str, spans: Sequence[tuple[int, int]], chat: Chat) -> list[tuple[list[int], bool]]:
        """Cuts a conversation where answers begin and end: the tokens of each piece, and whether it is an answer."""
        if len(spans) != sum(message["role"] == "assistant" for message in chat.messages):
            raise ConfigurationError(
                "the chat template must put each answer between {% generation %} and {% endgeneration %}, so that it "
                f"gets the tokens it was spoken with; found {len(spans)} such places in {len(chat.messages)} messages."
            )
        pieces, place = [], 0
        for start, end in spans:
            pieces += [(self._encode_prompt(text[place:start]), False), (self._encode_spoken(text[start:end]), True)]
            place = end
        return [*pieces, (self._encode_prompt(text[place:]), False)]

    def _encode_prompt(self, text: str) -> list[int]:
        bos = self.tokenizer.bos_token
        begun = bool(bos) and text.startswith(bos)
        ids = self._encode(text.removeprefix(bos) if begun else text) if text else []
        image = self.image_token_id
        whole = [token for one in ids for token in ([one] * self.num_image_tokens if one == image else [one])]
        return [self.tokenizer.bos_token_id, *whole] if begun else whole

    def _encode_spoken(self, text: str) -> list[int]:
        return self.encode_answer(text.removesuffix(self.tokenizer.eos_token))

    def _marks(self, pieces: Sequence[Sequence[tuple[list[int], bool]]], width: int) -> Tensor:
        rows = [[int(spoken) for piece, spoken in row for _ in piece] for row in pieces]
        return torch.tensor([[0] * (width - len(row)) + row for row in rows])

    def decode(self, token_ids: Sequence[int] | Tensor, **kwargs: Any) -> str:
        """Reads an answer: a whole run of segmentation tokens as `<SEG>`, without end and padding tokens."""
        ids = token_ids.tolist() if isinstance(token_ids, Tensor) else list(token_ids)
        ends = {self.tokenizer.bos_token_id, self.tokenizer.eos_token_id, self.tokenizer.pad_token_id}
        text = self.tokenizer.decode([i for i in ids if i not in ends], clean_up_tokenization_spaces=False)
        return str(text).replace("".join(SEG_TOKENS), SEG).strip()


AutoProcessor.register(GeoPixConfig, GeoPixProcessor, exist_ok=True)
