"""Compare the directions of surface normals."""

import torch
from torch import Tensor
from torch.nn.functional import normalize, pad

from page4d_cli.train.losses.confidence import confidence_weighted
from page4d_cli.train.losses.maps import Maps
from page4d_cli.train.losses.masked import masked_row_means

SCALES = 3
EPSILON = 1e-8
FEWEST = 10
"""Groups with fewer normals give 0."""


def normal_loss(maps: Maps, *, weighted: bool = False) -> Tensor:
    """1 - cos of the angle between predicted and true normals.

    Each pixel has four normals, one from each pair of adjacent neighbours; a normal is valid where
    the pixel and both neighbours are.

    Args:
        maps: of points, C = 3, at one scale.
        weighted: weight each normal by the confidence of its pixel.

    Returns:
        (G,).
    """
    normals = zip(_normals(maps.prediction), _normals(maps.target), strict=True)
    cosines = torch.stack([(predicted * true).sum(dim=-1) for predicted, true in normals])
    errors = 1 - cosines.clamp(EPSILON - 1, 1 - EPSILON)
    if weighted:
        errors = confidence_weighted(errors, maps.confidence)
    return masked_row_means(errors.transpose(0, 1), _valid_normals(maps.mask), fewest=FEWEST)


def _normals(points: Tensor) -> list[Tensor]:
    """Four fields of unit normals (G, F, H, W, 3); meaningless at the border."""
    sides = [neighbour - points for neighbour in _neighbours(pad(points, (0, 0, 1, 1, 1, 1)))]
    return [
        normalize(torch.linalg.cross(side, following), dim=-1, eps=EPSILON)
        for side, following in zip(sides, [*sides[1:], sides[0]], strict=True)
    ]


def _valid_normals(mask: Tensor) -> Tensor:
    """(G, 4, F, H, W) bool."""
    sides = _neighbours(pad(mask, (1, 1, 1, 1)))
    pairs = zip(sides, [*sides[1:], sides[0]], strict=True)
    return torch.stack([mask & side & following for side, following in pairs], dim=1)


def _neighbours(padded: Tensor) -> list[Tensor]:
    """Up, left, down, right of each pixel of (G, F, H+2, W+2, …)."""
    return [
        padded[:, :, :-2, 1:-1],
        padded[:, :, 1:-1, :-2],
        padded[:, :, 2:, 1:-1],
        padded[:, :, 1:-1, 2:],
    ]
