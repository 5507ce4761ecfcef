import numpy as np
import pytest

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.geometry import project
from page4d_cli.core.types import FrameInfo, Frames, PixelTransform
from page4d_cli.pipelines.cloud.choose import (
    CONFIDENCE_PERCENTILE,
    choose_cloud,
    one_per_voxel,
    thin_cloud,
)

SIZE = (20, 30)  # height, width
INTRINSICS = np.array([[[25.0, 0, 15], [0, 25.0, 10], [0, 0, 1]]], np.float32).repeat(2, 0)
EXTRINSICS = np.eye(3, 4, dtype=np.float32)[None].repeat(2, 0)
EXTRINSICS[1, :, 3] = 0.5, 0, 0


@pytest.fixture
def scene():
    """Two frames in which every pixel has a colour of its own."""
    content = (3, 2, 28, 19)
    transform = PixelTransform((25, 17), (30, 20), (1.0, 1.0), (3.0, 2.0), content)
    infos = tuple(FrameInfo(str(i), f"{i}.png", i, float(i), transform) for i in range(2))
    numbers = np.arange(2 * 20 * 30).reshape(2, *SIZE)
    images = np.stack([numbers % 251, numbers // 251, numbers * 0 + 7], -1).astype(np.uint8)
    rng = np.random.default_rng(0)
    depth = rng.uniform(1, 4, (2, *SIZE)).astype(np.float32)
    confidence = rng.uniform(1, 9, (2, *SIZE)).astype(np.float32)
    return Frames(images, infos, TimestampSource.INDEX), depth, confidence


def test_every_point_lies_on_the_pixel_whose_color_it_has(scene):
    frames, depth, confidence = scene
    cloud = choose_cloud(frames, depth, confidence, EXTRINSICS, INTRINSICS)
    pixel_of = {tuple(c): i for i, c in enumerate(frames.images.reshape(-1, 3))}
    assert len(cloud.points) > 500
    for point, color in zip(cloud.points, cloud.colors, strict=True):
        frame, rest = divmod(pixel_of[tuple(color)], SIZE[0] * SIZE[1])
        v, u = divmod(rest, SIZE[1])
        pixel, z = project(point[None].astype(float), INTRINSICS[frame], EXTRINSICS[frame])
        np.testing.assert_allclose(pixel[0], (u, v), atol=1e-4)
        np.testing.assert_allclose(z[0], depth[frame, v, u], rtol=1e-5)


def test_padding_holes_and_the_least_sure_are_left_out(scene):
    frames, depth, confidence = scene
    depth[0, 5, 5], depth[0, 6, 6], depth[1, 7, 7] = np.nan, 0, np.inf
    confidence[1, 8, 8] = np.nan
    cloud = choose_cloud(frames, depth, confidence, EXTRINSICS, INTRINSICS)
    assert cloud.candidates == 2 * 25 * 17 - 4
    expected = cloud.candidates * (1 - CONFIDENCE_PERCENTILE / 100)
    assert len(cloud.points) == pytest.approx(expected, abs=2)
    assert np.isfinite(cloud.points).all()


def test_equal_confidence_keeps_everything(scene):
    frames, depth, confidence = scene
    cloud = choose_cloud(frames, depth, np.ones_like(confidence), EXTRINSICS, INTRINSICS)
    assert len(cloud.points) == cloud.candidates > 0


def test_the_cap_holds_and_the_choice_repeats(scene):
    frames, depth, confidence = scene
    arguments = (frames, depth, confidence, EXTRINSICS, INTRINSICS)
    first = choose_cloud(*arguments, max_points=100)
    assert len(first.points) == 100 and set(first.frame_indices) == {0, 1}
    assert len(choose_cloud(*arguments, max_points=1).points) == 1
    np.testing.assert_array_equal(first.points, choose_cloud(*arguments, max_points=100).points)


def test_a_frame_without_a_camera_gives_no_points(scene):
    frames, depth, confidence = scene
    intrinsics = INTRINSICS.copy()
    intrinsics[0, 0, 0] = np.inf
    cloud = choose_cloud(frames, depth, confidence, EXTRINSICS, intrinsics)
    assert cloud.candidates == 25 * 17
    intrinsics[1, 0, 0] = np.inf
    assert len(choose_cloud(frames, depth, confidence, EXTRINSICS, intrinsics).points) == 0


def test_one_point_a_voxel_and_it_is_the_surest(scene):
    frames, depth, confidence = scene
    cloud = choose_cloud(frames, depth, confidence, EXTRINSICS, INTRINSICS)
    thin = one_per_voxel(cloud, 0.5)
    cells = np.floor(cloud.points / 0.5).astype(int)
    assert len(thin.points) == len(np.unique(cells, axis=0)) < len(cloud.points)
    for point, sureness in zip(thin.points[:50], thin.confidence, strict=False):
        same = (cells == np.floor(point / 0.5)).all(1)
        assert cloud.confidence[same].max() == sureness
    assert (np.diff(thin.frame_indices) >= 0).all()


def test_masked_pixels_are_left_out_and_the_percentile_is_obeyed(scene):
    frames, depth, confidence = scene
    keep = [np.zeros(SIZE, bool), np.ones(SIZE, bool)]
    cloud = choose_cloud(
        frames, depth, confidence, EXTRINSICS, INTRINSICS, keep=keep, confidence_percentile=0
    )
    assert set(cloud.frame_indices) == {1} and len(cloud.points) == 25 * 17
    half = choose_cloud(frames, depth, confidence, EXTRINSICS, INTRINSICS, confidence_percentile=50)
    assert len(half.points) == pytest.approx(25 * 17, abs=2)
    assert half.confidence.min() >= half.confidence_threshold
    assert len(thin_cloud(half, 10).points) == 10 and thin_cloud(half, 10**6) is half
