"""Which frames may show a place that was seen before, by what the network's own tokens say of them.

A frame's descriptor is the mean of its patch tokens, each of unit length. Compared over a video,
descriptors are powered and whitened, and what all frames have in common is dropped (Jégou and Chum,
Negative evidences and co-occurences in image retrieval, ECCV 2012). That serves as well as a
network trained for retrieval where loops are verified afterwards, as ours are (`loops.py`).
"""

import numpy as np

from page4d_cli.core.types import Float32Array, Float64Array

ALIKE = 0.4
"""Cosine of descriptors from which two frames are looked at together."""
_MOST_COMPONENTS = 32
_AT_ONCE = 512
"""Frames that are compared with all others at a time."""


def whiten(descriptors: Float32Array) -> Float32Array:
    """Make descriptors (N, C) comparable by their cosine.

    Returns:
        (N, D) of unit length; D is 0 where there are too few frames to tell anything apart.
    """
    powered = np.sign(descriptors) * np.sqrt(np.abs(descriptors)).astype(np.float64)
    powered -= powered.mean(0)
    values, vectors = np.linalg.eigh(powered.T @ powered / len(powered))
    spread, axes = values[::-1], vectors[:, ::-1]
    rank = int((spread > 1e-9 * max(spread[0], 1e-300)).sum())
    kept = slice(1, min(rank, 1 + _MOST_COMPONENTS))
    return _unit(powered @ (axes[:, kept] / np.sqrt(np.maximum(spread[kept], 1e-300))))


def find_candidates(
    descriptors: Float32Array, *, gap: int, apart: int, most: int
) -> list[tuple[int, int]]:
    """Find pairs of frames that look alike, the most alike first.

    Args:
        descriptors: (N, C) of frame after frame.
        gap: frames that must lie between the two.
        apart: of pairs whose both frames are nearer than this to those of a better pair, none is
            taken.
        most: how many to find.

    Returns:
        (later, earlier) rows.
    """
    whitened = whiten(descriptors)
    count = len(whitened)
    pairs, cosines = [], []
    for begin in range(0, count, _AT_ONCE):
        later = np.arange(begin, min(begin + _AT_ONCE, count))
        cosine = whitened[later] @ whitened.T
        cosine[later[:, None] - np.arange(count) <= gap] = -1
        best = cosine.argmax(1)
        found = cosine[np.arange(len(later)), best]
        pairs.append(np.stack([later, best], 1)[found >= ALIKE])
        cosines.append(found[found >= ALIKE])
    ordered = np.concatenate(pairs)[np.argsort(-np.concatenate(cosines), kind="stable")]
    kept: list[tuple[int, int]] = []
    for later_frame, earlier in ordered.tolist():
        if len(kept) == most:
            break
        if all(max(abs(later_frame - a), abs(earlier - b)) >= apart for a, b in kept):
            kept.append((later_frame, earlier))
    return kept


def _unit(vectors: Float64Array) -> Float32Array:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-300), np.float32)
