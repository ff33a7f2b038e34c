"""Task files for tests, written below a temporary folder."""

from pathlib import Path

GOOD = """\
name: {name}
version: 1
title: A test
dataset: {{reader: rsvqa, root: DATA, prefix: T}}
capability: vqa
prompt: "{{{{ question }}}}"
parser: {{name: rsvqa_answer}}
metrics:
  - {{name: accuracy, as: oa, primary: true}}
"""


def write(folder: Path, name: str, text: str = GOOD, **replacements: str) -> Path:
    """Writes a task file; each replacement gives a key another line, or takes it away where it is empty."""
    lines = text.format(name=name).splitlines() if text is GOOD else text.splitlines()
    for key, line in replacements.items():
        lines = [line if old.startswith(f"{key}:") else old for old in lines]
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.yaml"
    file.write_text("\n".join(line for line in lines if line) + "\n")
    return file
