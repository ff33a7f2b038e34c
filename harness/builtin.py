"""The built-in readers, parsers, metrics, models and judges, registered through the hooks that plugins use."""

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
        "json": "harness.readers.json_rows:JsonReader",
        "csv": "harness.readers.csv_table:CsvReader",
        "parquet": "harness.readers.parquet:ParquetReader",
        "datasets": "harness.readers.huggingface:DatasetsReader",
        "coco": "harness.readers.coco:CocoReader",
        "image_folder": "harness.readers.image_folder:ImageFolderReader",
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
        "one_of": "harness.parsers.reading_parser:OneOfParser",
        "number": "harness.parsers.reading_parser:NumberParser",
        "choice": "harness.parsers.choice:ChoiceParser",
        "class_name": "harness.parsers.class_name:ClassNameParser",
        "rsvqa_answer": "harness.parsers.rsvqa:RsvqaAnswerParser",
        "mask": "harness.parsers.mask:MaskParser",
        "grounded_caption": "harness.parsers.grounded_caption:GroundedCaptionParser",
        "box": "harness.parsers.box:BoxParser",
        "caption": "harness.parsers.caption:CaptionParser",
    }


@hookimpl
def geopix_eval_metrics() -> dict[str, str]:
    """Metrics."""
    return {
        "accuracy": "harness.metrics.accuracy:Accuracy",
        "token_recall": "harness.metrics.token_recall:TokenRecall",
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
        "judge_match": "harness.metrics.judge_match:JudgeMatch",
        "clair": "harness.metrics.clair:Clair",
        "l3_lite": "harness.metrics.l3_lite:L3Lite",
        "g_eval": "harness.metrics.g_eval:GEval",
        "bleu": "harness.metrics.captions.bleu:Bleu",
        "rouge_l": "harness.metrics.captions.rouge:RougeL",
        "cider": "harness.metrics.captions.cider:Cider",
        "meteor": "harness.metrics.captions.meteor:Meteor",
        "spice": "harness.metrics.captions.spice:Spice",
        "recon_score": "harness.metrics.recon_score:ReconScore",
        "imported_score": "harness.metrics.imported:ImportedScore",
    }


@hookimpl
def geopix_eval_models() -> dict[str, str]:
    """Models; the libraries they need are imported when one is made."""
    return {
        "hf": "harness.models.huggingface.factory:huggingface",
        "replay": "harness.models.replay:replay",
        "baseline": "harness.models.baselines:baseline",
        "openai": "harness.models.endpoint:endpoint_model",
    }


@hookimpl
def geopix_eval_segmenters() -> dict[str, str]:
    """Second stages, which turn boxes into masks."""
    return {"sam": "harness.models.huggingface.sam:sam"}


@hookimpl
def geopix_eval_judges() -> dict[str, str]:
    """Judges; the libraries they need are imported when one is made."""
    return {
        "openai": "harness.judges.endpoint:endpoint",
        "transformers": "harness.judges.local:local",
    }
