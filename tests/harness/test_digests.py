"""The sha256 of files and folders."""

import hashlib
from pathlib import Path

from harness.digests import file_digest, lines_of_digests

NOTHING = hashlib.sha256(b"").hexdigest()


def test_a_file_s_digest_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert (
        file_digest(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )  # FIPS 180-4


def test_a_folder_s_lines_name_all_files_below_it_but_those_left_out(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("c", "b/a", "README.md"):
        (tmp_path / name).touch()
    expected = [f"b/a {NOTHING}\n".encode(), f"c {NOTHING}\n".encode()]
    assert list(lines_of_digests(tmp_path, leave_out=("README.md",))) == expected
