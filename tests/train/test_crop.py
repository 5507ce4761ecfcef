"""Crops against the original's numbers; geometry by its laws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import project
from page4d_cli.train.crop import (
    CropOptions,
    Fitting,
    LabelledFrame,
    cover_transform,
    crop_box,
    fit_frame,
    intrinsics_to_network,
    nearest_depth,
    resample_image,
    splat_depth,
    stretch_transform,
    target_height,
)


def camera(fx: float, fy: float, cx: float, cy: float) -> np.ndarray:
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]])


KINECT = camera(525, 525, 319.5, 239.5)
VGA = (640, 480)


@pytest.mark.parametrize(
    ("aspect", "height"), [(0.33, 168), (0.4, 196), (0.5, 252), (0.75, 378), (1.0, 518)]
)
def test_target_height(aspect: float, height: int) -> None:
    assert target_height(aspect) == height


def test_target_height_of_other_sizes() -> None:
    assert target_height(0.7, width=140, patch=14) == 98  # 0.7 · 140 is just below 98 in floats
    with pytest.raises(InputError, match=r"aspect 0.1 .* take 0.125 or more"):
        target_height(0.1, width=112, patch=14)


@pytest.mark.parametrize(
    ("principal", "size", "after"),
    [
        ((319.5, 239.5), (600, 400), (300.5, 200.5)),
        ((319.5, 239.5), (512, 384), (256.5, 192.5)),
        ((380, 239.5), (600, 480), (340, 239.5)),
        ((380, 239.5), (400, 480), (200, 239.5)),
        ((380, 239.5), (640, 480), (380, 239.5)),
    ],
)
def test_crop_as_in_the_original(
    principal: tuple[float, float], size: tuple[int, int], after: tuple[float, float]
) -> None:
    left, top, right, bottom = crop_box(VGA, np.array(principal), size)
    assert (principal[0] - left, principal[1] - top) == after
    assert (right - left, bottom - top) == size
    assert left >= 0 and top >= 0 and right <= 640 and bottom <= 480


def test_stretch_as_in_the_original() -> None:
    transform = stretch_transform(VGA, KINECT, (518, 392), margin=4)
    k = intrinsics_to_network(KINECT, transform, half_pixel=False)
    assert k[0, 0] == pytest.approx(428.203, abs=6e-4)
    assert k[1, 1] == pytest.approx(433.125, abs=6e-4)
    assert k[:2, 2] == pytest.approx((259.592, 196.588), abs=6e-4)
    assert transform.offset == (-1, -1)
    view = LabelledFrame(np.zeros((480, 640, 3), np.uint8), np.ones((480, 640), np.float32), KINECT)
    fitted, same = fit_frame(view, (518, 392), CropOptions(Fitting.STRETCH))
    assert same == transform
    np.testing.assert_array_equal(fitted.intrinsics, k)


def test_stretch_crops_first_and_resizes_what_is_left() -> None:
    transform = stretch_transform(VGA, KINECT, (200, 200), crop=(600 / 640, 400 / 480))
    k = intrinsics_to_network(KINECT, transform, half_pixel=False)
    assert (k[0, 0], k[1, 1]) == pytest.approx((525 / 3, 525 / 2))
    assert k[:2, 2] == pytest.approx((300.5 / 3, 200.5 / 2))
    corners = np.array([[18.5, 38.5], [618.5, 438.5]])  # of the pixels 19…618, 39…438
    np.testing.assert_allclose(transform.to_network(corners), [[-0.5, -0.5], [199.5, 199.5]])


@settings(max_examples=200, deadline=None)
@given(
    width=st.integers(40, 2000),
    height=st.integers(40, 2000),
    at=st.tuples(st.floats(0.3, 0.7), st.floats(0.3, 0.7)),
    size=st.tuples(st.integers(2, 40), st.integers(2, 40)),
    zoom=st.floats(1, 2),
)
def test_cover_centres_the_principal_point_and_stays_inside(
    width: int, height: int, at: tuple[float, float], size: tuple[int, int], zoom: float
) -> None:
    size = (size[0] * 14, size[1] * 14)
    k = camera(300, 310, at[0] * width, at[1] * height)
    transform = cover_transform((width, height), k, size, zoom=zoom)
    new = intrinsics_to_network(k, transform)
    # Where the pose encoding has it, half a pixel from the centre of the picture's corners.
    assert new[:2, 2] == pytest.approx((size[0] / 2, size[1] / 2))
    assert transform.scale[0] == transform.scale[1]
    assert new[0, 0] / new[1, 1] == pytest.approx(300 / 310)
    corners = transform.to_source(np.array([[-0.5, -0.5], [size[0] - 0.5, size[1] - 0.5]]))
    slack = np.concatenate([corners[0] + 0.5, (width, height) - corners[1] - 0.5])
    assert slack.min() > -1e-6
    if zoom == 1:
        assert slack.min() < 1e-6  # as much as possible is kept


def test_cover_keeps_a_picture_of_the_right_shape_nearly_whole() -> None:
    transform = cover_transform(VGA, KINECT, (640, 480))
    assert transform.scale[0] == pytest.approx(1, abs=1 / 400)


@pytest.mark.parametrize("principal", [(639.0, 239.5), (100.0, 239.5), (319.5, 400.0), (np.nan, 1)])
def test_cover_refuses_intrinsics_of_another_resolution(principal: tuple[float, float]) -> None:
    with pytest.raises(InputError, match="middle half of a picture of 640×480 pixels"):
        cover_transform(VGA, camera(525, 525, *principal), (518, 392))


def blob(size: tuple[int, int], at: np.ndarray, sigma: float) -> np.ndarray:
    u, v = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    value = 255 * np.exp(-((u - at[0]) ** 2 + (v - at[1]) ** 2) / (2 * sigma**2))
    return np.repeat(value.round().astype(np.uint8)[..., None], 3, axis=-1)


def centroid(image: np.ndarray) -> np.ndarray:
    weight = image[..., 0].astype(np.float64)
    v, u = np.indices(weight.shape)
    return np.array([(u * weight).sum(), (v * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("source", [(640, 480), (320, 240), (1280, 720)])
@pytest.mark.parametrize("seed", range(3))
def test_a_point_lands_on_the_same_content_before_and_after(
    source: tuple[int, int], seed: int
) -> None:
    width, height = source
    k = camera(0.9 * width, 0.8 * width, 0.52 * width, 0.47 * height)
    T_camera_world = np.eye(3, 4)
    points = np.array([[0.05, -0.04, 2.0]])
    before = project(points, k, T_camera_world)[0][0]
    sigma = width / 64
    image = blob(source, before, sigma)
    depth = np.zeros((height, width), np.float32)
    column, row = before.round().astype(int)
    reach = round(sigma)
    depth[row - reach : row + reach + 1, column - reach : column + reach + 1] = 2
    fitted, transform = fit_frame(
        LabelledFrame(image, depth, k), (392, 294), CropOptions(), np.random.default_rng(seed)
    )
    after = project(points, fitted.intrinsics, T_camera_world)[0][0]
    np.testing.assert_allclose(transform.to_network(before), after, atol=1e-9)
    np.testing.assert_allclose(centroid(fitted.image), after, atol=0.03)
    assert fitted.image.shape == (294, 392, 3)
    assert fitted.depth.shape == (294, 392)
    u, v = after.round().astype(int)
    assert fitted.depth[v, u] == 2


def test_without_a_generator_nothing_is_random_and_with_it_only_cropping_is() -> None:
    view = LabelledFrame(
        np.zeros((60, 80, 3), np.uint8), np.ones((60, 80), np.float32), camera(9, 9, 40, 30)
    )

    def scale(rng: np.random.Generator | None) -> float:
        return fit_frame(view, (56, 42), CropOptions(), rng)[1].scale[0]

    plain = scale(None)
    rng = np.random.default_rng(0)
    scales = np.array([scale(rng) for _ in range(2000)]) / plain
    assert scales.min() == 1
    assert (scales == 1).mean() == pytest.approx(0.5, abs=0.04)
    assert 1.2 < scales.max() <= 1.25


def test_images_are_resampled_without_aliasing() -> None:
    stripes = np.zeros((300, 300, 3), np.uint8)
    stripes[:, ::2] = 255
    transform = cover_transform((300, 300), camera(9, 9, 149.5, 149.5), (56, 56))
    small = resample_image(stripes, transform).astype(float)
    assert np.abs(small - 127.5).max() < 10


@pytest.mark.parametrize("size", [(42, 28), (238, 266)])
def test_depth_comes_from_the_nearest_pixel_unmixed(size: tuple[int, int]) -> None:
    v, u = np.indices((90, 110))
    transform = cover_transform((110, 90), camera(9, 9, 52, 47), size)
    columns = nearest_depth(u.astype(np.float32), transform)
    rows = nearest_depth(v.astype(np.float32), transform)
    assert columns.shape == size[::-1]
    j, i = np.indices(columns.shape)
    wanted = transform.to_source(np.stack([i, j], axis=-1).astype(np.float64))
    assert np.abs(np.stack([columns, rows], axis=-1) - wanted).max() <= 0.5
    assert set(np.unique(columns)) <= set(range(110))


def test_sparse_depth_keeps_every_point_and_the_nearest_of_two() -> None:
    depth = np.zeros((100, 100), np.float32)
    depth[10:90:20, 10:90:20] = 5
    depth[30, 31], depth[30, 29] = 7, 3
    depth[50, 49], depth[70, 71] = np.nan, -1
    transform = stretch_transform((100, 100), camera(9, 9, 50, 50), (20, 20))
    small = splat_depth(depth, transform)
    assert small.shape == (20, 20)
    assert (small > 0).sum() == 16 + 1  # 29 falls into the pixel before that of 30 and 31
    assert small[6, 6] == 5
    assert small[6, 5] == 3
    depth[30, 34] = 2  # pixel 6 holds 30 to 34
    assert splat_depth(depth, transform)[6, 6] == 2
    assert nearest_depth(depth, transform).astype(bool).sum() < 16


def test_sparse_depth_outside_the_crop_is_dropped() -> None:
    depth = np.full((60, 100), 4, np.float32)
    view = LabelledFrame(
        np.zeros((60, 100, 3), np.uint8), depth, camera(50, 50, 50, 30), sparse_depth=True
    )
    fitted, _ = fit_frame(view, (28, 28), CropOptions())
    assert (fitted.depth == 4).all()
    assert fitted.sparse_depth


def test_nonsense_is_refused() -> None:
    with pytest.raises(InputError, match=r"crop_scales 1.2 to 0.8"):
        CropOptions(crop_scales=(1.2, 0.8))
    with pytest.raises(InputError, match="stretch_margin -1"):
        CropOptions(stretch_margin=-1)
    with pytest.raises(ValueError, match="shapes"):
        LabelledFrame(np.zeros((6, 8, 3), np.uint8), np.ones((8, 6), np.float32), np.eye(3))
