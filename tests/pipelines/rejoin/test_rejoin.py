import json

import numpy as np
import pytest
from box_windows import as_first_world, save_window, spans, walk, window_of
from camera_paths import read_tum

from page4d_cli.core.enums import LoopSearch
from page4d_cli.core.errors import InputError, OutputError, RunError
from page4d_cli.io.formats.trajectory import write_tum
from page4d_cli.pipelines.rejoin.loops import parse_pair
from page4d_cli.pipelines.rejoin.rejoin import RejoinOptions, rejoin

FAR_AWAY = window_of(walk(50), np.arange(20, 40)).T_camera_world * [1, 1, 1, 1e10]


@pytest.fixture
def folder(tmp_path):
    """Windows of 20 frames under names that tell nothing, the units one and a half apart."""
    path = walk(50)
    for number, indices in enumerate(spans(50, 20, 10)):
        name = f"{'cabde'[number]}.npz"
        save_window(
            tmp_path / "run/windows" / name, window_of(path, indices, 1.5**number, seed=number)
        )
    return tmp_path / "run"


def test_windows_of_any_origin_become_one_path(folder, tmp_path):
    (folder / "manifest.json").write_text('{"kind": "of another program"}')
    rejoin(folder, tmp_path / "out")
    times, poses = read_tum(tmp_path / "out/trajectory.txt")
    np.testing.assert_array_equal(times, np.arange(50))
    np.testing.assert_allclose(poses, as_first_world(walk(50)), atol=5e-3)
    scales = np.loadtxt(tmp_path / "out/scales.txt")
    np.testing.assert_allclose(scales, 1.5 ** -np.arange(4.0), rtol=5e-3)
    about = json.loads((tmp_path / "out/join.json").read_text())
    assert [window["file"] for window in about["windows"]] == ["c.npz", "a.npz", "b.npz", "d.npz"]
    assert about["segments"] == [0] and len(about["joins"]) == 3
    assert about["joins"][0]["ratio"] == pytest.approx(1.5, rel=5e-3)


def test_a_window_that_is_missing_leaves_what_the_others_show(folder, tmp_path):
    (folder / "windows/a.npz").unlink()
    (folder / "windows/b.npz").unlink()
    result = rejoin(folder, tmp_path / "out")
    assert result.path.segment_starts == [0, 30]
    rows = np.loadtxt(tmp_path / "out/trajectory.txt")
    assert rows[:, 0].tolist() == [*range(20), *range(30, 50)]
    with pytest.raises(RunError, match="several segments"):
        read_tum(tmp_path / "out/trajectory.txt")
    for number, frames in ((1, range(20)), (2, range(30, 50))):
        times, _ = read_tum(tmp_path / f"out/trajectory_{number}.txt")
        assert times.tolist() == list(frames)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"depth": None}, "depth is missing"),
        ({"depth": np.ones((20, 12, 16), np.complex64)}, "complex64"),
        ({"depth": np.ones((19, 12, 16), np.float16)}, "depth"),
        ({"extrinsics": np.full((20, 3, 4), np.nan, np.float32)}, "extrinsics holds values"),
        ({"extrinsics": np.ones((20, 3, 4), np.float32)}, "do not begin with rotations"),
        ({"intrinsics": np.zeros((20, 3, 3), np.float32)}, "focal length is not positive"),
        ({"indices": np.arange(20)[::-1]}, "do not increase by one"),
        ({"indices": np.arange(20) - 5}, "not numbers of frames"),
        ({"indices": np.arange(20) + 2**62}, "from 0 below 10,000,000"),
        ({"depth": -np.ones((20, 12, 16), np.float16)}, "depth below 0"),
        ({"extrinsics": np.tile(np.diag([-1.0, 1, 1, 0])[:3], (20, 1, 1))}, "begin with rotations"),
        ({"indices": np.arange(20) + 0.5}, "not numbers of frames"),
        ({"depth": np.ones((20, 6, 8), np.float16)}, "of another size"),
        ({"depth": np.zeros((20, 12, 16), np.float16)}, "no pixel has a depth"),
        ({"extrinsics": FAR_AWAY}, "times as far from the first one"),
    ],
)
def test_a_window_that_cannot_be_used_is_named_and_nothing_is_written(
    folder, tmp_path, changes, words
):
    save_window(folder / "windows/b.npz", window_of(walk(50), np.arange(20, 40)), **changes)
    with pytest.raises(RunError, match=words) as error:
        rejoin(folder, tmp_path / "out")
    assert "b.npz" in str(error.value)
    assert not (tmp_path / "out").exists()


