"""Pictures, prompts, tokens and boxes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from transformers import AutoProcessor, PreTrainedTokenizerFast

from geopix.boxes import boxes_of_masks, format_box, parse_boxes
from geopix.image_processing import CLIP_MEAN, CLIP_STD, GeoPixImageProcessor, to_rgb
from geopix.processing import GeoPixProcessor, train_tokenizer
from geopix.sizes import tiny
from geopix.tokenizer import IMAGE_TOKEN, SEG_TOKENS
from harness.errors import ConfigurationError, SampleError

TEXTS = ["Segment the ship on the left.", "Is there a plane?", "It is {<37><4><50><60>}.", "yes", "no"] * 20


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, 320)


@pytest.fixture
def processor(tokenizer: PreTrainedTokenizerFast) -> GeoPixProcessor:
    return GeoPixProcessor(GeoPixImageProcessor(size=32), tokenizer, num_image_tokens=16)


def test_special_tokens_have_their_places(processor: GeoPixProcessor) -> None:
    tokens = ["<pad>", "<s>", "</s>", IMAGE_TOKEN, *SEG_TOKENS]
    assert processor.tokenizer.convert_tokens_to_ids(tokens) == list(range(10))
    assert processor.image_token_id == 3
    assert processor.seg_token_ids == ((4, 5, 6), (7, 8, 9))
    assert len(processor.tokenizer) <= 320


def test_the_same_corpus_gives_the_same_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    again = train_tokenizer(iter(TEXTS), 320)
    assert again.backend_tokenizer.to_str() == tokenizer.backend_tokenizer.to_str()


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_survives_the_tokenizer(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False)
    assert tokenizer.decode(ids) == text


def test_a_prompt_is_prefix_and_question(processor: GeoPixProcessor) -> None:
    batch = processor([Image.new("RGB", (40, 30))] * 2, ["Segment the ship.", "Why?"], task="segment")
    whole = processor.encode_prefix() + processor.encode_question("Segment the ship.", "segment")
    assert batch["input_ids"][0].tolist() == whole
    assert batch["input_ids"].dtype == batch["attention_mask"].dtype == torch.int64
    assert batch["pixel_values"].shape == (2, 3, 32, 32)
    assert (batch["input_ids"] == 3).sum(dim=1).tolist() == [16, 16]
    padding = len(whole) - int(batch["attention_mask"][1].sum())
    assert batch["attention_mask"][1].tolist() == [0] * padding + [1] * (len(whole) - padding)
    text = processor.tokenizer.decode(whole).replace(IMAGE_TOKEN * 16, IMAGE_TOKEN)
    assert text == "<s>USER: <image>\n[segment] Segment the ship. ASSISTANT:"


def test_system_prompt_and_template_can_be_changed(tokenizer: PreTrainedTokenizerFast) -> None:
    processor = GeoPixProcessor(
        GeoPixImageProcessor(size=32),
        tokenizer,
        num_image_tokens=1,
        prompt_template="<image>Q: {text}\nA:",
        system_prompt="Be brief.",
    )
    prompt = processor.encode_prefix() + processor.encode_question("Why?")
    assert tokenizer.decode(prompt) == "<s>Be brief. <image>Q: Why?\nA:"


@pytest.mark.parametrize("template", ["{text}", "<image>", "<image><image>{text}", "<image>{text}{text}"])
def test_a_template_without_its_marks_is_refused(tokenizer: PreTrainedTokenizerFast, template: str) -> None:
    with pytest.raises(ConfigurationError, match=r"must hold '<image>' once and then '{text}' once"):
        GeoPixProcessor(GeoPixImageProcessor(), tokenizer, prompt_template=template)


def test_users_cannot_speak_control_tokens(processor: GeoPixProcessor) -> None:
    sneaky = "Where <image>is[SEG0][SEG1] it</s>?"
    assert processor.question(sneaky) == "Where is it?"
    assert not set(processor.encode_question("<<image>image> [SE[SEG0]G1]")) & set(range(10))


def test_an_unknown_task_names_the_nearest(processor: GeoPixProcessor) -> None:
    with pytest.raises(ConfigurationError, match=r"Unknown task 'segmnt'. Did you mean 'segment'\? Known: caption"):
        processor.question("x", "segmnt")


def test_answers_speak_runs_as_seg(processor: GeoPixProcessor) -> None:
    ids = processor.encode_answer("They are <SEG> and <SEG>.")
    assert ids[-1] == 2
    assert sum(token in range(4, 10) for token in ids) == 12
    assert processor.decode(ids) == "They are <SEG> and <SEG>."
    assert processor.decode(torch.tensor([*ids, 0, 0])) == "They are <SEG> and <SEG>."
    assert processor.decode([4, 5, 6]) == "[SEG0][SEG1][SEG2]"


def test_a_processor_survives_saving(processor: GeoPixProcessor, tmp_path: Path) -> None:
    processor.system_prompt = "Be brief."
    processor.save_pretrained(tmp_path)
    tiny().save_pretrained(tmp_path)
    image = Image.fromarray(np.arange(40 * 30 * 3, dtype=np.uint8).reshape(30, 40, 3))
    expected = processor(image, "Is there a plane?", task="vqa")
    for loader in (GeoPixProcessor, AutoProcessor):
        loaded = loader.from_pretrained(tmp_path)
        assert isinstance(loaded, GeoPixProcessor)
        batch = loaded(image, "Is there a plane?", task="vqa")
        assert all(torch.equal(batch[key], expected[key]) for key in expected)


def test_tokens_are_added_to_a_tokenizer_that_lacks_them() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"<unk>": 0, "USER": 1, "</s>": 2}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    plain = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="</s>", unk_token="<unk>")
    processor = GeoPixProcessor(GeoPixImageProcessor(), plain, num_image_tokens=2)
    assert processor.image_token_id == 3
    assert processor.seg_token_ids == ((4, 5, 6), (7, 8, 9))
    assert processor.tokenizer.padding_side == "left"
    assert processor.encode_prefix()[-2:] == [3, 3]


@pytest.fixture
def llama_tokenizer() -> PreTrainedTokenizerFast:
    """Words as LLaMA's tokenizer has them: a mark before each, also before the first one behind a special token."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers

    letters = sorted(set("".join(TEXTS)) | set("[]USERASTANT:segment"))
    pieces = ["<unk>", "<s>", "</s>", "\u2581", *(f"<0x{byte:02X}>" for byte in range(256)), *letters, "\u2581["]
    vocabulary = {piece: number for number, piece in enumerate(dict.fromkeys(pieces))}
    words = Tokenizer(models.BPE(vocabulary, [("\u2581", "[")], unk_token="<unk>", byte_fallback=True))
    words.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    words.decoder = decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse()])
    words.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in (IMAGE_TOKEN, "<s>")])
    return PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<s>", eos_token="</s>", unk_token="<unk>")


