"""The layouts that Mini Earth can be written in, by name; a new one is added here and nowhere else."""

from collections.abc import Mapping

from geopix.earth.loveda import LoveDa
from geopix.earth.picture import Layout
from geopix.earth.rrsisd import RrsisD
from geopix.earth.rsvqa import RsvqaHr

LAYOUTS: Mapping[str, Layout] = {
    "rsvqa_hr": RsvqaHr(),
    "rrsisd": RrsisD(),
    "loveda": LoveDa(),
}
USUAL = ("rsvqa_hr", "rrsisd")
