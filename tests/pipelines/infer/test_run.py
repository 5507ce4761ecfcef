import json

import av
import numpy as np
import pytest
import torch
from camera_paths import read_tum
from ply_file import read_ply

from page4d_cli.core.enums import Resolution, Save
from page4d_cli.core.errors import OutputError, WeightsError
from page4d_cli.core.geometry import as_homogeneous
from page4d_cli.core.resample import to_source_pixels
from page4d_cli.data.clip.frames import load_frames
from page4d_cli.io.formats.png import read_depth_png
from page4d_cli.io.run.directory import is_complete, open_run
from page4d_cli.pipelines.infer.predict import infer
from page4d_cli.pipelines.infer.run import HEADS_FOR, RunOptions, write_run

EVERYTHING = RunOptions(save=frozenset(Save))


def test_every_output_has_its_heads():
    assert HEADS_FOR.keys() == set(Save)


def test_what_is_read_is_what_was_predicted(model, frames, tmp_path):
    prediction = infer(model, frames)
    manifest = write_run(model, frames, tmp_path / "run", EVERYTHING)
    run = open_run(tmp_path / "run")
    assert run.manifest == manifest and is_complete(tmp_path / "run")
    np.testing.assert_array_equal(run.extrinsics(), prediction.extrinsics)
    np.testing.assert_array_equal(run.intrinsics(), prediction.intrinsics)
    np.testing.assert_array_equal(run.timestamps_s, frames.timestamps_s)
    for index in range(len(frames)):
        np.testing.assert_array_equal(run.depth(index), prediction.depth[index])
        np.testing.assert_array_equal(run.confidence(index), prediction.depth_confidence[index])
        np.testing.assert_array_equal(run.points(index), prediction.points[index])


def test_the_trajectory_is_camera_to_world(model, frames, tmp_path):
    write_run(model, frames, tmp_path / "run", RunOptions(save=frozenset({Save.CAMERAS})))
    stamps, T_world_camera = read_tum(tmp_path / "run/trajectory.txt")
    T_camera_world = open_run(tmp_path / "run").extrinsics()
    product = as_homogeneous(T_world_camera) @ as_homogeneous(T_camera_world)
    np.testing.assert_allclose(product, np.eye(4)[None].repeat(2, 0), atol=1e-6)
    np.testing.assert_array_equal(stamps, [0, 1])


@pytest.mark.parametrize("resolution", list(Resolution))
def test_intrinsics_txt_is_in_source_pixels(model, frames, tmp_path, resolution):
    options = RunOptions(save=frozenset({Save.CAMERAS}), resolution=resolution)
    write_run(model, frames, tmp_path / "run", options)
    in_source = np.loadtxt(tmp_path / "run/intrinsics.txt")[:, 1:]
    of_maps = open_run(tmp_path / "run").intrinsics()
    if resolution is Resolution.NETWORK:
        transform = frames.infos[0].transform
        of_maps = transform.intrinsics_to_source(of_maps)
    np.testing.assert_allclose(in_source, of_maps[:, [0, 1, 0, 1], [0, 1, 2, 2]], rtol=1e-6)


def test_maps_at_source_resolution(model, picture_folder, tmp_path):
    frames = load_frames(picture_folder(size=(200, 60)))
    prediction = infer(model, frames)
    options = RunOptions(save=frozenset(Save), resolution=Resolution.SOURCE)
    write_run(model, frames, tmp_path / "run", options)
    run = open_run(tmp_path / "run")
    assert run.depth(0).shape == (60, 200) and run.points(0).shape == (60, 200, 3)
    expected = to_source_pixels(prediction.depth[1], frames.infos[1].transform)
    np.testing.assert_array_equal(run.depth(1), expected)
    png = read_depth_png(tmp_path / "run/depth/001.png", run.manifest.depth_png_scale)
    np.testing.assert_allclose(png, expected, atol=1 / run.manifest.depth_png_scale)


def test_only_what_is_asked_for_is_run_and_written(model, frames, tmp_path):
    model.depth_head = model.camera_head = None
    write_run(model, frames, tmp_path / "run", RunOptions(save=frozenset({Save.POINTS})))
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "manifest.json",
        "points",
        "points_confidence",
    }


def test_the_manifest_tells_where_it_came_from(model, frames, tmp_path):
    options = RunOptions(command=("page4d", "infer"), settings={"stride": 1})
    write_run(model, frames, tmp_path / "run", options, timings_s={"weights": 1.5})
    manifest = json.loads((tmp_path / "run/manifest.json").read_text())
    assert manifest["command"] == ["page4d", "infer"]
    assert manifest["weights"]["name"] == "random" and manifest["dtype"] == "fp32"
    assert manifest["network_size"] == [140, 518]
    assert {"weights", "aggregator", "heads", "derived files"} == manifest["timings_s"].keys()
    assert manifest["peak_memory_bytes"]["host"] > 1e7
    files = {str(p.relative_to(tmp_path / "run")) for p in (tmp_path / "run").rglob("*.*")}
    assert set(manifest["files"]) == files - {"manifest.json"}


@pytest.mark.parametrize(
    ("save", "panes", "pictures"),
    [
        ({Save.PREVIEW}, 2, set()),
        ({Save.PREVIEW, Save.CONFIDENCE}, 3, set()),
        ({Save.PREVIEW, Save.CAMERAS}, 2, {"trajectory.png"}),
    ],
)
def test_the_preview_shows_what_is_saved(model, frames, tmp_path, save, panes, pictures):
    manifest = write_run(model, frames, tmp_path / "run", RunOptions(save=frozenset(save)))
    with av.open(str(tmp_path / "run/preview.mp4")) as container:
        assert container.streams.video[0].width == panes * 518
    assert {name for name in manifest.files if name.endswith(".png")} == pictures


