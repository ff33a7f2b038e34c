"""What parts of the mask head are worth: memories and scales, three seeds, the same start and budget.

    geopix earth make data/dense --seed 1 --images 8000 --splits train --expressions 3 --formats rrsisd
    geopix earth make data/earth-test --seed 1 --images 200 --splits test
    python -m benchmarks.memory_ablation --train data/dense --test data/earth-test --output training/memory
    python -m benchmarks.memory_ablation --train data/dense --test data/earth-test --output training/memory \\
        --arms intended one_scale

Each training is `geopix train memory_ablation` with one mask head and one seed, each evaluation is `geopix-eval` with
the task rrsis; what is done already is not done again. `one_scale` has the intended memory, and reads CLIP's last layer
alone: a mask's six tokens speak for this one level. benchmarks/ablation.py says what the intervals are.
"""

from collections.abc import Sequence
from itertools import combinations

from benchmarks.ablation import Reading, Stage, Study, arguments, conduct

MEMORIES = ("none", "released_noop", "intended")
HEADS = {memory: f"base.memory={memory}" for memory in MEMORIES} | {
    "one_scale": "base.config={mask_feature_layers: [-1]}"
}
METRICS = {"miou": "mIoU", "oiou": "oIoU", "p50": "P@0.5"}


def study(chosen: Sequence[str]) -> Study:
    """The chosen mask heads, each compared with each."""
    return Study(
        kind="mask head" if "one_scale" in chosen else "memory",
        arms={name: [Stage("memory_ablation", (HEADS[name],))] for name in chosen},
        differences=list(combinations(chosen, 2)),
        readings=[Reading(title, "rrsis", name) for name, title in METRICS.items()],
    )


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--arms", nargs="+", choices=HEADS, default=MEMORIES, help="mask heads to compare")
    given = parser.parse_args()
    conduct(study(given.arms), given)


if __name__ == "__main__":
    main()
