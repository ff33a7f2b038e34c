"""Test images that a checkpoint was trained on: found by their bytes, flagged, and left out beside the score."""

import hashlib
import json
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.report.leaderboard import write_leaderboard
from harness.report.overlap import fingerprints
from tests.harness.report.factory import OA, manifest, record, result, score, write_run
from tests.harness.report.test_leaderboard import text


def write_seen(root: Path, *, lines: str | None = None, name: str = "fingerprints.jsonl") -> Path:
    """A run right on images 0 to 5 and wrong on 6 to 9; the checkpoint keeps fingerprints of 0, 1 and 2."""
    (root / "data" / "images").mkdir(parents=True)
    digests = []
    for image in range(9):  # the tenth is not at hand
        (root / "data" / "images" / f"{image}.png").write_bytes(b"%d" % image)
        digests.append(hashlib.sha256(b"%d" % image).hexdigest())
    (root / "checkpoint").mkdir()
    kept = "".join(json.dumps({"sha256": digest}) + "\n" for digest in digests[:3]) if lines is None else lines
    (root / "checkpoint" / "fingerprints.jsonl").write_text(kept)
    records = [
        record(str(i), image=str(i), statistics={"oa": {"correct": float(i < 6), "count": 1.0}}) for i in range(10)
    ]
    settings = {"checkpoint": str(root / "checkpoint"), "fingerprints": name}
    about = manifest("mini", root / "data", settings=settings)
    scores = (score("oa", records),)
    write_run(root / "run", about, [(result("t", [OA], records, scores=scores), records)], previews=False)
    return root / "run"


def test_seen_images_are_flagged_with_the_score_without_them(tmp_path: Path) -> None:
    run = write_seen(tmp_path)
    page = text(write_leaderboard([run], tmp_path / "board.html").path.read_text("utf-8"))
    # 6 of 10 are right; without the three that were seen, 3 of 7.
    assert "60.0" in page
    assert "3 samples seen in training 42.9" in page
    assert "without them" in page
    assert "mini : 3 samples of t (1 not at hand)." in page
    (entry,) = json.loads((tmp_path / "board.json").read_text("utf-8"))["seen_in_training"]
    assert (entry["samples"], entry["without"]["n"]) == (3, 7)


def test_a_checkpoint_that_has_seen_none_is_not_flagged(tmp_path: Path) -> None:
    run = write_seen(tmp_path, lines=json.dumps({"sha256": "0" * 64}) + "\n")
    page = text(write_leaderboard([run], tmp_path / "board.html").path.read_text("utf-8"))
    assert "seen in training 4" not in page
    assert "mini : 0 samples of t (1 not at hand)." in page


def test_a_checkpoint_without_fingerprints_says_nothing(tmp_path: Path) -> None:
    assert fingerprints(manifest("mini", tmp_path)) is None


@pytest.mark.parametrize("line", ["{", "[]", "{}", '{"sha256": 3}', '{"sha256": "abc"}'])
def test_a_line_that_is_no_fingerprint_is_named(tmp_path: Path, line: str) -> None:
    run = write_seen(tmp_path, lines=f'{{"sha256": "{"0" * 64}"}}\n{line}\n')
    with pytest.raises(DataError, match=r"fingerprints\.jsonl:2: expected an object such as"):
        write_leaderboard([run], tmp_path / "board.html")


@pytest.mark.parametrize(
    ("name", "expected"), [("absent.jsonl", "cannot be read: No such file"), ("../data/x", "outside its root")]
)
def test_a_file_that_is_absent_or_elsewhere_is_refused(tmp_path: Path, name: str, expected: str) -> None:
    run = write_seen(tmp_path, name=name)
    with pytest.raises(DataError, match=expected):
        write_leaderboard([run], tmp_path / "board.html")
