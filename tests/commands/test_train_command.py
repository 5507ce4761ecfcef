import json
import subprocess

import pytest
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.commands import train as module

SMALL = ["steps=2", "model.image_size=56", "batch.max_images=2", "data.validation_scenes=2"]


def page4d(*arguments):
    return CliRunner().invoke(app, ["train", *map(str, arguments)])


def test_list_shows_what_ships():
    result = page4d("--list")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()[1:]] == [
        "finetune",
        "paper",
        "smoke",
        "tiny",
    ]


def test_json_is_one_object(tmp_path):
    out = tmp_path / "run"
    result = page4d("smoke", *SMALL, "--out", out, "--device", "cpu", "--json")
    answer = json.loads(result.stdout)
    assert answer["step"] == 2 and answer["out"] == str(out) and answer["bad_steps"] == 0
    assert "step 2: validation on synthetic: objective" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["smoke", "stepps=3"], "key 'stepps'"),
        (["smoke", "steps"], "'steps' is no change; give key=value"),
        (["smokee"], "neither shipped (finetune, paper, smoke, tiny)"),
        (["smoke", "--init-from", "nowhere.pt"], "neither a name nor a file"),
        (["smoke", "--device", "tpu"], "unknown device"),
    ],
)
def test_bad_input_is_one_line_and_exit_2(tmp_path, arguments, says):
    result = page4d(*arguments, "--out", tmp_path / "run")
    assert result.exit_code == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and says in errors[0]
    assert not (tmp_path / "run").exists()


def test_retries_resume_after_a_crash(monkeypatch, tmp_path):
    statuses = iter([1, -9, 0])
    calls = []

    def crash(command):
        calls.append(command)
        return subprocess.CompletedProcess(command, next(statuses))

    words = ["page4d", "train", "smoke", "--out", str(tmp_path), "--retries", "5", "steps=2"]
    monkeypatch.setattr(module.sys, "argv", words)
    monkeypatch.setattr(module.subprocess, "run", crash)
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    result = page4d("smoke", "--out", tmp_path, "--retries", "5", "steps=2")
    assert result.exit_code == 0
    assert len(calls) == 3
    first = ["train", "smoke", "--out", str(tmp_path), "steps=2"]
    assert calls[0][3:] == first
    assert calls[1][3:] == calls[2][3:] == [*first, "--resume"]


@pytest.mark.parametrize(("status", "calls_made"), [(2, 1), (130, 1), (1, 3)])
def test_retries_know_when_to_stop(monkeypatch, tmp_path, status, calls_made):
    calls = []

    def fail(command):
        calls.append(command)
        return subprocess.CompletedProcess(command, status)

    monkeypatch.setattr(module.sys, "argv", ["page4d", "train", "smoke", "--retries=2"])
    monkeypatch.setattr(module.subprocess, "run", fail)
    monkeypatch.setattr(module.time, "sleep", lambda _: None)
    result = page4d("smoke", "--out", tmp_path, "--retries", "2")
    assert result.exit_code == status
    assert len(calls) == calls_made
