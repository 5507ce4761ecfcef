"""Estimates that a minority of wrong values does not move."""

import numpy as np

from page4d_cli.core.types import Float64Array

_MAD_TO_DEVIATION = 1.4826
_REJECT = 4.685
"""Deviations beyond which a value does not count: Tukey's biweight at 95 % efficiency."""
_ROUNDS = 10


def deviation(values: Float64Array) -> float:
    """Standard deviation, by the median of absolute deviations, as if they were normal."""
    return float(_MAD_TO_DEVIATION * np.median(np.abs(values - np.median(values))))


def centre(values: Float64Array) -> float:
    """The middle of the bulk of the values (N,), by Tukey's biweight about their median."""
    middle = float(np.median(values))
    for _ in range(_ROUNDS):
        spread = _MAD_TO_DEVIATION * float(np.median(np.abs(values - middle)))
        if spread == 0:
            break
        weights = np.clip(1 - ((values - middle) / (_REJECT * spread)) ** 2, 0, None) ** 2
        middle = float((weights * values).sum() / weights.sum())
    return middle
