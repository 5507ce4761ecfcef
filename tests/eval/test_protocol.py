import pytest

from page4d_cli.core.benchmark import Benchmark, DepthLimits
from page4d_cli.eval.protocol import ORIGINAL, STANDARD, Measure

BENCHMARK = Benchmark(
    pose_sequences=("a", "b"),
    depth_sequences=("b", "c", "d"),
    video_limits=DepthLimits(70, clip=80),
    original_left_out=("c",),
    original_pose_stride=10,
    has_recorded_poses=True,
)


@pytest.mark.parametrize("protocol", [STANDARD, ORIGINAL])
def test_poses_and_depth_have_lists_of_their_own(protocol):
    assert protocol.sequences(BENCHMARK, Measure.POSE) == ("a", "b")
    assert protocol.sequences(BENCHMARK, Measure.MONO) == ("b", "c", "d")


def test_only_the_original_leaves_out_and_only_of_videos():
    assert STANDARD.sequences(BENCHMARK, Measure.VIDEO) == ("b", "c", "d")
    assert ORIGINAL.sequences(BENCHMARK, Measure.VIDEO) == ("b", "d")
    words = ORIGINAL.as_words(BENCHMARK, Measure.VIDEO)
    assert words["sequences"] == "the benchmark's list without c"
    assert STANDARD.as_words(BENCHMARK, Measure.VIDEO)["sequences"] == "the benchmark's list"


def test_frames_that_count():
    assert list(ORIGINAL.frames(25, BENCHMARK, Measure.POSE)) == [0, 10, 20]
    assert len(STANDARD.frames(25, BENCHMARK, Measure.POSE)) == 25
    assert len(ORIGINAL.frames(500, BENCHMARK, Measure.VIDEO)) == 120
    assert len(ORIGINAL.frames(500, BENCHMARK, Measure.MONO)) == 500
    assert len(STANDARD.frames(500, BENCHMARK, Measure.VIDEO)) == 500


def test_limits_are_said_in_words():
    words = STANDARD.as_words(BENCHMARK, Measure.VIDEO)
    assert words["ground truth"] == "depth above 0 and below 70, predictions clipped at 80"
    assert STANDARD.as_words(BENCHMARK, Measure.MONO)["ground truth"] == "depth above 0"


def test_poses_of_markers_are_named_where_there_are_some():
    standard, original = (p.as_words(BENCHMARK, Measure.POSE) for p in (STANDARD, ORIGINAL))
    assert "camera" in standard["ground truth"] and "markers" in original["ground truth"]
    assert "ground truth" not in ORIGINAL.as_words(Benchmark(), Measure.POSE)
