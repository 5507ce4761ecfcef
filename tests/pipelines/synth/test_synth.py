import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from camera_paths import read_tum
from PIL import Image

from page4d_cli.core.enums import SynthLayout
from page4d_cli.core.errors import DatasetError, InputError, OutputError
from page4d_cli.core.geometry import invert_rigid, project, world_points_from_depth
from page4d_cli.core.progress import Observer
from page4d_cli.data.sets.rendered.scene_folder import read_scene_folder
from page4d_cli.data.synthetic import SceneRecipe, sample_scene
from page4d_cli.fleet.choice import FleetChoice, Shard
from page4d_cli.io.formats.png import read_depth_png
from page4d_cli.pipelines.status.status import read_status
from page4d_cli.pipelines.synth import files as synth_files
from page4d_cli.pipelines.synth import synth
from page4d_cli.pipelines.synth.synth import SynthOptions, write_scenes

SMALL = {"frames": 3, "size": (48, 32)}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_scene_reads_back_and_is_consistent(tmp_path):
    folder = write_scenes(tmp_path, SynthOptions(**SMALL, seed=7, fps=2))[0].out
    assert folder == tmp_path / "scene_000007"
    about = json.loads((folder / "scene.json").read_text())
    assert set(about["files"]) | {"scene.json"} == set(contents(folder))
    assert about["timestamps_s"] == [0.0, 0.5, 1.0] and about["size"] == [48, 32]
    with np.load(folder / "cameras.npz") as cameras, np.load(folder / "tracks.npz") as tracks:
        extrinsics, intrinsics = cameras["extrinsics"], cameras["intrinsics"]
        pixels, visible, points = (tracks[n] for n in ("pixels", "visible", "points_world"))
        assert tracks["moving"].shape == (256,)
    assert about["intrinsics"]["fx"] == intrinsics[0, 0, 0] and intrinsics[0, 0, 2] == 24
    uv, _ = project(points.astype(float), intrinsics, extrinsics)
    assert np.abs(uv - pixels)[visible].max() < 1e-3
    assert visible[0].all()
    # The tracks start on the surface that the depth of frame 0 shows.
    depth = np.load(folder / "depth/000000.npy")
    assert depth.dtype == np.float32 and depth.shape == (32, 48)
    world = world_points_from_depth(depth, intrinsics[0], extrinsics[0])
    u, v = np.rint(pixels[0]).astype(int).T
    assert np.abs(world[v, u] - points[0]).max() < 1e-4
    assert np.asarray(Image.open(folder / "rgb/000002.png")).shape == (32, 48, 3)
    mask = np.asarray(Image.open(folder / "moving/000000.png"))
    assert mask.shape == (32, 48) and set(np.unique(mask)) <= {0, 255}


def test_a_compact_scene_says_the_same_in_less_space(tmp_path):
    options = {"frames": 3, "size": (96, 72), "seed": 7, "fps": 2}
    whole = write_scenes(tmp_path / "whole", SynthOptions(**options))[0].out
    small = write_scenes(tmp_path, SynthOptions(**options, layout=SynthLayout.COMPACT))[0].out
    sizes = [sum(map(len, contents(folder).values())) for folder in (whole, small)]
    assert sizes[1] < 0.5 * sizes[0]
    exact, read = (read_scene_folder(folder) for folder in (whole, small))
    assert small.name == whole.name and len(read) == 3
    np.testing.assert_array_equal(read.T_camera_world, exact.T_camera_world)
    both = (one.read_tracks(range(3)).pixels for one in (read, exact))
    np.testing.assert_array_equal(*both)
    for index in range(3):
        assert np.abs(read.read_depth(index) - exact.read_depth(index)).max() <= 0.0005 + 1e-6
        difference = read.read_image(index).astype(int) - exact.read_image(index)
        assert np.abs(difference).mean() < 4
        np.testing.assert_array_equal(read.read_moving(index), exact.read_moving(index))
    scene_json = small / "scene.json"
    scene_json.write_text(scene_json.read_text().replace('_scale": 1000.0', '_scale": null'))
    with pytest.raises(DatasetError, match="depth_png_scale None; expected a number above 0"):
        read_scene_folder(small)


