"""The built-in readers, parsers and metrics as task files use them: by name, with options, light to import."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ConfigDict, ValidationError, create_model

from harness.plugins import Registry, installed

# A use of every option in the types that YAML gives.
USES: list[tuple[str, str, dict[str, Any]]] = [
    ("readers", "rsvqa", {"prefix": "T", "images": "Data", "extensions": ["tif"], "types": ["count"]}),
    ("readers", "refer", {"dataset": "d", "split": "val", "split_by": "unc", "images": "i", "overlap": "rmsin"}),
    ("readers", "json_lines", {"file": "f", "fields": {"a": "b"}, "target": "t", "mask": "m", "id": "i"}),
    ("readers", "json_lines", {"file": "f", "image": "i", "images": "is", "tags": {"a": "b"}}),
    ("readers", "json_lines", {"file": "f", "image": ["i", "j"], "box": ["x", "y", "w", "h"], "box_format": "xywh"}),
    ("readers", "json", {"file": "f", "rows": ["a", "b"], "rename": {"type": {"a": "b"}}}),
    ("readers", "csv", {"file": "f", "delimiter": ";", "target": "t"}),
    ("readers", "parquet", {"file": "f", "id": "i"}),
    ("readers", "datasets", {"folder": "f", "split": "test", "image": "i"}),
    ("readers", "coco", {"file": "f", "each": "instance", "images": "i", "crowds": True}),
    ("readers", "image_folder", {"classes": ["A"], "names": {"A": "b"}, "folder": "f", "extensions": ["tif"]}),
    ("readers", "image_folder", {"split_list": "l.txt", "per_class": 3}),
    ("parsers", "one_of", {"words": ["rural", "urban"]}),
    ("parsers", "number", {"whole": False}),
    ("parsers", "choice", {"letters": "ABCDE", "choices": "choices"}),
    ("parsers", "class_name", {"classes": "kinds", "synonyms": {"a": ["b", "c"]}}),
    ("readers", "karpathy", {"file": "f", "images": "i", "split": "val"}),
    ("readers", "nwpu_captions", {"file": "f", "images": "i", "split": "val"}),
    ("readers", "rsieval_captions", {"file": "f", "images": "i", "caption": "text_output"}),
    ("readers", "vrsbench_captions", {"file": "f", "images": "i"}),
    ("parsers", "caption", {}),
    ("metrics", "bleu", {"order": 2}),
    ("metrics", "rouge_l", {}),
    ("metrics", "cider", {"preset": "plain"}),
    ("metrics", "meteor", {}),
    ("metrics", "spice", {}),
    ("metrics", "recon_score", {"generator": "a:b", "scorer": "c", "missing": "zero", "seed": 1}),
    ("parsers", "short_answer", {"steps": ["thoughts", "strip", "lower", "full_stop", "spaces"]}),
    ("parsers", "rsvqa_answer", {"bins": "hr", "tag": "type"}),
    ("parsers", "mask", {"several": "first"}),
    ("metrics", "accuracy", {"average": "type", "only": {"type": ["count"]}, "match": "geochat"}),
    ("metrics", "accuracy", {"preset": "geochat"}),
    ("metrics", "accuracy", {"match": "contains"}),
    ("metrics", "token_recall", {}),
    ("metrics", "cumulative_iou", {"preset": "lisa"}),
    ("metrics", "mean_iou", {"preset": "segearth_r1"}),
    ("metrics", "precision_at", {"threshold": 0.5, "preset": "strict", "pairing": "matching"}),
    ("readers", "phrases", {"split": "val", "phrases": "p", "images": "i", "masks": "m", "extension": ""}),
    ("readers", "drseg", {"split": "val", "labels": "l", "images": "i", "parts": "all"}),
    ("readers", "earthreason", {"split": "val"}),
    ("readers", "lasers", {"split": "val"}),
    ("readers", "geopixeld", {"split": "train"}),
    ("readers", "geopixinstruct", {"split": "valid.SIOR_T", "folder": "d", "images": "i", "ask": "multi"}),
    ("parsers", "mask", {"several": "each", "frame": "0-100", "no_target": ["nothing"]}),
    ("parsers", "grounded_caption", {}),
    ("metrics", "mean_dice", {"preset": "rela", "pairing": "first"}),
    ("metrics", "no_target_accuracy", {}),
    ("metrics", "target_accuracy", {}),
    ("metrics", "mask_ap", {"threshold": 0.75}),
    ("metrics", "mask_recall", {"threshold": 0.75}),
    ("metrics", "grounded_miou", {}),
    ("readers", "dior_rsvg", {"split": "val", "annotations": "a", "images": "i"}),
    ("readers", "vrsbench_referring", {"file": "f", "images": "i"}),
    ("readers", "dvgbench", {"split": "train", "query": "question_e", "masks": True, "images": "i"}),
    ("readers", "geochat_referring", {"file": "f", "images": "i", "type": "ref"}),
    ("parsers", "box", {"frame": "0-1000", "order": "xywh", "scored_in": "0-100", "several": "all"}),
    ("parsers", "box", {"family": "geochat"}),
    ("metrics", "box_accuracy", {"threshold": 0.7, "preset": "vrsbench", "average": "scenario"}),
    ("metrics", "box_mean_iou", {"preset": "falcon", "average": "scenario"}),
    ("metrics", "box_cumulative_iou", {"preset": "rsvg"}),
    ("metrics", "judge_match", {"average": "type", "question": "q", "attempts": 1}),
    ("metrics", "clair", {"max_new_tokens": 20, "attempts": 1}),
    ("metrics", "l3_lite", {"average": "type", "question": "q", "raw": False, "attempts": 2}),
    ("metrics", "g_eval", {"criterion": "It is true.", "scale": 3, "question": "q", "attempts": 1}),
]
MISUSES: list[tuple[str, str, dict[str, Any]]] = [
    ("readers", "rsvqa", {"prefix": "T", "extensions": "tif"}),
    ("readers", "refer", {"dataset": "d", "overlap": "rmsim"}),
    ("readers", "json", {"file": "f", "rows": "annotations"}),
    ("readers", "csv", {"file": "f", "box_format": "cxcywh"}),
    ("readers", "coco", {"file": "f", "each": "image"}),
    ("parsers", "choice", {"letters": ["A", "B"]}),
    ("parsers", "short_answer", {"steps": ["upper"]}),
    ("parsers", "rsvqa_answer", {"bins": "HR"}),
    ("parsers", "mask", {"several": "best"}),
    ("metrics", "accuracy", {"match": "fuzzy"}),
    ("metrics", "mean_iou", {"preset": "coco"}),
    ("metrics", "mean_iou", {"pairing": "best"}),
    ("readers", "drseg", {"parts": "last"}),
    ("readers", "geopixinstruct", {"split": "s", "ask": "many"}),
    ("parsers", "mask", {"frame": "metres"}),
    ("metrics", "precision_at", {}),
    ("readers", "dvgbench", {"query": "question_f"}),
    ("parsers", "box", {"frame": "0-10"}),
    ("metrics", "box_accuracy", {"threshold": 0.5, "preset": "coco"}),
    ("metrics", "g_eval", {"scale": 3}),
    ("metrics", "bleu", {"order": 5}),
    ("metrics", "cider", {"preset": "cocco"}),
    ("metrics", "recon_score", {"generator": "a"}),
]


def registry(kind: str) -> Registry:
    found: Registry = getattr(installed(), kind)
    return found


def check(kind: str, name: str, options: dict[str, Any]) -> None:
    types: dict[str, Any] = dict(registry(kind).option_types(name))
    create_model(name, __config__=ConfigDict(extra="forbid"), **types).model_validate(options)


@pytest.mark.parametrize(("kind", "name", "options"), USES)
def test_options_pass_the_check_and_build_the_part(kind: str, name: str, options: dict[str, Any]) -> None:
    check(kind, name, options)
    part = registry(kind).load(name)(**options)
    assert {option: getattr(part, option) for option in options} == options


@pytest.mark.parametrize(("kind", "name", "options"), MISUSES)
def test_wrong_options_are_found_without_building(kind: str, name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        check(kind, name, options)


def test_loading_every_part_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from harness.plugins import installed\n"
        "parts = installed()\n"
        "for registry in (parts.readers, parts.parsers, parts.metrics):\n"
        "    for name, place in registry.places.items():\n"
        "        if place.startswith('harness.'): registry.load(name)\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"torch", "transformers", "pandas", "scipy", "PIL", "matplotlib", "pydantic"}
