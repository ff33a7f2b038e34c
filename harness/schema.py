"""The JSON schema of task files, by which editors complete and check them as they are typed.

`python -m harness.schema > tasks/schema.json` writes it anew after harness/spec.py has changed.
"""

import json
import sys
from typing import Any

from harness.spec import TaskSpec


def task_schema() -> dict[str, Any]:
    """Returns the schema of what a task file may say; with `extends` a file may leave out what it inherits."""
    schema = TaskSpec.model_json_schema()
    needed = schema.pop("required")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "required": ["name"],
        "if": {"not": {"required": ["extends"]}},
        "then": {"required": needed},
    }


def as_text() -> str:
    """Returns the schema as the text of tasks/schema.json."""
    return json.dumps(task_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(as_text())
