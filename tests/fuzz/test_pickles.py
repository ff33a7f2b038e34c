"""Damaged and hostile pickles: the documented error or plain data, nothing run, and little memory."""

import pickle
import tracemalloc
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.errors import DataError
from harness.unpickle import load_plain
from tests.fuzz.conftest import Watchman
from tests.fuzz.mutation import damage
from tests.fuzz.tries import many_seeds

CORPUS = Path(__file__).parent / "corpus" / "pickles"
REFS: list[Any] = [
    {"ref_id": n, "split": "test", "sentences": [{"raw": f"ship {n}", "sent_id": n}], "sent_ids": [n, 2**40 * n]}
    for n in range(4)
]
GOOD = [pickle.dumps(REFS, protocol) for protocol in range(6)]
PLAIN = (dict, list, tuple, set, frozenset, str, bytes, bytearray, int, float, complex, bool, type(None))


def only_plain(value: Any) -> bool:
    seen: set[int] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if type(one) not in PLAIN:
            return False
        if isinstance(one, dict | list | tuple | set | frozenset) and id(one) not in seen:
            seen.add(id(one))
            waiting.extend([*one, *one.values()] if isinstance(one, dict) else one)
    return True


def check(path: Path, content: bytes, watchman: Watchman) -> None:
    path.write_bytes(content)
    tracemalloc.start()
    try:
        with watchman.nothing_done():
            assert only_plain(load_plain(path))
    except DataError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 3_000_000 + 400 * len(content)


@many_seeds
def test_damaged_pickles(seed: int, tmp_path: Path, watchman: Watchman) -> None:
    random = Random(seed)
    check(tmp_path / "refs.p", damage(random.choice(GOOD), random, GOOD), watchman)


@pytest.mark.parametrize("file", sorted(CORPUS.iterdir()), ids=lambda file: file.name)
def test_hostile_pickles(file: Path, tmp_path: Path, watchman: Watchman) -> None:
    check(tmp_path / "refs.p", file.read_bytes(), watchman)
