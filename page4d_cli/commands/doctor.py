"""`page4d doctor`: what this machine has, and whether the network computes right on it."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from page4d_cli.commands.shared import options
from page4d_cli.commands.shared.console import print_json, print_line
from page4d_cli.commands.shared.tables import readable_bytes
from page4d_cli.core.enums import Precision

if TYPE_CHECKING:
    from page4d_cli.pipelines.doctor.diagnose import Diagnosis, ImportProbe
    from page4d_cli.pipelines.doctor.placement import Placement
    from page4d_cli.pipelines.doctor.self_test import SelfTestLaw


def doctor(
    device: options.Device = "auto",
    dtype: options.DType = Precision.AUTO,
    as_json: options.Json = False,
) -> None:
    """Show versions, devices, memory and weights, and test the network on a tiny built-in case.

    Exit status 1 if the network does not compute right here.

    For example:

      page4d doctor --device cpu --dtype fp32
    """
    from page4d_cli.pipelines.doctor.diagnose import diagnose

    diagnosis = diagnose(device, dtype)
    if as_json:
        laws = [{**asdict(law), "holds": law.holds} for law in diagnosis.laws]
        placements = [{**asdict(one), "holds": one.holds} for one in diagnosis.placements]
        checked = {"laws": laws, "placements": placements, "is_healthy": diagnosis.is_healthy}
        print_json({**asdict(diagnosis), **checked})
    else:
        _print(diagnosis)
    if not diagnosis.is_healthy:
        raise typer.Exit(1)


def _print(diagnosis: "Diagnosis") -> None:
    versions = diagnosis.versions.items()
    _section("versions", [f"{name} {version or 'is not installed'}" for name, version in versions])
    _section("platform", [diagnosis.platform])
    _section(
        "devices",
        [
            f"{device.name}: {device.description}, {readable_bytes(device.free_bytes)} free"
            for device in diagnosis.devices
        ],
    )
    picked = f"{diagnosis.precision.value} on {diagnosis.device}: {diagnosis.reason}"
    _section("picked", [picked])
    _section(
        "disk",
        [f"{readable_bytes(disk.free_bytes)} free at {disk.directory}" for disk in diagnosis.disks],
    )
    _section(
        "weights",
        [
            f"{row.name}: {'ready' if row.is_ready else 'not downloaded'}"
            for row in diagnosis.weights
        ],
    )
    _section("imports", [_import_line(probe) for probe in diagnosis.imports])
    _section("self-test", [_law_line(law) for law in diagnosis.laws])
    _section("placement", [_placement_line(one) for one in diagnosis.placements])


def _section(title: str, lines: list[str]) -> None:
    for index, line in enumerate(lines):
        print_line(f"{title if index == 0 else '':<11}{line}")


def _import_line(probe: "ImportProbe") -> str:
    if probe.error is None:
        return f"{probe.module}: works"
    return f"{probe.module}: {probe.error}" + (f"; try: {probe.advice}" if probe.advice else "")


def _law_line(law: "SelfTestLaw") -> str:
    deviation = "not finite" if law.deviation is None else f"{law.deviation:.1e}"
    verdict = "ok" if law.holds else "FAILED"
    return f"{verdict:<7}{law.statement}: deviation {deviation} of at most {law.tolerance:.0e}"


def _placement_line(one: "Placement") -> str:
    tried = f"{one.precision.value} on {one.device}, tried without one"
    if one.holds:
        return f"ok     {tried}: all {one.operations} operations on the device, in their formats"
    more = f" and {len(one.problems) - 1} more" if len(one.problems) > 1 else ""
    return f"PROBLEM {tried}: {one.problems[0]}{more}"
