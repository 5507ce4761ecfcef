import numpy as np
import pytest

from page4d_cli.core.resample import to_source_pixels
from page4d_cli.core.types import PixelTransform


def transform(source, size, *, crop_rows=0, pad=(0, 0)):
    """Scale a source (w, h) to size, then cut rows at the top or pad left and top."""
    scale = (size[0] / source[0], (size[1] + crop_rows) / source[1])
    left, top = pad
    whole = (size[0] + left, size[1] + top)
    content = (left, top, *whole)
    return PixelTransform(source, whole, scale, (left, top - crop_rows / 2), content)


def ramp(t: PixelTransform):
    """A map whose value is a linear function of the source pixel."""
    v, u = np.mgrid[: t.size[1], : t.size[0]]
    source = t.to_source(np.stack([u, v], -1).astype(float))
    return (3 * source[..., 0] - 2 * source[..., 1] + 5).astype(np.float32)


@pytest.mark.parametrize("pad", [(0, 0), (14, 28)])
def test_a_linear_map_stays_linear(pad):
    t = transform((40, 30), (20, 15), pad=pad)
    result = to_source_pixels(ramp(t), t)
    v, u = np.mgrid[:30, :40]
    inner = (slice(1, -1), slice(1, -1))  # beyond the outermost centres the value is held
    np.testing.assert_allclose(result[inner], (3 * u - 2 * v + 5)[inner], atol=1e-3)


def test_same_size_is_identity():
    t = transform((20, 15), (20, 15))
    map_ = np.random.default_rng(0).random((15, 20), np.float32)
    np.testing.assert_array_equal(to_source_pixels(map_, t), map_)


def test_rows_that_were_cropped_are_zero():
    t = transform((20, 40), (20, 20), crop_rows=20)
    result = to_source_pixels(np.ones((20, 20), np.float32), t)
    assert result.shape == (40, 20)
    assert not result[:10].any() and not result[30:].any()
    assert (result[10:30] == 1).all()


def test_padding_never_bleeds_in():
    t = transform((20, 10), (10, 5), pad=(3, 4))
    map_ = np.full((9, 13), np.nan, np.float32)
    left, top, right, bottom = t.content
    map_[top:bottom, left:right] = 2
    assert (to_source_pixels(map_, t) == 2).all()


def test_channels_are_independent():
    t = transform((40, 30), (20, 15))
    map_ = np.random.default_rng(0).random((15, 20, 3), np.float32)
    whole = to_source_pixels(map_, t)
    for channel in range(3):
        np.testing.assert_array_equal(whole[..., channel], to_source_pixels(map_[..., channel], t))


def test_infinity_stays_where_it_is_and_beside():
    t = transform((20, 15), (20, 15))
    map_ = np.ones((15, 20), np.float32)
    map_[4, 7] = np.inf
    np.testing.assert_array_equal(to_source_pixels(map_, t), map_)
