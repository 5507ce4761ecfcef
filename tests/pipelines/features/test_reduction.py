import math

import pytest
import torch

from page4d_cli.core.enums import Reduction
from page4d_cli.pipelines.features.reduction import principal_axes, reduce_patches


@pytest.fixture
def tokens():
    """Five frames of 12 patches with 8 channels."""
    return torch.randn(5, 12, 8, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("at_once", [1, 2, 5])
def test_mean_and_norm_are_those_of_the_channels(tokens, at_once):
    mean = reduce_patches(tokens, Reduction.MEAN, at_once)
    norm = reduce_patches(tokens, Reduction.NORM, at_once)
    torch.testing.assert_close(mean, tokens.mean(-1))
    torch.testing.assert_close(norm, tokens.square().sum(-1).sqrt())


def test_principal_components_are_found_where_they_were_put():
    """Three directions of falling strength, in another basis, and a mean far away."""
    generator = torch.Generator().manual_seed(1)
    basis = torch.linalg.qr(torch.randn(8, 8, generator=generator))[0]
    scores = torch.randn(6, 40, 3, generator=generator) * torch.tensor([9.0, 3.0, 1.0])
    tokens = scores @ basis[:3] + 50
    found = reduce_patches(tokens, Reduction.PCA, 2)
    for one, true in zip(found.flatten(0, 1).T, scores.flatten(0, 1).T, strict=True):
        correlation = torch.corrcoef(torch.stack((one, true)))[0, 1]
        assert abs(correlation) > 0.98
    torch.testing.assert_close(found.std((0, 1)), torch.tensor([9.0, 3.0, 1.0]), rtol=0.15, atol=0)


def test_the_basis_is_the_clips_not_the_frames(tokens):
    """A frame that is there twice looks alike both times."""
    twice = torch.cat((tokens, tokens[:1]))
    found = reduce_patches(twice, Reduction.PCA, 2)
    torch.testing.assert_close(found[0], found[-1])


def test_the_sign_of_an_axis_is_settled():
    covariance = torch.diag(torch.tensor([4.0, 3.0, 2.0, 1.0]))
    axes = principal_axes(torch.zeros(4), covariance)
    assert torch.equal(axes.float(), torch.eye(4)[:, :3])


def test_constant_tokens_have_no_components():
    found = reduce_patches(torch.full((2, 6, 8), 3.7), Reduction.PCA, 1)
    assert torch.equal(found, torch.zeros(2, 6, 3))


@pytest.mark.parametrize("reduction", Reduction)
def test_a_token_that_is_not_finite_spoils_only_itself(tokens, reduction):
    tokens[1, 3, 2] = math.inf
    found = reduce_patches(tokens, reduction, 2)
    bad = ~found.isfinite()
    assert bad[1, 3].all() and bad.reshape(5, 12, -1).any(-1).sum() == 1
