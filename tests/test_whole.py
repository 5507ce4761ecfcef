"""Every command that writes: files are there whole or not at all, whatever happens meanwhile."""

import errno
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from box_windows import save_window, spans, walk, window_of
from PIL import Image
from raw_rgbd import steady, write_raw
from synthetic_run import write_synthetic_run
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.io.whole import transaction
from page4d_cli.io.whole.lock import LOCK
from page4d_cli.pipelines.synth.synth import SynthOptions, write_scenes

TINY = ["--weights", "random", "--device", "cpu"]
SMOKE = ["steps=2", "save_every=1", "model.image_size=56", "batch.max_images=2"]


@dataclass(frozen=True)
class Writer:
    """A command that writes."""

    words: Callable[[Path, Path], list[object]]
    """Its arguments, by the folder of inputs and an empty folder for what it writes."""
    again: tuple[str, ...] = ("--overwrite",)
    """What is added to do it a second time."""
    inside: bool = False
    """It writes into its input, which is copied to the empty folder."""


COMMANDS = {
    "infer": Writer(lambda given, out: ["infer", given / "clip", "--out", out / "run", *TINY]),
    "infer-windows": Writer(
        lambda given, out: [
            *("infer", given / "six", "--out", out / "run", "--window", 4, "--overlap", 2),
            *("--save", "cameras,depth,confidence", *TINY),
        ]
    ),
    "motion": Writer(lambda _, out: ["motion", out / "run"], (), inside=True),
    "export": Writer(
        lambda given, out: [
            *("export", given / "run", "--out", out / "export", "--format", "tum,colmap,npz")
        ]
    ),
    "synth": Writer(
        lambda _, out: ["synth", "--out", out / "synth", "--frames", 2, "--size", "48x32"]
    ),
    "prepare-tum": Writer(
        lambda given, out: [
            *("prepare-tum", given / "raw/walk", "--out", out / "tum", "--frames", 3)
        ]
    ),
    "visualize-features": Writer(
        lambda given, out: [
            *("visualize-features", given / "clip", "--out", out / "f", "--layers", "0", *TINY)
        ]
    ),
    "check-data": Writer(
        lambda given, out: [
            *("check-data", "synthetic", "--root", given / "scenes", "--out", out / "check")
        ]
    ),
    "view": Writer(lambda given, out: ["view", given / "run", "--html", out / "clip.html"]),
    "eval-depth": Writer(
        lambda given, out: [
            *("eval-depth", "--dataset", "synthetic", "--root", given / "scenes"),
            *("--out", out / "eval", "--align", "median", *TINY),
        ],
        (),
    ),
    "eval-pose": Writer(
        lambda given, out: [
            *("eval-pose", "--dataset", "synthetic", "--root", given / "scenes"),
            *("--out", out / "eval", *TINY),
        ],
        (),
    ),
    "train": Writer(
        lambda _, out: ["train", "smoke", *SMOKE, "--out", out / "run", "--device", "cpu"],
        ("--resume",),
    ),
    "rejoin": Writer(lambda given, out: ["rejoin", given / "long", "--out", out / "joined"]),
    "convert": Writer(
        lambda _, out: ["weights", "convert", "tiny", out / "tiny.safetensors"],
    ),
}
ALL = pytest.mark.parametrize("name", COMMANDS)


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Inputs of all commands."""
    folder = tmp_path_factory.mktemp("given")
    rng = np.random.default_rng(0)
    for name, count in (("clip", 2), ("six", 6)):
        (folder / name).mkdir()
        for index in range(count):
            pixels = rng.integers(0, 256, (28, 112, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{index}.png")
    write_synthetic_run(folder, frames=2, size=(28, 21))
    write_scenes(folder / "scenes", SynthOptions(frames=3, size=(48, 32), fps=2))
    for number, indices in enumerate(spans(10, 6, 3)):
        save_window(folder / f"long/windows/{number}.npz", window_of(walk(10), indices))
    write_raw(folder / "raw/walk", steady(9), steady(9), steady(30, 100))
    return folder


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def run(name, given, out, *more):
    writer = COMMANDS[name]
    if writer.inside and not (out / "run").exists():
        shutil.copytree(given / "run", out / "run")
    words = [*writer.words(given, out), *more]
    return CliRunner().invoke(app, [str(word) for word in words])


def files(out):
    """All that is there but TensorBoard's files, whose names hold the time."""
    paths = (path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir())
    return sorted(path for path in paths if "tfevents" not in path)


