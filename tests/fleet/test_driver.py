"""A driver that is killed, with the Ray that it has started; a cluster that is not there."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fleet_work import squares

from page4d_cli.core.errors import DeviceError
from page4d_cli.fleet.choice import FleetChoice


def test_a_cluster_that_does_not_answer_is_refused_at_once(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        for cluster in (address, f"ray://{address}"):
            with pytest.raises(DeviceError, match=f"no Ray cluster at {cluster}: .*refused"):
                squares(tmp_path, range(2), FleetChoice(cluster=cluster))


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
    at_work = {int(mark.name.split("-")[1]) for mark in marks.iterdir()}
    started = {each for each in descendants(driver.pid) if not is_agent(each)}
    driver.kill()
    driver.wait()
    assert len(at_work) == 2 and at_work < started  # Ray's own are the others
    while any(map(is_alive, started)) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not any(map(is_alive, started))


def descendants(process: int) -> set[int]:
    below: dict[int, set[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rsplit(")", 1)[1].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        below.setdefault(parent, set()).add(int(status.parent.name))
    found, new = set(), {process}
    while new:
        new = set().union(*(below.get(each, set()) for each in new))
        found |= new
    return found


def is_agent(process: int) -> bool:
    """One of those that look once a minute whether their Ray is still there."""
    return Path(f"/proc/{process}/cmdline").read_text().rstrip("\0 ").endswith("Agent")


def is_alive(process: int) -> bool:
    """Zombies are not; whose children they became takes them away."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
