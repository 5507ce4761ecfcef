from dataclasses import replace

import numpy as np
from box_windows import spans, walk, window_of

from page4d_cli.core.geometry import matrix_from_quat_xyzw
from page4d_cli.join.held_out import measure_agreement
from page4d_cli.join.section import Section, WindowPiece

PATH = walk(60, laps=0.5)
WINDOWS = [window_of(PATH, indices) for indices in spans(60, 20, 10)]
SECTION = Section(
    WINDOWS,
    [WindowPiece(n, window.cameras) for n, window in enumerate(WINDOWS)],
    np.zeros(len(WINDOWS)),
    PATH,
)


def test_exact_windows_agree_and_are_not_worse_than_themselves():
    exact = measure_agreement(SECTION)
    assert len(exact.found) == len(WINDOWS) - 1 and exact.share > 0.5
    assert not exact.is_worse_than(exact)


def test_a_path_that_is_bent_at_one_place_is_worse_there():
    bent = PATH.copy()
    turn = matrix_from_quat_xyzw(np.array([0.0, 0.6, 0.0, 0.8]))
    bent[35:, :, :3] = turn @ bent[35:, :, :3]
    exact, torn = measure_agreement(SECTION), measure_agreement(replace(SECTION, path=bent))
    assert torn.is_worse_than(exact) and not exact.is_worse_than(torn)
    lost = exact.found - torn.found
    assert lost.argmax() == 2 and lost[0] == 0  # frames 30 to 39 are shared by windows 2 and 3


def test_one_wrong_factor_is_worse():
    wrong = replace(SECTION, log_scales=np.array([0, 0, 0.5, 0, 0]))
    assert measure_agreement(wrong).is_worse_than(measure_agreement(SECTION))


def test_windows_that_share_a_frame_only_say_nothing():
    windows = [window_of(PATH, indices) for indices in spans(39, 20, 1)]
    pieces = [WindowPiece(n, window.cameras) for n, window in enumerate(windows)]
    measured = measure_agreement(Section(windows, pieces, np.zeros(2), PATH[:39]))
    assert measured.share == 0 and not measured.is_worse_than(measured)
