"""`geopix earth make` from the terminal."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from geopix.earth.command import earth, parse_splits
from harness.errors import ConfigurationError


def test_make_prints_what_it_made_on_stderr_and_again_says_so(tmp_path: Path) -> None:
    target = str(tmp_path / "set")
    arguments = ["make", target, "--images", "2", "--size", "64", "--splits", "train:1,test:1", "--workers", "1"]
    first = CliRunner().invoke(earth, arguments)
    assert first.exit_code == 0, first.output
    assert first.stdout == ""
    assert "train" in first.stderr
    assert f"Made {target}" in first.stderr.replace("\n", "")
    again = CliRunner().invoke(earth, arguments)
    assert "Already there, unchanged" in again.stderr


def test_splits_that_cannot_be_read_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="expected NAME:NUMBER such as train:8, found 'val:many'"):
        parse_splits("train:8,val:many")


def test_a_split_s_name_alone_has_a_share_of_one() -> None:
    assert parse_splits("train:8,test") == (("train", 8), ("test", 1))
