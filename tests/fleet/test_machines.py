"""Machines and drivers that vanish: real Ray, clusters of their own."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
import ray
from fleet_work import squares

from page4d_cli.core.progress import Observer

pytestmark = [
    pytest.mark.usefixtures("after_ray"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


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
