"""Metres from what is known, by a drawn scene whose true lengths are known."""

import re
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.errors import DatasetError, InputError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.reproject import PosedDepth
from page4d_cli.data.synthetic import sample_scene
from page4d_cli.io.formats.trajectory import write_tum
from page4d_cli.pipelines.scale.ground import height_above_ground
from page4d_cli.pipelines.scale.measure import measure_scale, measure_scales
from page4d_cli.pipelines.scale.seen import SeenFrames
from page4d_cli.pipelines.scale.source import parse_scale_source

SEED, FRAMES, FPS = 1, 6, 2.0
UNITS = (1.0, 0.01, 37.0)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Exact, in metres. Tests must not change it."""
    folder = tmp_path_factory.mktemp("scene")
    return write_synthetic_run(folder, seed=SEED, frames=FRAMES, fps=FPS).run


def seen(run, unit=1.0, **changes):
    """The frames as a network sees them whose unit is so many metres."""
    extrinsics, intrinsics = run.extrinsics().astype(float), run.intrinsics().astype(float)
    extrinsics[..., 3] /= unit

    def posed_depth(place):
        return PosedDepth(run.depth(place) / unit, intrinsics[place], extrinsics[place])

    frames = SeenFrames(
        run.infos, run.manifest.timestamp_source, invert_rigid(extrinsics), posed_depth
    )
    return replace(frames, **changes)


def path_of(run):
    return invert_rigid(run.extrinsics().astype(float))


@pytest.fixture
def poses(run, tmp_path):
    """The true path, in another world."""
    turn = sample_scene(seed=5).T_camera_world(np.zeros(1))[0]
    moved = np.concatenate(
        [
            turn[:, :3] @ path_of(run)[..., :3],
            turn[:, :3] @ path_of(run)[..., 3:] + [[100], [20], [3]],
        ],
        -1,
    )
    write_tum(tmp_path / "gps.txt", run.timestamps_s, moved)
    return tmp_path / "gps.txt"


@pytest.fixture
def sensor(run, tmp_path):
    """Depth of the source pictures, 16 bit, with their names; what was cropped away is empty."""
    folder = tmp_path / "sensor"
    folder.mkdir()
    for index, info in enumerate(run.infos):
        width, height = info.transform.source_size
        large = np.zeros((height, width), np.float32)
        large[6:-6] = run.depth(index).repeat(2, 0).repeat(2, 1)
        Image.fromarray((large * 5000).round().astype(np.uint16)).save(folder / f"{info.stem}.png")
    return folder


def true_height(scene_seed=SEED):
    times_s = np.arange(FRAMES) / FPS
    return invert_rigid(sample_scene(seed=scene_seed).T_camera_world(times_s))[:, 2, 3]


@pytest.mark.parametrize("unit", UNITS)
def test_each_source_finds_the_factor_in_every_unit(run, poses, sensor, unit):
    centres = path_of(run)[..., 3]
    distance = float(np.linalg.norm(centres[0] - centres[4]))
    for text, tolerance, frames in (
        (f"distance:000000,000004={distance}", 1e-5, 1),
        (f"poses:{poses}", 1e-5, FRAMES),
        (f"depth:{sensor}", 1e-3, FRAMES),
        (f"height:{np.median(true_height())}", 0.01, FRAMES),
    ):
        record = measure_scale(parse_scale_source(text), seen(run, unit))
        assert record.factor == pytest.approx(unit, rel=tolerance), text
        assert record.frames == frames and record.source == text
        if frames == 1:
            assert record.spread is None
        else:
            assert 0 <= record.spread < (0.1 if "height" in text else 1e-2)


@pytest.mark.parametrize("name", ["0", "000000", "000000.png"])
def test_an_image_is_named_by_its_stem_its_file_or_its_number(run, name):
    distance = np.linalg.norm(np.diff(path_of(run)[[0, 3], :, 3], axis=0))
    source = parse_scale_source(f"distance:{name},3={distance}")
    assert measure_scale(source, seen(run)).factor == pytest.approx(1, rel=1e-5)


def test_single_wrong_positions_do_not_matter(run, tmp_path):
    poses = path_of(run)
    poses[2, :, 3] += 50
    write_tum(tmp_path / "gps.txt", run.timestamps_s, poses)
    record = measure_scale(parse_scale_source(f"poses:{tmp_path / 'gps.txt'}"), seen(run, 3.0))
    assert record.factor == pytest.approx(3, rel=0.02)


def test_the_spread_is_how_far_frames_disagree(run, sensor):
    truth = seen(run)

    def uneven(place):
        posed = truth.posed_depth(place)
        return replace(posed, depth=posed.depth * np.exp(0.1 * (-1) ** place))

    source = parse_scale_source(f"depth:{sensor}")
    assert measure_scale(source, replace(truth, posed_depth=uneven)).spread == pytest.approx(
        1.4826 * 0.1, rel=0.01
    )


def test_a_sensor_may_have_fewer_pixels_and_another_unit(run, sensor):
    for path in sensor.iterdir():
        values = np.asarray(Image.open(path))[::2, ::2] // 5
        Image.fromarray(values.astype(np.uint16)).save(path)
    source = parse_scale_source(f"depth:{sensor}=1000")
    assert measure_scale(source, seen(run, 2.0)).factor == pytest.approx(2, rel=2e-3)


def test_maps_belong_to_the_nearest_time_where_names_differ(run, sensor):
    for info in run.infos:
        (sensor / f"{info.stem}.png").rename(sensor / f"{info.timestamp_s + 0.03:.4f}.png")
    source = parse_scale_source(f"depth:{sensor}")
    assert measure_scale(source, seen(run, 2.0)).factor == pytest.approx(2, rel=1e-3)
    with pytest.raises(InputError, match="none of 6 maps"):
        source.require(seen(run, timestamp_source=TimestampSource.INDEX))


def test_arrays_are_metres(run, sensor):
    for index, path in enumerate(sorted(sensor.iterdir())):
        np.save(path.with_suffix(".npy"), np.asarray(Image.open(path)) / 5000)
        path.unlink()
        assert path.stem == run.infos[index].stem
    assert measure_scale(
        parse_scale_source(f"depth:{sensor}"), seen(run, 2.0)
    ).factor == pytest.approx(2, rel=1e-3)


def test_height_does_not_depend_on_the_unit_and_bears_noise_and_people(run):
    truth = seen(run)
    rng = np.random.default_rng(0)
    for place in range(FRAMES):
        frame = truth.posed_depth(place)
        noisy = replace(frame, depth=frame.depth * np.exp(rng.normal(0, 0.02, frame.depth.shape)))
        height = height_above_ground(noisy)
        assert height == pytest.approx(true_height()[place], rel=0.03)
        small = replace(noisy, depth=noisy.depth * np.float32(2**-7))
        assert height_above_ground(small) == pytest.approx(height / 2**7, rel=1e-9)


def test_every_segment_has_its_own_factor_or_none_has(run):
    halves = [
        replace(
            seen(run, unit),
            infos=run.infos[part],
            T_world_camera=seen(run, unit).T_world_camera[part],
        )
        for unit, part in ((2.0, slice(0, 3)), (5.0, slice(3, 6)))
    ]
    halves[1] = replace(halves[1], posed_depth=lambda place: seen(run, 5.0).posed_depth(place + 3))
    source = parse_scale_source(f"height:{np.median(true_height())}")
    factors = [record.factor for record in measure_scales(source, halves)]
    assert factors == pytest.approx([2, 5], rel=0.03)
    with pytest.raises(InputError, match=r"segment 2 \(000003 to 000005\) has a unit of its own"):
        measure_scales(parse_scale_source("distance:0,1=1"), halves)


# -- what cannot be used


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "give distance:IMAGE_A,IMAGE_B=METRES, poses:FILE"),
        ("1.65", "give distance:"),
        ("length:3", "give distance:"),
        ("height:", "give distance:"),
        ("height:tall", "'tall' is no length"),
        ("height:-1", "'-1' is no length"),
        ("height:0", "is no length"),
        ("height:inf", "is no length"),
        ("height:nan", "is no length"),
        ("distance:a,b", "give distance:IMAGE_A"),
        ("distance:a=1", "give distance:IMAGE_A"),
        ("distance:a,b,c=1", "give distance:IMAGE_A"),
        ("distance:a,a=1", "these are one image"),
        ("distance:a,b=0", "is no length"),
        ("poses:nowhere.txt", "cannot read nowhere.txt"),
        ("depth:nowhere", "nowhere is no folder"),
        ("depth:.=mm", "'mm' is no number of values a metre"),
    ],
)
def test_what_was_typed_is_refused_at_once(text, words):
    with pytest.raises(InputError, match=re.escape(words)):
        parse_scale_source(text)


def test_a_folder_without_maps_and_a_path_of_one_pose(tmp_path):
    with pytest.raises(InputError, match="holds no depth maps"):
        parse_scale_source(f"depth:{tmp_path}")
    (tmp_path / "one.txt").write_text("0 0 0 0 0 0 0 1\n")
    with pytest.raises(InputError, match="one pose"):
        parse_scale_source(f"poses:{tmp_path / 'one.txt'}")


def require(text, frames):
    parse_scale_source(text).require(frames)


def test_frames_of_which_nothing_is_said_are_refused_before_any_work(run, poses, sensor):
    with pytest.raises(InputError, match=r"b\.png is none of the 6 frames \(000000, 000001"):
        require("distance:000001,b.png=1", seen(run))
    late = [replace(info, timestamp_s=info.timestamp_s + 1e9) for info in run.infos]
    with pytest.raises(InputError, match="give both one clock"):
        require(f"poses:{poses}", seen(run, infos=late))
    with pytest.raises(InputError, match=r"time stamps such as 0\.5.*they are counted"):
        require(f"poses:{poses}", seen(run, timestamp_source=TimestampSource.INDEX))
    other = [replace(info, stem=f"x{i}", source=f"x{i}.png") for i, info in enumerate(run.infos)]
    with pytest.raises(InputError, match=r"none of 6 maps \(000000\.png, …\) has the name"):
        require(f"depth:{sensor}", seen(run, infos=other))
    twice = [replace(info, source="a/same.png") for info in run.infos]
    with pytest.raises(InputError, match="6 frames are called same"):
        require("distance:same.png,000001=1", seen(run, infos=twice))


def test_lengths_of_zero_are_no_measure(run, poses, tmp_path):
    standing = seen(run, T_world_camera=path_of(run)[[0] * FRAMES])
    for text in ("distance:0,1=1", f"poses:{poses}"):
        with pytest.raises(InputError, match=r"at one place|does not move"):
            measure_scale(parse_scale_source(text), standing)
    write_tum(tmp_path / "still.txt", run.timestamps_s, path_of(run)[[0] * FRAMES])
    with pytest.raises(InputError, match=r"the path in .*still\.txt does not move"):
        measure_scale(parse_scale_source(f"poses:{tmp_path / 'still.txt'}"), seen(run))
    lost = path_of(run)
    lost[0] = np.nan
    with pytest.raises(InputError, match="no usable camera"):
        measure_scale(parse_scale_source("distance:0,1=1"), seen(run, T_world_camera=lost))


def test_a_wall_is_no_ground(run):
    wall = np.full((42, 56), 2.0)
    k = run.intrinsics()[0].astype(float)
    flat = seen(run, posed_depth=lambda _: PosedDepth(wall, k, np.eye(4)[:3]))
    with pytest.raises(InputError, match="the ground is seen in 0 of 6 frames"):
        measure_scale(parse_scale_source("height:1.65"), flat)
    empty = seen(run, posed_depth=lambda _: PosedDepth(wall * np.nan, k, np.eye(4)[:3]))
    with pytest.raises(InputError, match="the ground is seen in 0 of 6 frames"):
        measure_scale(parse_scale_source("height:1.65"), empty)


def test_maps_that_do_not_fit_or_are_empty_or_damaged(run, sensor):
    first = next(iter(sorted(sensor.iterdir())))
    Image.fromarray(np.ones((40, 40), np.uint16)).save(first)
    with pytest.raises(InputError, match="another shape"):
        measure_scale(parse_scale_source(f"depth:{sensor}"), seen(run))
    first.write_bytes(first.read_bytes()[:20])
    with pytest.raises(DatasetError, match=first.name):
        measure_scale(parse_scale_source(f"depth:{sensor}"), seen(run))
    for path in sensor.iterdir():
        Image.fromarray(np.zeros((96, 112), np.uint16)).save(path)
    with pytest.raises(InputError, match="in none of 6 frames"):
        measure_scale(parse_scale_source(f"depth:{sensor}"), seen(run))
