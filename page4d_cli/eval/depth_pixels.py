"""Valid pixels of depth maps, gathered frame by frame."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.errors import EvaluationError
from page4d_cli.core.geometry import FloatArray
from page4d_cli.core.types import Float32Array, Float64Array

DepthPair = tuple[FloatArray, FloatArray]
"""Prediction (h, w) and ground truth (H, W) of a frame, planar z."""


def valid_pixels(
    frames: Iterable[DepthPair], max_depth: float | None
) -> tuple[Float32Array, Float64Array]:
    """Predictions and ground truth of all frames where the ground truth is valid.

    Args:
        frames: read once; predictions of another size are resized bicubically.
        max_depth: ground truth is valid above 0 and below this; None for no limit.

    Returns:
        Both (N,), N over all frames. Ground truth is in double precision, in which published
        numbers are computed: `Align.SCALE` depends on the last digits.

    Raises:
        EvaluationError: no pixel is valid, a map is not (H, W), or a prediction is not finite at a
            valid pixel.
    """
    # Byte arrays grow in place; joining arrays at the end would hold everything twice.
    predictions, truths, count = bytearray(), bytearray(), 0
    for index, (prediction, ground_truth) in enumerate(frames):
        _require_map(f"frame {index}: the prediction", prediction)
        _require_map(f"frame {index}: the ground truth", ground_truth)
        valid = is_valid(ground_truth, max_depth)
        values = resize_bicubic(prediction, ground_truth.shape)[valid]
        _require_finite(index, values)
        predictions += values.tobytes()
        truths += ground_truth[valid].astype(np.float64).tobytes()
        count += 1
    if not truths:
        if not count:
            raise EvaluationError("there are no frames to score")
        limit = "" if max_depth is None else f" and below {max_depth:g}"
        raise EvaluationError(
            f"none of {count} frames has a pixel with ground truth above 0{limit}; "
            "check the ground truth and its unit"
        )
    return np.frombuffer(predictions, np.float32), np.frombuffer(truths, np.float64)


def is_valid(ground_truth: FloatArray, max_depth: float | None) -> NDArray[np.bool_]:
    """Pixels with ground truth: above 0, and below `max_depth` or finite."""
    limit = np.inf if max_depth is None else max_depth
    return np.asarray((ground_truth > 0) & (ground_truth < limit))


def resize_bicubic(depth: FloatArray, size: tuple[int, ...]) -> Float32Array:
    """Resize a map (h, w) to (H, W) by cubic convolution (Keys, a = −0.75), without smoothing.

    Pixels keep their area: corners lie on corners, and the outermost pixels are repeated beyond
    the border. A map of that size already is left as it is.
    """
    if depth.shape == size:
        return depth.astype(np.float32, copy=False)
    import torch  # here: comparing two results needs none of it

    source = torch.from_numpy(np.array(depth, np.float32))
    resized = torch.nn.functional.interpolate(
        source[None, None], size, mode="bicubic", align_corners=False
    )
    return np.asarray(resized[0, 0].numpy())


def _require_map(what: str, depth: FloatArray) -> None:
    if depth.ndim != 2 or not depth.size:
        raise EvaluationError(f"{what} has shape {depth.shape}; expected (height, width)")


def _require_finite(index: int, values: Float32Array) -> None:
    bad = np.count_nonzero(~np.isfinite(values))
    if bad:
        raise EvaluationError(
            f"frame {index}: the prediction is not finite at {bad} of {len(values)} valid pixels; "
            "only finite depth can be scored: predict this frame again"
        )
