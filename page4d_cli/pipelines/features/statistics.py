"""Numbers about a layer's output, frame by frame.

Let x (N, C) be the N patch tokens of C channels of one frame after one block.

| name | definition |
|---|---|
| mean | μ = mean of all N·C values |
| std | σ = root of the mean of (x − μ)² |
| skewness | mean of (x − μ)³, over σ³: 0 if the values lie evenly on both sides of their mean |
| energy | mean of the tokens' squared norms ‖x_n‖² |
| entropy | −Σ p_n log p_n / log N with p_n = ‖x_n‖² / Σ‖x‖²: 1 if all patches are equally strong |

The entropy is 0 if one patch has all the energy, and 1 if there is none or only one patch. The
skewness of constant values is 0. Any value that is not finite makes all of them NaN.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from page4d_cli.core.enums import FeatureKind
from page4d_cli.core.types import Float32Array
from page4d_cli.io.whole.writing import writing

STATISTICS = ("mean", "std", "skewness", "energy", "entropy")
_CONSTANT = 1e-6
"""Values whose deviation is below this share of their mean are constant up to rounding in fp32."""
_TINY = 1e-30


def frame_statistics(tokens: Tensor, at_once: int) -> Tensor:
    """Statistics of every frame, in the order of `STATISTICS`.

    Args:
        tokens: (S, N, C), of any floating type.
        at_once: frames to take at a time.

    Returns:
        (S, 5) fp32 on the same device.
    """
    return torch.cat([_of_chunk(chunk.float()) for chunk in tokens.split(at_once)])


def write_statistics(
    path: Path,
    by_layer: Mapping[int, Mapping[FeatureKind, Float32Array]],
    kinds: Sequence[FeatureKind],
    names: Sequence[str],
) -> None:
    """Write an npz: an array (K, L, S) for each statistic, for K kinds, L layers and S frames.

    Beside them `kinds` (K,) and `names` (S,), text, and `layers` (L,).

    Args:
        path: the file.
        by_layer: (S, 5) of each kind of each layer, as `frame_statistics` gives it.
        kinds: in the order of the first axis.
        names: of the frames.

    Raises:
        WriteError: the disk is full, or the like.
    """
    stacked = np.stack([[by_layer[layer][kind] for layer in by_layer] for kind in kinds])
    arrays = dict(zip(STATISTICS, np.moveaxis(stacked, -1, 0), strict=True))
    with writing(path):
        np.savez(
            path,
            kinds=np.array([kind.value for kind in kinds]),
            layers=np.array(list(by_layer)),
            names=np.array(names),
            **arrays,
        )


def _of_chunk(x: Tensor) -> Tensor:
    """(s, N, C) to (s, 5)."""
    mean = x.mean((1, 2), keepdim=True)
    centred = x - mean
    std = centred.square().mean((1, 2), keepdim=True).sqrt()
    is_constant = std <= _CONSTANT * mean.abs()
    z = centred / std.masked_fill(is_constant, 1)
    skewness = z.pow(3).mean((1, 2)).masked_fill(is_constant[:, 0, 0], 0)
    norms = x.square().sum(-1)
    values = (mean[:, 0, 0], std[:, 0, 0], skewness, norms.mean(1), _evenness(norms))
    result: Tensor = torch.stack(values, dim=-1)
    return result.masked_fill(~x.isfinite().flatten(1).all(1)[:, None], torch.nan)


def _evenness(norms: Tensor) -> Tensor:
    """Entropy of the shares of (s, N), over its largest possible value."""
    total, count = norms.sum(1, keepdim=True), norms.shape[1]
    if count < 2:
        return torch.ones_like(total[:, 0])
    share = torch.where(total > 0, norms / total.clamp(min=_TINY), 1 / count)
    # MPS has no torch.special.entr.
    entropy = -(share * share.clamp(min=_TINY).log()).sum(1) / math.log(count)
    return entropy.clamp(0, 1)
