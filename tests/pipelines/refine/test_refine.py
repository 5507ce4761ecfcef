import json
from dataclasses import replace

import numpy as np
import pytest
from refinable_run import bent, disturbed, draw_clip, rotation_error_deg, write_run_of_clip
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from page4d_cli.core.enums import ExportFormat
from page4d_cli.core.errors import FramesError, OutputError, RefusedError, RunError
from page4d_cli.core.geometry import invert_rigid, project
from page4d_cli.io.run.directory import CAMERAS, NETWORK_CAMERAS, is_complete, open_run
from page4d_cli.io.run.tracks import TRACKS, read_tracks
from page4d_cli.pipelines.export.export import ExportOptions, export_run
from page4d_cli.pipelines.export.metres import metres_of_segment
from page4d_cli.pipelines.motion.motion import write_motion
from page4d_cli.pipelines.refine.refine import RefineOptions, refine_run
from page4d_cli.pipelines.scale.source import parse_scale_source

pycolmap = pytest.importorskip("pycolmap")


@pytest.fixture(scope="session")
def true_clip():
    return draw_clip(seed=3, frames=5, size=(192, 144))


@pytest.fixture(scope="session")
def refined(true_clip, tmp_path_factory):
    """A run whose cameras were off by 3°, beside what became of it; no masks were given."""
    folder = tmp_path_factory.mktemp("refined")
    run = write_run_of_clip(folder, disturbed(true_clip, 3.0))
    options = RefineOptions(folder / "out", strict=True)
    return run, refine_run(run, options), open_run(folder / "out")


def few(clip, frames):
    return replace(
        clip,
        images=clip.images[:frames],
        depth=clip.depth[:frames],
        moving=clip.moving[:frames],
        T_camera_world=clip.T_camera_world[:frames],
    )


def test_cameras_come_back_to_the_truth(true_clip, refined):
    before, result, after = refined
    true = true_clip.T_camera_world
    assert rotation_error_deg(true, before.extrinsics()) > 3
    assert rotation_error_deg(true, after.extrinsics()) < 0.1
    focal = after.intrinsics_source()[:, 0, 0] / true_clip.intrinsics[0, 0]
    np.testing.assert_allclose(focal, 1, atol=0.01)
    assert result.refined == result.frames == len(true) and not result.notes


def test_world_and_unit_stay_and_depth_agrees_with_the_cameras(true_clip, refined):
    _, _, after = refined
    ratio = [np.median(after.depth(i) / true_clip.depth[i]) for i in range(len(true_clip.depth))]
    np.testing.assert_allclose(ratio, 1, atol=0.05)
    np.testing.assert_allclose(ratio, np.mean(ratio), atol=0.01)
    tracks = read_tracks(after)
    poses, intrinsics = after.extrinsics()[tracks.frame], after.intrinsics_source()[tracks.frame]
    pixels, _ = project(tracks.points[tracks.point][:, None], intrinsics, poses)
    errors = np.linalg.norm(pixels[:, 0] - tracks.pixels, axis=1)
    assert np.median(errors) < 0.5 and errors.max() < 2.1
    per_point = np.bincount(tracks.point, errors) / np.bincount(tracks.point)
    np.testing.assert_allclose(per_point, tracks.errors_px, atol=0.01)


def test_metres_are_told_from_refined_cameras(true_clip, refined):
    """One known distance, and depth is true."""
    _, _, after = refined
    first, last = invert_rigid(true_clip.T_camera_world)[[0, -1], :, 3]
    metres = np.linalg.norm(last - first)
    source = parse_scale_source(f"distance:000000,{len(true_clip.depth) - 1:06d}={metres}")
    scale = metres_of_segment(source, after, range(len(true_clip.depth)))
    for index, true in enumerate(true_clip.depth):
        assert np.median(after.depth(index) / true) * scale.factor == pytest.approx(1, abs=0.02)


def test_the_run_is_whole_and_says_what_was_done(refined):
    before, result, after = refined
    assert is_complete(after.directory) and after.manifest == result.manifest
    (record,) = after.manifest.refinement
    assert record.refused is None and record.kept == {}
    assert record.held_out_after_px < 0.5 < record.held_out_before_px
    assert record.points > 50 and record.sightings > 2 * record.points
    assert record.focal_length_factor[0] == pytest.approx(1 / 1.05, abs=0.01)
    old = (before.directory / CAMERAS).read_bytes()
    assert (after.directory / NETWORK_CAMERAS).read_bytes() == old
    for index in range(result.frames):
        np.testing.assert_array_equal(after.confidence(index), before.confidence(index))


