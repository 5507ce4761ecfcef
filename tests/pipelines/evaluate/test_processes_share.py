"""Several processes share the sequences of an evaluation."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from dataset_layouts import write_tum_prepared
from evaluation_runs import write_run_of
from exact_truth import exact_truth
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.core.enums import Dataset
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.pipelines.evaluate.results import read_results

ROOT = Path(__file__).parents[3]
LAUNCH = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]


@pytest.fixture
def data(tmp_path):
    root = tmp_path / "data"
    for name in ("a", "b", "c"):
        write_tum_prepared(root, exact_truth(frames=4), name)
    for found in find_sequences(Dataset.TUM, root):
        write_run_of(tmp_path / "preds" / found.name, found.read())
    return tmp_path


def words(data, out, *more):
    command = ["eval-depth", "--dataset", "tum", "--root", str(data / "data")]
    return [*command, "--preds", str(data / "preds"), "--out", str(out), "--json", *more]


def test_shares_find_what_one_process_finds_and_the_last_one_speaks(data):
    alone = CliRunner().invoke(app, words(data, data / "one"))
    first = CliRunner().invoke(app, words(data, data / "two", "--shard", "1/2"))
    last = CliRunner().invoke(app, words(data, data / "two", "--shard", "2/2"))
    assert (alone.exit_code, first.exit_code, last.exit_code) == (0, 0, 0), last.stderr
    assert first.stdout == "" and "2 of 3 sequences are done" in first.stderr
    of_one, of_two = json.loads(alone.stdout), json.loads(last.stdout)
    assert of_two["averages"] == of_one["averages"]
    assert [one["name"] for one in of_two["sequences"]] == ["a", "b", "c"]


def test_a_launcher_gives_the_shares(data):
    launched = subprocess.run(
        [sys.executable, *LAUNCH, "-m", "page4d_cli", *words(data, data / "launched")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert launched.returncode == 0, launched.stderr
    results = read_results(data / "launched" / "results.json")
    assert [one.name for one in results.scored] == ["a", "b", "c"]


DYING = """
import os, signal
from page4d_cli.pipelines.evaluate.sequence import SequenceScorer
from page4d_cli.__main__ import main

score = SequenceScorer.score

def dies(self, chosen):
    if chosen.name == "b" and not os.path.exists(os.environ["MARKER"]):
        open(os.environ["MARKER"], "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return score(self, chosen)

SequenceScorer.score = dies
main()
"""


def test_a_killed_process_leaves_what_it_has_scored_and_the_same_command_goes_on(data, tmp_path):
    program = tmp_path / "dying.py"
    program.write_text(DYING)
    command = ["eval-depth", "--dataset", "tum", "--root", str(data / "data")]
    command += ["--weights", "tiny", "--device", "cpu", "--out", str(data / "out"), "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MARKER": str(tmp_path / "died")}
    parts = data / "out" / ".evaluation"
    killed = subprocess.run([sys.executable, str(program), *command], cwd=ROOT, env=environment)
    assert killed.returncode == -signal.SIGKILL
    assert [part.name for part in parts.glob("sequence-*.json")] == ["sequence-0.json"]
    scored = (parts / "sequence-0.json").stat().st_mtime_ns
    second = CliRunner().invoke(app, command)
    assert second.exit_code == 0, second.stderr
    assert [one["name"] for one in json.loads(second.stdout)["sequences"]] == ["a", "b", "c"]
    assert (parts / "sequence-0.json").stat().st_mtime_ns == scored
