"""Words of captions, against those that Stanford's tokenizer gave for thousands of real strings."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.metrics.captions import ptb


def test_the_recorded_strings(shared: Path) -> None:
    recorded = json.loads((shared / "parity/metrics/ptb_tokenize.json").read_text("utf-8"))
    wrong = [row["text"] for row in recorded if " ".join(ptb.words(row["text"])) != row["coco_tokens"]]
    assert len(recorded) == 2941
    assert wrong == []


@pytest.mark.parametrize("name", ["coco_fakecap_1000", "ucm_earthdial", "sydney_earthdial", "edge"])
def test_the_tokenized_captions(shared: Path, name: str) -> None:
    found = json.loads((shared / f"parity/metrics/captions_{name}.json").read_text("utf-8"))
    for kind in ("gts", "res"):
        for key, texts in found[kind].items():
            assert [" ".join(ptb.words(text)) for text in texts] == found[f"tokenized_{kind}"][key]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I can't, won't and cannot.", "i ca n't wo n't and can not"),
        ("the bird's-eye view of the colors' cars", "the bird 's eye view of the colors cars"),
        ("A (small) plane [x] {y}", "a -lrb- small -rrb- plane -lsb- x -rsb- -lcb- y -rcb-"),
        ("50% of $5 and 3,000 and 3.5 1/2 and/or 100m2", "50 % of $ 5 and 3,000 and 3.5 1/2 and/or 100m2"),
        ("the U.S. base, e.g. in St. Louis, etc.", "the u.s. base e.g. in st. louis etc."),
        ("in area a. The road", "in area a the road"),
        ("what?! so...", "what ?! so"),
        ("a\u2028b\x0bc\rd", "a b c d"),
        ("6:40pm, 12:30 p.m.", "6:40 pm 12:30 p.m."),
        ("The water\u2019s edge \u2014 caf\u00e9 \U0001f600", "the water 's edge caf\u00e9"),
        ("R&D at AT&T, m&m", "r&d at at&t m & m"),
        ("", ""),
    ],
)
def test_rules(text: str, words: str) -> None:
    assert " ".join(ptb.words(text)) == words


@given(st.text(alphabet="abcimstvSTU .,", max_size=40))
def test_plain_captions_take_the_short_way_to_the_same_words(text: str) -> None:
    assert ptb.words(text) == tuple(token for token in ptb.tokens(text) if token not in ptb.PUNCTUATION)


@given(st.text(max_size=60))
def test_any_text_gives_words_without_space(text: str) -> None:
    assert not any(set(word) & set(" \t\n\r\x0b\x0c\u2028\u2029\x85") or not word for word in ptb.words(text))


@pytest.mark.parametrize(
    "piece", ["a,", "a+", "a.", "a-", "<a", "'", "n't", "a/b", "1,", ". ", '"a', "http://", "@", "[a]", "a'a"]
)
def test_hostile_text_takes_no_longer_than_its_length(piece: str) -> None:
    start = time.process_time()
    assert ptb.words(piece * 20_000) is not None
    assert time.process_time() - start < 5
