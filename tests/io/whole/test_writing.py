import errno

import numpy as np
import pytest

from page4d_cli.core.errors import WriteError
from page4d_cli.io.whole.writing import writing


def test_a_full_disk_is_one_line_that_says_what_to_do(tmp_path):
    path = tmp_path / "depth.npy"
    words = "No space left on device; free some disk space"
    with pytest.raises(WriteError, match=words) as caught, writing(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_short_write_of_numpy_counts_as_a_full_disk(tmp_path):
    words = r"short write \(600 requested and 12 written\); free some disk space"
    with pytest.raises(WriteError, match=words), writing(tmp_path / "depth.npy"):
        raise OSError("600 requested and 12 written")


def test_a_missing_directory_is_no_full_disk(tmp_path):
    path = tmp_path / "absent" / "depth.npy"
    words = "No such file or directory; check the place"
    with pytest.raises(WriteError, match=words), writing(path):
        np.save(path, np.zeros(3))


def test_bugs_pass_through(tmp_path):
    with pytest.raises(KeyError), writing(tmp_path / "depth.npy"):
        raise KeyError("bug")
