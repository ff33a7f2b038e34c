"""Why a row did not pass, and what a reader should know of one that did."""

from collections.abc import Iterator

from harness.comparison.difference import Difference, least_p_value
from harness.comparison.gates import Gate
from harness.comparison.rows import ROUNDING, Measured, Row
from harness.comparison.wording import amount, score_with_interval


def errors(found: Measured, alpha: float) -> Iterator[str]:
    """Yields why a row, or the gate on it, could not be evaluated at a level of significance."""
    gate = found.gate
    # A metric that is new in HEAD has nothing to be compared with, and a floor does not ask for a baseline.
    if found.problem and not (found.excused and not (gate and gate.drop)):
        yield found.problem
    elif gate and gate.drop and (reason := _untestable(found.difference, gate, alpha)):
        yield f"the gate on a drop cannot be evaluated: {reason}"
    for bound in (gate.least, gate.greatest) if gate and found.card else ():
        if bound and (found.head is None or found.head.value is None):
            why = (found.head.reason if found.head else None) or "the result has no such slice"
            yield f"the gate on the score cannot be evaluated: {why}"
        elif bound and found.card and (unfit := bound.unfit(found.card)):
            yield f"the gate on the score cannot be evaluated: {unfit}"


def _untestable(difference: Difference | None, gate: Gate, alpha: float) -> str | None:
    """Why a gate on a drop cannot be held against a difference, None where it can."""
    if difference is None or difference.value is None or (gate.only_if_significant and difference.p_value is None):
        return _why(difference)
    if gate.only_if_significant and least_p_value(difference.clusters) > alpha:
        return _few_clusters(difference, alpha)
    return None


def _few_clusters(difference: Difference, alpha: float) -> str:
    return f"{difference.clusters} clusters cannot give p <= {alpha:g}, whatever the answers"


def _why(difference: Difference | None) -> str:
    return (difference.reason if difference else None) or "there is no comparison"


def failures(row: Row) -> Iterator[str]:
    """Yields what a row does not hold."""
    card, head, gate = row.card, row.head, row.gate
    if card and gate and head and head.value is not None:
        shown = score_with_interval(card, head)
        if gate.least and not gate.least.unfit(card) and head.value < gate.least.of(card) - ROUNDING:
            yield f"{row.name} {amount(card, head.value)} < {amount(card, gate.least.of(card))} {shown}"
        if gate.greatest and not gate.greatest.unfit(card) and head.value > gate.greatest.of(card) + ROUNDING:
            yield f"{row.name} {amount(card, head.value)} > {amount(card, gate.greatest.of(card))} {shown}"
    if row.verdict == "regressed" and card and row.difference:
        allowed = f"; {gate.drop} worse is allowed" if gate and gate.drop else ""
        yield f"{row.name} regressed: {change(row)}{allowed}"


def change(row: Row) -> str:
    """Returns a row's difference in words with interval, p-value and test, or why there is none."""
    card, found = row.card, row.difference
    if card is None or found is None or found.value is None or found.base is None or found.head is None:
        return _why(found)
    scores = f"{amount(card, found.base)} -> {amount(card, found.head)}"
    difference = f"{amount(card, found.value, signed=True)}"
    if found.low is not None and found.high is not None:
        interval = f"95 % CI {amount(card, found.low, signed=True)} to {amount(card, found.high, signed=True)}"
        difference = f"{difference}, {interval}"
    test = f"p = {row.p_value:.2g} after Holm, {found.test}" if row.p_value is not None else _why(found)
    return f"{scores} ({difference}; {test}; n={found.n:,}, {found.clusters:,} clusters)"


def remarks(row: Row, found: Measured) -> Iterator[str]:
    """Yields what a reader should know though it is no reason to fail."""
    if found.problem and found.excused and not (row.gate and row.gate.drop):
        yield f"nothing to compare with: {found.problem}"
    if row.verdict == "insufficient data" and row.card and row.difference and row.difference.value is not None:
        detectable = row.difference.detectable
        can = f"; a drop of {amount(row.card, detectable)} would be found in 80 % of such tests" if detectable else ""
        yield f"too little data to tell: {change(row)}{can}"
