"""Records found by key in several files."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError
from harness.processes.gathered import Gathered
from harness.records import Prediction, Record, Response
from harness.store import encode
from tests.harness.test_store import record


def keyed(key: str, answer: str | None = "yes") -> Record:
    response = None if answer is None else Response(answer)
    prediction = Prediction("failed", "why") if answer is None else Prediction("ok", text=answer)
    return replace(record(), key=key, response=response, prediction=prediction)


def written(path: Path, *records: Record, end: bytes = b"") -> Path:
    path.write_bytes(b"".join(map(encode, records)) + end)
    return path


def answer(found: Record | None) -> str | None:
    return found.response.text if found and found.response else None


def test_each_is_found_in_its_file_and_nothing_else(tmp_path: Path) -> None:
    files = [
        written(tmp_path / "records.jsonl", keyed("a", "1"), keyed("b", "2"), end=b'{"torn'),
        tmp_path / "absent.jsonl",
        written(tmp_path / "records.1-of-2.jsonl", keyed("c", "3")),
    ]
    with Gathered(files) as gathered:
        assert [answer(gathered.find(key)) for key in ("a", "b", "c")] == ["1", "2", "3"]
        assert gathered.find("d") is None
        assert len(gathered) == 3


def test_the_last_answer_counts_and_a_failure_only_where_there_is_none(tmp_path: Path) -> None:
    files = [
        written(tmp_path / "one.jsonl", keyed("a", "old"), keyed("b", None), keyed("c", "answered")),
        written(tmp_path / "two.jsonl", keyed("a", "new"), keyed("b", None), keyed("c", None)),
    ]
    with Gathered(files) as gathered:
        assert [answer(gathered.find(key)) for key in ("a", "b", "c")] == ["new", None, "answered"]
        assert gathered.find("b") == keyed("b", None)
        assert len(gathered) == 3


def test_of_nothing_nothing_is_found() -> None:
    with Gathered([]) as gathered:
        assert (len(gathered), gathered.find("a")) == (0, None)


@given(st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 9), st.booleans()), max_size=30))
def test_it_agrees_with_a_dictionary(tmp_path: Path, lines: list[tuple[str, int, bool]]) -> None:
    files = [
        written(
            tmp_path / f"{number}.jsonl", *(keyed(key, str(said)) for key, said, second in lines if second == number)
        )
        for number in (False, True)
    ]
    expected = {key: str(said) for second in (False, True) for key, said, where in lines if where == second}
    with Gathered(files) as gathered:
        assert {key: answer(gathered.find(key)) for key in expected} == expected
        assert len(gathered) == len(expected)


@pytest.mark.parametrize("line", [b"[]", b'{"key": "a"}', b'{"response": {}}', b"{", b"\0\0", b"3"])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: bytes) -> None:
    path = written(tmp_path / "records.jsonl", keyed("a"), end=line + b"\n" + encode(keyed("b")))
    with pytest.raises(DataError, match=r"records\.jsonl:2: this line is not a record"):
        Gathered([path])


@pytest.mark.parametrize("change", [{"prediction": None}, {"sample_id": ["b"]}, {"images": 3}, {"target": {}}])
def test_a_record_that_is_found_and_is_none_is_named(tmp_path: Path, change: dict[str, object]) -> None:
    spoilt = orjson.dumps(orjson.loads(encode(keyed("b"))) | change)
    path = written(tmp_path / "records.jsonl", keyed("a"), end=spoilt + b"\n")
    with Gathered([path]) as gathered:
        assert answer(gathered.find("a")) == "yes"
        with pytest.raises(DataError, match=r"records\.jsonl:2: this line is not a record"):
            gathered.find("b")
