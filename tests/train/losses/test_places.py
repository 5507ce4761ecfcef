import pytest
import torch

from page4d_cli.train.losses.places import places_loss


def test_places_are_compared_at_the_middles_of_the_patches():
    generator = torch.Generator().manual_seed(3)
    metres = torch.randn(2, 3, 28, 42, 3, generator=generator)
    unit = torch.randn(2, 3, 28, 42, 3, generator=generator)
    both = torch.cat((metres, unit), dim=-1)
    usable = torch.ones(2, 3, 28, 42, dtype=torch.bool)
    truth = both[:, :, 7::14, 7::14].flatten(2, 3)
    assert places_loss(truth, (metres, unit), usable) == 0
    off = truth.clone()
    off[0, 0, 0, 1] += 0.9
    off[0, 0, 0, 3] += 1.8
    patches = 2 * 3 * 6
    assert places_loss(off, (metres, unit), usable).item() == pytest.approx(2.7 / patches, rel=1e-5)
    usable[0, 0, 7, 7] = False
    metres[0, 0, 7, 7] = torch.nan
    assert places_loss(off, (metres, unit), usable) == 0
