"""The conventions in which published scores of boxes differ, each under the name of the code that has them."""

from dataclasses import dataclass
from typing import Literal

BoxPreset = Literal["rsvg", "vrsbench", "falcon", "remotesam"]


@dataclass(frozen=True)
class GroundingRules:
    """How boxes are scored. I and U are the areas in both boxes and in either.

    Attributes:
        cell: 1 where coordinates are whole cells and the far sides belong to the box: they are rounded, and 1 is added
            to each side.
        epsilon: added to a union before I is divided by it.
        reaches: whether an IoU equal to the threshold counts: `>=`, or only one above it: `>`.
        source: whose convention it is.
    """

    cell: int
    epsilon: float
    reaches: Literal[">=", ">"]
    source: str

    def iou(self, intersection: float, union: float) -> float:
        """Returns the IoU of one pair of boxes; 0 for two boxes without area.

        >>> rules("remotesam").iou(1.0, 2.0), rules("remotesam").iou(0.0, 0.0), rules("falcon").iou(1.0, 1.9)
        (0.5, 0.0, 0.5)
        """
        return intersection / (union + self.epsilon) if union else 0.0

    def hits(self, iou: float, threshold: float) -> bool:
        """Returns whether an IoU reaches a threshold.

        >>> rules("vrsbench").hits(0.5, 0.5), rules("rsvg").hits(0.5, 0.5)
        (True, False)
        """
        return iou >= threshold if self.reaches == ">=" else iou > threshold

    @property
    def words(self) -> str:
        """The union as a formula says it."""
        cells = ", whole cells, far sides inside (+1)" if self.cell else ""
        return f"IoU = I / {f'(U + {self.epsilon:g})' if self.epsilon else 'U'}{cells}"


PRESETS: dict[str, GroundingRules] = {
    "rsvg": GroundingRules(
        cell=0,
        epsilon=0.0,
        reaches=">",
        source="MGVLF main.py Mytest_epoch (ZhanYang-nwpu/RSVG-pytorch@91cc7c4f, by DIOR-RSVG's authors): plain I / U "
        "(the 1e-16 it adds to U changes no number), a threshold is reached by > only.",
    ),
    "vrsbench": GroundingRules(
        cell=1,
        epsilon=0.0,
        reaches=">=",
        source="VRSBench eval_utils.py computeIoU, compute_metrics.ipynb (lx709/VRSBench@d38cee11): whole hundredths "
        "of the image's sides, 1 added to every width and height, a threshold is reached by >=. An answer that cannot "
        "be read is wrong; it adds its true box to cumulative U, where the notebook leaves it out.",
    ),
    "falcon": GroundingRules(
        cell=0,
        epsilon=0.1,
        reaches=">=",
        source="Falcon evaluation.py calculate_iou_hbb (TianHuiLab/Falcon@d905f788): 0.1 added to the union.",
    ),
    "remotesam": GroundingRules(
        cell=0,
        epsilon=0.0,
        reaches=">=",
        source="RemoteSAM tasks/code/eval/VG.py computeIoU: plain I / U, 0 for two boxes without area, a threshold is "
        "reached by >=. Its script gives a missing box the hits of the sample before; here it has none.",
    ),
}


def rules(preset: BoxPreset) -> GroundingRules:
    """Returns the rules of a preset."""
    return PRESETS[preset]
