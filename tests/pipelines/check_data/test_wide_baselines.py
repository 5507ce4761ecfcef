"""Exact truth of cameras far apart: what other surfaces hide, or nobody else sees, is not wrong."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.enums import Dataset
from page4d_cli.core.geometry import as_homogeneous, invert_rigid
from page4d_cli.data.sets.catalogue import DATASETS
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.pipelines.check_data.check import check_sequence
from page4d_cli.pipelines.check_data.checks import Check

SIZE = (120, 90)
K = np.array([[100.0, 0, 59.5], [0, 100, 44.5], [0, 0, 1]])
HALF_ROOM = np.array([3.0, 1.5, 3.0])
RADIUS = 1.0
LIMIT = DATASETS[Dataset.SYNTHETIC].checks


def look(position, target):
    """Camera to world (3, 4), y down."""
    z = np.subtract(target, position) / np.linalg.norm(np.subtract(target, position))
    x = np.cross([0, 1, 0], z)
    x /= np.linalg.norm(x)
    return np.column_stack([x, np.cross(z, x), z, position])


def see(T_world_camera):
    """Planar z (H, W) of a room with a ball in its middle, by hand."""
    width, height = SIZE
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    rays = np.stack([u, v, np.ones_like(u)], -1) @ np.linalg.inv(K).T @ T_world_camera[:, :3].T
    origin = T_world_camera[:, 3]
    walls = ((np.sign(rays) * HALF_ROOM - origin) / rays).min(-1)
    a, b, c = (rays**2).sum(-1), rays @ origin, origin @ origin - RADIUS**2
    root = np.sqrt(np.maximum(b * b - a * c, 0))
    ball = np.where(b * b > a * c, (-b - root) / a, np.inf)
    return np.minimum(walls, np.where(ball > 0, ball, np.inf)).astype(np.float32)


@pytest.fixture
def truth_of(tmp_path):
    """A sequence with exact depth of cameras; its pictures are black."""
    picture = tmp_path / "black.png"
    Image.new("RGB", SIZE).save(picture)
    return lambda cameras: exact(picture, cameras)


def exact(picture, cameras):
    depth = [see(camera) for camera in cameras]
    return RecordedSequence(
        name="wide",
        frames=(picture,) * len(cameras),
        timestamps_s=np.arange(len(cameras), dtype=float),
        T_camera_world=np.asarray(invert_rigid(np.stack(cameras))),
        intrinsics=K,
        read_depth=lambda index: depth[index],
    )


def ring(count):
    """Around the ball, looking at it."""
    angles = 2 * np.pi * np.arange(count) / count
    return [look([2.5 * np.cos(a), -0.3, 2.5 * np.sin(a)], [0, 0, 0.01]) for a in angles]


def outwards(count):
    """From the ball at the walls, nobody what another one sees."""
    angles = 2 * np.pi * np.arange(count) / count
    directions = [np.array([np.cos(a), 0, np.sin(a) + 0.01]) for a in angles]
    return [look(1.5 * direction, 3 * direction) for direction in directions]


@pytest.mark.parametrize("count", [2, 3, 4, 6, 8, 12, 24, 60])
def test_exact_truth_around_a_thing_does_not_fail(truth_of, count):
    report = check_sequence(truth_of(ring(count)), LIMIT)
    assert report.passed, report.failures
    if count >= 12:
        assert report.result == "passed" and report.depth_error < 1e-3


def test_frames_that_have_nothing_in_common_are_not_judged(truth_of):
    report = check_sequence(truth_of(outwards(4)), LIMIT)
    assert report.passed and report.result == "not judged"
    (finding,) = report.not_judged
    assert finding.check is Check.DEPTH_CONSISTENCY
    assert "no two frames see the same static surfaces" in finding.message


def test_a_frame_that_looks_elsewhere_is_not_judged_and_the_others_are(truth_of):
    cameras = [*ring(24)[:6], look([2.9, 0, 0], [3, 0.001, 0])]
    report = check_sequence(truth_of(cameras), LIMIT)
    assert report.result == "passed"
    (finding,) = report.not_judged
    assert finding.frames == (6,) and finding.message.startswith("frame 6 (black.png): no other")


def wrong_scale(sequence):
    return replace(sequence, read_depth=lambda index: sequence.read_depth(index) * np.float32(1.1))


def wrong_frame(sequence):
    factors = np.where(np.arange(len(sequence)) == 5, 1.1, 1).astype(np.float32)
    return replace(sequence, read_depth=lambda index: sequence.read_depth(index) * factors[index])


def wrong_way(sequence):
    return replace(sequence, T_camera_world=np.asarray(invert_rigid(sequence.T_camera_world)))


def wrong_order(sequence):
    order = np.roll(np.arange(len(sequence)), 1)
    return replace(sequence, T_camera_world=sequence.T_camera_world[order])


def wrong_axes(sequence):
    poses = as_homogeneous(sequence.T_camera_world)
    return replace(sequence, T_camera_world=(np.diag([1.0, -1, -1, 1]) @ poses)[:, :3])


def wrong_focal_length(sequence):
    return replace(sequence, intrinsics=K * [[1.3], [1.3], [1]])


@pytest.mark.parametrize(
    ("spoil", "count"),
    [
        (spoil, count)
        for spoil in (wrong_scale, wrong_frame, wrong_way, wrong_order, wrong_focal_length)
        for count in (8, 12, 24)
    ]
    + [(wrong_axes, 24)],  # of fewer, turned away from the ball, no two have anything in common
)
def test_what_is_really_wrong_still_fails(truth_of, spoil, count):
    report = check_sequence(spoil(truth_of(ring(count))), LIMIT)
    failed = {each.check: each for each in report.failures}
    assert Check.DEPTH_CONSISTENCY in failed and report.result == "failed"
    if spoil is wrong_frame:
        assert failed[Check.DEPTH_CONSISTENCY].frames[0] == 5
