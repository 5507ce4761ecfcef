"""The filter of the largest errors, against a plain reading of its definition."""

import pytest
import torch

from page4d_cli.train.losses.quantile import quantile_mask


def plain(errors, mask, valid_range):
    kept = mask.clone()
    for row, (values, chosen) in enumerate(zip(errors, mask, strict=True)):
        known = values[chosen].sort().values
        if len(known) > 1000:
            threshold = known[round(valid_range * (len(known) - 1))]
            below = chosen & (values < threshold)
            if below.sum() > 1000:
                kept[row] = below
    return kept


@pytest.mark.parametrize("valid_range", [0.5, 0.9, 0.98])
@pytest.mark.parametrize("count", [1, 999, 1001, 1026, 5001])
def test_rank(count, valid_range):
    generator = torch.Generator().manual_seed(count)
    errors = torch.rand(3, 6000, generator=generator)
    mask = torch.zeros(3, 6000, dtype=torch.bool)
    for row in range(3):
        mask[row, torch.randperm(6000, generator=generator)[: max(count - row, 0)]] = True
    assert torch.equal(quantile_mask(errors, mask, valid_range), plain(errors, mask, valid_range))


def test_rank_is_rounded_half_to_even():
    """0.98 · 1025 = 1004.5, 0.98 · 1075 = 1053.5."""
    for count, rank in ((1026, 1004), (1076, 1054)):
        errors, mask = torch.arange(count)[None].float() / count, torch.ones(1, count).bool()
        assert quantile_mask(errors, mask, 0.98).sum() == rank


def test_small_groups_are_not_filtered():
    errors = torch.arange(1000.0)[None]
    mask = torch.ones(1, 1000, dtype=torch.bool)
    assert torch.equal(quantile_mask(errors, mask, 0.5), mask)


def test_a_filter_that_leaves_too_little_is_not_applied():
    """All errors but few are equal: nothing lies strictly below the threshold."""
    errors = torch.ones(1, 5000)
    errors[0, :10] = 2
    mask = torch.ones_like(errors, dtype=torch.bool)
    assert torch.equal(quantile_mask(errors, mask, 0.98), mask)


def test_saturated_errors_are_dropped_however_many():
    errors = torch.full((1, 5000), 100.0)
    errors[0, :2000] = 1
    kept = quantile_mask(errors, torch.ones_like(errors, dtype=torch.bool), 0.98)
    assert torch.equal(kept, errors == 1)


def test_rows_are_independent_and_1_keeps_all():
    generator = torch.Generator().manual_seed(0)
    errors = torch.rand(2, 3000, generator=generator)
    mask = torch.rand(2, 3000, generator=generator) > 0.3
    both = quantile_mask(errors, mask, 0.98)
    louder = torch.stack((errors[0], 7 * errors[1]))
    assert torch.equal(quantile_mask(louder, mask, 0.98), both)
    assert torch.equal(quantile_mask(errors, mask, 1.0), mask)
