import numpy as np
import pytest

from page4d_cli.draw.color_scale import confidence_scale, depth_scale
from page4d_cli.draw.colormaps import NON_FINITE_RGB

LUMA = np.array([0.299, 0.587, 0.114])
SCALES = [depth_scale, confidence_scale]


@pytest.mark.parametrize("make", SCALES)
def test_the_bar_runs_from_the_left_end_to_the_right_end(make):
    scale = make(0.5, 8.0)
    bar = scale.bar(257, 3)
    assert bar.shape == (3, 257, 3) and (bar == bar[:1]).all()
    ends = scale.paint(np.array([[scale.left, scale.right]]))
    np.testing.assert_array_equal(bar[0, [0, -1]], ends[0])


def test_near_is_bright_and_even_in_inverse_depth():
    scale = depth_scale(1.0, 4.0)
    assert (scale.name, scale.left, scale.right) == ("depth, relative", 1.0, 4.0)
    luma = scale.paint(np.linspace(1, 4, 50)[None])[0] @ LUMA
    assert (np.diff(luma) < 0).all()
    middle = scale.paint(np.array([[1 / ((1 / 1 + 1 / 4) / 2)]]))[0, 0].astype(int)
    assert np.abs(middle - scale.bar(257, 1)[0, 128]).max() <= 3


def test_sure_is_bright_and_even_in_the_logarithm():
    scale = confidence_scale(1.0, 100.0)
    assert (scale.name, scale.left, scale.right) == ("confidence", 1.0, 100.0)
    luma = scale.paint(np.geomspace(1, 100, 50)[None])[0] @ LUMA
    assert (np.diff(luma) > 0).all()
    middle = scale.paint(np.array([[10.0]]))[0, 0].astype(int)
    assert np.abs(middle - scale.bar(257, 1)[0, 128]).max() <= 3


@pytest.mark.parametrize("make", SCALES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 0.0, -3.0])
def test_what_is_no_value_is_grey(make, bad):
    assert tuple(make(1.0, 2.0).paint(np.full((1, 1), bad, np.float32))[0, 0]) == NON_FINITE_RGB


@pytest.mark.parametrize("make", SCALES)
@pytest.mark.parametrize(
    "ends", [(-2.0, 5.0), (-5.0, -1.0), (0.0, 1.0), (1e-30, 1e30), (7.0, 7.000007)]
)
def test_the_range_of_a_poor_prediction_is_survived(make, ends):
    scale = make(*ends)
    assert 0 < scale.left < scale.right
    values = np.array([[1e-45, 1.0, 3e38]], np.float32)
    assert (scale.paint(values) != NON_FINITE_RGB).any(-1).all()


@pytest.mark.parametrize("make", SCALES)
@pytest.mark.parametrize("ends", [(5.0, 5.0), (2.0, 1.0), (np.nan, 1.0)])
def test_an_empty_range_is_refused(make, ends):
    with pytest.raises(ValueError, match="expected low < high"):
        make(*ends)
