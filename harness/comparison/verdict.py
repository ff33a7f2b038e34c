"""The verdict: one function decides what every output and the exit code say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.comparison.difference import least_p_value, paired_difference
from harness.comparison.evidence import Evidence, computing, metric_of
from harness.comparison.gates import Gate, Gates
from harness.comparison.holm import holm
from harness.comparison.pairing import Pairs, first_ids, pair
from harness.comparison.reasons import errors, failures, remarks
from harness.comparison.rows import ROUNDING, Key, Measured, Outcome, Row, Verdict
from harness.comparison.sides import Side
from harness.errors import GeoPixError, nearest
from harness.results import Score


@dataclass(frozen=True)
class Verdicts:
    """The outcome of a comparison.

    Attributes:
        base: the baseline.
        head: the run that is judged.
        gates: the gates and the level of significance.
        rows: one a metric and a gated slice, task by task.
    """

    base: Side
    head: Side
    gates: Gates
    rows: tuple[Row, ...]

    @property
    def bad(self) -> tuple[Row, ...]:
        """The rows that did not pass."""
        return tuple(row for row in self.rows if row.outcome != "passed")

    @property
    def exit_code(self) -> int:
        """0 where every row passed, else 1."""
        return 1 if self.bad else 0


def judge(base: Side, head: Side, gates: Gates, *, seed: int = 0) -> Verdicts:
    """Compares every metric of two runs, and holds the gates against them.

    A drop counts as regressed where it is greater than the gate allows or, without a gate, where it is significant
    after Holm over all rows. Within what a gate allows, a significant drop is soft. What cannot be tested, or is a
    greater drop than allowed that could be chance where the gate lets such pass, is insufficient data. A row fails
    that regressed or whose score is outside the gate's bounds. It is in error where its gate, or the comparison with a
    metric that the baseline has, could not be evaluated: tasks missing, not comparable, or samples without a score.

    Args:
        base: the baseline.
        head: the run that is judged.
        gates: what must hold.
        seed: of the bootstrap and the test.
    """
    gated = {(gate.task, gate.metric, tuple(sorted(gate.where.items()))): gate for gate in gates.gates}
    measured = [_measure(key, gated.get(key), base, head, seed) for key in _keys(base, head, gated)]
    adjusted = holm([found.difference.p_value if found.difference else None for found in measured])
    rows = [_row(found, p_value, gates.alpha) for found, p_value in zip(measured, adjusted, strict=True)]
    return Verdicts(base, head, gates, tuple(rows))


def _keys(base: Side, head: Side, gated: Mapping[Key, Gate]) -> list[Key]:
    """Every metric of either run, each followed by its gated slices, task by task."""
    keys: dict[Key, None] = {}
    for task in sorted({*base.tasks, *head.tasks, *(task for task, _, _ in gated)}):
        cards = [card.name for side in (base, head) if task in side.tasks for card in side.tasks[task].result.metrics]
        for metric in dict.fromkeys([*cards, *(gate.metric for gate in gated.values() if gate.task == task)]):
            if metric in cards:
                keys[task, metric, ()] = None
            keys |= dict.fromkeys(key for key in gated if key[:2] == (task, metric))
    return list(keys)


def _measure(key: Key, gate: Gate | None, base: Side, head: Side, seed: int) -> Measured:
    found = Measured(key, gate)
    task, metric, where = key
    if problem := _missing(key, head, "HEAD"):
        return replace(found, problem=problem)
    run = head.tasks[task]
    found = replace(found, card=run.card(metric), head=_score(run, metric, dict(where)))
    if problem := _missing(key, base, "BASE"):
        return replace(found, problem=problem, excused=True)
    try:
        for side in (base.tasks[task], run):
            if problem := side.stale(metric):
                return replace(found, problem=problem)
        pairs = pair(base.tasks[task], run, metric, dict(where))
        if pairs.only_base:
            return replace(found, problem=_lost(pairs, head.label))
        with computing(run, metric):
            return replace(found, difference=paired_difference(metric_of(run.card(metric)), pairs, seed=seed))
    except GeoPixError as error:
        return replace(found, problem=str(error))


def _missing(key: Key, side: Side, role: str) -> str | None:
    """Why a side has no such metric."""
    task, metric, _ = key
    if task in side.unfinished:
        return f"{role} ({side.label}) has not finished task {task!r}; the same command goes on where it stopped"
    if task not in side.tasks:
        known = ", ".join(sorted(side.tasks))
        return f"{role} ({side.label}) has no task {task!r}.{nearest(task, side.tasks)} It has: {known}"
    names = [card.name for card in side.tasks[task].result.metrics]
    if metric not in names:
        known = ", ".join(names)
        return f"{role} ({side.label}) has no metric {metric!r} in {task}.{nearest(metric, names)} It has: {known}"
    return None


def _score(run: Evidence, metric: str, where: Mapping[str, str]) -> Score | None:
    """The score as it stands in the result, of the whole task or of a slice."""
    if not where:
        return run.score(metric)
    at = run.result.metrics.index(run.card(metric))
    found = [piece.scores[at] for piece in run.result.slices if {piece.tag: piece.value} == dict(where)]
    return found[0] if found else None


def _lost(pairs: Pairs, label: str) -> str:
    return (
        f"HEAD ({label}) has no score for {len(pairs.only_base)} samples that BASE has scored "
        f"({first_ids(pairs.only_base)}); see why in its records, and run it again"
    )


def _row(found: Measured, p_value: float | None, alpha: float) -> Row:
    task, metric, where = found.key
    row = Row(
        task=task,
        metric=metric,
        where=dict(where),
        verdict=_verdict(found, p_value, alpha),
        outcome="passed",
        card=found.card,
        head=found.head,
        difference=found.difference,
        p_value=p_value,
        gate=found.gate,
    )
    broken, failed = list(errors(found, alpha)), list(failures(row))
    outcome: Outcome = "error" if broken else "failed" if failed else "passed"
    return replace(row, outcome=outcome, reasons=(*failed, *broken, *remarks(row, found)))


def _verdict(found: Measured, p_value: float | None, alpha: float) -> Verdict:
    difference = found.difference
    if difference is None or difference.value is None or difference.base is None or found.card is None:
        return "insufficient data"
    drop = -difference.value if found.card.direction == "higher" else difference.value
    gate = found.gate
    allowed = gate.drop.of(difference.base, found.card) if gate and gate.drop else None
    if allowed is not None and gate is not None and not gate.only_if_significant and drop > allowed + ROUNDING:
        return "regressed"
    if p_value is None or least_p_value(difference.clusters) > alpha:
        return "insufficient data"
    return _tested(drop, allowed, significant=p_value <= alpha)


def _tested(drop: float, allowed: float | None, *, significant: bool) -> Verdict:
    """The verdict on a drop (negative: a gain) that was tested."""
    beyond = drop > (allowed or 0.0) + ROUNDING
    if significant:
        return "regressed" if beyond else "soft" if drop > 0 else "improved"
    return "insufficient data" if beyond and allowed is not None else "stable"


def status(rows: Sequence[Row]) -> str:
    """Returns the verdict in one line: how many passed, failed and could not be evaluated."""
    failed = sum(row.outcome == "failed" for row in rows)
    errors = sum(row.outcome == "error" for row in rows)
    if not failed and not errors:
        return f"PASSED: {len(rows)} of {len(rows)} checks hold"
    parts = [f"{failed} failed"] * bool(failed) + [f"{errors} could not be evaluated"] * bool(errors)
    return f"FAILED: {', '.join(parts)}, of {len(rows)} checks"
