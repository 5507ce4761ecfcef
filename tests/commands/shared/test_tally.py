import pytest

from page4d_cli.commands.shared.tally import Tally, in_minutes


def test_rate_and_time_left_are_of_what_was_done_now():
    now = [100.0]
    tally = Tally(10, clock=lambda: now[0])
    tally.add(frames=8, is_kept=True, has_failed=False)
    assert tally.left_s is None and tally.frames_a_second == 0
    now[0] += 6.0
    tally.add(frames=8, is_kept=False, has_failed=False)
    now[0] += 2.0
    tally.add(frames=0, is_kept=False, has_failed=True)
    assert tally.frames_a_second == pytest.approx(1.0)
    assert tally.left_s == pytest.approx(7 * 8.0 / 2)  # seven scenes, of four seconds each
    assert tally.in_words() == "3/10 scenes, 1.0 frames/s, 1 failed, 0:28 left"
    assert tally.summary() == (
        "1 done, 1 kept, 1 failed of 10 scenes; 8 frames in 0:08, 1.0 frames/s"
    )


@pytest.mark.parametrize(("seconds", "text"), [(6.6, "0:07"), (750, "12:30"), (11100, "3:05:00")])
def test_times_are_written_as_clocks_show_them(seconds, text):
    assert in_minutes(seconds) == text
