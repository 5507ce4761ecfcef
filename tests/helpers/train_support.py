"""Batches that the tests of training share."""

import dataclasses

import torch
from safetensors.torch import load_file
from support import ORACLE

from page4d_cli.model.pose_encoding import extri_intri_to_pose_encoding, quat_xyzw_to_matrix
from page4d_cli.train.batch import Batch
from page4d_cli.train.losses.predictions import DensePrediction, Predictions
from page4d_cli.train.schedules import Curve, Piece, Schedule

replace = dataclasses.replace


def make_batch(depth, world_points, valid, extrinsics, intrinsics=None):
    count, frames, height, width = depth.shape
    if intrinsics is None:
        intrinsics = torch.eye(3).expand(count, frames, 3, 3)
    return Batch(
        images=torch.zeros(count, frames, 3, height, width),
        depth=depth,
        extrinsics=extrinsics,
        intrinsics=intrinsics,
        world_points=world_points,
        valid=valid,
        supervise_pose=torch.ones(count, dtype=torch.bool),
        supervise_geometry=torch.ones(count, dtype=torch.bool),
        sequence_names=tuple(f"toy/{i}" for i in range(count)),
    )


def toy_batch():
    """Two samples of a wall at depth 2, seen by a camera that moves sideways."""
    count, frames, height, width = 2, 3, 42, 56
    intrinsics = torch.tensor([[50.0, 0, 28], [0, 50, 21], [0, 0, 1]]).expand(count, frames, 3, 3)
    extrinsics = torch.eye(4)[:3].repeat(count, frames, 1, 1)
    extrinsics[..., 0, 3] = torch.tensor([0, 0.5, 1.0])
    depth = torch.full((count, frames, height, width), 2.0)
    points = unproject(depth, intrinsics) - extrinsics[..., None, None, :, 3]
    return make_batch(depth, points, depth > 0, extrinsics, intrinsics)


def unproject(depth, intrinsics):
    v, u = torch.meshgrid(*(torch.arange(n) for n in depth.shape[-2:]), indexing="ij")
    k = intrinsics[..., None, None, :, :]
    x = (u - k[..., 0, 2]) / k[..., 0, 0] * depth
    y = (v - k[..., 1, 2]) / k[..., 1, 1] * depth
    return torch.stack((x, y, depth), dim=-1)


def random_rotations(count, seed):
    generator = torch.Generator().manual_seed(seed)
    return quat_xyzw_to_matrix(torch.randn(count, 4, generator=generator))


def oracle_case():
    """The oracle's predictions, targets and target encoding."""
    numbers = load_file(ORACLE / "losses.safetensors")
    batch = make_batch(
        numbers["gt.depths"],
        numbers["gt.world_points"],
        numbers["gt.point_masks"],
        numbers["gt.extrinsics"],
        numbers["intrinsics"],
    )
    predictions = Predictions(
        tuple(numbers[f"pred.pose_enc.{i}"] for i in range(4)),
        DensePrediction(numbers["pred.depth"], numbers["pred.depth_conf"]),
        DensePrediction(numbers["pred.world_points"], numbers["pred.world_points_conf"]),
    )
    return predictions, batch, encode(batch)


def encode(batch):
    return extri_intri_to_pose_encoding(batch.extrinsics, batch.intrinsics, batch.depth.shape[-2:])


def perfect(batch, confidence=2.0):
    """What a network would say that knows the targets; every tensor wants a gradient."""
    encoding = encode(batch)
    certain = torch.full_like(batch.depth, confidence)
    return Predictions(
        tuple(encoding.clone().requires_grad_() for _ in range(4)),
        DensePrediction(
            batch.depth[..., None].clone().requires_grad_(), certain.clone().requires_grad_()
        ),
        DensePrediction(
            batch.world_points.clone().requires_grad_(), certain.clone().requires_grad_()
        ),
    )


def released_rate(peak, warm_up):
    """The shape of the released recipe's learning rates."""
    rise = Piece(Curve.LINEAR, 1e-8, peak, warm_up)
    return Schedule((rise, Piece(Curve.COSINE, peak, 1e-8, 1 - warm_up)))
