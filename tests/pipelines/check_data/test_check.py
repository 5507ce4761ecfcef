import csv
import dataclasses
import json
import shutil

import numpy as np
import pytest
from dataset_layouts import LAYOUTS
from exact_truth import exact_truth
from PIL import Image
from ply_file import read_ply

from page4d_cli.core.enums import Dataset, OnBad, SynthLayout
from page4d_cli.core.errors import DatasetError, FramesError, OutputError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.data.sets.catalogue import DATASETS
from page4d_cli.data.sets.rendered.scene_folder import read_scene_folder
from page4d_cli.pipelines.check_data.check import check_data, check_sequence
from page4d_cli.pipelines.check_data.checks import Check
from page4d_cli.pipelines.check_data.files import check_data_to
from page4d_cli.pipelines.synth.synth import SynthOptions, write_scenes

FRAMES = 12


def write(out, layout, **options):
    scenes = SynthOptions(frames=FRAMES, size=(96, 72), layout=layout, fps=5, **options)
    return [result.out for result in write_scenes(out, scenes)]


@pytest.fixture(scope="session")
def pristine(tmp_path_factory):
    out = tmp_path_factory.mktemp("pristine")
    write(out / "scenes", SynthLayout.PAGE4D, scenes=2)
    write(out / "raw", SynthLayout.TUM)
    return out


@pytest.fixture
def scenes(pristine, tmp_path):
    return shutil.copytree(pristine / "scenes", tmp_path / "scenes")


@pytest.fixture
def raw(pristine, tmp_path):
    return shutil.copytree(pristine / "raw", tmp_path / "raw")


def edit_arrays(path, **changes):
    with np.load(path) as file:
        arrays = dict(file)
    for name, change in changes.items():
        arrays[name] = change(arrays[name].copy())
    np.savez(path, **arrays)


def edit_depth(folder, index, change):
    path = folder / f"depth/{index:06d}.npy"
    np.save(path, change(np.load(path)))


def failures(root, dataset=Dataset.SYNTHETIC, sequence=0):
    report = check_data(dataset, sorted(root.glob("[!.]*"))[sequence])
    (checked,) = report.sequences
    assert report.passed == (not checked.failures)
    return {failure.check: failure for failure in checked.failures}


def test_untouched_scenes_pass_and_static_depth_agrees_exactly(scenes):
    report = check_data(Dataset.SYNTHETIC, scenes)
    assert report.passed
    assert [one.name for one in report.sequences] == ["scene_000000", "scene_000001"]
    for one in report.sequences:
        assert one.frames == tuple(range(FRAMES))
        assert one.depth_error is not None and one.depth_error < 1e-5
        assert one.inlier_share is not None and one.inlier_share > 0.95
        assert one.valid_depth == 1


def test_an_untouched_recording_passes(raw):
    report = check_data(Dataset.TUM, raw)
    assert report.passed
    assert len(report.sequences[0].frames) == FRAMES
    assert "intrinsics fx fy cx cy" in report.sequences[0].notes[-1]


def test_inverted_poses_fail(scenes):
    edit_arrays(scenes / "scene_000001/cameras.npz", extrinsics=invert_rigid)
    assert not failures(scenes)
    found = failures(scenes, sequence=1)
    assert Check.DEPTH_CONSISTENCY in found
    assert Check.TRACKS in found


def test_inverted_poses_of_a_recording_fail(raw):
    path = next(raw.iterdir()) / "groundtruth.txt"
    rows = np.loadtxt(path)
    rows[:, 4:7] *= -1
    np.savetxt(path, rows, fmt="%.6f")
    failure = failures(raw, Dataset.TUM)[Check.DEPTH_CONSISTENCY]
    assert failure.frames and failure.message.startswith(f"frame {failure.frames[0]} (")


def test_poses_of_another_data_set_fail(raw):
    assert Check.DEPTH_CONSISTENCY in failures(raw, Dataset.BONN)


def test_a_wrong_focal_length_fails(raw):
    report = check_data(Dataset.TUM, raw, pinhole=(180.0, 180.0, 48.0, 36.0))
    assert Check.DEPTH_CONSISTENCY in {f.check for f in report.sequences[0].failures}


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_scaled_depth_fails(scenes, factor):
    for index in range(FRAMES):
        edit_depth(scenes / "scene_000000", index, lambda depth: depth * np.float32(factor))
    assert set(failures(scenes)) == {Check.DEPTH_CONSISTENCY}


@pytest.mark.parametrize("index", [0, 5, FRAMES - 1])
def test_scaled_depth_of_one_frame_names_that_frame(scenes, index):
    edit_depth(scenes / "scene_000000", index, lambda depth: depth * np.float32(1.05))
    failure = failures(scenes)[Check.DEPTH_CONSISTENCY]
    assert failure.frames[0] == index
    assert failure.message.startswith(f"frame {index} ({index:06d}.png): depth carried")


