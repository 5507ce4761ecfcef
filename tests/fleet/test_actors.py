"""Pieces of work in processes of their own: real Ray, real kills."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from page4d_cli.core.errors import DeviceError, WeightsError
from page4d_cli.core.progress import Observer
from page4d_cli.fleet.choice import Devices, FleetChoice
from page4d_cli.fleet.spread import spread

ray = pytest.importorskip("ray")
TWO = FleetChoice(Devices(cpus=2))


@dataclass
class Squarer:
    """Squares numbers, with the accidents that are asked for by number."""

    folder: Path
    dies_at: tuple[int, ...] = ()
    dies_once_at: tuple[int, ...] = ()
    refuses: int | None = None
    meet: tuple[int, ...] = ()
    opened: int = 0

    def __call__(self, piece: int, observer: Observer[Any]) -> tuple[int, int, int]:
        if not self.opened:
            self.opened = os.getpid()
            observer.on_note("opened")
        with (self.folder / f"begun-{piece}").open("a") as log:
            log.write(f"{os.getpid()}\n")
        first = (self.folder / f"begun-{piece}").read_text().count("\n") == 1
        if piece in self.dies_at or (first and piece in self.dies_once_at):
            os.kill(os.getpid(), signal.SIGKILL)
        if piece == self.refuses:
            raise WeightsError("these weights are of no use")
        while piece in self.meet and not all(
            (self.folder / f"begun-{other}").exists() for other in self.meet
        ):
            time.sleep(0.05)  # until they are done side by side
        return piece**2, self.opened, os.getpid()


@pytest.fixture(scope="module")
def cluster():
    """Two cores, of a cluster that stays while this file's tests run."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=50)
    yield
    ray.shutdown()


def squares(folder, pieces, fleet=TWO, observer=None, **accidents):
    return spread(
        pieces,
        Squarer(folder, **accidents),
        fleet,
        observer or Observer(),
        name_of=str,
        lost=lambda piece, reason: (piece, reason, 0),
    )


@pytest.mark.usefixtures("cluster")
def test_results_are_in_order_and_each_process_opens_once(tmp_path):
    notes, results, steps = [], [], []
    observer = Observer(
        on_note=notes.append, on_result=results.append, progress=lambda *step: steps.append(step)
    )
    found = squares(tmp_path, range(8), observer=observer, meet=(0, 1))
    assert [value for value, _, _ in found] == [number**2 for number in range(8)]
    assert sorted(results) == sorted(found)
    processes = {at_work for _, _, at_work in found}
    assert len(processes) == 2 and os.getpid() not in processes
    assert all(opened == at_work for _, opened, at_work in found)
    assert notes == ["opened"]  # said by both, heard once
    assert steps[-1] == ("pieces", 8, 8)


@pytest.mark.usefixtures("cluster")
def test_a_piece_whose_process_is_killed_is_done_again_once(tmp_path):
    found = squares(tmp_path, range(6), dies_once_at=(2,))
    assert [value for value, _, _ in found] == [number**2 for number in range(6)]
    begun = {number: (tmp_path / f"begun-{number}").read_text().split() for number in range(6)}
    assert len(set(begun[2])) == 2 and all(len(begun[n]) == 1 for n in (0, 1, 3, 4, 5))


@pytest.mark.usefixtures("cluster")
def test_a_piece_that_always_kills_its_process_is_lost_and_the_others_are_not(tmp_path):
    found = squares(tmp_path, range(5), dies_at=(1,))
    assert [one[0] for one in found] == [0, 1, 4, 9, 16]
    assert "its process died 2 times" in found[1][1]
    assert len((tmp_path / "begun-1").read_text().split()) == 2


@pytest.mark.usefixtures("cluster")
def test_an_error_that_concerns_all_comes_back_as_it_was_raised(tmp_path):
    with pytest.raises(WeightsError, match=r"^these weights are of no use$"):
        squares(tmp_path, range(4), refuses=0)


@pytest.mark.usefixtures("cluster")
def test_devices_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(DeviceError, match="there are 0 GPUs; for processes on the CPU give cpu"):
        squares(tmp_path, range(2), FleetChoice(Devices()))
    with pytest.raises(DeviceError, match="there are 2 cores; give cpu"):
        squares(tmp_path, range(2), FleetChoice(Devices(cpus=3)))
    assert squares(tmp_path, []) == []


def test_no_process_outlives_a_driver_that_is_killed(tmp_path):
    program = tmp_path / "driver.py"
    program.write_text(
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from page4d_cli.core.progress import Observer\n"
        "from page4d_cli.fleet.choice import Devices, FleetChoice\n"
        "from page4d_cli.fleet.spread import spread\n"
        "def work(piece, observer, marks=sys.argv[1]):\n"
        "    Path(marks, f'{piece}-{os.getpid()}').touch()\n"
        "    time.sleep(600)\n"
        "spread(range(2), work, FleetChoice(Devices(cpus=2)), Observer(), name_of=str,\n"
        "       lost=lambda piece, reason: None)\n"
    )
    marks = tmp_path / "marks"
    marks.mkdir()
    driver = subprocess.Popen(
        [sys.executable, str(program), str(marks)], cwd=Path(__file__).parents[2]
    )
    deadline = time.monotonic() + 240
    while len(list(marks.iterdir())) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    processes = [int(mark.name.split("-")[1]) for mark in marks.iterdir()]
    driver.kill()
    driver.wait()
    assert len(processes) == 2
    while any(map(is_alive, processes)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(map(is_alive, processes))


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_pieces_of_a_machine_that_vanishes_are_done_by_another(tmp_path):
    from ray.cluster_utils import Cluster

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
    )
    other = cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False, logging_level=50)
    try:

        def vanish(name, _index, _count):
            if name == "2" and other in cluster.worker_nodes:  # both machines are at work
                cluster.remove_node(other)

        found = squares(tmp_path, range(6), observer=Observer(on_scene=vanish), meet=(0, 1))
        assert [value for value, _, _ in found] == [number**2 for number in range(6)]
    finally:
        ray.shutdown()
        cluster.shutdown()
