"""The middle of the picture is where a program looks that knows no principal point."""

from dataclasses import replace

import numpy as np
import pytest
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import ExportFormat, Resolution, Save
from page4d_cli.core.geometry import world_points_from_depth
from page4d_cli.core.resample import to_source_pixels
from page4d_cli.core.strict_json import to_text
from page4d_cli.io.run.directory import confidence_file, depth_file, open_run
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.pipelines.export.export import ExportOptions, export_run
from page4d_cli.pipelines.stored_run.clip import read_run_clip
from page4d_cli.pipelines.stored_run.principal_point import with_middle_as_principal_point

NEEDED = (Save.CAMERAS, Save.DEPTH)
MIDDLE = np.array([112 / 2, 96 / 2])  # of the source pictures, from the corner of the first pixel


@pytest.fixture
def made(tmp_path):
    return write_synthetic_run(tmp_path, frames=2)


def at_source_resolution(run):
    manifest = replace(run.manifest, resolution=Resolution.SOURCE)
    transforms = [frame.to_info((42, 56)).transform for frame in manifest.frames]
    for index, (frame, transform) in enumerate(zip(manifest.frames, transforms, strict=True)):
        for file, map_ in ((depth_file, run.depth), (confidence_file, run.confidence)):
            in_source = to_source_pixels(map_(index), transform)
            np.save(run.directory / file(frame.stem), in_source)
    in_source = [t.intrinsics_to_source(run.intrinsics()[0]) for t in transforms]
    cameras = run.directory / "cameras.npz"
    np.savez(cameras, extrinsics=run.extrinsics(), intrinsics=np.float32(in_source))
    (run.directory / MANIFEST).write_text(to_text(manifest))
    return open_run(run.directory)


@pytest.mark.parametrize("resolution", Resolution)
def test_a_program_that_takes_the_middle_finds_points_on_their_pixels(made, resolution):
    run = at_source_resolution(made.run) if resolution is Resolution.SOURCE else made.run
    clip = with_middle_as_principal_point(read_run_clip(run, slice(None), NEEDED))
    np.testing.assert_allclose(clip.intrinsics_source[:, :2, 2] + 0.5, [MIDDLE, MIDDLE])
    pose = clip.extrinsics[1]
    depth = np.where(clip.depth[1] > 0, clip.depth[1], 1)  # rows that were cut have none
    world = world_points_from_depth(depth, clip.intrinsics[1], pose).reshape(-1, 3)
    in_camera = world @ pose[:, :3].T + pose[:, 3]
    focal = clip.intrinsics_source[1, [0, 1], [0, 1]]
    from_corner = focal * in_camera[:, :2] / in_camera[:, 2:] + MIDDLE
    rows, columns = np.indices(depth.shape)
    pixels = np.stack([columns, rows], -1).reshape(-1, 2)
    expected = clip.infos[1].transform.to_source(pixels.astype(float)) + 0.5
    np.testing.assert_allclose(from_corner, expected, atol=1e-3)


def test_a_principal_point_that_is_not_the_networks_stays(made):
    k = made.run.intrinsics()
    k[1, 0, 2] += 0.5
    path = made.run.directory / "cameras.npz"
    np.savez(path, extrinsics=made.run.extrinsics(), intrinsics=k)
    clip = with_middle_as_principal_point(read_run_clip(made.run, slice(None), NEEDED))
    np.testing.assert_array_equal(clip.intrinsics[:, :2, 2], [[27.5, 20.5], [28.5, 21]])


def test_no_cameras_no_principal_points(made):
    clip = with_middle_as_principal_point(read_run_clip(made.run, slice(None), [Save.DEPTH]))
    assert clip.intrinsics.shape == (0, 3, 3)


def test_the_run_stays_as_it_is(made, tmp_path):
    before = made.run.intrinsics()
    export_run(made.run.directory, tmp_path / "out", ExportOptions((ExportFormat.NPZ,)))
    np.testing.assert_array_equal(made.run.intrinsics(), before)
    with np.load(tmp_path / "out/run.npz") as bundle:
        np.testing.assert_array_equal(bundle["intrinsics"][:, :2, 2], [[27.5, 20.5]] * 2)
