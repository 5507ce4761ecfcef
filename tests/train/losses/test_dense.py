"""Each term of a map against hand-made numbers, loops and finite differences."""

import math

import pytest
import torch

from page4d_cli.train.losses.confidence import confidence_weighted
from page4d_cli.train.losses.dense import (
    DepthLossOptions,
    GradientTerm,
    PointLossOptions,
    dense_loss,
)
from page4d_cli.train.losses.gradient import gradient_loss
from page4d_cli.train.losses.maps import Maps, mean_over_scales
from page4d_cli.train.losses.normals import normal_loss
from page4d_cli.train.losses.quirks import Quirks


def random_maps(channels, shape=(2, 2, 6, 7), seed=0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*size):
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    return Maps(
        prediction=draw(*shape, channels).requires_grad_(),
        target=draw(*shape, channels),
        confidence=(1 + draw(*shape).exp()).requires_grad_(),
        mask=draw(*shape) > -0.8,
    )


def plane(slope_x, slope_y, height=12, width=12):
    """Points of a plane z = 1 + slope_x x + slope_y y, and which are known: all."""
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    points = torch.stack((x, y, 1 + slope_x * x + slope_y * y), dim=-1)[None, None]
    return points, torch.ones(1, 1, height, width, dtype=torch.bool)


def test_confidence_weighting():
    result = confidence_weighted(torch.tensor(2.0), torch.tensor(3.0), gamma=0.3, alpha=0.06)
    assert result.item() == pytest.approx(0.3 * 2 * 3 - 0.06 * math.log(3))
    assert confidence_weighted(torch.tensor(2.0), torch.tensor(0.0)).isfinite()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_gradient_loss_is_its_definition(channels, weighted):
    maps = random_maps(channels)
    expected = []
    for prediction, target, confidence, mask in zip(
        maps.prediction, maps.target, maps.confidence, maps.mask, strict=True
    ):
        d, total = prediction - target, 0.0
        for f, y, x in mask.nonzero().tolist():
            for before in ((f, y, x - 1), (f, y - 1, x)):
                if min(before) >= 0 and mask[before]:
                    steps = (d[f, y, x] - d[before]).abs()
                    c = confidence[f, y, x]
                    total += (steps * c - 0.2 * c.log() if weighted else steps).sum()
        expected.append(total / (mask.sum() * channels))
    torch.testing.assert_close(gradient_loss(maps, weighted=weighted), torch.stack(expected))


@pytest.mark.parametrize("weighted", [False, True])
def test_normal_loss_is_its_definition(weighted):
    maps = random_maps(3)
    corners = [(-1, 0), (0, -1), (1, 0), (0, 1)]
    expected = []
    for prediction, target, confidence, mask in zip(
        maps.prediction, maps.target, maps.confidence, maps.mask, strict=True
    ):
        errors = []
        for f, y, x in mask.nonzero().tolist():
            for first, second in zip(corners, corners[1:] + corners[:1], strict=True):
                a, b = [(f, y + dy, x + dx) for dy, dx in (first, second)]
                inside = all(0 <= v < 6 and 0 <= u < 7 for _, v, u in (a, b))
                if not inside or not mask[a] or not mask[b]:
                    continue
                unit = [
                    torch.nn.functional.normalize(
                        torch.linalg.cross(p[a] - p[f, y, x], p[b] - p[f, y, x]), dim=0
                    )
                    for p in (prediction, target)
                ]
                error, c = 1 - unit[0] @ unit[1], confidence[f, y, x]
                errors.append(error * c - 0.2 * c.log() if weighted else error)
        expected.append(torch.stack(errors).mean())
    torch.testing.assert_close(normal_loss(maps, weighted=weighted), torch.stack(expected))


def test_normals_measure_the_angle_between_planes():
    tilted, mask = plane(0.0, 0.75)
    flat, _ = plane(0.0, 0.0)
    maps = Maps(tilted, flat, torch.ones(mask.shape), mask)
    assert normal_loss(maps).item() == pytest.approx(1 - 0.8)
    steep, _ = plane(3.0, 0.0)
    maps = Maps(steep, 5 * steep + 2, torch.ones(mask.shape), mask)
    assert normal_loss(maps).item() == pytest.approx(0, abs=1e-6)


