"""A converted checkpoint against what the authors' own code made of the same weights, at every recorded step."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from geopix.conversion.convert import convert
from geopix.modeling import GeoPixForConditionalGeneration

CASES = ("one_object", "two_objects", "no_object")
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def expected(shared: Path) -> dict[str, Tensor]:
    return load_file(shared / "parity/release/expected.safetensors")


@pytest.fixture(scope="module")
def converted(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("converted")
    convert(shared / "parity/release/checkpoint", out)
    return out


@pytest.fixture
def model(converted: Path) -> GeoPixForConditionalGeneration:
    return GeoPixForConditionalGeneration.from_pretrained(converted, dtype=torch.float32).eval()


@dataclass
class Steps:
    """What passes through the parts of a model while it answers."""

    states: list[Tensor]
    necks: tuple[list[Tensor], ...]
    decoder: list[Tensor]


def record(model: GeoPixForConditionalGeneration) -> Steps:
    steps = Steps([], ([], []), [])
    head = model.mask_head
    for place, module in zip((*steps.necks, steps.decoder), (*head.necks, head.mask_decoder), strict=True):
        module.register_forward_hook(lambda _module, _inputs, output, place=place: place.append(output))
    decoder = model.language_model.get_decoder()
    decoder.register_forward_hook(lambda _module, _inputs, output: steps.states.append(output.last_hidden_state))
    return steps


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted, atol=TOLERANCE, rtol=0)


def check_masks(steps: Steps, logits: Tensor, cases: tuple[str, ...], expected: dict[str, Tensor]) -> None:
    """The necks of each picture, the four passes and the masks of all targets, in the order of the cases."""
    for name, outputs in zip(("neck_rough", "neck_detail"), steps.necks, strict=True):
        for row, case in enumerate(cases):
            if f"{case}.{name}" in expected:
                close(outputs[0][row : row + 1, :8], expected[f"{case}.{name}"])
    speaking = [case for case in cases if f"{case}.mask_logits" in expected]
    for call, output in enumerate(steps.decoder):
        close(output, torch.cat([expected[f"{case}.mask_predictor_call{call}"] for case in speaking]))
    assert len(steps.decoder) == (4 if speaking else 0)
    wanted = [expected[f"{case}.mask_logits"] for case in speaking]
    close(logits, torch.cat(wanted) if wanted else torch.zeros(0, 128, 128))


@pytest.mark.parametrize("cases", [*((case,) for case in CASES), CASES], ids=[*CASES, "batch"])
def test_reading_an_answer_gives_the_released_states_and_masks(
    model: GeoPixForConditionalGeneration, expected: dict[str, Tensor], cases: tuple[str, ...]
) -> None:
    steps = record(model)
    rows = [torch.cat([expected[f"{case}.{part}_ids"][0] for part in ("input", "generated")]) for case in cases]
    ids = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=32001).long()
    mask = nn.utils.rnn.pad_sequence([torch.ones(len(row)) for row in rows], batch_first=True).long()
    pixels = torch.cat([expected[f"{case}.pixel_values"] for case in cases]).float()
    with torch.inference_mode():
        output = model(ids, pixels, attention_mask=mask)
    for row, case in enumerate(cases):
        states = expected[f"{case}.predicting_hidden_states"]
        start = expected[f"{case}.input_ids"].shape[1] - 1
        close(steps.states[0][row : row + 1, start : start + states.shape[1]], states)
    check_masks(steps, output.mask_logits, cases, expected)


class Forced(nn.Module):
    """A head that says given words, whatever the states are."""

    def __init__(self, answers: list[Tensor]) -> None:
        super().__init__()
        self.answers = answers
        self.step = 0

    def forward(self, states: Tensor) -> Tensor:
        words = [int(answer[min(self.step, len(answer) - 1)]) for answer in self.answers]
        self.step += 1
        return nn.functional.one_hot(torch.tensor(words), 32064).to(states.dtype)


@pytest.mark.parametrize("cases", [*((case,) for case in CASES), CASES], ids=[*CASES, "batch"])
def test_generating_step_by_step_gives_the_released_tokens_and_masks(
    model: GeoPixForConditionalGeneration, expected: dict[str, Tensor], cases: tuple[str, ...]
) -> None:
    steps = record(model)
    answers = [expected[f"{case}.generated_ids"][0].long() for case in cases]
    model.set_output_embeddings(Forced(answers))
    prompts = torch.cat([expected[f"{case}.input_ids"] for case in cases]).long()
    pixels = torch.cat([expected[f"{case}.pixel_values"] for case in cases]).float()
    generated = model.generate(prompts, pixels, max_new_tokens=max(map(len, answers)))
    for row, (case, answer) in enumerate(zip(cases, answers, strict=True)):
        said = generated.token_ids[row][: len(answer)]
        assert torch.equal(said, answer)
        states = torch.stack([step[row, -1] for step in steps.states], dim=0)[: len(answer)]
        close(states[None], expected[f"{case}.predicting_hidden_states"])
    check_masks(steps, generated.mask_logits, cases, expected)


def test_exact_rotary_frequencies_would_not_do(
    model: GeoPixForConditionalGeneration, expected: dict[str, Tensor]
) -> None:
    assert model.config.rotary_dtype == "float16"
    rotary = model.language_model.get_decoder().rotary_emb
    rotary._forward_pre_hooks.clear()
    ids = torch.cat([expected["one_object.input_ids"], expected["one_object.generated_ids"]], dim=1).long()
    with torch.inference_mode():
        found = model(ids, expected["one_object.pixel_values"].float()).mask_logits
    assert (found - expected["one_object.mask_logits"]).abs().max() > 2 * TOLERANCE
