"""The scripts of others that are kept here are what their manifests say, and their licences stand beside them."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def vendor() -> ModuleType:
    spec = importlib.util.spec_from_file_location("vendor", ROOT / "scripts" / "vendor.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_files_are_what_was_fetched(vendor: ModuleType) -> None:
    assert [problem for manifest in vendor.MANIFESTS for problem in vendor.problems(manifest)] == []


def test_every_package_has_its_licence_and_its_notice(vendor: ModuleType) -> None:
    notices = (ROOT / "THIRD_PARTY_NOTICES.md").read_text("utf-8")
    for manifest in vendor.MANIFESTS:
        listed = json.loads(manifest.read_text("utf-8"))
        for name in {entry["name"] for entry in listed}:
            assert any(entry["name"] == name and "LICENSE" in entry["file"] for entry in listed)
            assert f"| {name} |" in notices


def test_a_changed_file_and_a_stranger_are_told(vendor: ModuleType, tmp_path: Path) -> None:
    entry = {"name": "x", "file": "x.js", "sha256": "0" * 64}
    (tmp_path / "manifest.json").write_text(json.dumps([entry, entry | {"file": "y.js"}]), "utf-8")
    for name in ("x.js", "stranger.js"):
        (tmp_path / name).write_text("1", "utf-8")
    found = vendor.problems(tmp_path / "manifest.json")
    assert len(found) == 3
    assert any("sha256 is" in line for line in found)
    assert any(line.endswith("y.js: missing") for line in found)
    assert any("no manifest names it" in line for line in found)
