import pytest
import torch
from train_support import replace

from page4d_cli.train.losses.camera import (
    CameraLossOptions,
    CameraNorm,
    CameraValidity,
    camera_loss,
    camera_validity,
)
from page4d_cli.train.losses.quirks import Quirks

ALL = CameraValidity(torch.tensor([True]), torch.tensor([True]))


def offset(translation=0.0, rotation=0.0, focal=0.0):
    return torch.tensor([translation] * 3 + [rotation] * 4 + [focal] * 2).expand(1, 2, 9)


def test_later_stages_count_more():
    target = torch.zeros(1, 2, 9)
    for stage, weight in enumerate((0.216, 0.36, 0.6, 1.0)):
        stages = [offset(1.0) if i == stage else target for i in range(4)]
        terms = camera_loss(stages, target, ALL, CameraLossOptions())
        assert terms.translation.item() == pytest.approx(weight / 4)
        assert (terms.rotation, terms.focal) == (0, 0)


def test_parts_are_weighted():
    options = CameraLossOptions(weight_trans=2, weight_rot=3, weight_focal=5)
    target = torch.zeros(1, 2, 9)
    terms = camera_loss([offset(0.1, 0.2, 0.3)], target, ALL, options)
    assert terms.total.item() == pytest.approx(2 * 0.1 + 3 * 0.2 + 5 * 0.3)


def test_l2_is_the_length_of_the_difference():
    target = torch.zeros(1, 2, 9)
    options = CameraLossOptions(norm=CameraNorm.L2)
    terms = camera_loss([offset(0.1, 0.2, 0.3)], target, ALL, options)
    assert terms.translation.item() == pytest.approx(0.1 * 3**0.5)
    assert terms.rotation.item() == pytest.approx(0.2 * 2)
    assert terms.focal.item() == pytest.approx(0.3 * 2**0.5)


def test_one_error_counts_for_100_at_most():
    terms = camera_loss([offset(1e6)], torch.zeros(1, 2, 9), ALL, CameraLossOptions())
    assert terms.translation.item() == 100


@pytest.mark.parametrize(
    ("norm", "expected"), [(CameraNorm.L1, 0.1), (CameraNorm.L2, 0.1 * 3**0.5)]
)
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_numbers_that_are_not_finite_are_left_out(norm, expected, value):
    damaged = offset(0.1).clone()
    damaged[0, 1, 0] = value
    damaged.requires_grad_()
    options = CameraLossOptions(norm=norm)
    terms = camera_loss([damaged], torch.zeros(1, 2, 9), ALL, options)
    assert terms.translation.item() == pytest.approx(expected)
    terms.total.backward()
    assert damaged.grad.isfinite().all()


def test_gradient():
    generator = torch.Generator().manual_seed(0)
    target = torch.randn(2, 3, 9, generator=generator, dtype=torch.float64)
    stages = [
        torch.randn(2, 3, 9, generator=generator, dtype=torch.float64, requires_grad=True)
        for _ in range(2)
    ]
    validity = CameraValidity(torch.tensor([True, False]), torch.tensor([True, True]))
    for norm in CameraNorm:
        options = CameraLossOptions(norm=norm)
        assert torch.autograd.gradcheck(
            lambda *given, o=options: camera_loss(given, target, validity, o).total, stages
        )


@pytest.mark.parametrize(("count", "enough"), [(100, False), (101, True)])
@pytest.mark.parametrize("frame", [0, 1])
def test_a_scale_needs_more_than_100_pixels(random_batch, frame, count, enough):
    valid = torch.zeros_like(random_batch.valid)
    valid[1, frame].view(-1)[:count] = True
    validity = camera_validity(replace(random_batch, valid=valid), Quirks())
    assert validity.translation.tolist() == [False, enough]
    assert validity.rotation_and_focal.tolist() == [True, True]
    original = camera_validity(replace(random_batch, valid=valid), Quirks.original())
    assert original.translation.tolist() == [False, enough and frame == 0]
    assert torch.equal(original.translation, original.rotation_and_focal)


def test_unsupervised_cameras_teach_nothing(random_batch):
    batch = replace(random_batch, supervise_pose=torch.tensor([False, True]))
    for quirks in (Quirks(), Quirks.original()):
        validity = camera_validity(batch, quirks)
        assert validity.translation.tolist() == [False, True]
        assert validity.rotation_and_focal.tolist() == [False, True]