def test_colmap_gets_the_true_tracks(refined, tmp_path):
    _, _, after = refined
    options = ExportOptions((ExportFormat.COLMAP,))
    export_run(after.directory, tmp_path / "out", options)
    model = pycolmap.Reconstruction(tmp_path / "out/colmap/sparse/0")
    tracks = read_tracks(after)
    assert model.num_points3D() == len(tracks.points)
    assert model.compute_num_observations() == len(tracks.point)
    model.update_point_3d_errors()
    assert model.compute_mean_reprojection_error() == pytest.approx(
        tracks.errors_px @ np.bincount(tracks.point) / len(tracks.point), abs=0.02
    )
    some = replace(options, frames=slice(0, 3), overwrite=True)
    export_run(after.directory, tmp_path / "out", some)
    model = pycolmap.Reconstruction(tmp_path / "out/colmap/sparse/0")
    assert 0 < model.num_points3D() < len(tracks.points)
    assert min(point.track.length() for point in model.points3D.values()) >= 2


def test_in_place_the_same_comes_out_and_what_is_stale_goes(true_clip, tmp_path):
    run = write_run_of_clip(tmp_path, few(disturbed(true_clip, 3.0), 3))
    write_motion(run)
    run, masks = open_run(run.directory), tmp_path / "masks"
    assert refine_run(run, RefineOptions(tmp_path / "elsewhere", masks)).refined == 3
    refine_run(run, RefineOptions(masks=masks))
    again, elsewhere = open_run(run.directory), open_run(tmp_path / "elsewhere")
    assert is_complete(run.directory)
    assert not any(file.startswith("motion/") for file in again.manifest.files)
    assert not (run.directory / "motion").exists()
    np.testing.assert_array_equal(again.extrinsics(), elsewhere.extrinsics())
    np.testing.assert_array_equal(again.depth(2), elsewhere.depth(2))
    assert (again.directory / TRACKS).read_bytes() == (elsewhere.directory / TRACKS).read_bytes()


def test_a_known_focal_length_is_held(true_clip, tmp_path):
    clip = few(disturbed(true_clip, 3.0, focal=1.0), 3)
    run = write_run_of_clip(tmp_path, clip, (clip.intrinsics[0, 0], clip.intrinsics[1, 1]))
    result = refine_run(run, RefineOptions(masks=tmp_path / "masks"))
    (record,) = result.manifest.refinement
    assert record.focal_length_is_known and record.focal_length_factor == (1.0,)
    assert result.refined == 3
    after = open_run(run.directory)
    np.testing.assert_array_equal(after.intrinsics()[:, :2, :2], run.intrinsics()[:, :2, :2])
    true = true_clip.T_camera_world[:3]
    assert rotation_error_deg(true, after.extrinsics()) < 0.1


def test_distortion_is_found_and_exported(tmp_path):
    clip = bent(draw_clip(seed=3, frames=4), -0.1, margin=16)
    focal = clip.intrinsics[0, 0]
    run = write_run_of_clip(tmp_path, disturbed(clip, 3.0, focal=1.0), (focal, focal))
    result = refine_run(run, RefineOptions(masks=tmp_path / "masks", distortion=True))
    after = open_run(run.directory)
    assert rotation_error_deg(clip.T_camera_world, after.extrinsics()) < 0.1
    k1 = result.manifest.k1
    assert list(k1.values()) == pytest.approx([-0.1] * 4, abs=0.005) and "bends" in result.notes[0]
    options = ExportOptions((ExportFormat.COLMAP, ExportFormat.NERFSTUDIO))
    export_run(run.directory, tmp_path / "out", options)
    model = pycolmap.Reconstruction(tmp_path / "out/colmap/sparse/0")
    assert model.cameras[1].params[4] == k1["000000"] and len(model.cameras) == 1
    model.update_point_3d_errors()
    tracks = read_tracks(after)
    assert model.compute_mean_reprojection_error() == pytest.approx(
        tracks.errors_px @ np.bincount(tracks.point) / len(tracks.point), abs=0.02
    )
    frames = json.loads((tmp_path / "out/nerfstudio/transforms.json").read_text())["frames"]
    assert [frame["k1"] for frame in frames] == list(k1.values())


def test_cameras_far_off_are_refused_and_kept(true_clip, tmp_path):
    run = write_run_of_clip(tmp_path, few(disturbed(true_clip, 30.0, seed=1), 4))
    before, depth = run.extrinsics(), run.depth(1)
    result = refine_run(run, RefineOptions(masks=tmp_path / "masks"))
    assert result.refined == 0 and "stay: " in result.notes[0]
    assert result.manifest.refinement[0].refused in result.notes[0]
    np.testing.assert_array_equal(open_run(run.directory).extrinsics(), before)
    np.testing.assert_array_equal(open_run(run.directory).depth(1), depth)


def test_masks_that_cover_everything_leave_all_as_it_was(true_clip, tmp_path):
    covered = replace(few(true_clip, 3), moving=np.ones_like(true_clip.moving[:3]))
    run = write_run_of_clip(tmp_path, covered)
    listed = (run.directory / "manifest.json").read_bytes()
    with pytest.raises(RefusedError, match="too few points"):
        refine_run(run, RefineOptions(masks=tmp_path / "masks", strict=True))
    assert (run.directory / "manifest.json").read_bytes() == listed
    result = refine_run(run, RefineOptions(masks=tmp_path / "masks"))
    assert result.refined == 0 and TRACKS not in result.manifest.files


