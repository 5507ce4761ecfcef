import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import Fit, Resolution
from page4d_cli.data.clip.frames import load_frames
from page4d_cli.draw.color_scale import depth_scale
from page4d_cli.draw.preview import MapPane, preview_frames
from page4d_cli.io.formats.video import write_video
from page4d_cli.io.run.directory import PREVIEW, Run
from page4d_cli.io.run.manifest import FrameRecord
from page4d_cli.pipelines.stored_run.pictures import is_from_video, map_pictures, source_paths

SIZE = (42, 56)


@pytest.fixture
def made(tmp_path):
    return write_synthetic_run(tmp_path, frames=2)


def as_run(made, frames, source, **changes):
    """The same run, as if these frames had been its input."""
    manifest = replace(
        made.run.manifest,
        frames=tuple(map(FrameRecord.from_info, frames.infos)),
        network_size=frames.size,
        settings={"source": source},
        **changes,
    )
    return Run(made.run.directory, manifest)


@pytest.mark.parametrize("fit", list(Fit))
def test_pictures_are_exactly_those_that_the_network_saw(made, tmp_path, fit):
    rng = np.random.default_rng(0)
    (tmp_path / "odd").mkdir()
    for index, size in enumerate([(300, 500), (320, 240)]):
        pixels = rng.integers(0, 256, (*size, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "odd" / f"{index}.png")
    frames = load_frames(tmp_path / "odd", fit=fit)
    pictures, note = map_pictures(as_run(made, frames, str(tmp_path / "odd")), [0, 1])
    np.testing.assert_array_equal(pictures, frames.images)
    assert note is None


def test_frames_of_a_video_are_found_again(made, tmp_path):
    path = tmp_path / "clip.mp4"
    write_video(path, (np.full((64, 96, 3), 20 * i, np.uint8) for i in range(6)), 10.0)
    frames = load_frames(path, stride=2)
    run = as_run(made, frames, str(path))
    assert is_from_video(run) and set(source_paths(run)) == {path}
    pictures, note = map_pictures(run, [0, 2])
    np.testing.assert_array_equal(pictures, frames.images[[0, 2]])
    assert note is None


def test_frames_of_a_video_are_found_in_any_order(made, tmp_path):
    path = tmp_path / "clip.mp4"
    write_video(path, (np.full((64, 96, 3), 20 * i, np.uint8) for i in range(6)), 10.0)
    frames = load_frames(path)
    wanted = [4, 0, 5, 0]
    pictures, note = map_pictures(as_run(made, frames, str(path)), wanted)
    np.testing.assert_array_equal(pictures, frames.images[wanted])
    assert note is None
    infos = (*frames.infos[:2], replace(frames.infos[2], index=9))
    short = replace(frames, images=frames.images[:3], infos=infos)
    _, note = map_pictures(as_run(made, short, str(path)), [1, 2, 0])
    assert "has no frame 9" in note


def test_relative_sources_are_found_from_anywhere(made, tmp_path, monkeypatch):
    relative = tuple(replace(f, source=f"frames/{f.stem}.png") for f in made.run.manifest.frames)
    manifest = replace(
        made.run.manifest, frames=relative, settings={"source": str(tmp_path / "frames")}
    )
    monkeypatch.chdir("/")
    run = Run(made.run.directory, manifest)
    assert all(path.is_file() for path in source_paths(run)) and not is_from_video(run)
    as_list = replace(manifest, settings={"source": [str(tmp_path / "frames" / "000000.png")] * 2})
    assert source_paths(Run(made.run.directory, as_list))[1] == tmp_path / "frames" / "000000.png"


@pytest.mark.parametrize(
    ("typed", "start"),
    [
        ("frames/*.png", ""),
        ("*.png", "frames"),
        ("../frames/*.png", "elsewhere"),
        ("f*s/0*.png", ""),
        ("frames/**/*.png", ""),
        ("**/0*.png", "elsewhere/../frames"),
    ],
)
def test_relative_patterns_are_found_from_anywhere(made, tmp_path, monkeypatch, typed, start):
    decoy = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "frames", decoy / "frames")
    for path in (decoy / "frames").iterdir():
        shutil.copy(path, decoy)
    monkeypatch.chdir(tmp_path / start)
    run = as_run(made, load_frames(typed), str(Path(typed).resolve()))
    monkeypatch.chdir(decoy)
    expected = sorted((tmp_path / "frames").iterdir())
    assert source_paths(run) == expected and len(expected) == 2


def test_namesakes_here_are_never_taken_for_a_folder_that_is_gone(made, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for typed in ("frames", "frames/*.png"):
        run = as_run(made, load_frames(typed), str(tmp_path / "gone" / typed))
        assert source_paths(run) == [tmp_path / "gone/frames" / f"00000{i}.png" for i in range(2)]


def test_maps_of_source_size_have_the_sources_colors(made):
    manifest = replace(made.run.manifest, resolution=Resolution.SOURCE)
    pictures, _ = map_pictures(Run(made.run.directory, manifest), [1])
    expected = np.asarray(Image.open(manifest.frames[1].source))
    np.testing.assert_array_equal(pictures[0], expected)


def test_without_sources_the_preview_helps(made, tmp_path):
    panes = [MapPane(depth_scale(1.0, 5.0), [made.run.depth(i) for i in range(2)])]
    frames = preview_frames(made.images, panes, ["", ""])
    write_video(made.run.directory / PREVIEW, frames, 10.0)
    shutil.rmtree(tmp_path / "frames")
    pictures, note = map_pictures(made.run, [1])
    assert np.abs(pictures[0].astype(int) - made.images[1]).mean() < 6
    assert "colours are those of preview.mp4" in note


def test_a_preview_of_other_pictures_does_not_help(made, tmp_path):
    other = np.zeros((2, 30, 40, 3), np.uint8)
    write_video(made.run.directory / PREVIEW, other, 10.0)
    shutil.rmtree(tmp_path / "frames")
    pictures, note = map_pictures(made.run, [1])
    assert (pictures[0] == 128).all() and "points are grey" in note


def test_a_source_that_has_changed_is_not_taken(made):
    path = Path(made.run.manifest.frames[1].source)
    Image.new("RGB", (10, 20)).save(path)
    pictures, note = map_pictures(made.run, [0, 1])
    assert f"{path} has 10×20 pixels; when the run was made it had 112×96" in note
    assert (np.stack(pictures) == 128).all() and "points are grey" in note
    manifest = replace(made.run.manifest, resolution=Resolution.SOURCE)
    grey, _ = map_pictures(Run(made.run.directory, manifest), [1])
    assert grey[0].shape == (96, 112, 3)
