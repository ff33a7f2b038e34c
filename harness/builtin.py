"""The built-in readers, parsers, metrics and models, registered through the hooks that plugins use."""

from harness.plugins import hookimpl


@hookimpl
def geopix_eval_readers() -> dict[str, str]:
    """Readers of the benchmarks' own files."""
    return {
        "rsvqa": "harness.readers.rsvqa:RsvqaReader",
        "refer": "harness.readers.refer:ReferReader",
        "json_lines": "harness.readers.json_lines:JsonLinesReader",
        "phrases": "harness.readers.phrases:PhrasesReader",
        "drseg": "harness.readers.drseg:DrsegReader",
        "earthreason": "harness.readers.earthreason:EarthReasonReader",
        "lasers": "harness.readers.lasers:LasersReader",
        "geopixinstruct": "harness.readers.geopixinstruct:GeopixinstructReader",
        "geopixeld": "harness.readers.geopixeld:GeopixeldReader",
        "dior_rsvg": "harness.readers.dior_rsvg:DiorRsvgReader",
        "vrsbench_referring": "harness.readers.vrsbench_referring:VrsbenchReferringReader",
        "dvgbench": "harness.readers.dvgbench:DvgbenchReader",
        "geochat_referring": "harness.readers.geochat_referring:GeochatReferringReader",
    }


@hookimpl
def geopix_eval_parsers() -> dict[str, str]:
    """Parsers of answers."""
    return {
        "short_answer": "harness.parsers.short_answer:ShortAnswerParser",
        "rsvqa_answer": "harness.parsers.rsvqa:RsvqaAnswerParser",
        "mask": "harness.parsers.mask:MaskParser",
        "grounded_caption": "harness.parsers.grounded_caption:GroundedCaptionParser",
        "box": "harness.parsers.box:BoxParser",
    }


@hookimpl
def geopix_eval_metrics() -> dict[str, str]:
    """Metrics."""
    return {
        "accuracy": "harness.metrics.accuracy:Accuracy",
        "cumulative_iou": "harness.metrics.segmentation:CumulativeIoU",
        "mean_iou": "harness.metrics.segmentation:MeanIoU",
        "mean_dice": "harness.metrics.segmentation:MeanDice",
        "precision_at": "harness.metrics.segmentation:PrecisionAt",
        "no_target_accuracy": "harness.metrics.no_target:NoTargetAccuracy",
        "target_accuracy": "harness.metrics.no_target:TargetAccuracy",
        "mask_ap": "harness.metrics.grounded:MaskAp",
        "grounded_miou": "harness.metrics.grounded:GroundedMeanIoU",
        "mask_recall": "harness.metrics.grounded:MaskRecall",
        "box_accuracy": "harness.metrics.grounding:BoxAccuracy",
        "box_mean_iou": "harness.metrics.grounding:BoxMeanIoU",
        "box_cumulative_iou": "harness.metrics.grounding:BoxCumulativeIoU",
        "box_centre": "harness.metrics.grounding:BoxCentre",
    }


@hookimpl
def geopix_eval_models() -> dict[str, str]:
    """Models that need no torch."""
    return {
        "replay": "harness.models.replay:replay",
        "baseline": "harness.models.baselines:baseline",
    }
