"""The built-in readers, parsers, metrics and models, registered through the hooks that plugins use."""

from harness.plugins import hookimpl


@hookimpl
def geopix_eval_readers() -> dict[str, str]:
    """Readers of the benchmarks' own files."""
    return {
        "rsvqa": "harness.readers.rsvqa:RsvqaReader",
        "refer": "harness.readers.refer:ReferReader",
        "json_lines": "harness.readers.json_lines:JsonLinesReader",
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
