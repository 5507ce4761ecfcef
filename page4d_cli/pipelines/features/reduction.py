"""From the channels of a patch to what can be seen of it, on the device.

Shapes: S frames, N patches, C channels. Frames are taken a few at a time, so that no copy of all
tokens is made; all is computed in fp32.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from page4d_cli.core.enums import Reduction

COMPONENTS = 3
"""Red, green and blue."""
_NEGLIGIBLE = 1e-6
"""A component with less than this share of the first one's variance is rounding noise in fp32."""
_CONSTANT = 1e-12
"""As is a variance below this share of the mean token's squared norm."""


def reduce_patches(tokens: Tensor, reduction: Reduction, at_once: int) -> Tensor:
    """Reduce the channels of patch tokens.

    Args:
        tokens: (S, N, C), of any floating type.
        reduction: how.
        at_once: frames to take at a time.

    Returns:
        (S, N) for mean and norm, (S, N, 3) for pca. A token that is not finite gives NaN.
    """
    if reduction is Reduction.PCA:
        return _principal_components(tokens, at_once)
    chunks = (chunk.float() for chunk in tokens.split(at_once))
    if reduction is Reduction.MEAN:
        reduced = torch.cat([chunk.mean(-1) for chunk in chunks])
    else:
        reduced = torch.cat([torch.linalg.vector_norm(chunk, dim=-1) for chunk in chunks])
    return torch.where(reduced.isfinite(), reduced, torch.nan)


def principal_axes(mean: Tensor, covariance: Tensor) -> Tensor:
    """The first principal axes of a distribution.

    The entry of largest magnitude of each axis is made positive, so that the colours of a clip do
    not turn over from one computation to the next. An axis along which there is nothing but
    rounding noise is zero.

    Args:
        mean: (C,).
        covariance: (C, C).

    Returns:
        (C, 3), columns of length 1 (or 0), by falling variance.
    """
    values, vectors = torch.linalg.eigh(covariance.cpu().double())
    values, axes = values.flip(0)[:COMPONENTS], vectors.flip(1)[:, :COMPONENTS]
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    floor = max(float(values[0]) * _NEGLIGIBLE, float(mean.square().sum()) * _CONSTANT)
    principal: Tensor = axes * largest.sign() * (values > floor)
    return principal


def _principal_components(tokens: Tensor, at_once: int) -> Tensor:
    """(S, N, 3): all frames in one basis, around the clip's mean token."""
    mean, covariance = _moments(tokens, at_once)
    axes = principal_axes(mean, covariance).to(tokens.device, torch.float32)
    parts = [(chunk.float() - mean) @ axes for chunk in tokens.split(at_once)]
    components = torch.cat(parts)
    # 0 · ∞ is NaN already, but a finite sum of channels may hide one that is not.
    bad = torch.cat([~chunk.isfinite().all(-1) for chunk in tokens.split(at_once)])
    return components.masked_fill(bad[..., None], torch.nan)


def _moments(tokens: Tensor, at_once: int) -> tuple[Tensor, Tensor]:
    """Mean (C,) and covariance (C, C) of the finite tokens, in two passes against cancellation."""
    total = torch.zeros(tokens.shape[-1], device=tokens.device)
    count = torch.zeros((), device=tokens.device)
    for rows in _finite_rows(tokens, at_once):
        total += rows.sum(0)
        count += len(rows)
    mean = total / count.clamp(min=1)
    covariance = torch.zeros(len(mean), len(mean), device=tokens.device)
    for rows in _finite_rows(tokens, at_once):
        centred = rows - mean
        covariance.addmm_(centred.T, centred)
    return mean, covariance / count.clamp(min=1)


def _finite_rows(tokens: Tensor, at_once: int) -> Iterator[Tensor]:
    """(n, C) at a time, without tokens that are not finite."""
    for chunk in tokens.split(at_once):
        rows = chunk.flatten(0, 1).float()
        yield rows[rows.isfinite().all(-1)]
