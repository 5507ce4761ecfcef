"""Which pieces of work are done, and where.

This module is free of Ray, so that a choice costs nothing until work begins.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from page4d_cli.core.errors import InputError

PieceT = TypeVar("PieceT")


@dataclass(frozen=True)
class Shard:
    """One of several equal shares of the pieces; processes that take different ones never meet.

    Raises:
        InputError: there is no such share.
    """

    number: int = 1
    """From 1."""
    count: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.count:
            raise InputError(
                f"--shard {self.number}/{self.count}: give a share and how many there are, from "
                "1/N to N/N"
            )

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """Turn `3/16` into a share.

        Raises:
            InputError: it is none.
        """
        match = re.fullmatch(r"\s*(\d{1,9})\s*/\s*(\d{1,9})\s*", text)
        if match is None:
            raise InputError(f"--shard {text}: give a share and how many there are, such as 3/16")
        return cls(int(match[1]), int(match[2]))

    @classmethod
    def from_environment(cls) -> "Shard":
        """What `torchrun` or `accelerate launch` give this process; all of it without them.

        Raises:
            InputError: their variables RANK and WORLD_SIZE are no numbers that go together.
        """
        rank, size = os.environ.get("RANK", "0"), os.environ.get("WORLD_SIZE", "1")
        if not (rank.isdecimal() and size.isdecimal() and int(rank) < int(size)):
            raise InputError(
                f"RANK is {rank} and WORLD_SIZE {size}; launchers give a rank from 0 below the size"
            )
        return cls(int(rank) + 1, int(size))

    def of(self, pieces: Sequence[PieceT]) -> list[PieceT]:
        """The pieces of this share: number i of all belongs to share i mod count."""
        return list(pieces[self.number - 1 :: self.count])

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"


@dataclass(frozen=True)
class Devices:
    """Where processes of their own compute.

    Raises:
        InputError: there is no such device.
    """

    gpus: tuple[int, ...] = ()
    """Numbers of this machine's GPUs, one process each; none and no `cpus`: all of them."""
    cpus: int = 0
    """Processes that compute on the CPU instead, and share its cores."""

    def __post_init__(self) -> None:
        if len(set(self.gpus)) != len(self.gpus):
            raise InputError(f"--devices {self}: a GPU is named twice; name each once")

    @classmethod
    def parse(cls, text: str) -> "Devices":
        """Turn `all`, `0,2` or `cpu*4` into devices.

        Raises:
            InputError: it is none of these.
        """
        word = "".join(text.split()).lower()
        if word == "all":
            return cls()
        if match := re.fullmatch(r"cpu\*([1-9]\d{0,3})", word):
            return cls(cpus=int(match[1]))
        if re.fullmatch(r"\d{1,3}(,\d{1,3})*", word):
            return cls(gpus=tuple(int(number) for number in word.split(",")))
        raise InputError(
            f"--devices {text}: give all, numbers of GPUs such as 0,1,3, or cpu*4 for four "
            "processes on the CPU"
        )

    def __str__(self) -> str:
        return f"cpu*{self.cpus}" if self.cpus else ",".join(map(str, self.gpus)) or "all"


@dataclass(frozen=True)
class FleetChoice:
    """Where pieces of work are done, and which share of them; by default all, in this process.

    Raises:
        InputError: GPUs of this machine are named for a cluster, or a share is given twice.
    """

    devices: Devices | None = None
    """None: in this process, if there is no cluster either."""
    cluster: str | None = None
    """Address of a Ray cluster, or `auto` for the one that this machine belongs to."""
    shard: Shard | None = None
    """None: as a launcher says."""

    def __post_init__(self) -> None:
        if self.cluster is not None and self.devices is not None and self.devices.gpus:
            raise InputError(
                f"--devices {self.devices} names GPUs of one machine, and --cluster has several; "
                "leave --devices out to use all GPUs of the cluster, or give cpu*N"
            )
        if self.shard is not None and Shard.from_environment().count > 1:
            raise InputError(
                "--shard and a launcher (torchrun, accelerate launch) both say which share this "
                "process does; use one of them"
            )

    @property
    def is_here(self) -> bool:
        """Whether this process does the work itself."""
        return self.devices is None and self.cluster is None

    @property
    def share(self) -> Shard:
        """The share of the pieces that is done."""
        return self.shard or Shard.from_environment()


HERE = FleetChoice()
