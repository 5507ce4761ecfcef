"""Commands that need no network do not wait for torch, however much they do."""

import subprocess
import sys

import pytest
from dataset_layouts import write_nyu, write_tum_prepared
from evaluation_runs import write_run_of
from exact_truth import exact_truth
from raw_rgbd import steady, write_raw
from synthetic_run import write_synthetic_run
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.core.enums import Dataset
from page4d_cli.data.sets.find import read_sequence

PROGRAM = """
import sys
from page4d_cli.app import app
try:
    app({arguments!r})
except SystemExit as done:
    print(done.code, "torch" in sys.modules, file=sys.stderr)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what all of these commands work on."""
    root = tmp_path_factory.mktemp("small")
    write_synthetic_run(root)
    write_nyu(root / "nyu", exact_truth())
    write_raw(root / "raw/one", steady(12), steady(12), steady(60, 100))
    folder = write_tum_prepared(root / "tum", exact_truth(frames=4), "one")
    write_run_of(root / "preds", read_sequence(Dataset.TUM, folder))
    words = f"eval-pose --dataset tum --root {root}/tum --preds {root}/preds --out {root}/scores"
    assert CliRunner().invoke(app, words.split()).exit_code == 0
    return root


@pytest.mark.parametrize(
    "command",
    [
        "data list",
        "data check nyu --root {}/nyu",
        "check-data tum --root {}/tum --out {}/checked",
        "prepare-tum {}/raw/one --frames 3 --out {}/prepared-tum",
        "prepare-bonn {}/raw/one --frames 3 --start 0 --out {}/prepared-bonn",
        "compare {}/scores/results.json {}/scores/results.json",
        "motion {}/run",
        "export {}/run --out {}/export "
        "--format ply,glb,colmap,nerfstudio,tum,kitti,npz,depth-png,video,rrd",
        "motion {}/preds --shard 1/2",
        "export {}/preds --out {}/exports --format tum --shard 2/2",
        "view {}/run --html {}/clip.html",
        "weights list",
    ],
)
def test_no_torch(command, place):
    arguments = command.replace("{}", str(place)).split()
    program = PROGRAM.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1].endswith(" False"), done.stderr
