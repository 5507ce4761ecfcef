"""Where the network computes and in which number format."""

import ctypes
import gc
import os
import platform
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch

from page4d_cli.core.enums import Precision
from page4d_cli.core.errors import DeviceError

DTYPES: Mapping[Precision, torch.dtype] = MappingProxyType(
    {Precision.FP32: torch.float32, Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}
)
BF16_CAPABILITY = 8
"""The first CUDA capability that computes bf16 natively."""
BF16_MACOS = 14
"""The first macOS whose MPS knows bf16."""

_M_MMAP_THRESHOLD = -3
_GROUP_FILES = {
    True: ("memory.max", "memory.current"),
    False: ("memory.limit_in_bytes", "memory.usage_in_bytes"),
}
"""Limit and use of a control group, of version 2 or not."""


@dataclass(frozen=True)
class Runtime:
    """A device of this machine and the number format of the aggregator's matrix products."""

    device: torch.device
    dtype: torch.dtype
    reason: str
    """Why these, in words."""

    @property
    def precision(self) -> Precision:
        """The number format by its name on the command line."""
        return next(name for name, dtype in DTYPES.items() if dtype == self.dtype)


def choose_runtime(device: str = "auto", precision: Precision = Precision.AUTO) -> Runtime:
    """Choose device and precision.

    auto device: CUDA if there, else MPS, else the CPU. auto precision: bf16 where the device
    computes it natively, fp16 on older CUDA devices, else fp32.

    Args:
        device: auto, cpu, mps, cuda, or cuda:N.
        precision: number format of the aggregator's matrix products; heads stay in fp32.

    Raises:
        DeviceError: the device is no such word or is not there, or it lacks the precision.
    """
    chosen, why = _pick_device(device)
    if precision is Precision.AUTO:
        automatic, why_precision = _auto_precision(chosen)
        return Runtime(chosen, DTYPES[automatic], f"{why}, {why_precision}")
    _require_precision(chosen, precision)
    return Runtime(chosen, DTYPES[precision], f"{why}, {precision.value} as asked")


def available_devices() -> tuple[torch.device, ...]:
    """Every device of this machine that `choose_runtime` accepts, the one that auto takes first."""
    cuda = [torch.device("cuda", i) for i in range(_cuda_count())]
    mps = [torch.device("mps")] if torch.backends.mps.is_available() else []
    return (*cuda, *mps, torch.device("cpu"))


def describe_device(device: torch.device) -> str:
    """One line about a device, for people."""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        gib = properties.total_memory / 2**30
        return f"{properties.name}, {gib:.0f} GiB, capability {properties.major}.{properties.minor}"
    if device.type == "mps":
        return f"Apple {platform.machine()} GPU (Metal)"
    bf16 = "with" if _cpu_computes_bf16() else "without"
    return f"{_cpu_name()}, {torch.get_num_threads()} threads, {bf16} native bf16"


def free_memory_bytes(device: torch.device) -> int | None:
    """Memory that can still be allocated on a device; None where the system does not say.

    On the CPU that is the least of what the machine has and what the process's group may have.
    """
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    meminfo = Path("/proc/meminfo")
    if device.type == "mps" or not meminfo.is_file():
        return None
    lines = (line.split() for line in meminfo.read_text().splitlines())
    free = [int(words[1]) * 1024 for words in lines if words[0] == "MemAvailable:"]
    return min([*free, *_left_to_group()], default=None)


def _left_to_group(
    root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")
) -> list[int]:
    """What the control groups of this process leave it, those of containers too.

    Pages of files that are only cached count as free: the kernel gives them up first.
    """
    if not own.is_file():
        return []
    left = []
    for line in own.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        version_2 = not controllers
        if not version_2 and "memory" not in controllers.split(","):
            continue
        top = root if version_2 else root / "memory"
        limit, used = _GROUP_FILES[version_2]
        group = top / path.lstrip("/")
        for folder in (group, *group.parents):
            with suppress(OSError, ValueError):  # "max" is no limit
                cached = dict(map(str.split, (folder / "memory.stat").read_text().splitlines()))
                kept = int((folder / used).read_text()) - int(cached.get("inactive_file", 0))
                left.append(max(0, int((folder / limit).read_text()) - kept))
            if folder == top:
                break
    return left


def give_back_dropped_blocks() -> None:
    """Let glibc return blocks of a MiB and more when they are dropped.

    Otherwise it learns to keep those of up to 32 MiB, with gaps between: a third more memory at the
    peak of a small network on a CPU, and no time won. Elsewhere this does nothing.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").mallopt(_M_MMAP_THRESHOLD, 1 << 20)


def release_memory(device: torch.device) -> None:
    """Give back what an allocator keeps for later, after it said that there is none."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()