def test_head_and_question_are_the_tokens_of_the_whole_prompt(llama_tokenizer: PreTrainedTokenizerFast) -> None:
    processor = GeoPixProcessor(GeoPixImageProcessor(), llama_tokenizer, num_image_tokens=2, system_prompt="A chat.")
    whole = "A chat. USER: <image><image>\n[segment] Segment the ship. ASSISTANT:"
    parts = processor.encode_prefix() + processor.encode_question("Segment the ship.", "segment")
    assert parts == llama_tokenizer.encode(f"<s>{whole}", add_special_tokens=False)
    pieces = llama_tokenizer.convert_ids_to_tokens(parts)
    behind = len(pieces) - pieces[::-1].index("<image>")
    assert pieces[behind : behind + 3] == ["\u2581", "<0x0A>", "["]


def test_channels_can_come_in_opencv_s_order() -> None:
    image = Image.fromarray(np.arange(40 * 30 * 3, dtype=np.uint8).reshape(30, 40, 3))
    plain = GeoPixImageProcessor(size=8, image_mean=(0.1, 0.2, 0.3), image_std=(0.4, 0.5, 0.6))
    swapped = GeoPixImageProcessor(size=8, image_mean=(0.3, 0.2, 0.1), image_std=(0.6, 0.5, 0.4), channel_order="bgr")
    assert torch.equal(swapped(image)["pixel_values"], plain(image)["pixel_values"].flip(1))