def test_swapped_frames_are_both_named(scenes):
    folder = scenes / "scene_000000"
    for kind, suffix in (("rgb", "png"), ("depth", "npy"), ("moving", "png")):
        one, other = (folder / kind / f"{index:06d}.{suffix}" for index in (3, 8))
        one.rename(folder / "aside")
        other.rename(one)
        (folder / "aside").rename(other)
    failure = failures(scenes)[Check.DEPTH_CONSISTENCY]
    assert set(failure.frames[:2]) == {3, 8}


def test_things_that_move_are_no_inconsistency_where_a_mask_says_so(scenes):
    sequence = read_scene_folder(scenes / "scene_000000")
    blind = dataclasses.replace(sequence, read_moving=None)
    limits = DATASETS[Dataset.SYNTHETIC].checks
    with_mask, without = (check_sequence(one, limits).inlier_share for one in (sequence, blind))
    assert with_mask is not None and without is not None and with_mask > without


def test_a_value_that_is_not_finite_names_its_frame(scenes):
    def spoil(depth):
        depth[3, 4] = np.nan
        return depth

    edit_depth(scenes / "scene_000000", 7, spoil)
    found = failures(scenes)
    assert set(found) == {Check.DEPTH_VALUES}
    assert found[Check.DEPTH_VALUES].frames == (7,)
    assert "1 values of depth are not finite" in found[Check.DEPTH_VALUES].message


def set_at(index, value):
    def change(array):
        array[index] = value
        return array

    return change


@pytest.mark.parametrize(
    ("name", "change", "check", "text"),
    [
        ("extrinsics", set_at((2, 0, 0), np.nan), Check.POSES, "not finite"),
        ("extrinsics", lambda e: e * np.where(np.arange(12) == 2, 1.06, 1)[:, None, None],
         Check.POSES, "not orthonormal"),
        ("extrinsics", set_at((2, slice(3), slice(3)), -np.eye(3)), Check.POSES, "mirrors"),
        ("intrinsics", set_at((2, 0, 0), -80.0), Check.INTRINSICS, "expected positive"),
        ("intrinsics", set_at((2, 0, 1), 0.5), Check.INTRINSICS, "skew"),
        ("intrinsics", set_at((2, 0, 2), 400.0), Check.INTRINSICS, "outside of a picture 96×72"),
        ("timestamps_s", set_at(2, 0.0), Check.TIMESTAMPS, "does not follow"),
    ],
)  # fmt: skip
def test_wrong_cameras_name_their_frame(scenes, name, change, check, text):
    edit_arrays(scenes / "scene_000000/cameras.npz", **{name: change})
    failure = failures(scenes)[check]
    assert failure.frames == (2,)
    assert "frame 2 (000002.png)" in failure.message
    assert text in failure.message


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda depth: depth[:-1], Check.SHAPES),
        (lambda depth: depth.astype(np.float64), Check.SHAPES),
        (lambda depth: -depth, Check.POSITIVE_DEPTH),
        (lambda depth: depth * (np.arange(96) < 20), Check.VALID_SHARE),
    ],
)
def test_wrong_depth_names_its_frame(scenes, change, check):
    edit_depth(scenes / "scene_000000", 4, change)
    assert failures(scenes)[check].frames == (4,)


def test_points_behind_the_next_camera_fail(scenes):
    turned = np.diag([-1.0, 1.0, -1.0])
    edit_arrays(
        scenes / "scene_000000/cameras.npz",
        extrinsics=lambda e: np.concatenate([e[:6], turned @ e[6:]]),
    )
    found = failures(scenes)
    assert found[Check.POSITIVE_DEPTH].frames == (6,)
    assert Check.DEPTH_CONSISTENCY in found


def test_tracks_that_leave_the_picture_or_their_surface_fail(scenes):
    def shift(pixels):
        pixels[5] += 1
        return pixels

    path = scenes / "scene_000000/tracks.npz"
    edit_arrays(path, pixels=shift)
    found = failures(scenes)
    assert set(found) == {Check.TRACKS}
    assert found[Check.TRACKS].frames == (5,)
    edit_arrays(path, pixels=lambda pixels: pixels + 1000)
    assert "outside of the picture" in failures(scenes)[Check.TRACKS].message


BROKEN = [("rgb/000006.png", FramesError), ("depth/000006.npy", DatasetError),
          ("moving/000006.png", FramesError)]  # fmt: skip


