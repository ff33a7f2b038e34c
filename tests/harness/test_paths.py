"""Paths that come from data files stay below their root."""

from pathlib import Path

import pytest

from harness.errors import DataError
from harness.paths import below, spelt_below


def test_a_path_below_comes_back_as_spelt(tmp_path: Path) -> None:
    assert below(tmp_path, "images", "a b.tif") == tmp_path / "images" / "a b.tif"


@pytest.mark.parametrize("part", ["../secret.txt", "a/../../secret.txt", "/etc/passwd", ".."])
def test_a_path_that_leaves_is_refused_with_path_and_root(tmp_path: Path, part: str) -> None:
    root = tmp_path / "data"
    root.mkdir()
    with pytest.raises(DataError, match="outside its root") as caught:
        below(root, part)
    assert repr(part) in str(caught.value)
    assert str(root.resolve()) in str(caught.value)
    assert "must stay below their root" in str(caught.value)


def test_a_link_that_leaves_is_refused_and_one_that_stays_is_not(tmp_path: Path) -> None:
    root = tmp_path / "data"
    root.mkdir()
    (tmp_path / "secret.tif").touch()
    (root / "real.tif").touch()
    (root / "out.tif").symlink_to(tmp_path / "secret.tif")
    (root / "in.tif").symlink_to(root / "real.tif")
    assert below(root, "in.tif") == root / "in.tif"
    with pytest.raises(DataError, match=r"secret\.tif, outside its root"):
        below(root, "out.tif")


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").symlink_to(tmp_path / "disk")
    assert below(tmp_path / "data", "a.tif") == tmp_path / "data" / "a.tif"


def test_an_unusable_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be used: embedded null"):
        below(tmp_path, "a\0b")


def test_spelling_alone_lets_a_user_s_link_lead_away_but_no_name_climb_out(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "RSVQA_HR").symlink_to(tmp_path / "disk")
    assert spelt_below(tmp_path / "data", "RSVQA_HR") == tmp_path / "data" / "RSVQA_HR"
    with pytest.raises(DataError, match="outside its root"):
        spelt_below(tmp_path / "data", "../disk")