def test_equal_seeds_give_equal_files(tmp_path):
    for place, first, count in (("a", 3, 2), ("b", 4, 1)):
        write_scenes(tmp_path / place, SynthOptions(**SMALL, scenes=count, seed=first))
    name = "scene_000004"
    assert contents(tmp_path / "a" / name) == contents(tmp_path / "b" / name)
    other = contents(tmp_path / "a" / "scene_000003")
    assert other["rgb/000000.png"] != contents(tmp_path / "a" / name)["rgb/000000.png"]


def test_tum_folders_have_three_clocks_and_true_values(tmp_path):
    options = SynthOptions(frames=20, size=(48, 32), seed=2, layout=SynthLayout.TUM)
    folder = write_scenes(tmp_path, options)[0].out
    assert folder.name == "rgbd_dataset_synthetic_000002"
    lists = {}
    for kind in ("rgb", "depth"):
        lines = (folder / f"{kind}.txt").read_text().splitlines()
        assert [line[0] for line in lines[:3]] == ["#"] * 3
        rows = [line.split() for line in lines[3:]]
        assert all((folder / file).is_file() and file == f"{kind}/{t}.png" for t, file in rows)
        lists[kind] = np.array([float(t) for t, _ in rows])
    assert np.diff(lists["rgb"]) == pytest.approx(1 / 30, abs=2e-6)
    offset = lists["depth"] - lists["rgb"]
    assert 0.002 < offset.min() < offset.max() < 0.015 and np.ptp(offset) > 0.0005
    stamps, poses = read_tum(folder / "groundtruth.txt")
    assert np.diff(stamps) == pytest.approx(0.01, abs=2e-6)
    assert stamps[0] < lists["rgb"][0] and stamps[-1] > lists["depth"][-1]
    scene = sample_scene(seed=2)
    times_s = stamps - synth_files.TUM_EPOCH_S
    assert poses == pytest.approx(invert_rigid(scene.T_camera_world(times_s)), abs=1e-5)
    # A depth map shows the scene at its own time: project its points by the pose at that time.
    stamp = lists["depth"][9]
    depth = read_depth_png(folder / f"depth/{stamp:.6f}.png", 5000)
    extrinsics = scene.T_camera_world(np.array([stamp - synth_files.TUM_EPOCH_S]))[0]
    world = world_points_from_depth(depth, scene.intrinsics((48, 32)), extrinsics)
    room = scene.half_size_m[0]
    outside = np.abs(world - [0, 0, room[2]]) - room
    on_wall = np.abs(outside).min(-1) < 5e-4
    assert outside.max() < 1e-3 and on_wall.mean() > 0.3


def test_what_is_there_is_kept(tmp_path):
    write_scenes(tmp_path, SynthOptions(**SMALL, seed=1))
    before = contents(tmp_path)
    with pytest.raises(OutputError, match=r"scene_000001 is there already.*--overwrite"):
        write_scenes(tmp_path, SynthOptions(**SMALL, scenes=2))
    assert contents(tmp_path) == before  # nor was scene 0 begun


def test_overwriting_replaces_the_scenes_files_and_no_others(tmp_path):
    folder = write_scenes(tmp_path, SynthOptions(**SMALL))[0].out
    (folder / "rgb/mine.txt").write_text("mine")
    options = SynthOptions(frames=2, size=(24, 16), overwrite=True)
    write_scenes(tmp_path, options)
    files = contents(folder)
    assert files.pop("rgb/mine.txt") == b"mine"
    fresh = write_scenes(tmp_path / "fresh", options)[0].out
    assert files == contents(fresh)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fresh", "scene_000000"]


def test_overwriting_stops_before_it_harms(tmp_path):
    place = tmp_path / "scene_000000"
    (place / "tracks.npz").mkdir(parents=True)
    with pytest.raises(OutputError, match=r"tracks\.npz is in the way"):
        write_scenes(tmp_path, SynthOptions(**SMALL, overwrite=True))
    assert [path.name for path in place.iterdir()] == ["tracks.npz"]


