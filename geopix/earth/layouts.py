"""The layouts that Mini Earth can be written in, by name; a new one is added here and nowhere else."""

from collections.abc import Mapping

from geopix.earth.diorrsvg import DiorRsvg
from geopix.earth.drseg import DrSeg
from geopix.earth.dvgbench import DvgBench
from geopix.earth.earthreason import EarthReason
from geopix.earth.earthvqa import EarthVqa
from geopix.earth.geochat_referring import GeochatReferring
from geopix.earth.geopixeld import GeoPixelD
from geopix.earth.geopixinstruct import GeoPixInstruct
from geopix.earth.geotiff import GeoTiffs
from geopix.earth.karpathy import Karpathy
from geopix.earth.lasers import Lasers
from geopix.earth.loveda import LoveDa
from geopix.earth.nwpu_captions import NwpuCaptions
from geopix.earth.phrase_lists import RefSegRs, RisBench
from geopix.earth.picture import Layout
from geopix.earth.rrsisd import RrsisD
from geopix.earth.rsieval import RsiEval
from geopix.earth.rsvqa import RSVQA_HR, RSVQA_LR
from geopix.earth.scene_folders import SCENE_FOLDERS
from geopix.earth.traffic_vqa import TrafficVqa
from geopix.earth.vrsbench_captions import VrsbenchCaptions
from geopix.earth.vrsbench_referring import VrsbenchReferring
from geopix.earth.vrsbench_vqa import VrsbenchVqa

LAYOUTS: Mapping[str, Layout] = {
    "rsvqa_hr": RSVQA_HR,
    "rrsisd": RrsisD(),
    "loveda": LoveDa(),
    "dior_rsvg": DiorRsvg(),
    "vrsbench_referring": VrsbenchReferring(),
    "dvgbench": DvgBench(),
    "geochat_referring": GeochatReferring(),
    "refsegrs": RefSegRs(),
    "risbench": RisBench(),
    "drseg": DrSeg(),
    "earthreason": EarthReason(),
    "lasers": Lasers(),
    "geopixinstruct": GeoPixInstruct(),
    "geopixeld": GeoPixelD(),
    "rsvqa_lr": RSVQA_LR,
    "rsieval": RsiEval(),
    "vrsbench_vqa": VrsbenchVqa(),
    "traffic_vqa": TrafficVqa(),
    "earthvqa": EarthVqa(),
    **SCENE_FOLDERS,
    "ucm_captions": Karpathy("UCM_captions", "dataset.json", "imgs", "tif"),
    "sydney_captions": Karpathy("Sydney_captions", "dataset.json", "imgs", "tif"),
    "rsicd": Karpathy("RSICD", "dataset_rsicd.json", "RSICD_images", "jpg"),
    "rsitmd": Karpathy("RSITMD", "dataset_RSITMD.json", "images", "tif"),
    "nwpu_captions": NwpuCaptions(),
    "vrsbench_captions": VrsbenchCaptions(),
    "geotiff": GeoTiffs(),
}
USUAL = ("rsvqa_hr", "rrsisd")
#: Names for several formats at once.
BUNDLES: Mapping[str, tuple[str, ...]] = {
    "mini": ("rsvqa_hr", "rrsisd", "dior_rsvg", "rsicd", "aid", "earthreason", "geopixinstruct", "loveda"),
}
