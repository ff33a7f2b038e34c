"""Whether captions are cut into the same words as by the Java tokenizer, on every caption of COCO.

    python benchmarks/words.py [--split val | train]

Needs Java and the extra `captions`: pycocoevalcap's SPICE jar holds COCO's captions of 2014. The Java tokenizer looks
at the next line, so each caption is followed by a line with one neutral letter.
"""

import argparse
import json
import subprocess
import time
import zipfile
from importlib.util import find_spec
from pathlib import Path

from harness.metrics.captions.ptb import PUNCTUATION, words

SHOWN = 20


def package() -> Path:
    found = find_spec("pycocoevalcap")
    if found is None or not found.submodule_search_locations:
        raise SystemExit("pip install 'geopix[captions]' first")
    return Path(found.submodule_search_locations[0])


def captions(split: str) -> list[str]:
    """All different captions of a split, one line each."""
    with zipfile.ZipFile(package() / "spice" / "spice-1.0.jar") as jar:
        rows = json.loads(jar.read(f"coco/annotations/captions_{split}2014.json"))["annotations"]
    return sorted({" ".join(row["caption"].split()) for row in rows})


def java_words(texts: list[str]) -> list[tuple[str, ...]]:
    """What pycocoevalcap makes of the Java tokenizer's answers."""
    jar = package() / "tokenizer" / "stanford-corenlp-3.4.1.jar"
    command = ["java", "-cp", str(jar), "edu.stanford.nlp.process.PTBTokenizer", "-preserveLines", "-lowerCase"]
    lines = "".join(f"{text}\nx\n" for text in texts).encode()
    answer = subprocess.run(command, input=lines, capture_output=True, check=True).stdout.decode()
    return [
        tuple(word for word in line.split(" ") if word and word not in PUNCTUATION)
        for line in answer.split("\n")[:-1:2]
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=["val", "train"], default="val")
    texts = captions(parser.parse_args().split)
    start = time.process_time()
    ours = [words(text) for text in texts]
    seconds = time.process_time() - start
    theirs = java_words(texts)
    different = [row for row in zip(texts, ours, theirs, strict=True) if row[1] != row[2]]
    print(f"{len(texts)} captions, {len(different)} cut otherwise; ours took {seconds:.1f} CPU seconds")
    for text, our, their in different[:SHOWN]:
        print(f"{text!r}\n  ours   {' '.join(our)}\n  theirs {' '.join(their)}")


if __name__ == "__main__":
    main()
