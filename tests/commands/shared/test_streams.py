"""Whatever the standard streams are, the work is done and the words do no harm."""

import os
import pty
import subprocess
import sys

import pytest
from synthetic_run import write_synthetic_run

FORGED = "a\x1b]0;title\x07\nerror: forged\u202e"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    write_synthetic_run(folder)
    return folder / "run"


def shell(command, **variables):
    """A command line of a shell, in which `page4d` is this program."""
    words = f'page4d() {{ "{sys.executable}" -m page4d_cli "$@"; }}; {command}'
    return subprocess.run(
        ["/bin/sh", "-c", words], capture_output=True, env={**os.environ, **variables}
    )


def on_terminal(*words, **variables):
    """Bytes that a terminal receives for stdout and stderr."""
    ours, theirs = pty.openpty()
    environment = {"TERM": "xterm", **os.environ, **variables}
    environment.pop("NO_COLOR", None) if "NO_COLOR" not in variables else None
    command = [sys.executable, "-m", "page4d_cli", *map(str, words)]
    done = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    received = b""
    try:
        while piece := os.read(ours, 4096):
            received += piece
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    done.wait()
    return received


@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", ">&-", "<&-", ">&- 2>&- <&-"])
def test_a_stream_that_cannot_be_used_loses_no_work(run, tmp_path, redirection):
    out = tmp_path / "out"
    done = shell(f"page4d export {run} --format tum --out {out} {redirection}")
    assert done.returncode == 0, done.stderr
    assert (out / "trajectory_tum.txt").stat().st_size > 100
    if ">&-" not in redirection.split():
        assert done.stdout.decode().splitlines()[-1] == str(out / "trajectory_tum.txt")


@pytest.mark.parametrize("json", ["", "--json"])
def test_a_full_stdout_is_one_error_and_files_stay(run, tmp_path, json):
    out = tmp_path / "out"
    done = shell(f"page4d export {run} --format tum --out {out} --quiet {json} >/dev/full")
    assert done.returncode == 1
    assert done.stderr == b"error: stdout: No space left on device; files that were written stay\n"
    assert (out / "trajectory_tum.txt").exists()


@pytest.mark.parametrize("words", ["--help", "infer --help", "data list"])
def test_help_and_tables_on_a_full_disk_are_one_error(words):
    done = shell(f"page4d {words} >/dev/full")
    assert done.returncode == 1 and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize("words", ["infer --help", "weights list", "data list"])
def test_help_and_tables_in_any_encoding(encoding, words):
    done = shell(f"page4d {words}", PYTHONIOENCODING=encoding)
    assert done.returncode == 0 and done.stderr == b""
    done.stdout.decode(encoding)


def test_words_that_an_encoding_lacks_are_spelt_out(tmp_path):
    done = shell(f"page4d motion '{tmp_path}/späť'", PYTHONIOENCODING="ascii")
    assert done.returncode == 2 and rb"sp\xe4\u0165" in done.stderr


def test_names_that_are_no_text_are_printed_as_they_are(run, tmp_path):
    out = os.fsencode(tmp_path / "out") + b"\xff"
    done = subprocess.run(
        [sys.executable, "-m", "page4d_cli", "export", run, "--format", "tum", "--out", out],
        capture_output=True,
    )
    assert done.stdout.splitlines()[-1] == out + b"/trajectory_tum.txt"


def test_a_name_forges_no_error_and_commands_no_terminal(tmp_path):
    for words in (["motion", tmp_path / FORGED], [FORGED], ["export", "--format", FORGED, "x"]):
        done = subprocess.run(
            [sys.executable, "-m", "page4d_cli", *words], capture_output=True, text=True
        )
        assert done.returncode == 2
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        assert not any(character in done.stderr for character in "\x1b\x07\u202e")
        assert r"\x1b]0;title\x07" in line and r"error: forged\u202e" in line


def test_results_are_exact_for_programs_and_harmless_on_a_terminal(run, tmp_path):
    out = tmp_path / "a\x1b[31mred"
    words = ["export", run, "--format", "tum", "--overwrite", "--out", out, "--quiet"]
    piped = subprocess.run(
        [sys.executable, "-m", "page4d_cli", *map(str, words)], capture_output=True, text=True
    )
    assert piped.stdout.splitlines()[-1] == f"{out}/trajectory_tum.txt"
    shown = on_terminal(*words)
    assert b"\x1b[31m" not in shown and rb"a\x1b[31mred/trajectory_tum.txt" in shown


def test_colors_are_for_terminals_that_want_them(tmp_path):
    words = ["motion", tmp_path / "nowhere"]
    assert b"\x1b[31merror" in on_terminal(*words)
    assert b"\x1b" not in on_terminal(*words, NO_COLOR="1")
    assert b"\x1b" not in on_terminal(*words, TERM="dumb")
    assert b"\x1b" not in on_terminal("weights", "list", TERM="dumb")
