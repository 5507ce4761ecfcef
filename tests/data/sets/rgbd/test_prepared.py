import numpy as np
import pytest
from dataset_layouts import EPOCH_S, TUM_NAME, write_tum_prepared
from exact_truth import exact_truth

from page4d_cli.core.errors import DatasetError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.data.sets.rgbd.prepared import read_prepared

COUNT = 90


@pytest.fixture
def folder(tmp_path):
    return write_tum_prepared(tmp_path, exact_truth())


def read(folder):
    return read_prepared(folder, folder / f"rgb_{COUNT}")


def stamps(folder, kind):
    return sorted(path.stem for path in (folder / f"{kind}_{COUNT}").iterdir())


def associate(folder, change=lambda rows: rows):
    """Write the associations of the k-th files and poses."""
    poses = (folder / f"groundtruth_{COUNT}.txt").read_text().splitlines()[1:]
    rows = [
        f"{rgb} rgb_{COUNT}/{rgb}.png {depth} depth_{COUNT}/{depth}.png {pose.split()[0]}"
        for rgb, depth, pose in zip(
            stamps(folder, "rgb"), stamps(folder, "depth"), poses, strict=True
        )
    ]
    text = "\n".join(["# t_rgb rgb t_depth depth t_pose", *change(rows)])
    (folder / f"associations_{COUNT}.txt").write_text(text)


def test_one_coinciding_stamp_means_nothing(folder):
    depth = folder / f"depth_{COUNT}"
    second = sorted(depth.iterdir())[1]
    second.rename(depth / f"{stamps(folder, 'rgb')[1]}.png")
    for _ in range(2):  # without associations, then with them
        recording = read(folder)
        assert [path.stem for path in recording.images] == stamps(folder, "rgb")
        assert [path.stem for path in recording.depths] == stamps(folder, "depth")
        assert recording.notes == ()
        associate(folder)


def test_files_of_one_name_belong_together(folder):
    truth = exact_truth()
    for kind in ("rgb", "depth"):
        for index, path in enumerate(sorted((folder / f"{kind}_{COUNT}").iterdir())):
            path.rename(path.with_stem(f"{index:03d}"))
    (folder / f"depth_{COUNT}/001.png").unlink()
    (folder / f"groundtruth_{COUNT}.txt").unlink()
    recording = read(folder)
    assert [path.stem for path in recording.images] == ["000", "002", "003"]
    np.testing.assert_array_equal(recording.read_depth(1), truth.depth_m[2])
    assert "1 of 4 pictures left out: no depth" in recording.notes


def test_where_numbers_differ_time_stamps_decide(folder):
    truth = exact_truth()
    sorted((folder / f"depth_{COUNT}").iterdir())[1].unlink()
    recording = read(folder)
    assert [path.stem for path in recording.images] == np.delete(stamps(folder, "rgb"), 1).tolist()
    for index, row in enumerate((0, 2, 3)):
        np.testing.assert_array_equal(recording.read_depth(index), truth.depth_m[row])
    expected = truth.T_camera_world[[0, 2, 3]]
    np.testing.assert_allclose(invert_rigid(recording.T_world_recorded), expected, atol=1e-9)
    assert "1 of 4 pictures left out: no depth" in recording.notes


def test_poses_are_paired_by_position_even_if_their_clock_is_another(folder):
    path = folder / f"groundtruth_{COUNT}.txt"
    path.write_text(path.read_text().replace("\n13000000", "\n14000000"))
    recording = read(folder)
    assert len(recording.images) == 4
    assert recording.pose_timestamps_s[0] > EPOCH_S + 1e8


def test_reads_what_there_is(folder):
    (folder / f"groundtruth_{COUNT}.txt").unlink()
    assert read(folder).T_world_recorded is None
    for path in (folder / f"depth_{COUNT}").iterdir():
        path.unlink()
    (folder / f"depth_{COUNT}").rmdir()
    recording = read(folder)
    assert recording.read_depth is None and len(recording.images) == 4


def test_associations_decide_whatever_the_files_are_called(folder):
    truth = exact_truth()
    associate(folder, lambda rows: rows)
    table = folder / f"associations_{COUNT}.txt"
    for kind in ("rgb", "depth"):
        for index, stamp in enumerate(stamps(folder, kind)):
            new = f"{kind}_{COUNT}/{9 - index}.png"  # in the opposite order
            (folder / f"{kind}_{COUNT}/{stamp}.png").rename(folder / new)
            table.write_text(table.read_text().replace(f"{kind}_{COUNT}/{stamp}.png", new))
    recording = read(folder)
    np.testing.assert_allclose(recording.timestamps_s, EPOCH_S + truth.timestamps_s)
    for index in range(4):
        np.testing.assert_array_equal(recording.read_depth(index), truth.depth_m[index])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows[:3], r"groundtruth_90\.txt has 4 rows and .*associations_90\.txt 3"),
        (
            lambda rows: [*rows[:2], rows[2][:-3] + "999", rows[3]],
            r"row 3 of .*groundtruth_90\.txt is of 1300000001\.002000 s, that of .*\.002999 s",
        ),
        (lambda rows: [*rows[:3], "nonsense"], r"associations_90\.txt, line 5: 1 column"),
        (lambda rows: [*rows[:3], "x" + rows[3]], r"line 5: t_rgb is 'x13"),
    ],
)
def test_associations_that_contradict_are_named(folder, change, message):
    associate(folder, change)
    with pytest.raises(DatasetError, match=message):
        read(folder)


def test_refuses_what_could_belong_together_in_several_ways(folder):
    for index, path in enumerate(sorted((folder / f"rgb_{COUNT}").iterdir())):
        path.rename(path.with_stem(f"frame{index}"))
    sorted((folder / f"depth_{COUNT}").iterdir())[1].unlink()
    with pytest.raises(
        DatasetError, match=f"{TUM_NAME}: 4 pictures and 3 depth maps, and the names tell no time"
    ):
        read(folder)
