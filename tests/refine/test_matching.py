import numpy as np

from page4d_cli.refine.cameras import Cameras
from page4d_cli.refine.features import Features
from page4d_cli.refine.matching import _other_times, choose_pairs

SIZE = np.array([300, 200])


def walk(places):
    """Cameras at places along x, each looking at a wall of features one unit away."""
    k = np.array([[300.0, 0, 149.5], [0, 300, 99.5], [0, 0, 1]])
    poses = np.repeat(np.eye(4)[None, :3], len(places), 0)
    poses[:, 0, 3] = -np.asarray(places)
    frames = np.zeros(len(places), np.int64)
    pixels = np.stack(np.meshgrid(np.arange(15, 300, 30), np.arange(10, 200, 40)), -1)
    pixels = pixels.reshape(-1, 2).astype(float)
    count = len(pixels)
    seen = Features(
        pixels, np.zeros((count, 128), np.uint8), np.zeros((count, 3), np.uint8), np.ones(count)
    )
    return Cameras(poses, k[None], frames, np.zeros(1)), [seen] * len(places)


def test_other_times_are_all_frames_but_the_near_ones_each_once():
    for count in (2, 9, 10, 40, 100):
        for frame in (0, count // 2, count - 1):
            far = sorted(other for times in _other_times(frame, count) for other in times)
            assert far == [other for other in range(count) if abs(other - frame) > 8]


def test_a_place_that_comes_back_is_compared():
    there_and_back = np.abs(np.arange(-30, 31)) / 5
    cameras, features = walk(there_and_back)
    pairs = set(choose_pairs(cameras, features, np.repeat(SIZE[None], 61, 0)))
    assert {(i, i + 1) for i in range(60)} <= pairs
    assert {(i, 60 - i) for i in range(21)} <= pairs
    assert not any(abs(there_and_back[i] - there_and_back[j]) > 0.7 for i, j in pairs if j > i + 8)


def test_pairs_grow_little_faster_than_frames_where_all_see_the_same():
    counts = []
    for frames in (40, 80):
        cameras, features = walk(np.zeros(frames))
        counts.append(len(choose_pairs(cameras, features, np.repeat(SIZE[None], frames, 0))))
    assert counts[1] < 3 * counts[0]
