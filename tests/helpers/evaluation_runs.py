"""Run directories for the sequences of a data set, with predictions that a test chooses."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from made_manifest import made_manifest
from numpy.typing import NDArray

from page4d_cli.core.enums import Save
from page4d_cli.core.types import FrameInfo, PixelTransform
from page4d_cli.data.sets.recorded import RecordedSequence
from page4d_cli.io.run import directory as names
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.io.run.writer import commit_run
from page4d_cli.io.whole.transaction import Transaction

SAVED = (Save.CAMERAS, Save.DEPTH)


def write_run_of(
    folder: Path,
    sequence: RecordedSequence,
    *,
    depth: Callable[[int], NDArray[np.floating]] | None = None,
    T_camera_world: NDArray[np.float64] | None = None,
    rename: Callable[[str], str] = lambda name: name,
) -> Path:
    """Write a run whose maps have the size of the pictures.

    Args:
        folder: the run directory.
        sequence: whose frames.
        depth: prediction of a frame; the truth by default.
        T_camera_world: (S, 3, 4) predicted; the truth by default.
        rename: the sources' file names.
    """
    predicted = depth or sequence.read_depth
    cameras = sequence.T_camera_world if T_camera_world is None else T_camera_world
    width, height = sequence.read_image(0).shape[1::-1]
    transform = PixelTransform(
        (width, height), (width, height), (1, 1), (0, 0), (0, 0, width, height)
    )
    infos = [
        FrameInfo(
            f"{index:04d}", str(path.with_name(rename(path.name))), index, float(stamp), transform
        )
        for index, (path, stamp) in enumerate(
            zip(sequence.frames, sequence.timestamps_s, strict=True)
        )
    ]
    with Transaction(folder, MANIFEST) as run:
        for index, info in enumerate(infos):
            if predicted is not None:
                map_ = np.asarray(predicted(index), np.float32)
                np.save(run.path(names.depth_file(info.stem)), map_)
        if cameras is not None:
            intrinsics = np.eye(3, dtype=np.float32)[None].repeat(len(infos), 0)
            extrinsics = cameras.astype(np.float32)
            np.savez(run.path(names.CAMERAS), extrinsics=extrinsics, intrinsics=intrinsics)
        commit_run(run, made_manifest(infos, (height, width), saved=SAVED, weights="perfect"))
    return folder
