"""Work in processes of their own: real Ray, real faults, one cluster for all of them."""

import os
from pathlib import Path

import pytest
import ray
from fleet_work import Faulty, squares
from many_runs import contents

from page4d_cli.core.enums import LoopSearch, Save
from page4d_cli.core.errors import DeviceError, WeightsError
from page4d_cli.core.progress import Observer
from page4d_cli.data.clip.choice import FrameChoice
from page4d_cli.fleet.choice import HERE, Devices, FleetChoice
from page4d_cli.fleet.spread import spread
from page4d_cli.io.run.directory import is_complete
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.join.choice import WindowChoice
from page4d_cli.model.choice import ModelChoice
from page4d_cli.pipelines.infer.run import RunOptions
from page4d_cli.pipelines.infer.scenes import infer_scenes
from page4d_cli.pipelines.scenes import each_scene
from page4d_cli.pipelines.status.status import read_status

pytestmark = [
    pytest.mark.usefixtures("after_ray", "cluster"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
FRAMES = Path(__file__).parents[2] / "examples/clips/scene_2000000/rgb"
SMALL = {"model": ModelChoice("random", device="cpu"), "frames": FrameChoice(size=112)}
NO_LOOPS = WindowChoice(loops=LoopSearch.OFF)
TWO = FleetChoice(Devices(cpus=2))


@pytest.fixture(scope="module")
def cluster():
    """Two cores, of a cluster that stays while this file's tests run."""
    from ray.cluster_utils import Cluster

    os.environ.update(RAY_USAGE_STATS_ENABLED="0", OMP_NUM_THREADS="1")
    started = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 2, "include_dashboard": False}
    )
    ray.init(address=started.address, log_to_driver=False, logging_level=50)
    yield started
    ray.shutdown()
    started.shutdown()


def test_each_process_opens_once_and_a_piece_whose_process_dies_twice_is_lost(tmp_path):
    notes, results = [], []
    observer = Observer(on_note=notes.append, on_result=results.append)
    found = squares(
        tmp_path, range(8), observer=observer, meet=(0, 1), dies_once_at=(4,), dies_at=(6,)
    )
    assert [value for value, _, _ in found] == [0, 1, 4, 9, 16, 25, 6, 49]  # in order
    assert "its process died 2 times" in found[6][1] and sorted(results) == sorted(found)
    lived = [one for one in found if one is not found[6]]
    assert all(opened == at_work != os.getpid() for _, opened, at_work in lived)
    begun = {number: (tmp_path / f"begun-{number}").read_text().split() for number in range(8)}
    assert len(set(begun[4])) == len(set(begun[6])) == 2 and begun[0] != begun[1]
    assert all(len(begun[number]) == 1 for number in (0, 1, 2, 3, 5, 7))
    assert notes == ["opened"]  # said by all, heard once


def test_an_error_that_concerns_all_comes_back_as_it_was_raised(tmp_path):
    with pytest.raises(WeightsError, match=r"^these weights are of no use$"):
        squares(tmp_path, range(4), refuses=0)


def test_devices_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(DeviceError, match="there are 0 GPUs; for processes on the CPU give cpu"):
        squares(tmp_path, range(2), FleetChoice(Devices()))
    with pytest.raises(DeviceError, match="there are 2 cores; give cpu"):
        squares(tmp_path, range(2), FleetChoice(Devices(cpus=3)))
    assert squares(tmp_path, []) == []


def test_faults_of_a_machine_cost_the_scenes_that_they_strike(tmp_path, monkeypatch):
    """A full disk, a process killed in mid-clip, a device with little memory: all in one run."""
    marks = tmp_path / "marks"
    marks.mkdir()
    for name in ("full", "killed", "large", "well"):
        (tmp_path / name).mkdir()
        for picture in sorted(FRAMES.iterdir())[: 8 if name == "large" else 2]:
            (tmp_path / name / picture.name).symlink_to(picture)
    scenes = [str(tmp_path / name) for name in ("full", "killed", "large", "well")]
    options = RunOptions(frozenset({Save.CAMERAS, Save.DEPTH}), windows=NO_LOOPS)

    def infer(**more):
        out = tmp_path / "out"
        results = infer_scenes(scenes, out, options=options, **SMALL, **more)
        return {result.name: result for result in results}

    with monkeypatch.context() as patch:
        patch.setattr(
            each_scene,
            "spread",
            lambda pieces, work, *rest, **more: spread(pieces, Faulty(work, marks), *rest, **more),
        )
        results = infer(fleet=TWO)
    states = {name: result.state for name, result in results.items()}
    assert states == {"full": "failed", "killed": "done", "large": "done", "well": "done"}
    assert "File too large" in results["full"].error
    problems = results["large"].written.problems
    assert any("8 frames at once did not fit" in problem for problem in problems), problems
    begun = {path.name: len(path.read_text().split()) for path in marks.iterdir()}
    assert begun == {"full": 1, "killed": 2, "large": 1, "well": 1}
    there = {path.name for path in (tmp_path / "out").iterdir()}
    assert there == {"killed", "large", "well", ".pieces"}  # and nothing half-written
    assert all(is_complete(result.out) for result in results.values() if result.written)
    noted = {piece.name: piece.state.value for piece in read_status(tmp_path / "out")}
    assert noted == states
    again = [result.state for result in infer(resume=True).values()]
    assert again == ["done", "kept", "kept", "kept"]


def test_windows_predicted_side_by_side_give_the_bytes_of_one_process(tmp_path):
    options = RunOptions(windows=WindowChoice(window=4, overlap=2, loops=LoopSearch.OFF))
    eight = SMALL | {"frames": FrameChoice(size=112, max_frames=8)}
    for place, fleet in (("alone", HERE), ("beside", TWO)):
        (result,) = infer_scenes(
            [str(FRAMES)], tmp_path / place, options=options, fleet=fleet, **eight
        )
        assert result.written is not None
    alone, beside = contents(tmp_path / "alone"), contents(tmp_path / "beside")
    assert sum(name.startswith("windows/") for name in alone) == 3
    assert alone.pop(MANIFEST) != beside.pop(MANIFEST)  # they say when, and how long it took
    assert beside == alone


def test_pieces_of_a_machine_that_vanishes_are_done_by_another(tmp_path, cluster):
    """The last one: it leaves an actor that waits for a machine."""
    other = cluster.add_node(num_cpus=1)

    def vanish(name, _index, _count):
        if name == "3" and other in cluster.worker_nodes:  # all machines are at work
            cluster.remove_node(other)

    found = squares(
        tmp_path,
        range(8),
        FleetChoice(Devices(cpus=3)),
        observer=Observer(on_scene=vanish),
        meet=(0, 1, 2),
    )
    assert [value for value, _, _ in found] == [number**2 for number in range(8)]
