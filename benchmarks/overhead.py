"""What the harness itself costs: 10,000 RSVQA-HR questions answered from a file, against a script that only counts.

    python benchmarks/overhead.py [--questions 10000] [--images 500] [--runs 5]

All are whole processes, run in turns over the same files: `geopix-eval --tasks rsvqa_hr --model replay:FILE`, which
parses, scores, keeps every record and draws confidence intervals; a bare script that reads the four files and counts
right answers by type; and one that imports the libraries of geopix-eval and does nothing, its floor.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
ANSWERS = {
    "presence": ("yes", "no"),
    "comp": ("yes", "no"),
    "count": tuple(map(str, range(30))),
    "area": tuple(f"{area}m2" for area in (0, 7, 64, 730, 5120)),
}
BARE = """
import json, sys
from collections import Counter
root, answers = sys.argv[1:]
load = lambda kind: json.load(open(f"{root}/RSVQA_HR/USGS_split_test_{kind}.json"))[kind]
images = {row["id"] for row in load("images") if row["active"]}
truth = {row["id"]: row["answer"] for row in load("answers") if row["active"]}
said = {row["sample_id"]: row["text"] for row in map(json.loads, open(answers))}
right, asked = Counter(), Counter()
for row in load("questions"):
    if row["active"] and row["img_id"] in images:
        asked[row["type"]] += 1
        right[row["type"]] += said[str(row["id"])].strip().lower() == truth[row["answers_ids"][0]]
print({kind: right[kind] / asked[kind] for kind in asked})
"""

LIBRARIES = """
import gc; gc.disable()
import click, importlib.metadata, jinja2.sandbox, numpy.random, orjson, pluggy, pydantic, rich.progress, yaml
pydantic.BaseModel, pydantic.TypeAdapter
gc.freeze()
"""


def write_questions(root: Path, questions: int, images: int) -> None:
    """Writes questions in RSVQA-HR's own layout, about small pictures."""
    choose = random.Random(7)
    folder = root / "RSVQA_HR"
    (folder / "Data").mkdir(parents=True)
    for image in range(images):
        Image.new("RGB", (16, 16), (image % 256, 90, 60)).save(folder / "Data" / f"{image}.tif")
    asked, answered, replayed = [], [], []
    for number in range(questions):
        kind = choose.choice(list(ANSWERS))
        question = f"Is the {kind} of thing {number} next to a road, or to the left of a building?"
        common = {"active": True, "people_id": 1, "date_added": 1590000000.0}
        row = {"id": number, "img_id": number % images, "type": kind, "question": question, "answers_ids": [number]}
        asked.append(row | common)
        answered.append({"id": number, "question_id": number, "answer": choose.choice(ANSWERS[kind])} | common)
        replayed.append(json.dumps({"sample_id": str(number), "text": choose.choice(ANSWERS[kind])}))
    pictures = [{"id": image, "active": True, "original_name": f"{image}.tif"} for image in range(images)]
    for kind, rows in {"questions": asked, "answers": answered, "images": pictures}.items():
        (folder / f"USGS_split_test_{kind}.json").write_text(json.dumps({kind: rows}))
    (root / "answers.jsonl").write_text("\n".join(replayed) + "\n")


def seconds(command: list[str]) -> tuple[float, float]:
    """Wall clock and CPU seconds of one process."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=ROOT, env=environment, text=True
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[:4]} ended with {process.returncode}:\n{said}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=10_000)
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_questions(root, options.questions, options.images)
        bare = [sys.executable, "-c", BARE, str(root), str(root / "answers.jsonl")]
        libraries = [sys.executable, "-c", LIBRARIES]
        ours = [sys.executable, "-c", "from harness.cli import main; main()", "--tasks", "rsvqa_hr"]
        ours += ["--model", f"replay:{root / 'answers.jsonl'}", "--data-dir", str(root)]
        times: dict[str, list[tuple[float, float]]] = {"bare script": [], "libraries alone": [], "geopix-eval": []}
        for run in range(options.runs):
            times["bare script"].append(seconds(bare))
            times["libraries alone"].append(seconds(libraries))
            times["geopix-eval"].append(seconds([*ours, "--output", str(root / f"run{run}")]))
    report(times)


def report(times: dict[str, list[tuple[float, float]]]) -> None:
    print("| process | least wall seconds | least CPU seconds |")
    print("|---|---:|---:|")
    least = {name: tuple(map(min, zip(*values, strict=True))) for name, values in times.items()}
    for name, (wall, cpu) in least.items():
        print(f"| {name} | {wall:.2f} | {cpu:.2f} |")
    (bare_wall, bare_cpu), (wall, cpu) = least["bare script"], least["geopix-eval"]
    print(f"| ratio | {wall / bare_wall:.1f} | {cpu / bare_cpu:.1f} |")


if __name__ == "__main__":
    main()
