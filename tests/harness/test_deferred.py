"""A deferred module is imported at its first use and not before."""

import sys

import pytest

from harness.deferred import Deferred


def test_the_first_use_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    colours = Deferred("colorsys")
    assert "colorsys" not in sys.modules
    assert colours.rgb_to_hsv(0.0, 0.0, 1.0)[2] == 1.0
    assert "colorsys" in sys.modules


def test_an_absent_module_or_attribute_says_so_at_its_use() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        Deferred("no_such_module").anything  # noqa: B018
    with pytest.raises(AttributeError, match="no_such_name"):
        Deferred("colorsys").no_such_name  # noqa: B018
