"""Each family, through a tiny checkpoint with random weights: batches, padding, pictures, words, boxes."""

from dataclasses import replace

import pytest

from harness.models.huggingface.factory import huggingface
from harness.models.huggingface.families import BY_MODEL_TYPE, ModelFamily, family_of
from harness.models.huggingface.model import HuggingFaceModel
from harness.parsers.box import BoxParser
from harness.parsers.box_spellings import FAMILIES
from harness.records import ImageFile, Request, Response, Sample, Target
from tests.harness.models.huggingface.conftest import Ask, Checkpoint

# PaliGemma's processor makes a numpy array of a tensor, which numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword")
FAMILY_NAMES = ["llava", "llava_next", "qwen2_5_vl", "qwen3_vl", "internvl", "smolvlm", "paligemma"]
LOCATIONS = ["<loc0512>", "<loc0256>", "<loc0768>", "<loc0640>"]


def requests(ask: Ask, pictures: tuple[ImageFile, ImageFile], family: str) -> list[Request]:
    """Questions of different lengths about one picture, another, both and, where the family can, none."""
    wide, square = pictures
    some = [
        ask("what is it ?", wide),
        ask("where is the red ship in the image ?", square),
        ask("a ship ?", wide, square),
    ]
    return some if family == "paligemma" else [*some, ask("yes or no ?"), ask("is it a pier ?", square)]


def core(responses: list[Response]) -> list[Response]:
    return [replace(response, seconds=None) for response in responses]


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_a_batch_gives_the_answers_of_its_requests_alone(
    family: str, checkpoint: Checkpoint, pictures: tuple[ImageFile, ImageFile], ask: Ask
) -> None:
    model = huggingface(str(checkpoint(family)), {})
    asked = requests(ask, pictures, family)
    together = core(model.respond(asked))
    assert together == [response for request in asked for response in core(model.respond([request]))]
    assert len({response.text for response in together}) > 1, "the answers have to depend on the questions"
    assert all(response.tokens and response.tokens <= 6 for response in together)
    assert all("image" not in (response.text.partition("<")[2]) for response in together)
    assert model.settings["model_type"] == family


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl", "qwen3_vl", "smolvlm"])
def test_padding_on_the_right_would_not(
    family: str, checkpoint: Checkpoint, pictures: tuple[ImageFile, ImageFile], ask: Ask
) -> None:
    model = huggingface(str(checkpoint(family)), {})
    asked = requests(ask, pictures, family)
    right = core(model.respond(asked))
    model.checkpoint.processor.tokenizer.padding_side = "right"
    assert core(model.respond(asked)) != right


def taught(family: str, checkpoint: Checkpoint, **options: str) -> HuggingFaceModel:
    """A family's model that writes a box and nothing else."""
    from tests.harness.models.huggingface import tiny

    model = huggingface(str(checkpoint(family)), options)
    words = model.checkpoint.processor.tokenizer
    says = LOCATIONS if family == "paligemma" else [tiny.SAYINGS[family]]
    tiny.teach(model.checkpoint.model, words.convert_tokens_to_ids(says), words.eos_token_id)
    return model


@pytest.mark.parametrize("family", ["llava", "qwen2_5_vl", "qwen3_vl", "internvl", "smolvlm", "paligemma"])
def test_its_boxes_are_read_in_its_own_frame_and_spelling(
    family: str, checkpoint: Checkpoint, pictures: tuple[ImageFile, ImageFile], ask: Ask
) -> None:
    # All say a quarter to three quarters across; of the height the lower half, or PaliGemma a half to five eighths.
    wide, square = pictures
    model = taught(family, checkpoint)
    parser = BoxParser(frame="0-100" if family == "smolvlm" else "pixels")
    response, other = model.respond([ask("where ?", wide, capability="refer"), ask("the ship ?", square)])
    assert response.reason is None
    assert response.tokens == (5 if family == "paligemma" else 2)  # the end is one
    assert response.text.replace(" ", "") in ("".join(LOCATIONS), response.text.replace(" ", ""))
    expected = (50.0, 50.0, 125.0, 75.0) if family == "paligemma" else (50.0, 50.0, 150.0, 100.0)
    assert parser.parse(response, Sample("1", (wide,), {}, Target())).boxes == (expected,)
    if family == "qwen2_5_vl":
        assert (response.seen, other.seen) == ((28, 56), (56, 56))


def test_the_user_says_otherwise(checkpoint: Checkpoint, pictures: tuple[ImageFile, ImageFile], ask: Ask) -> None:
    request = ask("where ?", pictures[0], capability="refer")
    for typed, family, seen in (("auto", "qwen2_5_vl", (28, 56)), ("task", None, None), ("internvl", "internvl", None)):
        response = taught("qwen2_5_vl", checkpoint, boxes=typed).respond([request])[0]
        assert (response.box_family, response.seen) == (family, seen)


def test_a_prompt_that_names_the_range_says_otherwise(
    checkpoint: Checkpoint, pictures: tuple[ImageFile, ImageFile], ask: Ask
) -> None:
    words = "Answer with one box [x0, y0, x1, y1] of whole numbers from 0 to 100."
    response = taught("qwen3_vl", checkpoint).respond([ask(words, pictures[0], capability="refer")])[0]
    assert response.box_family is None
    assert family_of("qwen3_vl").words(words, "refer") == words
    assert family_of("paligemma").box_family(words) == "paligemma"  # it can write them one way only


@pytest.mark.parametrize(
    ("model_type", "capability", "words"),
    [
        ("llava", "vqa", "Is it\na ship?"),
        ("llava", "refer", "Is it\na ship?\nGive its bounding box."),
        ("qwen2_5_vl", "segment", "Is it\na ship?\nReport its bbox coordinates in JSON format."),
        ("paligemma", "vqa", "answer en Is it\na ship?"),
        ("paligemma", "choose", "answer en Is it\na ship?"),
        ("paligemma", "caption", "caption en"),
        ("paligemma", "segment", "detect Is it\na ship?"),
        ("unheard_of", "refer", "Is it\na ship?"),
    ],
)
def test_words_around_a_prompt(model_type: str, capability: str, words: str) -> None:
    assert family_of(model_type).words("Is it\na ship?", capability) == words


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("whole numbers from 0 to 100 across", True),
        ("numbers between 0 and 1", True),
        ("floats between 0.0 and 1.0", True),
        ("From 0 to 1000.", True),
        ("from 0 to 10", True),
        ("Are there between 0 and 25 ships?", False),
        ("between 10 and 100", False),
        ("[x0, y0, x1, y1]", False),
    ],
)
def test_the_range_of_numbers_in_a_prompt(prompt: str, said: bool) -> None:
    family = ModelFamily("internvl")
    assert family.box_family(prompt) == (None if said else "internvl")


def test_every_family_of_boxes_is_one_that_the_parser_knows() -> None:
    assert {family.boxes for family in BY_MODEL_TYPE.values()} <= FAMILIES.keys()


def test_transformers_knows_every_model_type_of_ours() -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES as KNOWN

    assert BY_MODEL_TYPE.keys() <= KNOWN.keys()
