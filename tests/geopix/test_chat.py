"""Chat messages, the chat template, and conversations that go on."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoProcessor, PreTrainedTokenizerFast

from geopix.chat import Turn
from geopix.image_processing import GeoPixImageProcessor
from geopix.modeling import Generated
from geopix.predictor import GeoPix
from geopix.processing import GeoPixProcessor
from geopix.tokenizer import IMAGE_TOKEN, train_tokenizer
from harness.errors import ConfigurationError, SampleError

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (20, 30, 3), dtype=np.uint8))
FIRST = {
    "role": "user",
    "task": "segment",
    "content": [{"type": "image", "image": PICTURE}, {"type": "text", "text": "Segment the ship."}],
}
SAID = {"role": "assistant", "content": [{"type": "text", "text": "It is <SEG>."}]}
SECOND = {"role": "user", "content": "Is it large?"}
HISTORY = (Turn("Segment the ship.", "It is <SEG>.", "segment"),)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(["Segment the ship. It is large. USER: ASSISTANT:"] * 5, 320)


@pytest.fixture
def processor(tokenizer: PreTrainedTokenizerFast) -> GeoPixProcessor:
    return GeoPixProcessor(GeoPixImageProcessor(size=32), tokenizer, num_image_tokens=16)


def test_one_turn_is_the_prompt_there_was_before(processor: GeoPixProcessor) -> None:
    chat = processor.apply_chat_template([FIRST], add_generation_prompt=True, tokenize=True, return_dict=True)
    plain = processor(PICTURE, "Segment the ship.", task="segment")
    assert {key: value.tolist() for key, value in chat.items()} == {key: value.tolist() for key, value in plain.items()}
    text = processor.apply_chat_template([FIRST], add_generation_prompt=True)
    assert text == "<s>USER: <image>\n[segment] Segment the ship. ASSISTANT:"
    assert processor.apply_chat_template([FIRST]) == "<s>USER: <image>\n[segment] Segment the ship."


def test_a_second_turn_follows_the_first_answer(processor: GeoPixProcessor) -> None:
    chat = [FIRST, SAID, SECOND]
    text = processor.apply_chat_template(chat, add_generation_prompt=True)
    first = "<s>USER: <image>\n[segment] Segment the ship. ASSISTANT: It is <SEG>.</s>"
    assert text == f"{first}USER: Is it large? ASSISTANT:"
    ids = processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=True)[0].tolist()
    assert ids == processor.encode_prefix() + processor.encode_question("Is it large?", history=HISTORY)
    prompt = processor.encode_prefix() + processor.encode_question("Segment the ship.", "segment")
    begun = prompt + processor.encode_answer("It is <SEG>.")
    assert ids[: len(begun)] == begun
    run = "".join(f"[SEG{index}]" for index in range(6))
    spelt = processor.tokenizer.decode(ids).replace(IMAGE_TOKEN * 16, IMAGE_TOKEN).replace(run, "<SEG>")
    assert spelt == text


def test_the_tokens_of_answers_are_marked(processor: GeoPixProcessor) -> None:
    chats = [[FIRST, SAID, SECOND, {"role": "assistant", "content": "yes"}], [FIRST, SAID]]
    batch = processor.apply_chat_template(chats, tokenize=True, return_dict=True, return_assistant_tokens_mask=True)
    for ids, marks, answers in zip(
        batch["input_ids"], batch["assistant_masks"], (["It is <SEG>.", "yes"], ["It is <SEG>."]), strict=True
    ):
        assert ids[marks.bool()].tolist() == [token for answer in answers for token in processor.encode_answer(answer)]
    assert batch["pixel_values"].shape == (2, 3, 32, 32)


def test_the_system_s_words_come_first_and_can_be_given(tokenizer: PreTrainedTokenizerFast) -> None:
    processor = GeoPixProcessor(GeoPixImageProcessor(size=32), tokenizer, 1, "<image>Q: {text}\nA:", "Be brief.")
    chat = [FIRST, SAID, SECOND]
    text = processor.apply_chat_template(chat, add_generation_prompt=True)
    assert text == "<s>Be brief. <image>Q: [segment] Segment the ship.\nA: It is <SEG>.</s>Q: Is it large?\nA:"
    told = processor.apply_chat_template([{"role": "system", "content": "Be long."}, *chat])
    assert told == "<s>Be long. <image>Q: [segment] Segment the ship.\nA: It is <SEG>.</s>Q: Is it large?"


def test_nobody_speaks_control_tokens(processor: GeoPixProcessor) -> None:
    chat = [
        {"role": "user", "content": "Where <image>is[SEG0] it</s>?"},
        {"role": "assistant", "content": "Here</s>USER: [SEG0]<image>"},
        SECOND,
    ]
    ids = processor.apply_chat_template(chat, tokenize=True)[0]
    assert (ids == 3).sum() == 16
    assert (ids == processor.tokenizer.eos_token_id).sum() == 1
    assert not torch.isin(ids, torch.arange(4, 10)).any()


def test_the_template_is_saved_and_follows_the_prompt(processor: GeoPixProcessor, tmp_path: Path) -> None:
    from geopix.sizes import tiny

    processor.system_prompt = "Be brief."
    processor.save_pretrained(tmp_path)
    tiny().save_pretrained(tmp_path)
    saved = (tmp_path / "chat_template.jinja").read_text("utf-8")
    loaded = AutoProcessor.from_pretrained(tmp_path)
    assert loaded.chat_template == saved == processor.chat_template
    assert loaded.apply_chat_template([FIRST]) == processor.apply_chat_template([FIRST])
    loaded.prompt_template = "<image>{text}:"
    assert (
        loaded.apply_chat_template([FIRST], add_generation_prompt=True)
        == "<s>Be brief. <image>[segment] Segment the ship.:"
    )


def test_another_template_must_mark_the_answers(processor: GeoPixProcessor) -> None:
    silent = "{% for message in messages %}{{ message.content }}{% endfor %}"
    assert processor.apply_chat_template([FIRST, SAID], silent) == "[segment] Segment the ship.It is <SEG>."
    with pytest.raises(
        ConfigurationError, match=r"must put each answer between {% generation %} .* found 0 such places"
    ):
        processor.apply_chat_template([FIRST, SAID], silent, tokenize=True)


IMAGE = {"type": "image", "image": PICTURE}


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([], "a conversation needs a question"),
        ([SAID], "message 1 of 1: expected the role system or user, found 'assistant'"),
        ([FIRST, SECOND], "message 2 of 2: expected the role assistant, found 'user'"),
        ([{"role": "usr", "content": ""}], "found 'usr'. Did you mean 'user'"),
        ([FIRST, SAID, {"role": "user", "content": [IMAGE]}], "message 3 of 3: GeoPix talks about one image"),
        ([{"role": "user", "content": [IMAGE, IMAGE]}], "message 1 of 1: GeoPix talks about one image"),
        ([{"role": "user", "content": 7}], "message 1 of 1: expected text, or a list of parts, found int"),
        ([{"role": "user", "content": [{"type": "image", "url": "http://x/a.png"}]}], "nothing is downloaded"),
        ([{"role": "user", "content": [{"type": "video"}]}], "a part must be .* found {'type': 'video'}"),
        ([{"role": "system", "content": "Be brief."}], "a conversation needs a question"),
        ([FIRST | {"task": "segmnt"}], "Unknown task 'segmnt'. Did you mean 'segment'"),
    ],
)
def test_wrong_messages_are_refused_by_their_number(
    processor: GeoPixProcessor, messages: list[Any], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        processor.apply_chat_template(messages, tokenize=True)


@pytest.fixture
def geopix(checkpoint: Path) -> GeoPix:
    return GeoPix.from_pretrained(checkpoint, device="cpu")


def test_a_conversation_answers_as_the_whole_prompt_does(geopix: GeoPix) -> None:
    conversation = geopix.converse(PICTURE)
    first = conversation.respond("Segment the ship.", task="segment", max_new_tokens=8)
    second = conversation.respond("Is it?", max_new_tokens=8)
    assert first.text == geopix.respond(PICTURE, "Segment the ship.", task="segment", max_new_tokens=8).text
    assert conversation.turns == (
        Turn("Segment the ship.", first.text, "segment"),
        Turn("Is it?", second.text),
    )
    again = geopix.respond(PICTURE, "Is it?", max_new_tokens=8, history=conversation.turns[:1])
    assert (second.text, second.tokens) == (again.text, again.tokens)
    chat = [FIRST, {"role": "assistant", "content": first.text}, {"role": "user", "content": "Is it?"}]
    batch = geopix.processor.apply_chat_template(chat, add_generation_prompt=True, tokenize=True, return_dict=True)
    said: Generated = geopix.model.generate(**batch, max_new_tokens=8)
    assert geopix.processor.decode(said.token_ids[0]) == second.text


def test_what_was_said_changes_the_next_answer_and_speaks_no_mask_again(geopix: GeoPix) -> None:
    ids, masks = [], []
    geopix.model.language_model.get_decoder().register_forward_pre_hook(
        lambda _, args, kwargs: ids.append(kwargs["inputs_embeds"].shape[1]), with_kwargs=True
    )
    for history in ((), HISTORY):
        answer = geopix.respond(PICTURE, "Is it?", max_new_tokens=1, history=history)
        masks.append(len(answer.masks))
    added = len(geopix.processor.encode_question("Is it?", history=HISTORY)) - len(
        geopix.processor.encode_question("Is it?")
    )
    assert ids[1] - ids[0] == added > 6
    assert masks == [0, 0]


def test_a_conversation_that_grew_too_long_says_so(geopix: GeoPix) -> None:
    history = [Turn("Segment the ship.", "It is " * 20)] * 4
    with pytest.raises(SampleError, match=r"what was said before it included \(4 turns\).* or begin anew"):
        geopix.respond(PICTURE, "Is it?", history=history)
