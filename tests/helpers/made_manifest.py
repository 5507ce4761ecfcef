"""The manifest of a run that a test has made without a network."""

from collections.abc import Iterable

from page4d_cli.core.enums import Resolution, Save, TimestampSource, Variant
from page4d_cli.core.types import FrameInfo
from page4d_cli.io.run.manifest import FrameRecord, Manifest, WeightsRecord


def made_manifest(
    infos: Iterable[FrameInfo],
    network_size: tuple[int, int],
    timestamp_source: TimestampSource = TimestampSource.FILE_NAME,
    saved: tuple[Save, ...] = (Save.CAMERAS, Save.DEPTH, Save.CONFIDENCE),
    weights: str = "synthetic",
) -> Manifest:
    """Of frames and the network's (height, width)."""
    return Manifest(
        schema=1,
        command=("page4d", "infer"),
        created_utc="2026-11-24T00:00:00+00:00",
        versions={},
        device="none",
        dtype="fp32",
        weights=WeightsRecord(weights, Variant.NOMASK, None, None),
        mask_strength=0.0,
        resolution=Resolution.NETWORK,
        network_size=network_size,
        timestamp_source=timestamp_source,
        frames=tuple(FrameRecord.from_info(info) for info in infos),
        saved=saved,
    )
