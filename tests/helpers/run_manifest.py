"""A manifest for tests, in which every field is filled in."""

from dataclasses import replace

from page4d_cli.core.enums import Resolution, Save, TimestampSource, Variant
from page4d_cli.core.types import FrameInfo, PixelTransform
from page4d_cli.io.run.manifest import CloudRecord, FrameRecord, Manifest, WeightsRecord


def frame_info(stem="000000", index=0):
    transform = PixelTransform(
        (640, 480), (518, 392), (0.809375, 0.8125), (0.0, 1.0), (0, 1, 518, 391)
    )
    return FrameInfo(stem, f"frames/{stem} é.png", index, 1305031102.175304 + index, transform)


def manifest(**changes):
    full = Manifest(
        schema=1,
        command=("page4d", "infer", "frames/", "--out", "preds"),
        created_utc="2026-11-03T12:00:00Z",
        versions={"python": "3.11.7", "numpy": "2.4.6"},
        device="cpu",
        dtype="fp32",
        weights=WeightsRecord("tiny", Variant.NOMASK, "0" * 64, None),
        mask_strength=0.0,
        resolution=Resolution.NETWORK,
        network_size=(392, 518),
        settings={"source": ["a.png", "b.png"], "fit": "crop", "stride": 2, "fps": None},
        timestamp_source=TimestampSource.FILE_NAME,
        frames=tuple(FrameRecord.from_info(frame_info(f"{i:06d}", i)) for i in range(2)),
        ignored=("frames/notes.txt",),
        saved=(Save.CAMERAS, Save.DEPTH),
        problems=("frame 000001: infinite focal length",),
        non_finite={"depth": 3},
        cloud=CloudRecord(10, 20, 50.0, 1.5),
        timings_s={"total": 1.25},
        peak_memory_bytes={"host": 10**9, "device": None},
    )
    return replace(full, **changes)
