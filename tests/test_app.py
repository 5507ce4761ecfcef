"""The program's surface: its commands, what they cost to ask for help, and how it ends."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

import page4d_cli
from page4d_cli.app import app

ROOT = Path(__file__).parents[1]
COMMANDS = [
    "infer",
    "export",
    "synth",
    "train",
    "view",
    "check-data",
    "data",
    "data list",
    "data check",
    "doctor",
    "eval-depth",
    "eval-pose",
    "compare",
    "motion",
    "prepare-tum",
    "prepare-bonn",
    "visualize-features",
    "weights",
    "weights list",
    "weights check",
    "weights convert",
]
HEAVY = ["torch", "numpy", "PIL", "av", "matplotlib", "open3d", "evo", "huggingface_hub"]


def python(*arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, **options
    )


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help_with_an_example(command, flag):
    result = CliRunner().invoke(app, [*command.split(), flag])
    assert result.exit_code == 0
    assert f"page4d {command}" in " ".join(result.stdout.split())


def test_help_imports_nothing_heavy():
    """Rich and Pydantic, which Typer would use, cost more than all the rest."""
    program = (
        "import sys\nfrom page4d_cli.app import app\n"
        f"for words in {[[], *(command.split() for command in COMMANDS)]!r}:\n"
        "    try:\n        app([*words, '--help'])\n    except SystemExit:\n        pass\n"
        f"print([name for name in {[*HEAVY, 'rich', 'pydantic']!r} if name in sys.modules])"
    )
    assert python("-c", program).stdout.splitlines()[-1] == "[]"


def test_importing_the_package_imports_nothing_heavy():
    program = f"import sys, page4d_cli\nprint([n for n in {HEAVY!r} if n in sys.modules])"
    assert python("-c", program).stdout.strip() == "[]"


def test_version():
    assert CliRunner().invoke(app, ["--version"]).stdout == f"page4d {page4d_cli.__version__}\n"


def test_no_command_shows_the_help():
    result = CliRunner().invoke(app, [])
    assert result.exit_code == 2 and "infer" in result.output


@pytest.mark.parametrize(
    "arguments",
    [
        ["infer", "frames", "--out"],
        ["export", "run", "--format", "tum", "--out"],
        ["view", "run", "--html"],
        ["visualize-features", "frames", "-o"],
    ],
)
def test_an_empty_place_is_not_the_working_directory(arguments, tmp_path, monkeypatch):
    """As from an unset variable of the shell."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [*arguments, ""])
    assert result.exit_code == 2 and "an empty path was given" in result.stderr
    assert result.stdout == "" and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("infer", "argument 'INPUT'"),
        ("infer frames", "option '--out' / '-o'"),
        ("export run --format ply", "option '--out' / '-o'"),
        ("export run --out x", "option '--format' / '-f'"),
        ("view", "argument 'RUN'"),
        ("motion", "argument 'RUN'"),
        ("visualize-features frames", "option '--out' / '-o'"),
        ("synth", "option '--out' / '-o'"),
        ("train smoke", "option '--out' / '-o'"),
        ("check-data", "argument 'DATASET'"),
        ("data check", "argument 'DATASET'"),
        ("prepare-tum", "argument 'RAW'"),
        ("prepare-bonn", "argument 'RAW'"),
        ("eval-depth", "option '--dataset'"),
        ("compare a.json", "argument 'B.json'"),
        ("weights download", "argument 'NAME'"),
        ("weights check", "argument 'NAME|PATH'"),
        ("weights convert a.pt", "argument 'DST'"),
    ],
)
def test_what_is_missing_is_named_with_an_example(command, missing):
    result = CliRunner().invoke(app, command.split())
    error, example = result.stderr.splitlines()
    assert result.exit_code == 2 and result.stdout == ""
    assert error.startswith(f"error: Missing {missing}")
    assert example.startswith(f"example: page4d {command.split()[0]} ")


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    """Quoted, or after an equals sign, no shell expands it."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    words = ["synth", "--out", "~/o", "--frames", "1", "--size", "8x8"]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert (tmp_path / "home/o/scene_000000/scene.json").is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["home"]
    result = CliRunner().invoke(app, ["synth", "--out", "~nobody-here/o"])
    assert result.exit_code == 2 and "write the folder out" in result.stderr


def test_an_unknown_command_gets_a_proposal():
    result = CliRunner().invoke(app, ["infr"])
    assert result.exit_code == 2
    assert result.stderr.startswith("error: No such command 'infr'")


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing_half_done(tmp_path, sent):
    """A real run, stopped while the network computes."""
    words = f"infer examples/clips/scene_2000000/rgb --out {tmp_path}/run --weights tiny".split()
    started = subprocess.Popen(
        [sys.executable, "-m", "page4d_cli", *words],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 60
    while not any(path.name.endswith(".partial") for path in tmp_path.iterdir()):
        assert started.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    started.send_signal(sent)
    _, stderr = started.communicate(timeout=60)
    assert started.returncode == 128 + sent, stderr
    assert "Traceback" not in stderr
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_is_no_crash():
    command = f"{sys.executable} -m page4d_cli infer --help | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=ROOT)
    assert "Traceback" not in done.stderr
