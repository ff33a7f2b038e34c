"""The layouts that Mini Earth can be written in, by name; a new one is added here and nowhere else."""

from collections.abc import Mapping

from geopix.earth.earthvqa import EarthVqa
from geopix.earth.karpathy import Karpathy
from geopix.earth.loveda import LoveDa
from geopix.earth.nwpu_captions import NwpuCaptions
from geopix.earth.picture import Layout
from geopix.earth.rrsisd import RrsisD
from geopix.earth.rsieval import RsiEval
from geopix.earth.rsvqa import RSVQA_HR, RSVQA_LR
from geopix.earth.scene_folders import SCENE_FOLDERS
from geopix.earth.traffic_vqa import TrafficVqa
from geopix.earth.vrsbench_captions import VrsbenchCaptions
from geopix.earth.vrsbench_vqa import VrsbenchVqa

LAYOUTS: Mapping[str, Layout] = {
    "rsvqa_hr": RSVQA_HR,
    "rrsisd": RrsisD(),
    "loveda": LoveDa(),
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
}
USUAL = ("rsvqa_hr", "rrsisd")
