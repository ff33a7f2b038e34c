"""Measures how often each claim is positive.

Run after the scenes or the claims change: `python -m geopix.earth.priors 4000 > geopix/earth/priors.json`.
"""

import json
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from geopix.earth.questions import Claim, balance, claims
from geopix.earth.scene import make_scene

# Expected number of questions of each group in a scene.
TARGETS = {"presence": 3.0, "attribute": 1.0, "comp": 3.0, "count": 2.0, "area": 1.0}
# Seeds that no data set uses: those of `geopix.earth.seeds` are longer than 64 bits.
FIRST_SEED = 1_000_000
RAREST = 0.02  # claims whose rarer answer is rarer than this are not asked


def measure(scenes: list[list[Claim]]) -> dict[str, dict[str, float]]:
    """Returns the table of `priors.json` for the claims of many scenes."""
    total: Counter[str] = Counter()
    positive: Counter[str] = Counter()
    for claim in (claim for scene in scenes for claim in scene):
        total[claim.key] += 1
        positive[claim.key] += claim.positive
    shares = {key: positive[key] / total[key] for key in sorted(total) if total[key] >= RAREST * len(scenes)}
    kept = {key: share for key, share in shares.items() if RAREST <= share <= 1 - RAREST}
    weights: Counter[str] = Counter()
    for claim in (claim for scene in scenes for claim in scene):
        if claim.key in kept:
            weights[claim.group] += balance(claim, kept[claim.key])  # type: ignore[assignment]
    rates = {group: target * len(scenes) / weights[group] for group, target in TARGETS.items()}
    return {
        "positive": {key: round(share, 4) for key, share in kept.items()},
        "rates": {group: round(rate, 4) for group, rate in rates.items()},
    }


def claims_of(seed: int) -> list[Claim]:
    """Returns the claims of one seed's scene."""
    return list(claims(make_scene(seed)))


def main() -> None:
    """Writes the table for as many scenes as the first argument says."""
    number = int(sys.argv[1])
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        seeds = range(FIRST_SEED, FIRST_SEED + number)
        scenes = list(pool.map(claims_of, seeds, chunksize=20))
    json.dump(measure(scenes), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