def test_too_few_normals_give_zero_with_a_gradient():
    points, mask = plane(0.5, 0.5)
    mask = torch.zeros_like(mask)
    mask[..., :3, :3] = True
    points.requires_grad_()
    maps = Maps(points, plane(0.0, 0.0)[0], torch.ones(mask.shape), mask)
    assert normal_loss(maps) > 0  # 4 at the centre, 2 at each side, 1 in each corner
    mask[..., 0, :] = False  # 2 at each end's middle, 1 in each corner
    loss = normal_loss(maps)
    assert loss == 0
    loss.sum().backward()
    assert torch.equal(points.grad, torch.zeros_like(points))


def test_one_step_counts_for_100_at_most():
    ones = torch.ones(1, 1, 1, 2, dtype=torch.bool)
    jump = torch.tensor([0.0, 1e4])[None, None, None, :, None]
    assert gradient_loss(Maps(jump, 0 * jump, ones.float(), ones)).item() == 50


def test_scales_take_every_other_pixel():
    maps = random_maps(1, (1, 1, 9, 12))
    halves = [
        gradient_loss(Maps(*(part[:, :, ::step, ::step] for part in vars(maps).values())))
        for step in (1, 2, 4)
    ]
    torch.testing.assert_close(
        mean_over_scales(gradient_loss, maps, 3), torch.stack(halves).mean(dim=0)
    )


@pytest.mark.parametrize("quirks", [Quirks(), Quirks.original()])
@pytest.mark.parametrize("term", GradientTerm)
def test_gradient_of_every_term(term, quirks):
    maps = random_maps(3, (2, 2, 8, 9))
    supervise = torch.tensor([True, True])

    def total(prediction, confidence):
        return dense_loss(
            prediction,
            maps.target,
            confidence,
            maps.mask,
            supervise,
            PointLossOptions(gradient=term),
            quirks,
        ).total

    given = (maps.prediction, maps.confidence)
    assert total(*given) != 0
    assert torch.autograd.gradcheck(total, given, fast_mode=True)


def test_filter_follows_the_error_alone_by_default():
    """Pixels of large confidence have the largest confidence term, but not the largest error."""
    error = torch.rand(1, 1, 50, 60, 1, generator=torch.Generator().manual_seed(0))
    confidence = torch.ones(1, 1, 50, 60)
    confidence[..., :2, :] = 1000
    mask, everyone = confidence > 0, torch.tensor([True])
    options = PointLossOptions(gamma=1.0, alpha=0.0, gradient=GradientTerm.NONE)

    def terms(quirks):
        return dense_loss(error, 0 * error, confidence, mask, everyone, options, quirks)

    kept = error.flatten() < error.flatten().sort().values[round(0.98 * 2999)]
    one, each = terms(Quirks()), terms(Quirks(filters_differ=True))
    assert one.regression.item() == pytest.approx(error.flatten()[kept].mean().item())
    assert each.regression.item() == one.regression.item()
    bounded = (error.flatten() * confidence.flatten()).clamp(max=100)
    assert one.confidence.item() == pytest.approx(bounded[kept].mean().item())
    assert each.confidence < one.confidence


def test_a_group_of_few_pixels_is_left_out():
    maps = random_maps(1, (2, 1, 20, 20))
    mask = torch.ones(2, 1, 20, 20, dtype=torch.bool)
    mask[1] = False
    mask[1, 0, 0, :] = True
    mask[1, 0, 1:5, :] = True
    for count, left_out in ((100, False), (99, True)):
        mask[1, 0, 0, 0] = count == 100
        arguments = (maps.prediction, maps.target, maps.confidence, mask)
        both = torch.tensor([True, True])
        first = torch.tensor([True, False])
        options = DepthLossOptions(gamma=1.0, alpha=0.2)
        result = dense_loss(*arguments, both, options, Quirks()).total
        alone = dense_loss(*arguments, first, options, Quirks()).total
        assert (result == alone) == left_out
