from dataclasses import replace

import numpy as np
import pytest
from raw_rgbd import steady, write_raw

from page4d_cli.core.enums import Dataset, Pairing
from page4d_cli.core.errors import DatasetError, InputError
from page4d_cli.data.sets.rgbd.pairing import read_recording
from page4d_cli.pipelines.prepare.plan import BONN, TUM, PrepareOptions, plan_sequence

IDENTITY = "0 0 0 0 0 0 1"


def chosen(plan):
    """Rows of rgb.txt, depth.txt and groundtruth.txt, by what the files are made to tell."""
    rgb = [round((one.image.timestamp_s - 1000) * 30) for one in plan.triples]
    return rgb, [int(one.pose.words[1]) for one in plan.triples]


@pytest.fixture
def folder(tmp_path):
    return write_raw(
        tmp_path / "seq", steady(40), steady(40, delay_s=0.008), steady(140, 100, 0.003)
    )


def test_tum_takes_every_third_of_the_complete_frames(folder):
    plan = plan_sequence(folder, replace(TUM, frames=5))
    assert chosen(plan)[0] == [0, 3, 6, 9, 12]
    assert (plan.pictures, plan.without_pose, plan.without_depth) == (40, 0, 0)
    np.testing.assert_allclose(plan.offsets_s("depth"), 0.008, atol=1e-6)
    assert plan.offsets_s("pose").max() <= 0.005 + 1e-6


def test_tum_takes_what_the_reader_of_raw_folders_pairs(folder):
    plan = plan_sequence(folder, TUM)
    recording = read_recording(folder)
    assert [one.image.file for one in plan.triples] == list(recording.images[::3])
    assert [one.depth.file for one in plan.triples] == list(recording.depths[::3])


def test_start_and_stride(folder):
    assert chosen(plan_sequence(folder, replace(TUM, start=4, stride=10)))[0] == [4, 14, 24, 34]


def test_a_frame_without_depth_is_left_out_whole_and_counted(tmp_path):
    depth_s = np.delete(steady(12), [2, 3, 4])
    folder = write_raw(tmp_path / "seq", steady(12), depth_s, steady(11))
    plan = plan_sequence(folder, replace(TUM, stride=1))
    # The map of 1 (33 ms before 2) and that of 5 are taken by their own pictures.
    assert chosen(plan)[0] == [0, 1, 5, 6, 7, 8, 9, 10]
    assert (plan.without_pose, plan.without_depth) == (1, 3)
    used = [one.depth.file for one in plan.triples]
    assert len(set(used)) == len(used)


def test_bonn_counts_frames_in_the_list(folder):
    rows = (folder / "depth.txt").read_text().splitlines(keepends=True)
    (folder / "depth.txt").write_text("".join(row for row in rows if "1000.041333" not in row))
    plan = plan_sequence(folder, replace(BONN, start=0, frames=4))
    assert chosen(plan)[0] == [0, 2, 3]
    assert (plan.pictures, plan.without_depth) == (4, 1)


def test_bonn_takes_frames_30_to_139(tmp_path):
    folder = write_raw(tmp_path / "seq", steady(150), steady(150), steady(150))
    assert chosen(plan_sequence(folder, BONN)) == (list(range(30, 140)),) * 2


def test_pairing_by_index_takes_equal_rows_and_tells_how_far_apart_they_are(tmp_path):
    folder = write_raw(tmp_path / "seq", steady(20), steady(18), steady(90, rate=100))
    options = replace(BONN, start=5, frames=20, pairing=Pairing.INDEX)
    plan = plan_sequence(folder, options)
    assert chosen(plan) == (list(range(5, 18)),) * 2
    assert (plan.pictures, plan.without_pose, plan.without_depth) == (15, 0, 2)
    # A row further, pictures and poses are 1/30 - 1/100 s further apart.
    expected_s = np.arange(5, 18) * (1 / 30 - 1 / 100)
    np.testing.assert_allclose(plan.offsets_s("pose"), expected_s, atol=1e-4)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("rgb.txt", "1000 rgb/a.png\n1001\n", r"rgb\.txt, line 2: 1 column"),
        ("rgb.txt", "1001 rgb/a.png\n1000 rgb/b.png\n", r"rgb\.txt, line 2: time stamp 1000 foll"),
        ("depth.txt", "1000 depth/a.png\n# -\n1000 depth/b.png\n", r"depth\.txt, line 3: time"),
        ("groundtruth.txt", f"2 {IDENTITY}\n1 {IDENTITY}\n", r"groundtruth\.txt, line 2: time"),
        ("groundtruth.txt", "1000 0 0 0 0 0 0 0\n", r"groundtruth\.txt, line 1: the quaternion"),
        ("groundtruth.txt", "# none\n", r"groundtruth\.txt has no rows"),
        ("groundtruth.txt", f"1 {IDENTITY}\n", "no picture of 40 has a pose within 0.02 s and"),
        ("rgb.txt", "# -\n1000 rgb/no.png\n", r"rgb\.txt, line 2: .*rgb/no\.png is not there"),
        ("depth.txt", "1000 no.png\n", r"depth\.txt, line 1: .*no\.png is not there"),
    ],
)
def test_names_file_and_line(folder, file, text, message):
    (folder / file).write_text(text)
    with pytest.raises(DatasetError, match=message):
        plan_sequence(folder, TUM)


def test_poses_may_repeat_a_time_stamp(folder):
    (folder / "groundtruth.txt").write_text(f"1000 {IDENTITY}\n1000 {IDENTITY}\n")
    assert len(plan_sequence(folder, TUM).triples) == 1


def test_two_files_of_one_name_are_refused(folder):
    (folder / "other").mkdir()
    (folder / "rgb/1000.033333.png").rename(folder / "other/1000.000000.png")
    text = (folder / "rgb.txt").read_text()
    (folder / "rgb.txt").write_text(text.replace("rgb/1000.033333", "other/1000.000000"))
    with pytest.raises(DatasetError, match=r"line 3: other/1000\.000000\.png has the name of rgb/"):
        plan_sequence(folder, replace(TUM, stride=1))


@pytest.mark.parametrize("options", [TUM, BONN])
def test_a_start_beyond_the_end_is_named(folder, options):
    with pytest.raises(DatasetError, match="start is 99, but it has 40 frames"):
        plan_sequence(folder, replace(options, start=99))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frames": 0}, "frames is 0; give a number from 1"),
        ({"start": -1}, "start is -1; give a number from 0"),
        ({"stride": 0}, "stride is 0; give a number from 1"),
        ({"pairing": Pairing.INDEX}, "for bonn only"),
        ({"dataset": Dataset.SYNTHETIC}, "synthetic needs no preparation; tum and bonn do"),
    ],
)
def test_settings_are_checked(settings, message):
    words = {"dataset": Dataset.TUM, "frames": 90, "start": 0, "stride": 3, **settings}
    with pytest.raises(InputError, match=message):
        PrepareOptions(**words)
