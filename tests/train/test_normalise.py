"""Normalisation: the original's numbers, and what must hold for any batch."""

import dataclasses

import pytest
import torch
from safetensors.torch import load_file
from support import ORACLE, relative_difference
from train_support import make_batch, random_rotations, replace, toy_batch

from page4d_cli.model.pose_encoding import extri_intri_to_pose_encoding
from page4d_cli.train.normalise import ORIGINAL_EMPTY_SCALE, normalise


def test_oracle():
    numbers = load_file(ORACLE / "normalise.safetensors")
    batch = make_batch(
        numbers["in.depths"],
        numbers["in.world_points"],
        numbers["in.point_masks"],
        numbers["in.extrinsics"],
    )
    result = normalise(batch)
    for given, name in (
        (result.batch.depth, "depths"),
        (result.batch.extrinsics, "extrinsics"),
        (result.batch.world_points, "world_points"),
        (numbers["in.cam_points"] / result.scale[:, None, None, None, None], "cam_points"),
    ):
        assert relative_difference(given, numbers[f"out.{name}"]) < 1e-5
    assert result.scale_known.all()


def test_toy_scene():
    result = normalise(toy_batch())
    torch.testing.assert_close(result.scale, torch.full((2,), 2.2454858))
    lengths = torch.linalg.vector_norm(result.batch.world_points, dim=-1)
    assert lengths.mean().item() == pytest.approx(1.0, abs=1e-4)
    encoding = extri_intri_to_pose_encoding(
        result.batch.extrinsics, result.batch.intrinsics, result.batch.depth.shape[-2:]
    )
    expected = torch.tensor([0.2227, 0, 0, 0, 0, 0, 1, 0.7953, 1.0210])
    torch.testing.assert_close(encoding[0, 1], expected, atol=5e-5, rtol=0)


def test_the_first_camera_becomes_the_world(random_batch):
    result = normalise(random_batch).batch
    expected = torch.eye(4)[:3].expand(len(random_batch), 3, 4)
    torch.testing.assert_close(result.extrinsics[:, 0], expected, atol=1e-6, rtol=0)


def test_points_keep_their_places_in_every_camera(random_batch):
    result = normalise(random_batch)
    before = in_cameras(random_batch) / result.scale[:, None, None, None, None]
    torch.testing.assert_close(in_cameras(result.batch), before, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("factor", [0.01, 1.0, 250.0])
def test_the_world_frame_and_its_unit_do_not_matter(random_batch, factor):
    moved = move_world(random_batch, factor)
    expected, result = normalise(random_batch), normalise(moved)
    torch.testing.assert_close(result.scale, factor * expected.scale, rtol=1e-4, atol=0)
    for name in ("depth", "extrinsics", "world_points"):
        torch.testing.assert_close(
            getattr(result.batch, name), getattr(expected.batch, name), rtol=1e-4, atol=1e-4
        )


def test_only_valid_points_make_the_scale(random_batch):
    points = torch.where(random_batch.valid[..., None], random_batch.world_points, 1e5)
    result = normalise(replace(random_batch, world_points=points))
    assert torch.equal(result.scale, normalise(random_batch).scale)


def test_a_sample_without_points_keeps_its_unit(random_batch):
    valid = random_batch.valid.clone()
    valid[1] = False
    empty = replace(random_batch, valid=valid)
    result = normalise(empty)
    assert result.scale_known.tolist() == [True, False]
    assert result.scale[1] == 1
    assert torch.equal(result.batch.depth[1], random_batch.depth[1])
    assert normalise(empty, empty_scale=ORIGINAL_EMPTY_SCALE).scale[1].item() == pytest.approx(1e-6)


@pytest.mark.parametrize("name", ["depth", "world_points", "extrinsics"])
def test_nan_stays_in_its_sample(random_batch, name):
    damaged = getattr(random_batch, name).clone()
    damaged[1, 0, 0] = torch.nan
    result = normalise(replace(random_batch, **{name: damaged}))
    expected = normalise(random_batch)
    assert result.scale.isfinite().all()
    for field in ("depth", "extrinsics", "world_points"):
        assert torch.equal(getattr(result.batch, field)[0], getattr(expected.batch, field)[0])


def test_a_batch_refuses_shapes_that_do_not_fit(random_batch):
    with pytest.raises(ValueError, match=r"depth has shape \(2, 3, 4, 5\), expected \(2, 3, 28"):
        replace(random_batch, depth=torch.ones(2, 3, 4, 5))
    with pytest.raises(ValueError, match="1 sequence names for 2 samples"):
        replace(random_batch, sequence_names=("one",))


def test_a_batch_moves_as_a_whole(random_batch):
    moved = random_batch.to("meta")
    tensors = [one for one in vars(moved).values() if isinstance(one, torch.Tensor)]
    assert len(tensors) == len(dataclasses.fields(moved)) - 1
    assert all(one.device.type == "meta" for one in tensors)
    assert moved.sequence_names == random_batch.sequence_names


def in_cameras(batch):
    rotation, translation = batch.extrinsics[..., :3], batch.extrinsics[..., 3]
    return (
        torch.einsum("bsij,bshwj->bshwi", rotation, batch.world_points)
        + (translation[:, :, None, None])
    )


def move_world(batch, factor):
    """The same scenes seen from another world frame, in another unit."""
    rotation = random_rotations(1, seed=3)[0]
    offset = torch.tensor([0.3, -0.2, 0.5])
    points = factor * (batch.world_points @ rotation.mT + offset)
    rotations = batch.extrinsics[..., :3] @ rotation.mT
    translations = factor * (batch.extrinsics[..., 3] - rotations @ offset)
    return replace(
        batch,
        depth=factor * batch.depth,
        world_points=points,
        extrinsics=torch.cat((rotations, translations[..., None]), dim=-1),
    )
