import numpy as np

from page4d_cli.refine.features import Features
from page4d_cli.refine.tracks import build_tracks


def features(count, first):
    pixels = np.stack([first + np.arange(count), np.zeros(count)], axis=1).astype(float)
    colors = np.full((count, 3), first, np.uint8)
    return Features(pixels, np.zeros((count, 128), np.uint8), colors, pixels[:, 0])


FRAMES = [features(3, 0), features(4, 10), features(3, 20)]


def pairs(*rows):
    return np.array(rows, np.int64)


def test_matches_become_tracks_over_all_frames():
    tracks = build_tracks(FRAMES, {(0, 1): pairs((0, 2), (1, 3)), (1, 2): pairs((2, 1))})
    assert tracks.point.tolist() == [0, 0, 0, 1, 1]
    assert tracks.frame.tolist() == [0, 1, 2, 0, 1]
    assert tracks.pixels[:, 0].tolist() == [0, 12, 21, 1, 13] == tracks.depth.tolist()
    assert tracks.colors[:, 0].tolist() == [0, 0] and tracks.starts.tolist() == [0, 3]


def test_what_shows_up_twice_in_a_frame_is_left_out_there():
    matches = {(0, 1): pairs((0, 0)), (1, 2): pairs((0, 0)), (0, 2): pairs((1, 0))}
    tracks = build_tracks(FRAMES, matches)
    assert tracks.frame.tolist() == [1, 2] and tracks.point.tolist() == [0, 0]


def test_a_point_with_one_sighting_left_is_none():
    tracks = build_tracks(FRAMES, {(0, 1): pairs((0, 0), (1, 1))})
    rest = tracks.only(np.array([True, False, True, True]))
    assert len(rest) == 1 and rest.pixels[:, 0].tolist() == [1, 11]


def test_no_matches_give_no_tracks():
    assert len(build_tracks(FRAMES, {})) == 0
