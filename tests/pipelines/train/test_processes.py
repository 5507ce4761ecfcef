"""Several processes (gloo, CPU) do what one does with the batch of all of them."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMMON = [
    "steps=2",
    "model.image_size=56",
    "batch.images_per_sample=[2,2]",
    "data.validation_scenes=2",
    "validate_every=2",
    "color=null",
    "seed=1",
]


def run(out, processes, *changes):
    launch = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = ["-m", "page4d_cli", "train", "smoke", *COMMON, *changes, "--out", str(out)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"}
    words = [sys.executable, *(launch if processes > 1 else []), *command, "--device", "cpu"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, env=environment)
    return done, out / "log.jsonl"


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    done, log = run(tmp_path_factory.mktemp("one") / "run", 1, "batch.max_images=8")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in log.read_text().splitlines()]


def test_two_processes_equal_one_with_the_doubled_batch(one, tmp_path):
    done, log = run(tmp_path / "run", 2, "batch.max_images=4")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str(tmp_path / "run")) == 1
    two = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["phase"] for line in two] == [line["phase"] for line in one]
    for ours, expected in zip(two, one, strict=True):
        for name in ("objective", "loss_camera", "loss_reg_depth"):
            assert ours[name] == pytest.approx(expected[name], rel=1e-4), (ours["phase"], name)
    assert two[0]["grad_norm/all"] == pytest.approx(one[0]["grad_norm/all"], rel=1e-3)


def test_two_processes_resume_and_another_number_is_refused(tmp_path):
    small = ("batch.max_images=4", "save_every=1", "validate_every=9")
    done, _ = run(tmp_path / "run", 2, *small)
    assert done.returncode == 0, done.stderr
    more = (*small, "steps=3", "--resume", "--allow-changes")
    done, log = run(tmp_path / "run", 2, *more)
    assert done.returncode == 0, done.stderr
    assert [json.loads(line)["step"] for line in log.read_text().splitlines()][-1] == 2
    done, _ = run(tmp_path / "run", 1, *small, "steps=3", "--resume")
    assert done.returncode == 2 and "trained by 2 processes, which are 1 now" in done.stderr
