"""The built-in readers, parsers, metrics and models, registered through the hooks that plugins use."""

from harness.plugins import hookimpl


@hookimpl
def geopix_eval_readers() -> dict[str, str]:
    """Readers of the benchmarks' own files."""
    return {
        "rsvqa": "harness.readers.rsvqa:RsvqaReader",
        "refer": "harness.readers.refer:ReferReader",
        "json_lines": "harness.readers.json_lines:JsonLinesReader",
        "karpathy": "harness.readers.karpathy:KarpathyReader",
        "nwpu_captions": "harness.readers.nwpu_captions:NwpuCaptionReader",
        "rsieval_captions": "harness.readers.rsieval:RsievalCaptionReader",
        "vrsbench_captions": "harness.readers.vrsbench_captions:VrsbenchCaptionReader",
    }


@hookimpl
def geopix_eval_parsers() -> dict[str, str]:
    """Parsers of answers."""
    return {
        "short_answer": "harness.parsers.short_answer:ShortAnswerParser",
        "rsvqa_answer": "harness.parsers.rsvqa:RsvqaAnswerParser",
        "mask": "harness.parsers.mask:MaskParser",
        "caption": "harness.parsers.caption:CaptionParser",
    }


@hookimpl
def geopix_eval_metrics() -> dict[str, str]:
    """Metrics."""
    return {
        "accuracy": "harness.metrics.accuracy:Accuracy",
        "cumulative_iou": "harness.metrics.segmentation:CumulativeIoU",
        "mean_iou": "harness.metrics.segmentation:MeanIoU",
        "precision_at": "harness.metrics.segmentation:PrecisionAt",
        "bleu": "harness.metrics.captions.bleu:Bleu",
        "rouge_l": "harness.metrics.captions.rouge:RougeL",
        "cider": "harness.metrics.captions.cider:Cider",
        "meteor": "harness.metrics.captions.meteor:Meteor",
        "spice": "harness.metrics.captions.spice:Spice",
        "recon_score": "harness.metrics.recon_score:ReconScore",
    }


@hookimpl
def geopix_eval_models() -> dict[str, str]:
    """Models that need no torch."""
    return {
        "replay": "harness.models.replay:replay",
        "baseline": "harness.models.baselines:baseline",
    }
