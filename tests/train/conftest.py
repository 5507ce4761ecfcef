"""Fixtures of the tests of training."""

import pytest
import torch
from train_support import make_batch, random_rotations, unproject

from page4d_cli.train.batch import Batch


@pytest.fixture
def random_batch() -> Batch:
    """Two samples of three unrelated views, a fifth of the pixels unknown."""
    generator = torch.Generator().manual_seed(0)
    shape = (2, 3, 28, 42)
    depth = 1 + 2 * torch.rand(shape, generator=generator)
    valid = torch.rand(shape, generator=generator) > 0.2
    intrinsics = torch.tensor([[40.0, 0, 21], [0, 38, 14], [0, 0, 1]]).expand(2, 3, 3, 3)
    rotations = random_rotations(6, seed=1).reshape(2, 3, 3, 3)
    translations = torch.randn(2, 3, 3, generator=generator)
    cameras = unproject(depth, intrinsics) - translations[:, :, None, None]
    points = torch.einsum("bsji,bshwj->bshwi", rotations, cameras)
    extrinsics = torch.cat((rotations, translations[..., None]), dim=-1)
    return make_batch(depth, points, valid, extrinsics, intrinsics)
