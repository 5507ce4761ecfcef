"""Two processes share the sequences of an evaluation (gloo, CPU)."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dataset_layouts import write_tum_prepared
from evaluation_runs import write_run_of
from exact_truth import exact_truth

from page4d_cli.core.enums import Dataset
from page4d_cli.core.strict_json import to_text
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.pipelines.evaluate.processes import Board, ProcessDiedError, Team
from page4d_cli.pipelines.evaluate.results import write_text

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


def run(data, launch, out, *words):
    command = ["-m", "page4d_cli", "eval-depth", "--dataset", "tum", "--root", str(data / "data")]
    command += ["--preds", str(data / "preds"), "--out", str(out), "--json", *words]
    return subprocess.run(
        [sys.executable, *launch, *command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_two_processes_find_what_one_finds_and_one_of_them_speaks(data):
    alone, shared = run(data, [], data / "one"), run(data, LAUNCH, data / "two")
    assert alone.returncode == 0 and shared.returncode == 0, shared.stderr
    first, second = json.loads(alone.stdout), json.loads(shared.stdout)
    assert second["processes"] == 2 and second["averages"] == first["averages"]
    assert [one["name"] for one in second["sequences"]] == ["a", "b", "c"]


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


def test_a_killed_process_fails_the_run_by_name_and_the_next_one_goes_on(data, tmp_path):
    program = tmp_path / "dying.py"
    program.write_text(DYING)
    words = ["eval-depth", "--dataset", "tum", "--root", str(data / "data")]
    words += ["--weights", "tiny", "--device", "cpu", "--out", str(data / "out"), "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MARKER": str(tmp_path / "died")}
    first, second = (
        subprocess.run(
            [sys.executable, *LAUNCH, str(program), *words],
            cwd=ROOT,
            capture_output=True,
            text=True,
            env=environment,
        )
        for _ in range(2)
    )
    assert first.returncode != 0 and first.stdout == ""
    assert "process 1 ended while it worked on b" in first.stderr
    assert "Traceback" not in first.stderr.split("torch/distributed")[0]
    assert second.returncode == 0, second.stderr
    assert [one["name"] for one in json.loads(second.stdout)["sequences"]] == ["a", "b", "c"]


def board(tmp_path, rank):
    (tmp_path / "board").mkdir(exist_ok=True)
    return Board(tmp_path / "board", Team(rank, 2, rank))


def test_shares_are_disjoint_and_complete():
    shares = [{i for i in range(7) if Team(rank, 3).works_on(i)} for rank in range(3)]
    assert set.union(*shares) == set(range(7)) and sum(map(len, shares)) == 7


def test_a_process_that_dies_is_named_with_its_sequence(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    other = board(tmp_path, 1)
    other.announce("market_5")
    path = tmp_path / "board" / "process-1.json"
    write_text(path, to_text({**json.loads(path.read_text()), "pid": dead.pid}))
    begin = time.monotonic()
    with pytest.raises(ProcessDiedError, match="process 1 ended while it worked on market_5"):
        board(tmp_path, 0).wait_for(1)
    assert time.monotonic() - begin < 5


def test_waiting_ends_when_all_parts_are_there(tmp_path):
    main = board(tmp_path, 0)
    board(tmp_path, 1).announce(None)
    for index in range(2):
        write_text(main.part(index), to_text({}))
    main.wait_for(2)
    assert main.died() is None
