"""The file of answers: what it gives back, what damages it, and two processes at once."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cache.responses import APPLICATION, ResponseCache
from harness.errors import ConfigurationError, EnvironmentProblem
from harness.records import Mask, Response

FULL = Response(
    text="Häuser",
    masks=(Mask((4, 5), "d0"),),
    boxes=((0.5, 1.0, 2.0, 3.0),),
    seconds=0.25,
    tokens=3,
    reason="cut",
    box_family="internvl",
    prompt_tokens=70,
    cost=0.001,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "answers.sqlite"


def keep(path: Path, **texts: str) -> list[str]:
    told: list[str] = []
    with ResponseCache(path, told.append) as cache:
        cache.keep("m", "d", {key: Response(text=text) for key, text in texts.items()})
    return told


def kept(path: Path, *keys: str) -> dict[str, str]:
    with ResponseCache(path) as cache:
        return {key: response.text for key, response in cache.find(keys).items()}


def test_an_answer_comes_back_as_it_was(path: Path) -> None:
    with ResponseCache(path) as cache:
        cache.keep("m", "d", {"k": FULL})
        assert cache.find(["k", "other"]) == {"k": FULL}
        assert cache.find([]) == {}
    with ResponseCache(path) as cache:
        assert cache.find(["k"]) == {"k": FULL}
    assert [found.name for found in path.parent.iterdir()] == [path.name], "a closed cache is one file"


def test_the_newer_answer_counts(path: Path) -> None:
    keep(path, k="one")
    keep(path, k="two")
    assert kept(path, "k") == {"k": "two"}


@pytest.mark.parametrize(
    "damage",
    [
        b"no database at all, and long enough to be looked at" * 20,
        b"SQLite format 3\x00" + b"\xff" * 8000,
        b"\x00" * 100,
    ],
    ids=["text", "broken head", "zeros"],
)
def test_a_damaged_file_is_set_aside(path: Path, damage: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(damage)
    (told,) = keep(path, k="fresh")
    assert f"The cache {path} is damaged (" in told
    (aside,) = path.parent.glob("*.damaged-*")
    assert f"It was set aside as {aside.name}; a new one is begun." in told
    assert aside.read_bytes() == damage
    assert kept(path, "k") == {"k": "fresh"}
    path.write_bytes(damage)
    keep(path, k="again")
    assert len(list(path.parent.glob("*.damaged-*"))) == 2, "one never takes another's name"


def test_pages_that_are_damaged_under_way_are_set_aside(path: Path) -> None:
    keep(path, **{f"k{number:04}": "x" * 500 for number in range(400)})
    told: list[str] = []
    content = bytearray(path.read_bytes())
    # The head and the table's list of columns stay whole, so that it opens.
    content[8192:] = b"\xaa" * (len(content) - 8192)
    path.write_bytes(content)
    with ResponseCache(path, told.append) as cache:
        assert cache.find(["k0003", "k0399"]) == {}
        cache.keep("m", "d", {"k": FULL})
        assert cache.find(["k"]) == {"k": FULL}
    assert len(told) == 1
    assert len(list(path.parent.glob("*.damaged-*"))) == 1


def test_an_entry_that_the_disk_has_changed_is_no_answer(path: Path) -> None:
    keep(path, a="yes", b="yes", c="yes", d="yes")
    with sqlite3.connect(path) as database:
        database.execute("""UPDATE responses SET response = '{"text":"no"}' WHERE key = 'a'""")
        database.execute("""UPDATE responses SET response = CAST('{"text":"no"}' AS BLOB) WHERE key = 'b'""")
        database.execute("UPDATE responses SET seal = (SELECT seal FROM responses WHERE key = 'd') WHERE key = 'c'")
    database.close()
    assert kept(path, "a", "b", "c", "d") == {"d": "yes"}


@pytest.mark.parametrize("name", ["answers.txt", "README.md", "answers"])
def test_a_file_that_may_be_something_else_is_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("precious")
    with pytest.raises(ConfigurationError, match="expected a file that ends in .sqlite, .sqlite3, .db, or on, or off"):
        keep(tmp_path / name)
    assert (tmp_path / name).read_text() == "precious"


def test_a_database_of_another_program_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE verdicts (key TEXT)")
    database.close()
    with pytest.raises(ConfigurationError, match="is a database of another program's. Name another file"):
        keep(path)


def test_a_newer_layout_is_refused(path: Path) -> None:
    keep(path, k="x")
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA user_version = 2")
    database.close()
    with pytest.raises(EnvironmentProblem, match="made by a newer version of geopix-eval .layout 2, this one knows 1"):
        keep(path)


def test_our_files_can_be_told_from_others(path: Path) -> None:
    keep(path, k="x")
    assert int.from_bytes(path.read_bytes()[68:72], "big") == APPLICATION == int.from_bytes(b"GPXC", "big")


def test_a_place_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match=r"(?s)the cache .* cannot be used: .*leave it out with --cache off"):
        keep(tmp_path / "file" / "answers.sqlite")
    (tmp_path / "folder.sqlite").mkdir()
    with pytest.raises(EnvironmentProblem, match="cannot be used: unable to open database file"):
        keep(tmp_path / "folder.sqlite")


def test_a_run_goes_on_without_a_cache_that_takes_no_more(path: Path) -> None:
    keep(path, k="x")
    told: list[str] = []
    with ResponseCache(path, told.append) as cache:
        assert cache._database is not None
        # As on a full disk: no page can be had.
        cache._database.execute("PRAGMA max_page_count = 3")
        for number in range(9):
            cache.keep("m", "d", {str(number): Response(text="y" * 9000)})
        assert cache.find(["k"]) == {}
    assert len(told) == 1
    assert "is not used any more: database or disk is full. The run goes on without it." in told[0]
    assert kept(path, "k") == {"k": "x"}


def test_what_there_is_and_what_is_taken_away(path: Path) -> None:
    with ResponseCache(path) as cache:
        cache.keep("one", "d1", {"a": FULL, "b": FULL})
        cache.keep("two", "d2", {"c": FULL})
        assert [(found.model, found.digest, found.entries) for found in cache.stock()] == [
            ("one", "d1", 2), ("two", "d2", 1),
        ]  # fmt: skip
        assert all(found.size > 0 and found.first <= found.last for found in cache.stock())
        assert cache.prune(before="2020-01-01") == 0
        assert cache.prune(model="three") == 0
        assert cache.prune(model="d2") == 1
        assert cache.prune(before="2099-01-01", model="one") == 2
        assert cache.stock() == []
        cache.keep("one", "d1", {"a": FULL})
        assert cache.prune() == 1


WRITER = """
import sys
from pathlib import Path
from harness.records import Response
from harness.cache.responses import ResponseCache