@pytest.mark.parametrize(("file", "error"), BROKEN)
def test_a_broken_file_is_named_and_skipped_only_if_asked_for(scenes, file, error):
    path = scenes / "scene_000001" / file
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(error, match=rf"{file}.*--on-bad skip"):
        check_data(Dataset.SYNTHETIC, scenes)
    report = check_data(Dataset.SYNTHETIC, scenes, on_bad=OnBad.SKIP)
    assert report.passed
    broken = report.sequences[1]
    assert broken.frames == tuple(index for index in range(FRAMES) if index != 6)
    assert len(broken.skipped) == 1 and file in broken.skipped[0]


def test_a_broken_sequence_is_skipped_as_a_whole_and_one_must_remain(scenes):
    (scenes / "scene_000000/cameras.npz").write_bytes(b"nonsense")
    report = check_data(Dataset.SYNTHETIC, scenes, on_bad=OnBad.SKIP)
    assert [one.name for one in report.sequences] == ["scene_000001"]
    assert "cameras.npz" in report.skipped[0]
    shutil.rmtree(scenes / "scene_000001")
    with pytest.raises(DatasetError, match=r"no sequence below .* can be read"):
        check_data(Dataset.SYNTHETIC, scenes, on_bad=OnBad.SKIP)


def test_writes_summary_and_pictures(scenes, tmp_path):
    edit_arrays(scenes / "scene_000001/cameras.npz", extrinsics=set_at((2, 0, 0), np.nan))
    out = tmp_path / "checked"
    report = check_data_to(out, Dataset.SYNTHETIC, scenes)
    summary = json.loads((out / "summary.json").read_text())
    assert not summary["passed"]
    assert [one["passed"] for one in summary["sequences"]] == [True, False]
    assert summary["sequences"][1]["failures"][0]["frames"] == [2]
    with (out / "summary.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["frames"] for row in rows] == ["12", "12"]
    assert "frame 2" in rows[1]["failures"]
    clouds = [read_ply(out / f"scene_000000/{name}_world.ply")[0] for name in ("first", "last")]
    first_camera, _ = read_ply(out / "scene_000000/first_camera.ply")
    assert first_camera[:, 2].min() > 0
    # Both frames show one room: its floor and walls bound both clouds.
    assert np.abs(clouds[0][:, 2].min() - clouds[1][:, 2].min()) < 0.05
    for name in ("first_depth.png", "tracks_first_last.png"):
        Image.open(out / "scene_000000" / name).load()
    assert (out / "scene_000000/tracks.mp4").stat().st_size > 1000
    with pytest.raises(OutputError, match="--overwrite"):
        check_data_to(out, Dataset.SYNTHETIC, scenes)
    (out / "notes.txt").write_text("mine")
    again = check_data_to(out, Dataset.SYNTHETIC, scenes, overwrite=True)
    assert again == report
    assert (out / "notes.txt").exists()


def test_writes_nothing_if_it_stops(scenes, tmp_path):
    (scenes / "scene_000001/rgb/000000.png").unlink()
    with pytest.raises(FramesError, match=r"000000\.png does not exist"):
        check_data_to(tmp_path / "checked", Dataset.SYNTHETIC, scenes)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scenes"]


@pytest.mark.parametrize(
    "name", [name for name in LAYOUTS if DATASETS[LAYOUTS[name].dataset].checks]
)
def test_exact_data_of_every_layout_passes(name, tmp_path):
    """But for those that take their intrinsics from elsewhere, as a sensor's."""
    truth = exact_truth(frames=6, size=(96, 72), fps=5.0)
    dataset = LAYOUTS[name].dataset
    LAYOUTS[name].write(tmp_path, truth)
    k = truth.intrinsics
    of_sensor = dataset in (Dataset.TUM, Dataset.BONN, Dataset.FOLDER)
    pinhole = (k[0, 0], k[1, 1], k[0, 2], k[1, 2]) if of_sensor else None
    report = check_data(dataset, tmp_path, pinhole=pinhole)
    assert report.passed, report.sequences[0].failures
    assert report.sequences[0].frames == tuple(range(6))


@pytest.mark.parametrize(
    ("lacking", "reason"),
    [("intrinsics", "give --intrinsics"), ("T_camera_world", "it has no poses")],
)
def test_a_check_that_cannot_be_made_is_neither_passed_nor_failed(lacking, reason, scenes):
    sequence = read_scene_folder(sorted(scenes.glob("[!.]*"))[0])
    blind = dataclasses.replace(sequence, read_tracks=None, **{lacking: None})
    report = check_sequence(blind, DATASETS[Dataset.SYNTHETIC].checks)
    (finding,) = report.not_judged
    assert finding.check is Check.DEPTH_CONSISTENCY and reason in finding.message
    assert report.result == "not judged" and report.passed
