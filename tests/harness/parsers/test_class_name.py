"""Names of classes."""

import pytest

from harness.errors import ConfigurationError, SampleError
from harness.parsers.class_name import ClassNameParser
from harness.records import Prediction, Response, Sample, Target

CLASSES = ("residential", "dense residential", "storage tanks", "river", "port", "airport", "park", "parking", "forest")
SYNONYMS = {"storage tanks": ["oil tank"], "forest": ["woodland", "woods"]}


def sample(*answers: str, classes: tuple[str, ...] = CLASSES) -> Sample:
    return Sample("1", (), {"classes": "\n".join(classes)}, Target(texts=answers))


def read(text: str) -> Prediction:
    return ClassNameParser(synonyms=SYNONYMS).parse(Response(text=text), sample())


@pytest.mark.parametrize(
    ("text", "name", "how"),
    [
        ("river", "river", None),
        ("Dense_Residential.", "dense residential", None),
        ("DenseResidential", "dense residential", None),
        ("denseresidential", "dense residential", None),
        ("STORAGE-TANKS", "storage tanks", None),
        ("Woodland", "forest", None),
        ("<think>a river?</think> Port", "port", None),
        ("This is a dense residential area.", "dense residential", "found within the answer"),
        ("An oil tank stands there", "storage tanks", "found within the answer"),
        ("forests", "forest", "the nearest name"),
        ("storage tnaks", "storage tanks", "the nearest name"),
    ],
)
def test_a_class_is_found_and_how_is_noted(text: str, name: str, how: str | None) -> None:
    found = read(text)
    assert (found.status, found.text) == ("ok", name)
    assert (found.reason is None) if how is None else (found.reason or "").endswith(f"as {name}: {how}")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a river in a forest", "expected one class, found forest, river in 'a river in a forest'"),
        ("desert", "expected one of 9 classes, found 'desert'"),
        ("It is not a river", "expected a class, found a negation in 'It is not a river'"),
        ("There isn't any forest", "found a negation"),
        ("parki", "expected one of 9 classes, found 'parki', which may be park or parking"),
        ("a very long sentence about foreests and such", "expected one of 9 classes"),
        ("x" * 1_000_000, "expected one of 9 classes"),
        ("!!!", "expected one of 9 classes, found '!!!'"),
    ],
)
def test_no_class_and_several_are_not_read(text: str, reason: str) -> None:
    found = read(text)
    assert (found.status, found.text) == ("unparsed", None)
    assert reason in (found.reason or "")


def test_two_names_equally_near_are_told() -> None:
    found = ClassNameParser().parse(Response(text="meadoww farm"), sample(classes=("meadow farms", "meadow farmx")))
    assert found.status == "unparsed"
    assert "which may be meadow farms or meadow farmx" in (found.reason or "")


def test_an_empty_answer_is_empty() -> None:
    assert read(" \n").status == "empty"


def test_the_right_class_must_be_listed() -> None:
    parser = ClassNameParser()
    assert parser.target(sample("river")).texts == ("river",)
    with pytest.raises(SampleError, match="'desert' is not among the 9 classes"):
        parser.target(sample("desert"))
    with pytest.raises(ConfigurationError, match="needs the prompt field 'classes' with at least two classes"):
        parser.target(Sample("1", (), {"question": "?"}, Target()))
