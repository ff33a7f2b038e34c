"""What two stages, the class memory and two scales are worth to geopix-mini: the same start, budget and seeds.

    geopix earth make data/ablation --seed 5 --images 720 --splits train --expressions 3 \\
        --rates presence:1,attribute:0.5,comp:0.3,count:1,area:0.17 \\
        --formats rsvqa_hr,rrsisd,dior_rsvg,earthreason,rsicd,aid,geopixinstruct
    geopix earth make data/dev --seed 99 --images 150 --splits test --formats rsvqa_hr,rrsisd
    OMP_NUM_THREADS=1 python -m benchmarks.mini_ablations --train data/ablation --test data/dev \\
        --base geopix-mini --output training/ablations --steps 100 200

All arms go on from one checkpoint with a mask head drawn anew from the seed. After 60 steps from geopix-mini the fresh
head drew no mask yet; from the tower that `geopix train mini steps=0` leaves, words are to be learnt as well.
Each training is `geopix train mini` or `mini_stage2` with values set otherwise:

- full: both stages, the intended memory, masks from two of CLIP's layers;
- one-stage: the mixture and losses of stage 2 from the start, for the steps of both;
- no-memory: as full, `memory: none`;
- one-scale: as full, masks from CLIP's last layer alone; a mask's six tokens speak for this one level.

What is done already is not done again; seeds are made one after the other, so that after a break the same command with
fewer `--seeds` prints those that are whole. benchmarks/ablation.py says what the intervals are.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.ablation import Reading, Stage, Study, arguments, conduct

FULL, OTHERS = "full", ("one-stage", "no-memory", "one-scale")
READINGS = (
    Reading("presence", "rsvqa_hr", "oa", {"type": "presence"}),
    Reading("comparison", "rsvqa_hr", "oa", {"type": "comp"}),
    Reading("count", "rsvqa_hr", "oa", {"type": "count"}),
    Reading("referring mIoU", "rrsis", "miou"),
)


def study(start: Path, first: int, second: int, chosen: Sequence[str]) -> Study:
    """The full recipe and the chosen arms, all from one checkpoint and for as many steps in all."""

    def base(**head: Any) -> str:
        return f"base={json.dumps({'checkpoint': str(start), 'fresh': ['mask_head'], **head})}"

    def two_stages(**head: Any) -> list[Stage]:
        one = Stage("mini", (base(**head), "tower=null", f"steps={first}"))
        return [one, Stage("mini_stage2", (f"steps={second}",))]

    arms = {
        FULL: two_stages(),
        "one-stage": [Stage("mini_stage2", (base(), f"steps={first + second}"))],
        "no-memory": two_stages(memory="none"),
        "one-scale": two_stages(config={"mask_feature_layers": [-1]}),
    }
    kept = {arm: stages for arm, stages in arms.items() if arm == FULL or arm in chosen}
    return Study("arm", kept, [(FULL, arm) for arm in kept if arm != FULL], READINGS)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--base", type=Path, required=True, help="checkpoint that all arms begin with")
    parser.add_argument("--steps", type=int, nargs=2, default=(50, 100), help="of stage 1 and of stage 2")
    parser.add_argument("--arms", nargs="+", choices=OTHERS, default=OTHERS, help="what is compared with the full one")
    given = parser.parse_args()
    conduct(study(given.base, *given.steps, given.arms), given)


if __name__ == "__main__":
    main()
