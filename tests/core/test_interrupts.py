"""Ctrl-C and `kill` are answered while a library computes, and nothing is left."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

STUCK = """
import hashlib, os, signal, sys
from pathlib import Path
from page4d_cli.core import interrupts
from page4d_cli.io.whole.transaction import Transaction, replacing

def never_ends():
    Path(sys.argv[2]).touch()
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**31 - 1)  # Python is not asked for minutes

interrupts.watch()
out = Path(sys.argv[1])
if sys.argv[3] == "folder":
    with Transaction(out / "new/folder", "index.json") as folder:
        folder.path("depth/0").write_text("half")
        never_ends()
elif sys.argv[3] == "file":
    with replacing(out / "file") as staged:
        staged.write_text("half")
        never_ends()
else:
    with Transaction(out / "folder", "index.json"), interrupts.interrupts_deferred():
        never_ends()
"""
IMPORTING = """
import signal, sys
from page4d_cli.__main__ import main

class Finder:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Finder())
main()
"""
TAKING_OVER = """
import ctypes, os, signal
from page4d_cli.core import interrupts

interrupts.watch()
with interrupts.handlers_kept():  # as libraries do, past Python
    ctypes.CDLL(None).signal(signal.SIGTERM, signal.SIG_IGN)
os.kill(os.getpid(), signal.SIGTERM)
signal.pause()
"""


@contextmanager
def stuck(tmp_path, what):
    """A process that computes without end while it writes, and does not outlive its test."""
    (tmp_path / "out").mkdir()
    words = ["-c", STUCK, tmp_path / "out", tmp_path / "begun", what]
    process = subprocess.Popen([sys.executable, *map(str, words)], stderr=subprocess.PIPE)
    while not (tmp_path / "begun").exists():
        assert process.poll() is None
        time.sleep(0.01)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("what", ["folder", "file"])
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_what_never_ends_and_leaves_nothing(tmp_path, what, sent):
    with stuck(tmp_path, what) as process:
        process.send_signal(sent)
        process.send_signal(sent)  # as when the terminal and a wrapper both send it
        _, stderr = process.communicate(timeout=60)
    # The second one may come when Python has given its handlers back; a shell says 128 + n to both.
    assert process.returncode in (128 + sent, -sent)
    expected = b"error: interrupted; nothing half-written was left\n"
    assert stderr == (expected if sent == signal.SIGINT else b"")
    assert list((tmp_path / "out").iterdir()) == []


def test_moving_files_is_not_cut_short_but_by_a_second_signal(tmp_path):
    with stuck(tmp_path, "moving") as process:
        process.send_signal(signal.SIGINT)
        time.sleep(2)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130


@pytest.mark.parametrize("module", ["page4d_cli.app", "page4d_cli.commands.doctor"])
def test_ctrl_c_while_the_program_loads_is_one_line(module):
    done = subprocess.run([sys.executable, "-c", IMPORTING, module], capture_output=True, text=True)
    assert done.returncode == 130
    assert done.stderr == "error: interrupted; nothing half-written was left\n"


def test_a_library_does_not_take_kill_over():
    words = [sys.executable, "-c", TAKING_OVER]
    done = subprocess.run(words, capture_output=True, timeout=60)
    assert done.returncode == 128 + signal.SIGTERM and not done.stderr
