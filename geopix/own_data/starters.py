"""The task file and the recipe that go with a data set."""

import json
from collections.abc import Mapping
from pathlib import Path

from geopix.own_data.records import SplitCount
from geopix.own_data.settings import Settings
from geopix.own_data.tables import IMAGES, REFERENCES

TASKS, RECIPE = "tasks", "recipe.yaml"


def write_task(folder: Path, root: str, settings: Settings, counts: Mapping[str, SplitCount]) -> None:
    """Writes `tasks/NAME.yaml`, which asks about the last split.

    Args:
        folder: the data set's folder while it is written.
        root: its name below the data folder.
        settings: how it was made.
        counts: what each split holds.
    """
    name, rule, test = settings.name, settings.rule, counts[settings.test]
    notes = [
        f"A part of a polygon is asked about when it has {rule.pixels} pixels or more, and at least {rule.share:.0%} "
        f"of the polygon's area or {rule.of_tile:.0%} of the tile's.",
        "No ground is in two splits. Intervals resample whole places: rasters, or the blocks they were parted into.",
        "The preset rela is that of gRefCOCO: an answer about what is not there is right when it marks no pixel.",
    ]
    text = f"""\
# Made by `geopix tiles`. Change what you like, then run `geopix-eval validate`; raise `version` when scores change.
name: {name}
version: 1
title: {json.dumps(f"{name}, split {settings.test}")}
description: Things in aerial tiles, all of a class or those that an expression means, to be marked pixel by pixel.
licence: that of your own rasters and polygons
dataset:
  reader: refer
  root: {json.dumps(root, ensure_ascii=False)}
  dataset: .
  references: {REFERENCES}
  images: {IMAGES}
  split: {settings.test}
  tags: {{place: place}}
expects: {{samples: {test.questions}, images: {test.tiles}}}
capability: segment
prompt: "Please segment {{{{ expression }}}} in this image."
generation: {{max_new_tokens: 64}}
parser: {{name: mask, several: union}}
metrics:
  - {{name: mean_iou, as: giou, preset: rela, primary: true}}
  - {{name: cumulative_iou, as: ciou, preset: rela}}
  - {{name: precision_at, as: p50, threshold: 0.5, preset: rela}}
  - {{name: target_accuracy, as: t_acc}}
  - {{name: no_target_accuracy, as: n_acc}}
slices: [category, size]
cluster: place
notes:
{"".join(f"  - {json.dumps(note)}{chr(10)}" for note in notes)}"""
    (folder / TASKS).mkdir()
    (folder / TASKS / f"{name}.yaml").write_text(text, "utf-8")


def write_recipe(folder: Path, output: Path, settings: Settings) -> None:
    """Writes `recipe.yaml`, which teaches geopix-mini the first split.

    Args:
        folder: the data set's folder while it is written.
        output: where it will be.
        settings: how it was made.
    """
    name, place = settings.name, output.as_posix()
    examined = (
        f"""\
evaluation:
  tasks: [{{task: {name}, dataset: {{split: {settings.examination}}}}}]
  every: 100
"""
        if settings.examination
        else ""
    )
    text = f"""\
# Made by `geopix tiles`. Run it with:
#   geopix train {place}/{RECIPE} --data-dir {output.parent.as_posix()} --task-dir {place}/{TASKS}
name: {name}
purpose: >
  Goes on from geopix-mini, on a CPU, with the tiles of {name}. The vision tower rests, all else learns. For a large
  checkpoint on a GPU take the shipped recipe finetune and this data: low-rank additions, bfloat16, a lower rate.
base: {{checkpoint: geopix-mini}}
parts: {{vision_tower: frozen}}
data:
  - task: {name}
    dataset: {{split: {settings.training}}}
    templates: [tiles]
    augment: {{horizontal_flip: 0.5, vertical_flip: 0.5, rotation: 0.5}}
optimiser: {{learning_rate: 5.0e-4, weight_decay: 0.0, warmup_share: 0.1}}
losses: {{ce: 1.0, bce: 2.0, dice: 1.0}}
batch_norm: stored
steps: 200
images_per_step: 8
questions_per_image: 6
{examined}pictures: {{every: 100, count: 4}}
log_every: 10
save_every: 100
seed: {settings.seed}
"""
    (folder / RECIPE).write_text(text, "utf-8")
