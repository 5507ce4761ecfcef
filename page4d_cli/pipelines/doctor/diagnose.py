"""What this machine has, what page4d would use of it, and whether the network computes right."""

import importlib.metadata
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from page4d_cli._version import __version__
from page4d_cli.core.enums import Precision
from page4d_cli.model.hub import cache_directory
from page4d_cli.model.runtime import (
    available_devices,
    choose_runtime,
    describe_device,
    free_memory_bytes,
)
from page4d_cli.pipelines.doctor.placement import PLACES, Placement, check_placement
from page4d_cli.pipelines.doctor.self_test import SELF_TEST_CONFIG, SelfTestLaw, self_test
from page4d_cli.pipelines.weights.named import NamedWeights, list_weights

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "pillow",
    "av",
    "imageio",
    "huggingface_hub",
    "safetensors",
    "typer",
    "rich",
    "open3d",
    "evo",
)
PROBED_MODULES = ("open3d", "evo")
"""Packages with a habit of failing at import."""
PROBE_TIMEOUT_S = 120
SYSTEM_LIBRARIES = "apt-get install libegl1 libgl1 libusb-1.0-0"
"""What open3d needs beyond a bare Debian."""


@dataclass(frozen=True)
class Device:
    """A device that could be used."""

    name: str
    description: str
    free_bytes: int | None


@dataclass(frozen=True)
class Disk:
    """Free space below a directory."""

    directory: str
    free_bytes: int


@dataclass(frozen=True)
class ImportProbe:
    """Whether a module can be imported."""

    module: str
    error: str | None
    advice: str | None


@dataclass(frozen=True)
class Diagnosis:
    """Everything that `doctor` finds out."""

    versions: dict[str, str | None]
    """None for a package that is not installed."""
    platform: str
    devices: tuple[Device, ...]
    device: str
    precision: Precision
    reason: str
    disks: tuple[Disk, ...]
    weights: tuple[NamedWeights, ...]
    imports: tuple[ImportProbe, ...]
    laws: tuple[SelfTestLaw, ...]
    placements: tuple[Placement, ...]
    """How the network would run on devices that need not be here, by `placement.py`."""

    @property
    def is_healthy(self) -> bool:
        """Whether the network computes right here."""
        return all(law.holds for law in self.laws)


def diagnose(device: str = "auto", precision: Precision = Precision.AUTO) -> Diagnosis:
    """Look at this machine and run the self-test.

    Args:
        device: auto, cpu, mps, cuda, or cuda:N.
        precision: number format of the aggregator's matrix products.

    Raises:
        DeviceError: this machine lacks the device or the precision.
    """
    runtime = choose_runtime(device, precision)
    return Diagnosis(
        versions={"page4d": __version__, "python": platform.python_version(), **dict(_versions())},
        platform=platform.platform(),
        devices=tuple(
            Device(str(one), describe_device(one), free_memory_bytes(one))
            for one in available_devices()
        ),
        device=str(runtime.device),
        precision=runtime.precision,
        reason=runtime.reason,
        disks=tuple(_disk(place) for place in (Path.cwd(), cache_directory())),
        weights=list_weights(),
        imports=tuple(probe_import(module) for module in PROBED_MODULES),
        laws=self_test(runtime),
        placements=tuple(check_placement(SELF_TEST_CONFIG, *place) for place in PLACES),
    )


def probe_import(module: str) -> ImportProbe:
    """Import a module in a process of its own, which may crash or print as it likes."""
    try:
        result = subprocess.run(
            [sys.executable, "-c", f"import {module}"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ImportProbe(module, f"takes longer than {PROBE_TIMEOUT_S} s to import", None)
    if result.returncode == 0:
        return ImportProbe(module, None, None)
    lines = result.stderr.strip().splitlines()
    error = lines[-1] if lines else f"ended with status {result.returncode}"
    if ".so" in error:
        return ImportProbe(module, error, SYSTEM_LIBRARIES)
    missing = error.startswith("ModuleNotFoundError")
    return ImportProbe(module, error, f"pip install {module}" if missing else None)


def _versions() -> Iterator[tuple[str, str | None]]:
    for package in PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield package, None


def _disk(directory: Path) -> Disk:
    """Free space where a directory is or would be made."""
    existing = next(place for place in (directory, *directory.parents) if place.exists())
    return Disk(str(directory), shutil.disk_usage(existing).free)
