"""What the class memory is worth: three memories, three seeds, the same start and budget; trained, evaluated, compared.

    geopix earth make data/dense --seed 1 --images 8000 --splits train --expressions 3 --formats rrsisd
    geopix earth make data/earth-test --seed 1 --images 200 --splits test
    python -m benchmarks.memory_ablation --train data/dense --test data/earth-test --output training/memory

Each training is `geopix train memory_ablation` with one memory and one seed, each evaluation is `geopix-eval` with the
task rrsis; what is done already is not done again. benchmarks/ablation.py says what the intervals are.
"""

from itertools import combinations

from benchmarks.ablation import Reading, Stage, Study, arguments, conduct

MEMORIES = ("none", "released_noop", "intended")
METRICS = {"miou": "mIoU", "oiou": "oIoU", "p50": "P@0.5"}
STUDY = Study(
    kind="memory",
    arms={memory: [Stage("memory_ablation", (f"base.memory={memory}",))] for memory in MEMORIES},
    differences=list(combinations(MEMORIES, 2)),
    readings=[Reading(title, "rrsis", name) for name, title in METRICS.items()],
)

if __name__ == "__main__":
    conduct(STUDY, arguments(__doc__).parse_args())
