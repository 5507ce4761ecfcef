"""`crop` and `pad` against the original's numbers; laws of the transforms."""

import json
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from page4d_cli.core.enums import Fit
from page4d_cli.core.errors import FramesError, InputError
from page4d_cli.data.clip.images import read_picture
from page4d_cli.data.clip.preprocess import fit_image
from page4d_cli.data.clip.stored import PictureStore

ORACLE = Path(__file__).parents[2] / "oracle"
EXPECTED = json.loads((ORACLE / "preprocess.json").read_text())
SINGLE = [name for name in EXPECTED if not name.startswith("mixed")]
MIXED = [name for name in EXPECTED if name.startswith("mixed")]


def load(name: str, fit: Fit):
    return fit_image(read_picture(ORACLE / "images" / f"{name}.png"), fit)


def as_tensor(images: np.ndarray) -> np.ndarray:
    return images.transpose(0, 3, 1, 2).astype(np.float32) / np.float32(255)


def at_common_size(*fitted):
    store = PictureStore(BytesIO())
    for image, transform in fitted:
        store.append(image, transform)
    pictures, transforms = store.complete()
    return np.asarray(pictures), transforms


@pytest.mark.parametrize("case", SINGLE)
def test_one_picture_equals_the_original(case: str) -> None:
    name, fit = case.split(".")
    expected = EXPECTED[case]
    tensor = as_tensor(load(name, Fit(fit))[0][None])
    assert list(tensor.shape) == expected["shape"]
    for place, value in expected["sample"].items():
        assert tensor[0][tuple(map(int, place.split(",")))] == np.float32(value)
    assert tensor.mean(dtype=np.float64) == pytest.approx(expected["mean"], abs=1e-6)
    assert tensor.std(dtype=np.float64, ddof=1) == pytest.approx(expected["std"], abs=1e-6)
    rows = tensor[0, :, ::7].sum(dtype=np.float64)
    assert rows == pytest.approx(expected["sum_rows_mod7"], rel=1e-6)


@pytest.mark.parametrize("case", MIXED)
def test_pictures_of_different_shapes_equal_the_original(case: str) -> None:
    names, fit = case.removeprefix("mixed[").split("].")
    fitted = [load(name, Fit(fit)) for name in names.split(",")]
    images, _ = at_common_size(*fitted)
    tensor = as_tensor(images)
    assert list(tensor.shape) == EXPECTED[case]["shape"]
    assert tensor.mean((1, 2, 3), np.float64) == pytest.approx(
        EXPECTED[case]["mean_per_image"], abs=1e-6
    )
    assert tensor[:, 0, 0, 0].tolist() == pytest.approx(EXPECTED[case]["corner"], abs=1e-7)


@pytest.mark.parametrize("fit", Fit)
@settings(max_examples=40, deadline=None)
@given(width=st.integers(30, 90), height=st.integers(30, 90), size=st.sampled_from([28, 70, 112]))
def test_transform_laws(fit: Fit, width: int, height: int, size: int) -> None:
    image, transform = fit_image(Image.fromarray(np.zeros((height, width, 3), np.uint8)), fit, size)
    assert image.shape[:2] == transform.size[::-1]
    assert all(side % 14 == 0 for side in transform.size)
    assert transform.source_size == (width, height)
    corners = np.array([[-0.5, -0.5], [width - 0.5, height - 0.5], [3.0, 5.0]])
    assert transform.to_source(transform.to_network(corners)) == pytest.approx(corners, abs=1e-9)
    left, top, right, bottom = transform.content
    assert (image[top:bottom, left:right] == 0).all()
    outside = np.ones(image.shape[:2], bool)
    outside[top:bottom, left:right] = False
    assert (image[outside] == 255).all()
    shown = transform.to_network(corners[:2]).ravel() + 0.5
    if fit is Fit.CROP:  # rows may lie outside, the columns are all there
        assert shown[[0, 2]] == pytest.approx([left, right])
        assert shown[1] <= top + 1e-9
        assert shown[3] >= bottom - 1e-9
    else:
        assert shown == pytest.approx([left, top, right, bottom])


def test_transform_points_at_what_the_picture_shows() -> None:
    rgb = np.zeros((300, 200, 3), np.uint8)
    rgb[100:110, 60:70] = 255  # centre (64.5, 104.5)
    for fit in Fit:
        image, transform = fit_image(Image.fromarray(rgb), fit, 70)
        left, top, right, bottom = transform.content
        weights = image[top:bottom, left:right, 0].astype(float)
        v, u = np.indices(weights.shape)
        centre = np.array([(weights * u).sum(), (weights * v).sum()]) / weights.sum() + (left, top)
        assert transform.to_source(centre) == pytest.approx([64.5, 104.5], abs=1.0)


def test_keep_loses_no_rows_of_a_portrait_picture() -> None:
    _, transform = load("portrait", Fit.KEEP)
    assert transform.size == (308, 518)
    assert transform.content == (0, 0, 308, 518)


def test_crop_takes_the_middle_rows() -> None:
    _, transform = load("portrait", Fit.CROP)
    assert transform.offset == (0.0, -(868 - 518) // 2)
    assert transform.content == (0, 0, 518, 518)


def test_halves_round_to_even() -> None:
    assert fit_image(Image.fromarray(np.zeros((100, 200, 3), np.uint8)), Fit.CROP)[1].size == (
        518,
        252,
    )


def test_a_common_size_moves_the_transforms() -> None:
    wide = fit_image(Image.fromarray(np.full((30, 60, 3), 7, np.uint8)), Fit.KEEP, 70)
    tall = fit_image(Image.fromarray(np.full((60, 30, 3), 9, np.uint8)), Fit.KEEP, 70)
    images, transforms = at_common_size(wide, tall)
    assert images.shape == (2, 70, 70, 3)
    for image, transform, value in zip(images, transforms, (7, 9), strict=True):
        left, top, right, bottom = transform.content
        assert (image[top:bottom, left:right] == value).all()
        assert (image == value).sum() == (right - left) * (bottom - top) * 3
        corner = transform.to_network(np.array([-0.5, -0.5])) + 0.5
        assert corner == pytest.approx([left, top])
        assert transform.size == (70, 70)


def test_one_pixel_fills_the_picture() -> None:
    image, transform = fit_image(Image.fromarray(np.full((1, 1, 3), 77, np.uint8)), Fit.KEEP)
    assert image.shape == (518, 518, 3)
    assert (image == 77).all()
    assert transform.to_network(np.zeros(2)) == pytest.approx([258.5, 258.5])


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("shape", [(2, 200, 3), (200, 2, 3), (1, 65000, 3)])
def test_too_elongated_is_an_error(fit: Fit, shape: tuple[int, int, int]) -> None:
    with pytest.raises(FramesError, match=r"too elongated.*short one rounds to 0.*74:1"):
        fit_image(Image.fromarray(np.zeros(shape, np.uint8)), fit)


def test_just_not_too_elongated() -> None:
    assert fit_image(Image.fromarray(np.zeros((2, 147, 3), np.uint8)), Fit.KEEP)[1].size == (
        518,
        14,
    )


@pytest.mark.parametrize("size", [0, 13, 500, -14])
def test_size_must_be_a_multiple_of_the_patch(size: int) -> None:
    with pytest.raises(InputError, match=rf"size {size} is no positive multiple .* 14; take \d+"):
        fit_image(Image.fromarray(np.zeros((9, 9, 3), np.uint8)), Fit.KEEP, size)
