import itertools

import pytest

from page4d_cli.core.errors import InputError
from page4d_cli.fleet.choice import Devices, FleetChoice, Shard


@pytest.mark.parametrize("count", [1, 3, 8])
def test_shares_are_disjoint_complete_and_alike_in_size(count):
    shares = [Shard(number + 1, count).of(range(7)) for number in range(count)]
    assert sorted(itertools.chain(*shares)) == list(range(7))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_share_is_read_as_it_is_written():
    assert Shard.parse(str(Shard(3, 16))) == Shard(3, 16)


@pytest.mark.parametrize("text", ["0/4", "5/4", "3", "a/b", "-1/4", "1/0", "1/2/3", ""])
def test_what_is_no_share_is_refused(text):
    with pytest.raises(InputError, match=r"--shard .*: give a share and how many there are"):
        Shard.parse(text)


@pytest.mark.parametrize("text", ["all", "0", "0,1,3", "cpu*4"])
def test_devices_are_read_as_they_are_written(text):
    assert str(Devices.parse(text)) == text


@pytest.mark.parametrize("text", ["", "cuda", "cpu*0", "cpu", "0,", "-1", "1;2"])
def test_what_is_no_device_is_refused(text):
    with pytest.raises(InputError, match=r"give all, numbers of GPUs such as 0,1,3, or cpu\*4"):
        Devices.parse(text)


def test_a_gpu_named_twice_is_refused():
    with pytest.raises(InputError, match="a GPU is named twice"):
        Devices.parse("1,1")


def test_gpus_of_one_machine_are_none_of_a_cluster():
    with pytest.raises(InputError, match="leave --devices out to use all GPUs of the cluster"):
        FleetChoice(Devices(gpus=(0,)), cluster="auto")


def test_a_launcher_says_the_share_and_nobody_else_beside_it(monkeypatch):
    assert FleetChoice().share == Shard(1, 1)
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert FleetChoice().share == Shard(3, 4)
    with pytest.raises(InputError, match="both say which share"):
        FleetChoice(shard=Shard(1, 2))
    monkeypatch.setenv("RANK", "4")
    with pytest.raises(InputError, match="RANK is 4 and WORLD_SIZE 4"):
        _ = FleetChoice().share