def reset_peak_memory(device: torch.device) -> None:
    """Begin a new measurement on a CUDA device; the host's peak cannot be reset."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak_memory_bytes(device: torch.device) -> dict[str, int | None]:
    """The most memory that this process has held.

    Returns:
        `host`: resident since the process began, pages of mapped files included. `device`:
        allocated on the CUDA device since the last reset, None elsewhere.
    """
    import resource

    unit = 1 if sys.platform == "darwin" else 1024  # macOS counts bytes, Linux KiB
    on_cuda = device.type == "cuda"
    return {
        "host": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
        "device": torch.cuda.max_memory_allocated(device) if on_cuda else None,
    }


def _pick_device(word: str) -> tuple[torch.device, str]:
    kind, _, index = word.partition(":")
    if word == "auto":
        chosen = available_devices()[0]
        if chosen.type == "cuda":
            chosen = _own_cuda()
        return chosen, f"{chosen} is the fastest device here"
    if word == "cpu":
        return torch.device("cpu"), "cpu as asked"
    if word == "mps":
        if not torch.backends.mps.is_available():
            raise DeviceError(f"device mps is not there; {_what_is_there()}")
        return torch.device("mps"), "mps as asked"
    if kind == "cuda" and (word == kind or index.isdecimal()):
        return _pick_cuda(word, int(index) if index else None), f"{word} as asked"
    raise DeviceError(f"unknown device '{word}'; allowed: auto, cpu, mps, cuda, cuda:N")


def _pick_cuda(word: str, index: int | None) -> torch.device:
    count = _cuda_count()
    if not count and torch.version.cuda is None and torch.version.hip is None:
        raise DeviceError(
            f"device {word}: this PyTorch ({torch.__version__}) is built without CUDA; "
            f"install a CUDA build, or {_what_is_there()}"
        )
    if not count or (index or 0) >= count:
        raise DeviceError(f"device {word} is not there; {_what_is_there()}")
    return _own_cuda() if index is None else torch.device("cuda", index)


def _own_cuda() -> torch.device:
    """The GPU of this process: each that a launcher starts on a machine has its own."""
    local_rank = os.environ.get("LOCAL_RANK", "")
    if local_rank.isdecimal():
        return torch.device("cuda", int(local_rank) % _cuda_count())
    return torch.device("cuda", torch.cuda.current_device())


def _cuda_count() -> int:
    return torch.cuda.device_count() if torch.cuda.is_available() else 0


def _what_is_there() -> str:
    return f"use one of: auto, {', '.join(map(str, available_devices()))}"


def _auto_precision(device: torch.device) -> tuple[Precision, str]:
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        if major >= BF16_CAPABILITY:
            return Precision.BF16, "which computes bf16 natively"
        return Precision.FP16, f"of capability {major}.{minor}, which has fp16 but no bf16"
    if device.type == "cpu" and _cpu_computes_bf16():
        return Precision.BF16, "which computes bf16 natively"
    return Precision.FP32, "which is best at fp32"


def _require_precision(device: torch.device, precision: Precision) -> None:
    if device.type == "cpu" and precision is Precision.FP16:
        raise DeviceError("fp16 is not supported on a CPU; use fp32 or bf16, or a CUDA device")
    if precision is not Precision.BF16:
        return
    if device.type == "cuda":
        major, minor = torch.cuda.get_device_capability(device)
        if major < BF16_CAPABILITY:
            raise DeviceError(
                f"bf16 needs CUDA capability {BF16_CAPABILITY}.0 or newer, {device} has "
                f"{major}.{minor}; use fp16 or fp32"
            )
    if device.type == "mps" and not torch.backends.mps.is_macos_or_newer(BF16_MACOS, 0):
        raise DeviceError(f"bf16 on mps needs macOS {BF16_MACOS} or newer; use fp16 or fp32")


def _cpu_computes_bf16() -> bool:
    """Whether the CPU multiplies bf16 matrices in hardware: AVX512-BF16 or AMX."""
    if hasattr(torch.cpu, "get_capabilities"):
        capabilities = torch.cpu.get_capabilities()
        return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))
    # Older PyTorch, whose questions are private and came one by one.
    questions = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, question, bool)() for question in questions)


def _cpu_name() -> str:
    if hasattr(torch.cpu, "get_capabilities"):
        name = str(torch.cpu.get_capabilities().get("cpu_name", ""))
        if name:
            return name
    return platform.processor() or platform.machine()
