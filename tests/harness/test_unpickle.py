"""A pickle is read and never run."""

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import DataError, MissingDataError
from harness.unpickle import load_plain

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=20,
)


def _written(folder: Path, content: bytes) -> Path:
    path = folder / "refs(unc).p"
    path.write_bytes(content)
    return path


@given(value=PLAIN, protocol=st.sampled_from([3, 4, 5]))
def test_plain_data_comes_back(tmp_path: Path, value: Any, protocol: int) -> None:
    assert load_plain(_written(tmp_path, pickle.dumps(value, protocol=protocol))) == value


def test_text_that_python_2_wrote_is_read(tmp_path: Path) -> None:
    assert load_plain(_written(tmp_path, b"(lp0\nS'a caf\\xc3\\xa9'\np1\na.")) == ["a café"]


class _Attack:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.marker,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "was-run"
    attack = pickle.dumps([{"ref_id": 1}, _Attack(marker)], protocol=protocol)
    path = _written(tmp_path, attack)
    with pytest.raises(DataError) as caught:
        load_plain(path)
    assert not marker.exists()
    message = str(caught.value)
    assert str(path) in message
    assert re.search(r"asks for \w+(\.\w+)*;", message)
    assert "Nothing was imported and nothing of it was run" in message
    assert "do not open this one with pickle.load" in message
    pickle.loads(attack)
    assert marker.exists(), "the attack must be one that works"


def test_the_message_names_the_class_asked_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"asks for os\.system;"):
        load_plain(_written(tmp_path, b"cos\nsystem\n(S'true'\ntR."))


# The ways a pickle has to name something it wants imported.
IMPORTS = {
    "GLOBAL": lambda module, name: f"c{module}\n{name}\n.",
    "INST": lambda module, name: f"(i{module}\n{name}\n.",
    "STACK_GLOBAL": lambda module, name: f"V{module}\nV{name}\n\x93.",
}


@given(
    way=st.sampled_from(sorted(IMPORTS)),
    module=st.sampled_from(["builtins", "os", "posix", "harness.paths", "collections"]),
    name=st.sampled_from(["eval", "list", "getattr", "system", "OrderedDict", "below", "missing"]),
)
def test_every_import_is_refused_even_of_harmless_names(tmp_path: Path, way: str, module: str, name: str) -> None:
    with pytest.raises(DataError, match=re.escape(f"asks for {module}.{name};")):
        load_plain(_written(tmp_path, IMPORTS[way](module, name).encode("latin-1")))


def test_numpy_numbers_are_refused_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"asks for numpy.*Write the file again with plain Python numbers"):
        load_plain(_written(tmp_path, pickle.dumps([np.int64(3)])))


@given(cut=st.integers(min_value=0, max_value=200))
def test_a_pickle_cut_short_is_told_so(tmp_path: Path, cut: int) -> None:
    whole = pickle.dumps([{"ref_id": number, "split": "test", "sentences": [{"raw": "a ship"}]} for number in range(9)])
    with pytest.raises(DataError, match=r"not a readable pickle.*Was the download cut short"):
        load_plain(_written(tmp_path, whole[: min(cut, len(whole) - 1)]))


def test_an_absent_pickle_is_missing_data(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"refs\.p does not exist"):
        load_plain(tmp_path / "refs.p")


def test_a_folder_is_no_pickle(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        load_plain(tmp_path)