def test_half_a_file_and_no_files(folder, tmp_path):
    whole = (folder / "windows/b.npz").read_bytes()
    (folder / "windows/b.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RunError, match=r"b\.npz"):
        rejoin(folder, tmp_path / "out")
    with pytest.raises(RunError, match=r"holds no windows \(\*\.npz\)"):
        rejoin(tmp_path, tmp_path / "out")


def test_an_earlier_result_stays(folder, tmp_path):
    rejoin(folder, tmp_path / "out")
    with pytest.raises(OutputError, match="--overwrite"):
        rejoin(folder, tmp_path / "out")
    rejoin(folder, tmp_path / "out", RejoinOptions(overwrite=True))


def test_loops_are_looked_at_unless_they_are_off(folder, tmp_path):
    looks = window_of(walk(50), [*range(40, 48), *range(8)], 0.5)
    save_window(folder / "loops/0000.npz", looks)
    assert len(rejoin(folder, tmp_path / "a").path.loops) == 1
    assert not rejoin(folder, tmp_path / "b", RejoinOptions(loops=LoopSearch.OFF)).path.loops
    save_window(folder / "loops/0001.npz", window_of(walk(50), range(8)))
    with pytest.raises(RunError, match="two runs of frames"):
        rejoin(folder, tmp_path / "c")


@pytest.fixture
def with_loops(folder):
    """A round of which the end sees the beginning."""
    for number, (later, earlier) in enumerate([(40, 0), (38, 2)]):
        frames = [*range(later, later + 8), *range(earlier, earlier + 8)]
        save_window(folder / f"loops/{number}.npz", window_of(walk(50), frames, 0.5))
    return folder


def test_loops_by_hand(with_loops, tmp_path):
    given = RejoinOptions(loops=LoopSearch.OFF, given_loops=((6, 45),))  # 38..45 and 2..9
    loops = rejoin(with_loops, tmp_path / "a", given).path.loops
    assert [(loop.frames, loop.taken, loop.reason) for loop in loops] == [
        ((44, 4), True, "given"),
        ((42, 6), True, "given"),
    ]
    forbidden = RejoinOptions(forbidden_loops=((47, 0),))
    rejoin(with_loops, tmp_path / "b", forbidden)
    about = json.loads((tmp_path / "b/join.json").read_text())
    assert {"frames": [44, 4], "taken": False, "reason": "forbidden by hand"} in about["loops"]
    assert len(about["loops"]) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"given_loops": ((3, 30),)}, "3,30: no candidate in .* there are 2: 44,4 42,6"),
        ({"forbidden_loops": ((47, 46),)}, "47,46: no candidate"),
        ({"given_loops": ((44, 4),), "forbidden_loops": ((47, 0),)}, "given and forbidden"),
    ],
)
def test_loops_that_do_not_exist(with_loops, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        rejoin(with_loops, tmp_path / "out", RejoinOptions(**options))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "5", "5,", "a,b", "5;3", "5,3,1", "-5,3"])
def test_what_is_no_pair(text):
    with pytest.raises(InputError, match="such as 580,12"):
        parse_pair(text)


def test_windows_are_fitted_to_poses_by_the_numbers_of_frames(folder, tmp_path):
    known = walk(50) * [1, 1, 1, 9.0]
    write_tum(tmp_path / "known.txt", np.arange(0.0, 50, 7), known[::7])
    rejoin(folder, tmp_path / "out", RejoinOptions(poses=tmp_path / "known.txt"))
    _, poses = read_tum(tmp_path / "out/trajectory.txt")
    np.testing.assert_allclose(poses, known, atol=0.1)
    header = (tmp_path / "out/trajectory.txt").read_text().splitlines()[:2]
    assert "that of --poses" in header[0] and "metres" in header[1]
    assert json.loads((tmp_path / "out/join.json").read_text())["unit"] == "metres"
    assert np.loadtxt(tmp_path / "out/scales.txt")[0] == pytest.approx(9, rel=0.01)
    write_tum(tmp_path / "clock.txt", 1.7e9 + np.arange(50.0), known)
    with pytest.raises(InputError, match="give both one clock"):
        rejoin(folder, tmp_path / "other", RejoinOptions(poses=tmp_path / "clock.txt"))


def test_windows_of_every_kth_frame_are_joined_with_the_others(folder, tmp_path):
    save_window(folder / "skips/0.npz", window_of(walk(50), np.arange(0, 50, 3), 3.0))
    _, plain = read_tum(rejoined(folder, tmp_path / "out"))
    np.testing.assert_allclose(plain, as_first_world(walk(50)), atol=5e-3)
    save_window(folder / "skips/1.npz", window_of(walk(50), np.arange(1, 50, 3), 3.0))
    with pytest.raises(RunError, match="between those of the others"):
        rejoin(folder, tmp_path / "other")


def rejoined(folder, out):
    rejoin(folder, out)
    return out / "trajectory.txt"


def test_windows_are_dropped_when_they_are_joined(with_loops, tmp_path):
    (with_loops / "manifest.json").write_text('{"kind": "of another program"}')
    rejoin(with_loops, tmp_path / "out", RejoinOptions(drop_windows=True))
    assert (tmp_path / "out/trajectory.txt").is_file() and not list(with_loops.rglob("*.npz"))
