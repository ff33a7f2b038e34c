"""Measured priors: shares of positive answers and the rates that give the wanted number of questions."""

import numpy as np

from geopix.earth.priors import measure
from geopix.earth.questions import Claim, balance


def test_shares_and_rates_by_hand() -> None:
    groups = ("attribute", "comp", "count", "area")
    fill = [Claim(group, ("x",), answer) for group in groups for answer in ("yes",)]
    empty = [Claim(group, ("x",), "0" if group in ("count", "area") else "no") for group in groups]
    scenes = [
        [Claim("presence", ("ship",), "yes" if at == 0 else "no"), *(fill if at < 2 else empty)] for at in range(4)
    ]
    table = measure(scenes)
    assert table["positive"]["presence|ship"] == 0.25
    assert table["positive"]["comp|x"] == 0.5
    asked = sum(balance(claim, 0.25) for scene in scenes for claim in scene if claim.group == "presence")
    assert np.isclose(table["rates"]["presence"] * asked / len(scenes), 3.0)


def test_claims_that_are_always_so_are_dropped() -> None:
    scenes = [
        [Claim(group, ("x",), "yes" if at else "no") for group in ("presence", "attribute", "comp", "count", "area")]
        + [Claim("presence", ("sky",), "yes")]
        for at in range(2)
    ]
    assert "presence|sky" not in measure(scenes)["positive"]
