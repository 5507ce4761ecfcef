import json
import os
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import MotionPart
from page4d_cli.core.errors import NothingLeftError, OutputError, RunError
from page4d_cli.core.geometry import world_points_from_depth
from page4d_cli.io.run.directory import CAMERAS, depth_file, is_complete, motion_file, open_run
from page4d_cli.io.run.manifest import SegmentRecord
from page4d_cli.pipelines.motion.motion import ComputedMotion, keep_mask, motion_of, write_motion


@pytest.fixture
def scene(tmp_path):
    """Of these frames, a tenth of the pixels move."""
    return write_synthetic_run(tmp_path, seed=103, frames=6, size=(112, 84))


def files_below(folder):
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )


def test_what_is_written_is_what_moves_and_is_read_again(scene):
    computed = [motion_of(scene.run).score(index) for index in range(6)]
    summary = write_motion(scene.run)
    run = open_run(scene.run.directory)
    assert [f for f in run.manifest.files if f.startswith("motion/")] == [
        motion_file(frame.stem) for frame in run.manifest.frames
    ]
    assert is_complete(run.directory) and "motion" in run.manifest.conventions
    assert files_below(run.directory) == sorted([*run.manifest.files, "manifest.json"])
    written = [motion_of(run).score(index) for index in range(6)]
    np.testing.assert_allclose(written, computed, atol=0.5 / 255 + 1e-6)
    found = np.stack([keep_mask(score, MotionPart.MOVING) for score in written])
    assert found[scene.moving].mean() > 0.8 and found[~scene.moving].mean() < 0.01
    assert list(summary.moving_shares.values()) == pytest.approx(list(found.mean((1, 2))))
    assert (found == ~np.stack([keep_mask(score, MotionPart.STATIC) for score in written])).all()


def test_frames_of_another_world_are_no_witnesses(scene):
    """The last frame is alone in its segment: nothing tells what moves in it."""
    run = scene.run
    cut = (SegmentRecord(0, 4), SegmentRecord(5, 5))
    alone = replace(run, manifest=replace(run.manifest, segments=cut))
    assert ComputedMotion.of_run(run).score(5).any()
    assert not ComputedMotion.of_run(alone).score(5).any()
    assert ComputedMotion.of_run(alone).score(2).any()


def test_writing_again_replaces_and_nothing_else_changes(scene):
    before = json.loads((scene.run.directory / "manifest.json").read_text())
    write_motion(scene.run)
    first = {f: (scene.run.directory / f).read_bytes() for f in files_below(scene.run.directory)}
    write_motion(open_run(scene.run.directory))
    assert {f: (scene.run.directory / f).read_bytes() for f in first} == first
    assert files_below(scene.run.directory) == list(first)
    after = json.loads((scene.run.directory / "manifest.json").read_text())
    assert {k for k in before if before[k] != after[k]} == {"files", "checksums", "conventions"}


def test_a_failure_leaves_the_run_as_it_was(scene, monkeypatch):
    before = files_below(scene.run.directory)

    def fails(_self, _index):
        raise KeyboardInterrupt

    monkeypatch.setattr(ComputedMotion, "score", fails)
    with pytest.raises(KeyboardInterrupt):
        write_motion(scene.run)
    assert files_below(scene.run.directory) == before
    assert not any(path.name.startswith(".motion") for path in scene.run.directory.iterdir())


def test_foreign_files_are_not_replaced(scene):
    (scene.run.directory / "motion").mkdir()
    for name in ("notes.txt", "000001.png"):
        (scene.run.directory / "motion" / name).write_text("mine")
    with pytest.raises(OutputError, match=r"000001\.png is there already and not page4d's"):
        write_motion(scene.run)
    (scene.run.directory / "motion" / "000001.png").unlink()
    write_motion(scene.run)
    assert (scene.run.directory / "motion" / "notes.txt").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_run_is_refused(scene):
    scene.run.directory.chmod(0o555)
    with pytest.raises(OutputError, match="cannot write to"):
        write_motion(scene.run)


def test_a_frame_without_a_camera_scores_nothing_and_is_named(scene):
    intrinsics, extrinsics = scene.run.intrinsics(), scene.run.extrinsics()
    intrinsics[2] = np.nan
    np.savez(scene.run.directory / CAMERAS, extrinsics=extrinsics, intrinsics=intrinsics)
    motion = ComputedMotion.of_run(scene.run)
    assert not motion.score(2).any() and motion.score(3).any()
    assert "000002" in motion.notes[0]
    intrinsics[1:] = np.nan
    np.savez(scene.run.directory / CAMERAS, extrinsics=extrinsics, intrinsics=intrinsics)
    with pytest.raises(NothingLeftError, match=r"1 of the 6 frames .* has a usable camera"):
        ComputedMotion.of_run(scene.run)