@pytest.mark.parametrize("shape", [(40, 20), (20, 40), (40, 40)])
def test_a_picture_can_be_cropped_to_its_middle(shape: tuple[int, int]) -> None:
    height, width = shape
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[height // 2 - 10 : height // 2 + 10, width // 2 - 10 : width // 2 + 10] = 255
    cropped = GeoPixImageProcessor(size=20, image_mean=(0, 0, 0), image_std=(1, 1, 1), fit="crop")(pixels)
    inside = cropped["pixel_values"].mean()
    assert inside == 1 if shape != (40, 40) else inside < 0.5


def test_image_settings_survive_saving(tmp_path: Path) -> None:
    GeoPixImageProcessor(size=8, fit="crop", channel_order="bgr").save_pretrained(tmp_path)
    loaded = GeoPixImageProcessor.from_pretrained(tmp_path)
    assert (loaded.size, loaded.fit, loaded.channel_order) == (8, "crop", "bgr")


def test_unknown_image_settings_name_the_nearest() -> None:
    with pytest.raises(
        ConfigurationError, match=r"channel_order: unknown value 'bgrr'. Did you mean 'bgr'\? Known: rgb"
    ):
        GeoPixImageProcessor(channel_order="bgrr")
    with pytest.raises(ConfigurationError, match=r"fit: unknown value 'pad'.* Known: squeeze, crop"):
        GeoPixImageProcessor(fit="pad")


def test_a_stripe_is_not_cropped() -> None:
    with pytest.raises(SampleError, match="picture of 2000 x 1 pixels is more than 100 times as long as wide"):
        GeoPixImageProcessor(size=8, fit="crop")(Image.new("RGB", (2000, 1)))


def test_pixels_are_normalised_as_clip_does() -> None:
    image = Image.new("RGB", (10, 5), (255, 0, 51))
    pixels = GeoPixImageProcessor(size=4)(image)["pixel_values"]
    assert pixels.shape == (1, 3, 4, 4)
    assert pixels.dtype == torch.float32
    expected = [(value - mean) / std for value, mean, std in zip((1, 0, 0.2), CLIP_MEAN, CLIP_STD, strict=True)]
    torch.testing.assert_close(pixels[0, :, 2, 2], torch.tensor(expected))


def test_red_stays_red_and_left_stays_left() -> None:
    array = np.zeros((8, 8, 3), np.uint8)
    array[:, :4, 0] = 255
    pixels = GeoPixImageProcessor(size=8, image_mean=(0, 0, 0), image_std=(1, 1, 1))(array)["pixel_values"][0]
    assert pixels[0, 3, 1] == 1
    assert pixels[0, 3, 6] == 0
    assert pixels[1:].max() == 0


HALF = np.full((3, 4), 32896, np.uint16)  # 128 * 257


@pytest.mark.parametrize(
    ("image", "rgb"),
    [
        (Image.new("L", (4, 3), 100), (100, 100, 100)),
        (Image.new("1", (4, 3), 1), (255, 255, 255)),
        (Image.new("RGBA", (4, 3), (200, 100, 50, 255)), (200, 100, 50)),
        (Image.new("RGBA", (4, 3), (200, 100, 50, 0)), (0, 0, 0)),
        (Image.new("LA", (4, 3), (80, 255)), (80, 80, 80)),
        (Image.new("CMYK", (4, 3), (0, 255, 255, 0)), (255, 0, 0)),
        (Image.fromarray(HALF), (128, 128, 128)),
        (Image.fromarray(HALF.astype(np.int32)), (128, 128, 128)),
        (Image.fromarray(np.full((3, 4), 300, np.float32)), (255, 255, 255)),
        (HALF, (128, 128, 128)),
        (np.full((3, 4, 1), 7, np.uint8), (7, 7, 7)),
        (np.full((3, 4, 3), 25.4, np.float64), (25, 25, 25)),
        (np.ones((3, 4), np.bool_), (255, 255, 255)),
        (np.full((3, 4, 4), (10, 20, 30, 255), np.uint8), (10, 20, 30)),
    ],
)
def test_every_kind_of_picture_becomes_rgb(image: Image.Image, rgb: tuple[int, int, int]) -> None:
    converted = to_rgb(image)
    assert converted.mode == "RGB"
    assert converted.size == (4, 3)
    assert converted.getpixel((1, 1)) == rgb


def test_a_transparent_palette_is_laid_over_black(tmp_path: Path) -> None:
    palette = Image.new("P", (4, 3), 1)
    palette.putpalette([255, 255, 255, 10, 200, 30])
    palette.save(tmp_path / "a.png", transparency=1)
    assert to_rgb(tmp_path / "a.png").getpixel((0, 0)) == (0, 0, 0)


def test_an_array_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \[H, W\] or \[H, W, C\] .* found \[3, 4, 2\]"):
        to_rgb(np.zeros((3, 4, 2), np.uint8))


def test_boxes_are_read_clamped_and_in_order() -> None:
    text = "{<0><10><50><100>} and {<90><90><999><95>}, not {<1><2><3>} nor {<a><2><3><4>}"
    assert parse_boxes(text, 200, 100).tolist() == [[0, 10, 100, 100], [180, 90, 200, 95]]
    assert parse_boxes("none", 200, 100).shape == (0, 4)


def test_boxes_are_written_as_they_are_read() -> None:
    assert format_box((20.4, -5, 300, 50), 200, 100) == "{<10><0><100><50>}"
    assert parse_boxes(format_box((20, 10, 100, 50), 200, 100), 200, 100).tolist() == [[20, 10, 100, 50]]


def test_an_empty_mask_has_an_empty_box() -> None:
    assert boxes_of_masks(np.zeros((1, 3, 3), np.bool_)).tolist() == [[0, 0, 0, 0]]
