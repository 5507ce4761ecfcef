"""Pieces of work in processes of their own: real Ray, real kills."""

import os

import pytest
import ray
from fleet_work import squares

from page4d_cli.core.errors import DeviceError, WeightsError
from page4d_cli.core.progress import Observer
from page4d_cli.fleet.choice import Devices, FleetChoice

pytestmark = [
    pytest.mark.usefixtures("after_ray"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    """Two cores, of a cluster that stays while this file's tests run."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(
        address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level=50
    )
    yield
    ray.shutdown()


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
def test_a_piece_whose_process_is_killed_is_done_once_more_and_then_lost(tmp_path):
    found = squares(tmp_path, range(6), dies_once_at=(2,), dies_at=(1,))
    assert [one[0] for one in found] == [0, 1, 4, 9, 16, 25]
    assert "its process died 2 times" in found[1][1]
    begun = {number: (tmp_path / f"begun-{number}").read_text().split() for number in range(6)}
    assert len(set(begun[2])) == len(set(begun[1])) == 2
    assert all(len(begun[number]) == 1 for number in (0, 3, 4, 5))


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
