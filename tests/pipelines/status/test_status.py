import os
import subprocess
import sys
from pathlib import Path

import pytest

from page4d_cli.core.errors import FramesError, InputError
from page4d_cli.core.progress import Observer
from page4d_cli.data.clip.inputs import Scene
from page4d_cli.fleet.choice import HERE, FleetChoice, Shard
from page4d_cli.io.whole.transaction import Transaction
from page4d_cli.pipelines.scenes.each_scene import SceneResult, each_scene
from page4d_cli.pipelines.scenes.of_clips import jobs_of
from page4d_cli.pipelines.status.status import PieceState, read_status

INDEX = "index.json"
NAMES = ("a", "b", "c", "d")


def work(broken):
    def do(job, _observer):
        if job.scene.name in broken:
            raise FramesError(f"{job.scene.name} cannot be read")
        with Transaction(job.place, INDEX) as folder:
            folder.path("picture.png").write_bytes(b"12345")
            folder.commit('{"files": ["picture.png"]}')
        return SceneResult(job.scene.name, job.place, "written")

    return do


def run(out, broken=(), fleet=HERE, names=NAMES):
    clips = out.parent / f"clips-of-{out.name}"
    clips.mkdir(exist_ok=True)
    for name in names:
        (clips / f"{name}.mp4").touch()
    scenes = [Scene(name, str(clips / f"{name}.mp4")) for name in names]
    return each_scene(jobs_of(scenes, out, INDEX), work(broken), Observer(), fleet, INDEX)


def states(out):
    return {piece.name: piece.state.value for piece in read_status(out)}


def test_what_is_done_failed_and_missing(tmp_path):
    run(tmp_path / "out", broken={"c"}, fleet=FleetChoice(shard=Shard(1, 2)))
    assert states(tmp_path / "out") == {"a": "done", "b": "missing", "c": "failed", "d": "missing"}
    pieces = {piece.name: piece for piece in read_status(tmp_path / "out")}
    assert pieces["c"].why == "c cannot be read" and pieces["b"].why is None
    assert pieces["a"].size_bytes > 5 and pieces["b"].size_bytes == 0
    run(tmp_path / "out", fleet=FleetChoice(shard=Shard(2, 2)))
    assert states(tmp_path / "out") == {"a": "done", "b": "done", "c": "failed", "d": "done"}


def test_a_failure_is_forgotten_once_the_piece_is_done_and_other_pieces_are_added(tmp_path):
    run(tmp_path / "out", broken={"a"}, names=("a", "b"))
    (tmp_path / "out" / "b" / INDEX).unlink()
    run(tmp_path / "out", names=("a", "e"))
    assert states(tmp_path / "out") == {"a": "done", "b": "missing", "e": "done"}


def test_what_a_process_writes_is_running(tmp_path):
    run(tmp_path / "out", broken={"b"}, names=("a", "b"))
    program = (
        "import sys; from pathlib import Path\n"
        "from page4d_cli.io.whole.transaction import Transaction\n"
        "with Transaction(Path(sys.argv[1]), 'index.json'):\n"
        "    print('begun', flush=True); sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "out" / "b")]
    writer = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=dict(os.environ)
    )
    assert writer.stdin is not None and writer.stdout is not None
    writer.stdout.readline()
    assert states(tmp_path / "out") == {"a": "done", "b": "running"}
    writer.kill()
    writer.wait()
    writer.stdin.close()
    writer.stdout.close()
    assert states(tmp_path / "out")["b"] == PieceState.FAILED.value


def test_a_folder_without_a_ledger_is_refused(tmp_path):
    run(tmp_path / "one", names=("a",))
    with pytest.raises(InputError, match=r"give the --out of an infer, visualize"):
        read_status(tmp_path / "one")
    assert not Path(tmp_path / "one" / ".pieces").exists()