path, name, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
told = []
with ResponseCache(path, told.append) as cache:
    for index in range(number):
        cache.keep("m", "d", {f"{name}{index}": Response(text=f"{name} {index}"), f"both{index}": Response(text=name)})
        assert cache.find([f"{name}{index}"])
        print(index, flush=True)
print(told)
"""


def writer(path: Path, name: str, number: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), name, str(number)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_two_processes_write_at_once_and_nothing_is_lost(path: Path) -> None:
    processes = [writer(path, name, 150) for name in ("a", "b")]
    outputs = [process.communicate("go\n", timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert all(output.endswith("[]\n") for output in outputs)
    keys = [f"{name}{index}" for name in ("a", "b", "both") for index in range(150)]
    found = kept(path, *keys)
    assert found.keys() == set(keys)
    assert found["b149"] == "b 149"


def test_a_damaged_file_is_set_aside_once_by_two_processes(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all, and long enough to be looked at" * 20)
    processes = [writer(path, name, 20) for name in ("a", "b")]
    outputs = [process.communicate("go\n", timeout=60)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum("is damaged" in output for output in outputs) == 1
    assert len(kept(path, *[f"{name}{index}" for name in ("a", "b") for index in range(20)])) == 40
    assert len(list(path.parent.glob("*.damaged-*"))) == 1


def test_what_a_killed_process_kept_is_there(path: Path) -> None:
    process = writer(path, "a", 10**6)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    while int(process.stdout.readline()) < 20:
        pass
    process.kill()
    process.communicate(timeout=30)
    assert len(kept(path, *[f"a{index}" for index in range(21)])) == 21