def test_a_list_of_files_cannot_reach_outside(tmp_path):
    folder = write_scenes(tmp_path, SynthOptions(**SMALL))[0].out
    (tmp_path / "precious.txt").write_text("precious")
    (folder / "scene.json").write_text('{"files": ["../precious.txt"]}')
    with pytest.raises(OutputError, match="does not say which files are page4d's"):
        write_scenes(tmp_path, SynthOptions(**SMALL, overwrite=True))
    assert (tmp_path / "precious.txt").read_text() == "precious"


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_complete_scenes_only_and_resume_does_the_rest(
    tmp_path, monkeypatch, error
):
    calls = []

    def failing(*arguments):
        calls.append(1)
        if len(calls) >= 5:
            raise error
        save(*arguments)

    save, out, options = np.save, tmp_path / "deep/out", SynthOptions(**SMALL, scenes=3)
    monkeypatch.setattr(synth_files.np, "save", failing)
    if isinstance(error, OSError):
        results = write_scenes(out, options)
        assert [result.state for result in results] == ["done", "failed", "failed"]
        assert "No space left" in results[1].error
    else:
        with pytest.raises(KeyboardInterrupt):
            write_scenes(out, options)
    monkeypatch.undo()
    assert [path.name for path in out.iterdir() if path.name != ".pieces"] == ["scene_000000"]
    assert (out / "scene_000000/scene.json").is_file()
    again = write_scenes(out, options, resume=True)
    assert [result.state for result in again] == ["kept", "done", "done"]


@pytest.mark.parametrize("layout", SynthLayout)
def test_a_scene_is_kept_if_it_was_asked_for_alike_and_is_whole(tmp_path, layout):
    options = SynthOptions(**SMALL, layout=layout, fps=3.7)
    (first,) = write_scenes(tmp_path, options)
    assert write_scenes(tmp_path, options, resume=True)[0].kept
    with pytest.raises(OutputError, match="asked for otherwise; --overwrite replaces it"):
        write_scenes(tmp_path, replace(options, fps=3.8), resume=True)
    before = contents(first.out)
    (first.out / sorted(before)[0]).unlink()
    assert not write_scenes(tmp_path, options, resume=True)[0].kept
    assert contents(first.out) == before


def test_shares_write_what_one_process_writes(tmp_path):
    options = SynthOptions(**SMALL, scenes=3)
    write_scenes(tmp_path / "one", options)
    for number in (1, 2):
        write_scenes(tmp_path / "two", options, fleet=FleetChoice(shard=Shard(number, 2)))
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert [piece.state.value for piece in read_status(tmp_path / "two")] == ["done"] * 3


def test_a_failure_at_once_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(synth, "sample_scene", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_scenes(tmp_path / "deep/out", SynthOptions(**SMALL))
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_no_place(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=r"file is a file; choose another --out"):
        write_scenes(tmp_path / "file", SynthOptions(**SMALL))


def test_the_recipe_is_used_and_told(tmp_path):
    recipe = SceneRecipe(room_seed=3, moving_bodies=(2, 2))
    folder = write_scenes(tmp_path, SynthOptions(**SMALL, recipe=recipe))[0].out
    about = json.loads((folder / "scene.json").read_text())
    assert about["recipe"]["room_seed"] == 3 and about["moving_bodies"] == 2


def test_progress_counts_the_frames_of_each_scene(tmp_path):
    seen: list[tuple[int, int]] = []
    places: list[Path] = []
    observer = Observer(
        on_result=lambda result: places.append(result.out),
        progress=lambda _what, done, total: seen.append((done, total)),
    )
    write_scenes(tmp_path, SynthOptions(**SMALL, scenes=2), observer=observer)
    assert seen == 2 * [(done, 3) for done in range(1, 4)]
    assert [place.name for place in places] == ["scene_000000", "scene_000001"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": (4, 84)}, "size is 4x84; give sides from 8 to 8192"),
        ({"frames": 0}, "frames is 0; give a number from 1"),
        ({"scenes": -1}, "scenes is -1"),
        ({"seed": -1}, "seed is -1; give a number from 0"),
        ({"fps": float("nan")}, "fps is nan"),
    ],
)
def test_options_without_sense_are_refused(wrong, message):
    with pytest.raises(InputError, match=message):
        SynthOptions(**wrong)
