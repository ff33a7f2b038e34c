"""Many comparisons at once: the more one makes, the more differences chance alone shows."""

from collections.abc import Sequence


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Returns adjusted p-values; of those at most alpha, one or more is false with a chance of at most alpha.

    A comparison that could not be made (None) stays None and counts as one that separates nothing.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6, 1979.

    >>> holm([0.01, 0.04, None, 0.03])  # 4 * 0.01, then 3 * 0.03, then 2 * 0.04 and no less than the one before
    [0.04, 0.09, None, 0.09]
    """
    adjusted: list[float | None] = [None] * len(p_values)
    made = sorted((p, index) for index, p in enumerate(p_values) if p is not None)
    greatest = 0.0
    for place, (p, index) in enumerate(made):
        greatest = max(greatest, min(1.0, (len(p_values) - place) * p))
        adjusted[index] = greatest
    return adjusted