def test_a_run_without_any_depth_is_refused_with_numbers(scene):
    for frame in scene.run.manifest.frames:
        np.save(scene.run.directory / depth_file(frame.stem), np.zeros((84, 112), np.float32))
    with pytest.raises(NothingLeftError, match="no pixel of the 6 frames"):
        write_motion(scene.run)


def test_one_frame_has_no_motion(tmp_path):
    run = write_synthetic_run(tmp_path, frames=1).run
    with pytest.raises(RunError, match="has 1 frame"):
        motion_of(run)


def test_a_score_of_another_size_or_kind_is_refused(scene):
    write_motion(scene.run)
    run = open_run(scene.run.directory)
    path = run.directory / motion_file(run.manifest.frames[0].stem)
    Image.fromarray(np.zeros((3, 4), np.uint8)).save(path)
    with pytest.raises(RunError, match="is of 4×3 pixels, its depth of 112×84"):
        motion_of(run).score(0)
    Image.fromarray(np.zeros((84, 112, 3), np.uint8)).save(path)
    with pytest.raises(RunError, match="mode RGB"):
        motion_of(run).score(0)
    path.write_bytes(b"no picture")
    with pytest.raises(RunError, match="damaged or no picture"):
        motion_of(run).score(0)


def test_large_maps_are_thinned_out_to_the_same_verdict(scene, monkeypatch):
    full = ComputedMotion.of_run(scene.run).score(0)
    monkeypatch.setattr("page4d_cli.pipelines.motion.motion._MAX_PIXELS", 84 * 112 // 4)
    thin = ComputedMotion.of_run(scene.run).score(0)
    assert thin.shape == full.shape
    assert ((thin >= 0.5) == (full >= 0.5)).mean() > 0.97


@pytest.mark.parametrize("step", [2, 3, 4])
def test_thinning_out_moves_nothing(scene, monkeypatch, step):
    """What is linear in the pixels of a map is the same, read with and without thinning out."""
    for frame in scene.run.manifest.frames:
        np.save(scene.run.directory / depth_file(frame.stem), np.full((84, 112), 2, np.float32))

    def place(frame, _others):
        return (
            world_points_from_depth(frame.depth, frame.intrinsics, np.eye(3, 4))
            .sum(-1)
            .astype(np.float32)
        )

    monkeypatch.setattr("page4d_cli.pipelines.motion.motion.motion_score", place)
    full = ComputedMotion.of_run(scene.run).score(0)
    monkeypatch.setattr("page4d_cli.pipelines.motion.motion._MAX_PIXELS", 84 * 112 / step**2)
    thin = ComputedMotion.of_run(scene.run).score(0)
    inside = (slice(0, 1 - step), slice(0, 1 - step))
    np.testing.assert_allclose(thin[inside], full[inside], atol=1e-5)
    assert np.ptp(full) > 1 and thin[-1, -1] == thin[step * (83 // step), step * (111 // step)]


def test_an_edge_stays_where_it_is(scene, monkeypatch):
    """Pixels from column 40 on move; every fourth is compared."""

    def moving_behind_the_edge(frame, _others):
        return np.broadcast_to(np.arange(28) * 4 >= 40, frame.depth.shape).astype(np.float32)

    monkeypatch.setattr("page4d_cli.pipelines.motion.motion.motion_score", moving_behind_the_edge)
    monkeypatch.setattr("page4d_cli.pipelines.motion.motion._MAX_PIXELS", 84 * 112 // 16)
    row = ComputedMotion.of_run(scene.run).score(0)[50]
    np.testing.assert_allclose(row[34:43], [0, 0, 0, 0.25, 0.5, 0.75, 1, 1, 1])


def test_padding_takes_no_part(scene):
    """Depth of the padding is whatever the network says of white."""
    manifest = json.loads((scene.run.directory / "manifest.json").read_text())
    for frame in manifest["frames"]:
        frame["content"] = [10, 0, 112, 84]
    (scene.run.directory / "manifest.json").write_text(json.dumps(manifest))
    run = open_run(scene.run.directory)
    for frame in run.manifest.frames:
        depth = np.load(run.directory / depth_file(frame.stem))
        depth[:, :10] = 0.01
        np.save(run.directory / depth_file(frame.stem), depth)
    score = ComputedMotion.of_run(run).score(0)
    assert not score[:, :10].any() and score[:, 10:].any()
    assert (score >= 0.5)[~scene.moving[0]].mean() < 0.01
