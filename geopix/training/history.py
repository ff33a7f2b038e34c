"""A run's log: a JSON line with the mean losses every so many steps, cut back where a run goes on from."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from geopix.training.writing import writing

HISTORY_FILE = "history.jsonl"


class History:
    """The log of one run.

    Args:
        path: the file; None where this process does not write.
        every: steps a line.
    """

    def __init__(self, path: Path | None, every: int) -> None:
        self._path = path
        self._every = every
        self._began = time.monotonic()
        self._earlier = 0.0
        self._sums: dict[str, float] = {}
        self._count = 0

    @property
    def seconds(self) -> float:
        """Time spent on the run, in all of its sittings that lead here."""
        return round(self._earlier + time.monotonic() - self._began, 1)

    def state(self) -> dict[str, Any]:
        """What `go_on` needs: the file's length, the sums since the last line, the time."""
        size = self._path.stat().st_size if self._path is not None and self._path.exists() else 0
        return {"bytes": size, "sums": dict(self._sums), "count": self._count, "seconds": self.seconds}

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Goes back to an earlier state: lines of steps that will be taken again are cut off."""
        self._sums, self._count = dict(state["sums"]), int(state["count"])
        self._earlier = float(state["seconds"])
        if self._path is not None:
            with self._path.open("ab") as file:
                file.truncate(int(state["bytes"]))

    def clear(self) -> None:
        """Empties the file for a run that begins."""
        if self._path is not None:
            self._path.write_text("", encoding="utf-8")

    def add(self, step: int, steps: int, values: Mapping[str, float]) -> dict[str, float]:
        """Adds one step's values, writes a line when it is time, and returns the means since the last one."""
        self._count += 1
        for name, value in values.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        means = {name: round(total / self._count, 5) for name, total in self._sums.items()}
        if step % self._every == 0 or step == steps:
            self.write({"step": step, "seconds": self.seconds, **means})
            self._sums, self._count = {}, 0
        return means

    def write(self, row: Mapping[str, Any]) -> None:
        """Appends a line of its own, the scores of an evaluation say."""
        if self._path is not None:
            with writing(self._path, "The states before it are whole."), self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