def seen_while_turning(clip):
    """The middle of the first picture, from where it was taken, by a camera that turns sideways."""
    sides = ((clip.images.shape[2] - 1) / 2, (clip.images.shape[1] - 1) / 2)
    k, centre = clip.intrinsics, np.array([*sides, 0])
    v, u = np.mgrid[12:132, 32:160]
    rays = (np.stack([u, v, np.ones_like(u)], -1) - centre) @ np.diag([1 / k[0, 0], 1 / k[1, 1], 1])
    poses, images, depth = [], [], []
    for degrees in (-2, 0, 2):
        turn = Rotation.from_euler("y", degrees, degrees=True).as_matrix()
        seen = rays @ turn  # in the camera that does not turn
        columns, rows, _ = np.moveaxis(seen / seen[..., 2:] @ np.diag(np.diag(k)) + centre, -1, 0)
        columns = columns.clip(0, 2 * sides[0])
        at = [rows, columns]
        image = [
            map_coordinates(clip.images[0, ..., i].astype(float), at, order=1) for i in range(3)
        ]
        images.append(np.stack(image, -1).round().astype(np.uint8))
        nearest = clip.depth[0][tuple(np.rint(each).astype(int) for each in at)]
        depth.append((nearest / seen[..., 2]).astype(np.float32))
        poses.append(np.c_[turn, np.zeros(3)])
    return np.stack(poses), np.stack(images), np.stack(depth)


@pytest.mark.parametrize(
    "kind", ["static", "rotation", "sideways", "wall", "repeated", "blurred", "two"]
)
def test_hard_clips_are_never_worse(true_clip, tmp_path, kind):
    rng = np.random.default_rng(0)
    clip = few(true_clip, 2 if kind == "two" else 4)
    poses, images, depth = clip.T_camera_world.copy(), clip.images.copy(), clip.depth.copy()
    if kind == "static":
        poses[:], images[:], depth[:] = poses[0], images[0], depth[0]
    if kind == "rotation":  # a turn about the camera's axis by a quarter of a circle each time
        side = slice(24, 168)
        square, deep = images[0][:, side], depth[0][:, side]
        turns = [np.rot90(square, k) for k in range(3)]
        images, depth = np.stack(turns), np.stack([np.rot90(deep, k) for k in range(3)])
        about = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])
        poses = np.stack([np.c_[np.linalg.matrix_power(about, k), np.zeros(3)] for k in range(3)])
    if kind == "sideways":
        poses, images, depth = seen_while_turning(clip)
    if kind == "wall":
        images[:] = 127
    if kind == "repeated":
        images[:] = np.tile(rng.integers(0, 255, (8, 8, 3), np.uint8), (18, 24, 1))
    if kind == "blurred":
        images[1:] = np.mean([np.roll(images[1:], k, axis=2) for k in range(30)], axis=0)
    k = clip.intrinsics.copy()
    k[:2, 2] = (images.shape[2] - 1) / 2, (images.shape[1] - 1) / 2
    true = replace(
        clip,
        images=np.ascontiguousarray(images),
        depth=np.ascontiguousarray(depth),
        moving=np.zeros(depth.shape, bool),
        T_camera_world=poses,
        intrinsics=k,
    )
    run = write_run_of_clip(tmp_path, disturbed(true, 2.0, focal=1.0))
    before = rotation_error_deg(poses, run.extrinsics())
    result = refine_run(run, RefineOptions(masks=tmp_path / "masks"))
    after = rotation_error_deg(poses, open_run(run.directory).extrinsics())
    if kind in ("static", "rotation", "sideways", "two"):
        assert result.refined == len(images) and after < 0.2 * before
    else:
        assert after <= before


def test_what_is_asked_for_wrongly_is_said(true_clip, tmp_path):
    run = write_run_of_clip(tmp_path, few(true_clip, 2))
    for out in (run.directory, run.directory / "depth"):
        with pytest.raises(OutputError, match="leave --out away"):
            refine_run(run, RefineOptions(out=out))
    (tmp_path / "masks/000001.png").unlink()
    with pytest.raises(FramesError, match=r"000001\.png is missing"):
        refine_run(run, RefineOptions(masks=tmp_path / "masks"))
    (tmp_path / "frames/000001.png").unlink()
    with pytest.raises(FramesError):
        refine_run(run, RefineOptions())
    one = write_run_of_clip(tmp_path / "one", few(true_clip, 1))
    with pytest.raises(RunError, match="two or more"):
        refine_run(one, RefineOptions())
    damaged = json.loads((run.directory / "manifest.json").read_text())
    assert damaged["refinement"] == []