def test_the_cloud_says_how_it_was_chosen(model, frames, tmp_path):
    manifest = write_run(model, frames, tmp_path / "run", EVERYTHING)
    points, _ = read_ply(tmp_path / "run/cloud.ply")
    assert len(points) == manifest.cloud.points > 0
    assert manifest.cloud.candidates == 2 * 140 * 518


def test_an_infinite_focal_length_is_reported_and_not_written(model, frames, tmp_path):
    with torch.no_grad():
        model.camera_head.pose_branch.fc2.bias[7:] = -1  # the field of view's ReLU gives 0
    manifest = write_run(model, frames, tmp_path / "run", EVERYTHING)
    assert any("000, 001: the focal length is not positive" in line for line in manifest.problems)
    assert manifest.non_finite["intrinsics"] == 4
    text = (tmp_path / "run/intrinsics.txt").read_text()
    assert all(line.startswith("#") for line in text.splitlines())
    assert np.isnan(open_run(tmp_path / "run").intrinsics()).all()
    assert len(read_tum(tmp_path / "run/trajectory.txt")[0]) == 2
    assert any("cloud.ply is empty" in line for line in manifest.problems)


def test_a_field_of_view_beyond_a_half_turn_is_no_camera(model, frames, tmp_path):
    with torch.no_grad():
        model.camera_head.pose_branch.fc2.bias[7:] = 3.5 / 4  # four rounds: 3.5 radians
    manifest = write_run(model, frames, tmp_path / "run", EVERYTHING)
    assert any("the focal length is not positive" in line for line in manifest.problems)
    assert manifest.cloud.points == 0


def test_padding_counts_for_nothing(model, picture_folder, tmp_path):
    """The scale of the depth PNGs and the counts come from the pictures alone."""
    frames = load_frames(picture_folder(), fit="pad")
    left, top, right, bottom = frames.infos[0].transform.content
    assert (right - left, bottom - top) == (518, 140) and frames.size == (518, 518)
    depth = infer(model, frames).depth
    manifest = write_run(model, frames, tmp_path / "run", EVERYTHING)
    deepest = depth[:, top:bottom, left:right].max()
    assert manifest.depth_png_scale == pytest.approx(65535 / deepest)


@pytest.mark.parametrize("name", ["cloud.ply", "preview.mp4", "trajectory.png"])
def test_what_is_in_the_way_of_a_file_is_found_before_the_work(model, frames, tmp_path, name):
    (tmp_path / "run" / name).mkdir(parents=True)
    model.encode = None  # no work may begin
    with pytest.raises(OutputError, match=rf"{name} is in the way"):
        write_run(model, frames, tmp_path / "run", RunOptions(overwrite=True))


def test_a_pose_that_is_none_is_left_out(model, frames, tmp_path):
    with torch.no_grad():
        model.camera_head.pose_branch.fc2.weight[3:7] = 0
        model.camera_head.pose_branch.fc2.bias[3:7] = 0  # no quaternion
    manifest = write_run(model, frames, tmp_path / "run", EVERYTHING)
    assert any("the pose is not finite" in line for line in manifest.problems)
    assert "nan" not in (tmp_path / "run/trajectory.txt").read_text()
    assert "trajectory.png" not in manifest.files


def test_depths_that_are_not_finite_are_counted(model, frames, tmp_path, monkeypatch):
    decode = model.decode

    def overflow_in_the_first_frame(encoding, head, chosen):
        values, confidence = decode(encoding, head, chosen)
        return (values * torch.inf if chosen.start == 0 else values), confidence

    monkeypatch.setattr(model, "decode", overflow_in_the_first_frame)
    manifest = write_run(model, frames, tmp_path / "run", EVERYTHING)
    assert manifest.non_finite["depth"] == 140 * 518
    assert "depth: 72520 values are not finite" in manifest.problems
    assert (tmp_path / "run/preview.mp4").stat().st_size > 0


def test_depths_of_nothing_make_no_png(model, frames, tmp_path):
    with torch.no_grad():
        model.depth_head.scratch.output_conv2[2].bias[0] = -1000  # exp gives 0
    manifest = write_run(model, frames, tmp_path / "run", EVERYTHING)
    assert any("no depth PNG was written" in line for line in manifest.problems)


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (
            "aggregator.frame_blocks.0.attn.qkv.weight",
            "no value of the extrinsics is finite",
        ),
        ("depth_head.norm.weight", "no value of the depth, depth confidence is finite"),
    ],
)
def test_a_network_that_says_nothing_writes_nothing(model, frames, tmp_path, part, words):
    with torch.no_grad():
        model.get_parameter(part).fill_(torch.nan)
    with pytest.raises(WeightsError, match=words):
        write_run(model, frames, tmp_path / "run", EVERYTHING)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("when", ["attention layers", "depth maps", "cloud"])
def test_an_interrupted_run_leaves_nothing(model, frames, tmp_path, when):
    def interrupt(what, *_):
        if what == when:
            raise KeyboardInterrupt

    place = tmp_path / "place"
    place.mkdir()
    with pytest.raises(KeyboardInterrupt):
        write_run(model, frames, place / "run", EVERYTHING, progress=interrupt)
    assert list(place.iterdir()) == []
