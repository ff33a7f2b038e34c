"""A small data set in RSVQA's layout, and a task over it."""

import json
from pathlib import Path

from PIL import Image

from harness.catalog import Catalogue
from harness.plugins import installed
from harness.spec import Task

TASK = """\
name: small
version: {version}
title: A small test
url: https://example.org/small
dataset: {{reader: rsvqa, root: SMALL, prefix: T}}
capability: vqa
prompt: "{prompt}"
parser: {{name: rsvqa_answer}}
metrics:
  - {{name: accuracy, as: oa, primary: true}}
slices: [type]
cluster: {cluster}
"""


def write_data(folder: Path, questions: int = 12, images: int = 4) -> Path:
    """Writes questions about pictures in turns; every third answer is no, the others are yes."""
    root = folder / "SMALL"
    (root / "Data").mkdir(parents=True)
    for image in range(images):
        Image.new("RGB", (8, 8), (40 * image, 90, 60)).save(root / "Data" / f"{image}.tif")
    rows = [
        {
            "id": number,
            "img_id": number % images,
            "type": ("presence", "comp")[number % 2],
            "question": f"Is thing {number} here?",
            "answers_ids": [number],
            "active": True,
        }
        for number in range(questions)
    ]
    answers = [
        {"id": n, "question_id": n, "answer": "yes" if n % 3 else "no", "active": True} for n in range(questions)
    ]
    tables = {
        "questions": rows,
        "answers": answers,
        "images": [{"id": image, "active": True} for image in range(images)],
    }
    for kind, table in tables.items():
        (root / f"T_{kind}.json").write_text(json.dumps({kind: table}))
    return folder


def write_task(folder: Path, prompt: str = "{{ question }}", version: int = 1, cluster: str = "image_id") -> Path:
    """Writes the task's file."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "small.yaml"
    file.write_text(TASK.format(prompt=prompt, version=version, cluster=cluster))
    return file


def small_task(folder: Path, prompt: str = "{{ question }}", version: int = 1, cluster: str = "image_id") -> Task:
    """Returns the task, built."""
    file = write_task(folder, prompt, version, cluster)
    return Catalogue([folder], installed()).task(str(file))
