"""Scale and shift by a fixed number of small gradient steps, as published tables use them.

Adam (Kingma and Ba, arXiv 1412.6980) moves either number by about 1e-4 a step whatever the unit, so
1000 steps reach no further than 0.1: the result depends on where they start. Kept for comparison.
"""

import math

from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import Float32Array
from page4d_cli.eval.alignment.absolute_sum import AbsoluteSum, ScaleShiftBox

STEPS = 1000
LEARNING_RATE = 1e-4
MIN_CHANGE = 1e-6
"""The steps end when the sum changes by less than this."""
_BETAS = (0.9, 0.999)
_EPSILON = 1e-8
_REACH = 25 * LEARNING_RATE


def descend(
    prediction: Float32Array, ground_truth: FloatArray, start: float
) -> tuple[float, float]:
    """Lower Σ |s p + t − g| from s = `start`, t = 0.

    Args:
        prediction: (N,) at least 0.
        ground_truth: (N,).
        start: first scale.

    Returns:
        Scale and shift.
    """
    everything = AbsoluteSum(prediction, ground_truth)
    by_scale, by_shift = _Adam(start), _Adam(0.0)
    box, nearby, previous = ScaleShiftBox((0, -1), (0, -1)), everything, math.inf
    for step in range(1, STEPS + 1):
        scale, shift = by_scale.value, by_shift.value
        if not box.holds(scale, shift):
            box = _around(scale, shift)
            nearby = everything.within(box)
        value, scale_gradient, shift_gradient = nearby.value_and_gradient(scale, shift)
        by_scale.step(scale_gradient, step)
        by_shift.step(shift_gradient, step)
        if abs(previous - value) < MIN_CHANGE:
            break
        previous = value
    return by_scale.value, by_shift.value


def _around(scale: float, shift: float) -> ScaleShiftBox:
    return ScaleShiftBox((scale - _REACH, scale + _REACH), (shift - _REACH, shift + _REACH))


class _Adam:
    """One number and its running moments."""

    def __init__(self, value: float) -> None:
        self.value = value
        self._mean = self._square = 0.0

    def step(self, gradient: float, count: int) -> None:
        """Take step number `count`, from 1 on."""
        first, second = _BETAS
        self._mean += (1 - first) * (gradient - self._mean)
        self._square += (1 - second) * (gradient * gradient - self._square)
        mean, square = self._mean / (1 - first**count), self._square / (1 - second**count)
        self.value -= LEARNING_RATE * mean / (math.sqrt(square) + _EPSILON)
