import numpy as np

from page4d_cli.join.candidates import find_candidates, whiten


def looks(places, seed=0, noise=0.05, channels=96):
    """Descriptors of frames of numbered places, all with much in common."""
    rng = np.random.default_rng(seed)
    of_place = 0.3 * rng.normal(size=(max(places) + 1, channels)) + 2.0
    raw = of_place[places] + noise * rng.normal(size=(len(places), channels))
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def test_what_all_frames_share_does_not_make_them_alike():
    places = np.repeat(np.arange(40), 4)
    whitened = whiten(looks(places))
    cosine = whitened @ whitened.T
    same = places[:, None] == places
    assert cosine[same].min() > 0.5 > np.quantile(cosine[~same], 0.99)
    assert (looks(places) @ looks(places).T).min() > 0.9


def test_places_that_come_back_are_found_once_and_others_are_not():
    places = np.concatenate([np.repeat(np.arange(30), 4), np.repeat([3, 17], 4)])
    pairs = find_candidates(looks(places), gap=10, apart=8, most=9)
    assert sorted((places[a], places[b]) for a, b in pairs) == [(3, 3), (17, 17)]
    assert all(a - b > 10 for a, b in pairs)
    assert len(find_candidates(looks(places), gap=10, apart=8, most=1)) == 1


def test_frames_that_are_near_or_all_the_same_are_no_candidates():
    places = np.repeat(np.arange(10), 4)
    assert find_candidates(looks(places), gap=5, apart=2, most=9) == []
    assert find_candidates(np.ones((40, 8), np.float32), gap=5, apart=2, most=9) == []
    assert find_candidates(np.ones((1, 8), np.float32), gap=5, apart=2, most=9) == []
