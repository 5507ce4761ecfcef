from pathlib import Path

import pytest

from page4d_cli.core.errors import OutputError, WriteError
from page4d_cli.io.whole.scratch import ScratchFile

FULL = Path("/dev/full")


def test_what_is_written_is_read_and_nobody_sees_it(tmp_path):
    with ScratchFile(tmp_path / "not/there/yet") as scratch:
        scratch.write(b"first")
        scratch.write(b"second")
        scratch.seek(5)
        assert scratch.read(6) == b"second"
        assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not FULL.exists(), reason="no disk that is always full")
def test_a_full_disk_is_told_by_the_place(tmp_path):
    with ScratchFile(tmp_path / "run") as scratch:
        scratch._file.close()
        scratch._file = FULL.open("r+b", buffering=0)
        with pytest.raises(WriteError, match="run: No space left on device; free some"):
            scratch.write(b"more")


def test_a_place_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="choose another --out"):
        ScratchFile(tmp_path / "file/run")
