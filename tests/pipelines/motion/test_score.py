"""The motion score against scenes of which it is known what moves, and against its own rules."""

import numpy as np
import pytest

from page4d_cli.data.synthetic import render, sample_scene
from page4d_cli.pipelines.motion.score import (
    DECISION_SIGMAS,
    UncertainDepth,
    motion_score,
    neighbours_of,
)

SIZE = (112, 84)
SCENES, FRAMES = 8, 8
TIMES_S = np.tile(np.arange(FRAMES) / 2, (SCENES, 1))


@pytest.fixture(scope="module")
def clips():
    return render([sample_scene(seed=100 + seed) for seed in range(SCENES)], TIMES_S, SIZE)


def score_all(clips, noise=0.0):
    """(B, S, H, W) of every frame against the others of its scene."""
    rng = np.random.default_rng(0)
    result = np.zeros(clips.depth.shape)
    for scene in range(SCENES):
        exact = clips.depth[scene].numpy()
        views = [
            UncertainDepth(
                (depth * (1 + noise * rng.standard_normal(depth.shape))).astype(np.float32),
                clips.intrinsics[scene, frame].numpy().astype(np.float64),
                clips.extrinsics[scene, frame].numpy().astype(np.float64),
                np.ones(depth.shape, np.float32),
            )
            for frame, depth in enumerate(exact)
        ]
        for frame in range(FRAMES):
            others = [views[other] for other in neighbours_of(frame, FRAMES)]
            result[scene, frame] = motion_score(views[frame], others)
    return result


def area_under_curve(score, label):
    """Chance that a moving pixel scores higher than a still one, ties counting half."""
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    rank = (np.cumsum(counts) - (counts - 1) / 2)[inverse.ravel()]
    positive, negative = label.sum(), (~label).sum()
    return (rank[label.ravel()].sum() - positive * (positive + 1) / 2) / (positive * negative)


def test_the_area_is_that_of_counting_pairs():
    rng = np.random.default_rng(1)
    score, label = rng.integers(0, 5, 60) / 4, rng.random(60) < 0.4
    pairs = np.sign(score[label][:, None] - score[~label]) / 2 + 0.5
    assert area_under_curve(score, label) == pytest.approx(pairs.mean())


@pytest.mark.parametrize(
    ("noise", "area", "recall", "false_alarms"),
    [(0.0, 0.96, 0.93, 0.002), (0.02, 0.95, 0.82, 0.002), (0.05, 0.94, 0.56, 0.002)],
)
def test_moving_pixels_are_told_from_still_ones(clips, noise, area, recall, false_alarms):
    """8 scenes of 8 frames, half a second apart; measured: areas of 0.969, 0.959 and 0.949."""
    moving = clips.moving.numpy()
    score = score_all(clips, noise)
    assert 0.05 < moving.mean() < 0.3
    assert area_under_curve(score, moving) > area
    assert (score >= 0.5)[moving].mean() > recall
    assert (score >= 0.5)[~moving].mean() < false_alarms


WALL, NEAR = 4.0, 2.0
K = np.array([[40.0, 0, 24], [0, 40.0, 16], [0, 0, 1]])
SHAPE = (32, 48)
SQUARE = (slice(10, 22), slice(14, 26))


def view(depth, x_m=0.0, uncertainty=1.0):
    T_camera_world = np.eye(3, 4)
    T_camera_world[0, 3] = -x_m
    return UncertainDepth(
        depth.astype(np.float32), K, T_camera_world, np.full(SHAPE, uncertainty, np.float32)
    )


def wall(square=None):
    depth = np.full(SHAPE, WALL)
    if square is not None:
        depth[square] = NEAR
    return depth


def test_what_has_gone_scores_and_what_it_uncovered_does_not():
    score = motion_score(view(wall(SQUARE)), [view(wall())])
    inner = np.zeros(SHAPE, bool)
    inner[SQUARE] = True
    assert ((score >= 0.5) != inner).sum() == 4, "only the corners are lost"
    assert score[11:21, 15:25].min() == 1
    # The other way the wall is behind the square: hidden, and no evidence.
    assert (motion_score(view(wall()), [view(wall(SQUARE))]) == 0).all()


def test_parallax_of_what_stands_still_is_no_motion():
    """The square hides other parts of the wall when it is seen from the side."""
    shifted = wall((SQUARE[0], slice(14 - 8, 26 - 8)))  # 40 px · 0.4 m / 2 m
    for frame, other in ((view(wall(SQUARE)), view(shifted, 0.4)),) * 2:
        assert motion_score(frame, [other]).max() < 0.1
        assert motion_score(other, [frame]).max() < 0.1


def test_the_strongest_evidence_counts_whatever_the_order():
    frame, same, gone = view(wall(SQUARE)), view(wall(SQUARE)), view(wall())
    both = motion_score(frame, [same, gone])
    assert (both == motion_score(frame, [gone, same])).all()
    assert (both == motion_score(frame, [gone])).all()
    assert motion_score(frame, [same]).max() == 0


def test_evidence_is_measured_against_the_disagreement_of_the_pair_and_of_the_pixel():
    rng = np.random.default_rng(0)
    noisy = wall() * (1 + 0.01 * rng.standard_normal(SHAPE))
    frame = wall()
    small = (slice(8, 16), slice(8, 16))
    frame[small] /= 1.04  # four sigmas in front of the wall
    strong = motion_score(view(frame), [view(noisy)])[small][1:-1, 1:-1]
    assert strong.mean() == pytest.approx(4 / (2 * DECISION_SIGMAS), abs=0.05)
    unsure = view(frame)
    unsure.uncertainty[small] = 4
    weak = motion_score(unsure, [view(noisy)])[small][1:-1, 1:-1]
    expected = 4 / np.sqrt((4**2 + 1) / 2) / (2 * DECISION_SIGMAS)
    assert weak.mean() == pytest.approx(expected, abs=0.05)


def test_no_depth_and_no_overlap_give_no_evidence():
    frame = wall(SQUARE)
    frame[SQUARE] = np.nan
    assert (motion_score(view(frame), [view(wall())]) == 0).all()
    assert (motion_score(view(wall(SQUARE)), [view(np.full(SHAPE, np.nan))]) == 0).all()
    assert (motion_score(view(wall(SQUARE)), [view(wall(), x_m=100.0)]) == 0).all()
    behind = view(wall())
    behind.T_camera_world[:] = [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, 0]]
    assert (motion_score(view(wall(SQUARE)), [behind]) == 0).all()
    assert (motion_score(view(wall(SQUARE)), []) == 0).all()


def test_neighbours_are_all_of_a_short_clip_and_near_and_far_ones_of_a_long_one():
    assert neighbours_of(1, 3) == [0, 2]
    assert len(neighbours_of(6, 13)) == 12
    assert neighbours_of(50, 100) == [18, 34, 42, 46, 48, 49, 51, 52, 54, 58, 66, 82]
    assert neighbours_of(0, 100) == [1, 2, 4, 8, 16, 32]
