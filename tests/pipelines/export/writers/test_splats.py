"""Folders as trainers of splats take them: pictures, masks, points of what stands still, time."""

import json
from dataclasses import replace

import numpy as np
import pycolmap
import pytest
import trimesh
from PIL import Image
from synthetic_run import CUT_ROWS, SCALE

from page4d_cli.core.strict_json import to_text
from page4d_cli.io.run.directory import open_run
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.pipelines.cloud.of_run import CloudOptions


def moving_in_source(scene, index):
    moving = scene.moving[index].repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    return np.pad(moving, ((CUT_ROWS * SCALE,) * 2, (0, 0)))


def assert_agree(moving, picture):
    """But for the edges, which fall between the pixels of the map."""
    assert ((picture > 0) == moving).mean() > 0.97


def test_colmap_is_a_folder_of_its_own(export):
    folder = export("colmap") / "colmap"
    model = pycolmap.Reconstruction(folder / "sparse/0")
    names = sorted(image.name for image in model.images.values())
    assert names == sorted(path.name for path in (folder / "images").iterdir())
    assert not (folder / "masks").exists()
    for image in model.images.values():
        with Image.open(folder / "images" / image.name) as picture:
            assert picture.size == (image.camera.width, image.camera.height)
        assert image.num_points3D > 0 and len(image.points2D) > 0


def test_what_moves_is_masked_and_gives_no_points(scene, with_motion, export):
    out = export("colmap", run=with_motion(scene.moving))
    model = pycolmap.Reconstruction(out / "colmap/sparse/0")
    for image in model.images.values():
        mask = np.asarray(Image.open(out / f"colmap/masks/{image.name}.png"))
        index = image.image_id - 1
        assert mask.dtype == np.uint8 and set(np.unique(mask)) == {0, 255}
        assert_agree(~moving_in_source(scene, index), mask)
        for seen in image.points2D:
            column, row = (np.floor(seen.xy) / 2).astype(int)
            assert not scene.moving[index, row - CUT_ROWS, column]


def test_nerfstudio_ignores_what_moves(scene, with_motion, export):
    folder = export("nerfstudio", run=with_motion(scene.moving)) / "nerfstudio"
    content = json.loads((folder / "transforms.json").read_text())
    for index, frame in enumerate(content["frames"]):
        assert_agree(
            ~moving_in_source(scene, index), np.asarray(Image.open(folder / frame["mask_path"]))
        )
        for path in (frame["file_path"], frame["depth_file_path"], frame["mask_path"]):
            assert not path.startswith(("/", "..")) and (folder / path).is_file()


def test_dynamic_has_time_and_says_what_its_masks_mean(scene, with_motion, export):
    everything = CloudOptions(min_confidence_percentile=0)
    folder = export("dynamic", run=with_motion(scene.moving), cloud=everything) / "dynamic"
    content = json.loads((folder / "transforms.json").read_text())
    assert content["mask_polarity"] == "motion_mask_path: 255 = moving, 0 = still"
    assert [frame["time"] for frame in content["frames"]] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    for index, frame in enumerate(content["frames"]):
        assert "mask_path" not in frame and (folder / frame["file_path"]).is_file()
        mask = np.asarray(Image.open(folder / frame["motion_mask_path"]))
        assert_agree(moving_in_source(scene, index), mask)
    vertices = trimesh.load(folder / "points.ply").metadata["_ply_raw"]["vertex"]["data"]
    time = vertices["time"].ravel()
    for index in range(4):
        mine = vertices["moving"].ravel()[np.isclose(time, index / 3)]
        assert len(mine) == 42 * 56 and mine.sum() == scene.moving[index].sum()


def test_without_motion_there_are_no_masks(export):
    folder = export("dynamic", frames=slice(2, 3)) / "dynamic"
    content = json.loads((folder / "transforms.json").read_text())
    assert "mask_polarity" not in content and not (folder / "masks").exists()
    [frame] = content["frames"]
    assert frame["time"] == 0 and "motion_mask_path" not in frame


def test_time_follows_the_clock_and_else_the_order(scene, tmp_path, export):
    for stamps, expected in (([0, 1, 3, 4], [0, 0.25, 0.75, 1]), ([7] * 4, [0, 1 / 3, 2 / 3, 1])):
        run = tmp_path / f"run{len(set(stamps))}"
        run.mkdir()
        for path in scene.run.directory.iterdir():
            (run / path.name).symlink_to(path)
        frames = zip(scene.run.manifest.frames, stamps, strict=True)
        frames = tuple(replace(frame, timestamp_s=float(stamp)) for frame, stamp in frames)
        (run / MANIFEST).unlink()
        (run / MANIFEST).write_text(to_text(replace(scene.run.manifest, frames=frames)))
        out = export("dynamic", run=open_run(run), overwrite=True)
        content = json.loads((out / "dynamic/transforms.json").read_text())
        assert [frame["time"] for frame in content["frames"]] == pytest.approx(expected)


def test_a_frame_that_agrees_with_no_other_keeps_points_of_its_own(scene, tmp_path, export):
    run = tmp_path / "run"
    (run / "depth").mkdir(parents=True)
    for path in scene.run.directory.iterdir():
        if path.name != "depth":
            (run / path.name).symlink_to(path)
    for index in range(4):
        factor = 3 if index == 2 else 1
        np.save(run / f"depth/00000{index}.npy", scene.run.depth(index) * np.float32(factor))
    folder = export("colmap", run=open_run(run)) / "colmap"
    model = pycolmap.Reconstruction(folder / "sparse/0")
    assert all(image.num_points3D > 0 for image in model.images.values())
