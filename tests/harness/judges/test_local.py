"""The judge in this process: a tiny causal language model with random weights, saved and loaded."""

from pathlib import Path

import pytest

from harness.errors import ConfigurationError, EnvironmentProblem
from harness.judges.local import local
from harness.records import Inquiry

WORDS = ("<end>", "<unknown>", *"0123456789", "is", "it", "so", "?", "user", ":")
TEMPLATE = "{% for message in messages %}user : {{ message['content'] }}{% endfor %}"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    path: Path = tmp_path_factory.mktemp("judge") / "tiny-judge"
    words = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, "<unknown>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<end>", unk_token="<unknown>", chat_template=TEMPLATE
    )
    tokenizer.save_pretrained(path)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(WORDS), hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, bos_token_id=None, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(path)
    return path


def test_the_first_tokens_probabilities_are_the_models(folder: Path) -> None:
    import torch

    judge = local(str(folder), {"dtype": "float32"})
    verdict = judge.ask(Inquiry("is it so ?", raw=True, max_new_tokens=4, probabilities=True))
    with torch.no_grad():
        logits = judge.model(**judge.tokenizer("is it so ?", return_tensors="pt")).logits[0, -1]
    expected = logits.softmax(-1)
    for digit in "0123456789":
        assert verdict.probabilities[digit] == pytest.approx(float(expected[WORDS.index(digit)]), abs=1e-6)
    assert sum(verdict.probabilities.values()) == pytest.approx(1.0, abs=1e-5)  # the vocabulary has 18 words
    assert verdict.model == judge.name == "tiny-judge"


def test_a_chat_template_goes_around_what_is_not_raw(folder: Path) -> None:
    judge = local(str(folder), {})
    asked = [judge._inputs(Inquiry("is it so ?", raw=raw))["input_ids"].shape[1] for raw in (True, False)]
    assert asked == [4, 6]
    assert judge.ask(Inquiry("is it so ?", max_new_tokens=2)) == judge.ask(Inquiry("is it so ?", max_new_tokens=2))


def test_its_digest_follows_its_files(folder: Path) -> None:
    first = local(str(folder), {})
    assert first.digest == local(str(folder), {}).digest != local(str(folder), {"dtype": "float16"}).digest
    assert first.settings == {"path": str(folder), "dtype": "auto", "device": "cpu"}


def test_what_is_no_judge_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentProblem, match=r"the judge's folder .*absent does not exist. Nothing is downloaded"):
        local(str(tmp_path / "absent"), {})
    with pytest.raises(EnvironmentProblem, match=r"the judge in .* cannot be loaded: "):
        local(str(tmp_path), {})
    with pytest.raises(ConfigurationError, match="no option 'devise'. Did you mean 'device'"):
        local(str(tmp_path), {"devise": "cpu"})
    with pytest.raises(ConfigurationError, match="dtype: expected float32, float16, bfloat16, auto, found 'int8'"):
        local(str(tmp_path), {"dtype": "int8"})


def test_l3_lite_with_a_local_judge_is_the_quotient_of_its_probabilities(folder: Path) -> None:
    import torch

    from harness.metrics.l3_lite import L3Lite
    from harness.records import Prediction, Record, Target

    judge, metric = local(str(folder), {"dtype": "float32"}), L3Lite()
    record = Record(
        "k",
        "1",
        "c",
        (),
        (),
        "p",
        {"question": "is it ?"},
        Target(texts=("2",)),
        None,
        Prediction("ok", text="3"),
        {},
        {},
    )
    inquiry = metric.inquire(record)
    assert inquiry is not None
    with torch.no_grad():
        logits = judge.model(**judge.tokenizer(inquiry.prompt, return_tensors="pt")).logits[0, -1]
    one, zero = (float(logits.softmax(-1)[WORDS.index(digit)]) for digit in "10")
    found = metric.judged(record, judge.ask(inquiry))
    assert found["value"] == pytest.approx(one / (one + zero), abs=1e-4)
