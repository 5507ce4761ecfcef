from itertools import pairwise

import pytest

from page4d_cli.core.errors import InputError
from page4d_cli.join.choice import FocalChoice, WindowChoice, skip_windows


def test_without_a_window_a_clip_is_one_pass():
    assert WindowChoice().spans(500) == [(0, 500)]
    assert WindowChoice(60).spans(60) == [(0, 60)]


@pytest.mark.parametrize("count", [17, 21, 31, 59, 60, 61, 1000])
@pytest.mark.parametrize(("window", "overlap"), [(16, 8), (16, 15), (16, 1), (16, None), (2, 1)])
def test_every_frame_is_shown_windows_are_full_and_share_at_least_the_overlap(
    count, window, overlap
):
    spans = WindowChoice(window, overlap).spans(count)
    assert spans[0][0] == 0 and spans[-1][1] == count
    assert all(stop - start == window for start, stop in spans)
    shared = [before[1] - after[0] for before, after in pairwise(spans)]
    assert min(shared) >= (overlap or 1) and len(set(spans)) == len(spans)


@pytest.mark.parametrize(
    ("window", "overlap", "words"),
    [
        (1, None, "--window 1 is not allowed; give 2 frames or more"),
        (0, None, "--window 0"),
        (10, 10, "--overlap 10 is not allowed; give 1 to 9"),
        (10, 0, "--overlap 0"),
        (None, 5, "--overlap 5 is of windows; give --window, too"),
    ],
)
def test_numbers_that_make_no_windows(window, overlap, words):
    with pytest.raises(InputError, match=words):
        WindowChoice(window, overlap)


@pytest.mark.parametrize(("window", "overlap"), [(60, 30), (40, None), (16, 15), (120, 36)])
@pytest.mark.parametrize("count", [100, 241, 600, 5000])
def test_windows_of_every_fourth_frame_are_full_and_few(count, window, overlap):
    spans = WindowChoice(window, overlap).spans(count)
    skips = skip_windows(spans)
    assert len(skips) <= 0.3 * len(spans)
    assert all(len(frames) == window and frames.step == 4 for frames in skips)
    shown = {frame for frames in skips for frame in frames}
    assert not skips or shown == set(range(0, count, 4))
    assert skips or count < 4 * window or len(spans) < 4 or count == 600


@pytest.mark.parametrize("text", ["one", "free", "1200", "1200,1190.5"])
def test_a_focal_length_is_read_as_it_is_written(text):
    choice = FocalChoice.parse(text)
    assert str(choice) in (text, f"{text},{text}")
    assert WindowChoice(focal=choice).as_settings() == (
        {"focal": str(choice)} if choice.known_px else {}
    )


@pytest.mark.parametrize("text", ["", "0", "-5", "nan", "inf", "1,2,3", "1200,", "35mm", "One"])
def test_a_focal_length_that_is_none_is_one_line(text):
    with pytest.raises(InputError, match=f"--focal {text}: give one, free, or pixels"):
        FocalChoice.parse(text)
