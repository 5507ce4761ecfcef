import pytest
import torch
from train_support import random_rotations

from page4d_cli.core.errors import InputError
from page4d_cli.train.losses.absolute_pose import AbsolutePoseOptions, absolute_pose_loss
from page4d_cli.train.losses.places import PlacesOptions


def cameras(count, seed):
    """T_camera_world of cameras whose poses in the world are known."""
    rotation = random_rotations(count, seed)
    position = torch.randn(count, 3, generator=torch.Generator().manual_seed(seed))
    translation = -(rotation @ position[..., None])
    return rotation, position, torch.cat((rotation, translation), dim=-1)


def test_the_true_pose_costs_nothing_and_each_number_counts_alike():
    rotation, position, extrinsics = cameras(6, 0)
    truth = torch.cat((rotation.flatten(-2), position), dim=-1)[None]
    assert absolute_pose_loss(truth, extrinsics[None]) < 1e-6
    for number in (0, 8, 11):
        off = truth.clone()
        off[..., number] += 0.6
        assert absolute_pose_loss(off, extrinsics[None]).item() == pytest.approx(0.6 / 12, rel=1e-5)


def test_the_head_learns_a_linear_pose():
    """Tokens that hold the pose in another basis are enough."""
    rotation, position, extrinsics = cameras(64, 1)
    truth = torch.cat((rotation.flatten(-2), position), dim=-1)[None]
    basis = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(2)))[0]
    tokens = (truth @ basis)[:, :, None]
    head = AbsolutePoseOptions((0,)).head(12)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.02)
    before = absolute_pose_loss(head(0, tokens, 1), extrinsics[None]).item()
    for _ in range(300):
        optimiser.zero_grad()
        absolute_pose_loss(head(0, tokens, 1), extrinsics[None]).backward()
        optimiser.step()
    assert absolute_pose_loss(head(0, tokens, 1), extrinsics[None]).item() < 0.1 * before


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layers": ()}, r"layers is \[\]; give one or more from 0, ascending"),
        ({"layers": (-1,)}, "give one or more from 0, ascending"),
        ({"layers": (2, 1)}, "give one or more from 0, ascending"),
        ({"layers": (0,), "weight": -1.0}, "weight is -1.0; give a finite number"),
    ],
)
@pytest.mark.parametrize("options", [AbsolutePoseOptions, PlacesOptions])
def test_options_that_make_no_sense_are_refused(options, values, message):
    with pytest.raises(InputError, match=message):
        options(**values)
