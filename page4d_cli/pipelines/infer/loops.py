"""Places that a long video shows twice: which frames to look at together, by the network's tokens.

A frame is described when its window is predicted, by its patches after the first block that sees
the frame alone. Frames that look alike and lie far apart are predicted together, in a window of
both places; the joining then decides whether they are one (`join/loops.py`).
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import normalize

from page4d_cli.core.types import Float32Array, Int64Array
from page4d_cli.io.run.windows import read_descriptors
from page4d_cli.join.candidates import find_candidates
from page4d_cli.model.aggregator import LayerTokens

_LONGEST_LOOK = 8
_SHORTEST_LOOK = 2


class FrameDescriber:
    """Takes the layers of a window as they are computed, and describes its frames.

    Args:
        first_patch: how many special tokens stand before the patches of a frame.
    """

    def __init__(self, first_patch: int) -> None:
        self._first_patch = first_patch
        self.descriptors: Float32Array | None = None
        """(S, C) of unit length, once the first layer has come."""

    def __call__(self, layer: LayerTokens) -> None:
        """Look at a layer; only the first one counts."""
        if layer.index != 0:
            return
        of_frames = [self._describe(frame) for frame in layer.frame_tokens[0]]
        self.descriptors = torch.stack(of_frames).cpu().numpy()

    def _describe(self, tokens: torch.Tensor) -> torch.Tensor:
        patches = normalize(tokens[self._first_patch :].float(), dim=-1)
        return normalize(patches.mean(0), dim=0)


def loop_windows(windows: Sequence[Path], count: int) -> list[Int64Array]:
    """Choose the frames of windows of two looks, the later look first.

    Args:
        windows: files of the clip's windows, all of one length.
        count: frames of the clip.

    Returns:
        No more than there are windows, and of no more frames each.
    """
    read = [read_descriptors(path) for path in windows]
    length = len(read[0][0])
    look = min(_LONGEST_LOOK, length // 2)
    if look < _SHORTEST_LOOK or len(windows) < 2:
        return []
    descriptors = np.zeros((count, read[0][1].shape[1]), np.float32)
    for frames, described in reversed(read):
        descriptors[frames] = described
    pairs = find_candidates(
        descriptors, gap=length + look, apart=max(look, length // 2), most=len(windows)
    )
    return [
        np.concatenate([_look_at(frame, look, count) for frame in pair]) for pair in sorted(pairs)
    ]


def _look_at(frame: int, length: int, count: int) -> Int64Array:
    first = min(max(0, frame - length // 2), count - length)
    return np.arange(first, first + length)
