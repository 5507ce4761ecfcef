import json
import shutil

import numpy as np
import pytest
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import MotionPart
from page4d_cli.core.errors import InputError, NothingLeftError, RunError
from page4d_cli.core.geometry import project
from page4d_cli.io.run.directory import open_run
from page4d_cli.pipelines.motion.motion import motion_of
from page4d_cli.pipelines.view.data import ViewOptions, split_points, view_scene

FRAMES = 3


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Tests must not change it."""
    return write_synthetic_run(tmp_path_factory.mktemp("made"), seed=103, frames=FRAMES)


@pytest.fixture(scope="module")
def scene(made):
    return view_scene(made.run, ViewOptions())


@pytest.fixture
def run(made, tmp_path):
    """A run to be spoilt."""
    return open_run(shutil.copytree(made.run.directory, tmp_path / "run"))


def of_frame(scene, index):
    return slice(scene.starts[index], scene.starts[index + 1])


@pytest.mark.parametrize("index", range(FRAMES))
def test_points_lie_behind_their_pixels_and_have_their_colors(made, scene, index):
    camera, chosen = scene.cameras[index], of_frame(scene, index)
    pixels, depth = project(
        scene.points[chosen].astype(float), camera.intrinsics, camera.T_camera_world
    )
    np.testing.assert_allclose(pixels, scene.pixels[chosen], atol=1e-3)
    np.testing.assert_allclose(depth, scene.depth[chosen], rtol=1e-5)
    u, v = scene.pixels[chosen].T
    np.testing.assert_array_equal(scene.depth[chosen], made.run.depth(index)[v, u])
    differences = np.abs(scene.colors[chosen].astype(int) - made.images[index][v, u])
    assert np.median(differences) <= 2  # the sources are scaled down again


@pytest.mark.parametrize("index", range(FRAMES))
def test_points_have_the_motion_of_their_pixels(made, scene, index):
    u, v = scene.pixels[of_frame(scene, index)].T
    expected = motion_of(made.run).score(index)[v, u]
    np.testing.assert_allclose(scene.motion[of_frame(scene, index)] / 255, expected, atol=0.002)


def test_all_pixels_take_part_and_confidence_is_their_rank(made, scene):
    assert len(scene.points) == made.moving.size
    confidence = np.concatenate(
        [
            made.run.confidence(index)[v, u]
            for index in range(FRAMES)
            for u, v in [scene.pixels[of_frame(scene, index)].T]
        ]
    )
    order = np.argsort(confidence)
    assert (np.diff(scene.confidence[order].astype(int)) >= 0).all()
    below = (scene.confidence < 0.3 * 255).mean()
    assert below == pytest.approx(0.3, abs=0.005)


def test_a_run_without_confidence_is_sure_of_every_point(run):
    manifest = json.loads((run.directory / "manifest.json").read_text())
    manifest["saved"].remove("confidence")
    (run.directory / "manifest.json").write_text(json.dumps(manifest))
    scene = view_scene(open_run(run.directory), ViewOptions())
    assert (scene.confidence == 255).all()


@pytest.mark.parametrize("part", MotionPart)
def test_a_part_has_no_point_of_the_other(made, part):
    scene = view_scene(made.run, ViewOptions(part=part))
    points = split_points(scene, slice(None), 0, 0.5)
    other = MotionPart.MOVING if part is MotionPart.STATIC else MotionPart.STATIC
    assert len(points[part]) == len(scene.points) > 100 and len(points[other]) == 0


def test_static_points_alone_hide_most_of_what_moves(made):
    scene = view_scene(made.run, ViewOptions(part=MotionPart.STATIC))
    frames = np.repeat(np.arange(FRAMES), np.diff(scene.starts))
    left = made.moving[frames, scene.pixels[:, 1], scene.pixels[:, 0]]
    assert left.sum() < 0.35 * made.moving.sum()


def test_parts_share_out_the_sure_points(scene):
    among = slice(100, 4000)
    parts = split_points(scene, among, 0.4, 0.3)
    together = np.sort(np.concatenate(list(parts.values())))
    sure = np.flatnonzero(scene.confidence >= 0.4 * 255)
    np.testing.assert_array_equal(together, sure[(sure >= 100) & (sure < 4000)])
    assert scene.motion[parts[MotionPart.MOVING]].min() >= 0.3 * 255
    assert scene.motion[parts[MotionPart.STATIC]].max() < 0.3 * 255


def test_half_of_few_points_are_of_what_moves(made):
    scene = view_scene(made.run, ViewOptions(max_points=600))
    parts = split_points(scene, slice(None), 0, 0.5)
    assert {part: len(chosen) for part, chosen in parts.items()} == dict.fromkeys(MotionPart, 300)
    frames = np.repeat(np.arange(FRAMES), np.diff(scene.starts))
    seen = set(zip(frames.tolist(), map(tuple, scene.pixels.tolist()), strict=True))
    assert len(seen) == 600 and len(set(frames[parts[MotionPart.STATIC]])) == FRAMES


@pytest.mark.parametrize("most", [1, 2, 3])
def test_hardly_any_points(made, most):
    assert len(view_scene(made.run, ViewOptions(max_points=most)).points) == most


def test_frames_are_chosen(made):
    scene = view_scene(made.run, ViewOptions(frames=slice(1, 3)))
    assert [camera.label for camera in scene.cameras] == ["frame 1, 0.500 s", "frame 2, 1.000 s"]
    assert scene.frames_per_second == pytest.approx(2)


def test_pictures_are_small_and_have_the_camera_s_field_of_view(tmp_path):
    made = write_synthetic_run(tmp_path, frames=2, size=(294, 196))
    camera = view_scene(made.run, ViewOptions(max_points=10)).cameras[0]
    assert camera.image.shape[1] == 256 and camera.depth.shape == camera.image.shape
    across, down, _ = camera.corner_rays[2] - camera.corner_rays[0]
    k = made.run.intrinsics()[0]
    assert (across, down) == pytest.approx((294 / k[0, 0], 196 / k[1, 1]))


def test_one_frame_tells_nothing_of_motion(tmp_path):
    run = write_synthetic_run(tmp_path, frames=1).run
    scene = view_scene(run, ViewOptions())
    assert not scene.has_motion
    assert scene.notes == ("the run has one frame, so what moves is not told apart",)
    assert (scene.motion == 0).all()
    with pytest.raises(RunError, match="motion shows between frames"):
        view_scene(run, ViewOptions(part=MotionPart.STATIC))


def test_no_usable_depth_is_told_with_numbers(run):
    for path in (run.directory / "depth").iterdir():
        np.save(path, np.zeros((42, 56), np.float32))
    with pytest.raises(NothingLeftError, match=r"of 7056 pixels in 3 frames 0 have a usable depth"):
        view_scene(run, ViewOptions())


def test_no_points_are_no_choice():
    with pytest.raises(InputError, match="--max-points 0: give a number from 1"):
        ViewOptions(max_points=0)