def hidden(out):
    return [path for path in out.rglob("*") if path.name.endswith(".partial")]


@contextmanager
def fault_when_begun(monkeypatch, fault):
    """Something happens once the hidden folder for a command's files is there."""
    held = transaction._staging_held

    @contextmanager
    def begun(staging, place):
        with held(staging, place):
            fault()
            yield

    with monkeypatch.context() as patch:
        patch.setattr(transaction, "_staging_held", begun)
        yield


@contextmanager
def fault_when_moving(monkeypatch, fault, moves):
    """Something happens after a number of files have come to their place."""
    replace, left = Path.replace, [moves]

    def moved(path, target):
        if left[0] == 0:
            fault()
        left[0] -= 1
        return replace(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", moved)
        yield


def killed(work):
    """Do something in a process of its own, which is killed by `kill -9` in it."""
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(scope="module")
def undisturbed(given, tmp_path_factory):
    """The files of a command that nothing has happened to."""
    known = {}

    def files_of(name):
        if name not in known:
            out = tmp_path_factory.mktemp("undisturbed")
            result = run(name, given, out)
            assert result.exit_code == 0, result.output
            assert hidden(out) == []
            known[name] = files(out)
        return known[name]

    return files_of


@ALL
def test_a_full_disk_is_one_line_and_the_next_try_ends_well(
    name, given, out, undisturbed, monkeypatch
):
    def full():
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with fault_when_moving(monkeypatch, full, 0):
        result = run(name, given, out)
    assert result.exit_code == 1, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and "No space left on device; free some disk space" in lines[0]
    assert hidden(out) == []
    again = COMMANDS[name].again if name == "train" else ()
    assert run(name, given, out, *again).exit_code == 0
    assert files(out) == undisturbed(name)


@ALL
def test_ctrl_c_leaves_nothing_half_written(name, given, out, undisturbed, monkeypatch):
    def interrupt():
        raise KeyboardInterrupt

    with fault_when_begun(monkeypatch, interrupt):
        result = run(name, given, out)
    assert result.exit_code == 130 and "error: interrupted; nothing half-written" in result.stderr
    assert hidden(out) == []
    again = COMMANDS[name].again if name == "train" else ()
    assert run(name, given, out, *again).exit_code == 0
    assert files(out) == undisturbed(name)


@ALL
@pytest.mark.parametrize("moves", [0, 3])
def test_kill_is_mended_by_the_same_command(name, given, out, undisturbed, monkeypatch, moves):
    """While files that replace earlier ones are moved."""
    again = COMMANDS[name].again
    assert run(name, given, out).exit_code == 0
    if name == "train":
        (out / "run/checkpoints/step_00000002/state.json").unlink()  # so there is work to do
    with fault_when_moving(monkeypatch, kill, moves):
        was_killed = killed(lambda: run(name, given, out, *again))
    assert was_killed or moves or name.startswith("eval")
    result = run(name, given, out, *again)
    assert result.exit_code == 0, result.output
    assert hidden(out) == []
    assert files(out) == undisturbed(name)


@ALL
def test_two_at_once_do_not_mix(name, given, out, undisturbed, monkeypatch):
    again, others = COMMANDS[name].again, []

    def second():
        if not others:
            others.append(None)
            others[0] = run(name, given, out, *again)

    with fault_when_begun(monkeypatch, second):
        result = run(name, given, out)
    assert result.exit_code == 0, result.output
    assert others[0].exit_code == 2 and "another page4d is writing" in others[0].stderr
    assert f"{LOCK})" in others[0].stderr
    assert files(out) == undisturbed(name)
