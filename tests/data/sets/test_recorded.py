from pathlib import Path

import numpy as np
import pytest

from page4d_cli.data.sets.recorded import RecordedSequence

TWO = (Path("a.png"), Path("b.png"))


def sequence(**known):
    return RecordedSequence("two", TWO, np.array([0.0, 1.0]), **known)


def test_the_worst_offset_is_that_of_either_clock():
    assert sequence().worst_offset_s is None
    poses, depths = np.array([0.01, 0.98]), np.array([-0.03, 1.0])
    assert sequence(pose_timestamps_s=poses).worst_offset_s == pytest.approx(0.02)
    both = sequence(pose_timestamps_s=poses, depth_timestamps_s=depths)
    assert both.worst_offset_s == pytest.approx(0.03)


def test_intrinsics_are_shared_or_each_frames_own():
    each = np.stack([np.eye(3), 2 * np.eye(3)])
    assert sequence().intrinsics_of(1) is None
    assert sequence(intrinsics=each[0]).intrinsics_of(1)[0, 0] == 1
    assert sequence(intrinsics=each).intrinsics_of(1)[0, 0] == 2


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({"T_camera_world": np.zeros((3, 3, 4))}, r"T_camera_world has shape \(3, 3, 4\)"),
        ({"intrinsics": np.zeros((3, 3, 3))}, "intrinsics has shape"),
        ({"pose_timestamps_s": np.zeros(1)}, "pose_timestamps_s has shape"),
        ({"depth_files": TWO[:1]}, "1 depth files for 2 frames"),
    ],
)
def test_what_does_not_fit_together_is_a_bug(known, message):
    with pytest.raises(ValueError, match=message):
        sequence(**known)
