import numpy as np
import pytest

from page4d_cli.core.errors import RunError, WriteError
from page4d_cli.io.formats.motion_png import read_motion_png, write_motion_png


def test_read_undoes_write_within_half_a_step(tmp_path):
    score = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    score[0, :2] = 0, 1
    write_motion_png(tmp_path / "a.png", score)
    again = read_motion_png(tmp_path / "a.png")
    assert again.dtype == np.float32
    np.testing.assert_allclose(again, score, atol=0.5 / 255 + 1e-7)
    assert (again[0, :2] == [0, 1]).all()


def test_what_cannot_be_read_or_written_is_named(tmp_path):
    with pytest.raises(RunError, match=r"a\.png: No such file"):
        read_motion_png(tmp_path / "a.png")
    with pytest.raises(WriteError, match=r"a\.png"):
        write_motion_png(tmp_path / "no" / "a.png", np.zeros((2, 2), np.float32))
