"""Lengths in metres while a run is made; or relative, and the reason why.

A source that turns out to say nothing once everything is predicted does not cost the prediction.
"""

from collections.abc import Sequence

import numpy as np

from page4d_cli.core.enums import Head
from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import invert_rigid, valid_depth
from page4d_cli.core.reproject import PosedDepth
from page4d_cli.core.types import Float32Array, Frames
from page4d_cli.core.window import Window
from page4d_cli.join.join import JoinedPath
from page4d_cli.model.network import Encoding, Page4D
from page4d_cli.pipelines.infer.known_focal import KnownCameras
from page4d_cli.pipelines.infer.predict import dense_chunk
from page4d_cli.pipelines.infer.run_files import RunFiles
from page4d_cli.pipelines.scale.measure import measure_scales
from page4d_cli.pipelines.scale.of_windows import path_in_metres
from page4d_cli.pipelines.scale.seen import SeenFrames
from page4d_cli.pipelines.scale.source import ScaleSource


def metres_of_pass(
    source: ScaleSource,
    model: Page4D,
    encoding: Encoding,
    cameras: tuple[Float32Array, KnownCameras],
    files: RunFiles,
) -> float:
    """What the lengths of one pass are multiplied by; noted in the files' `scale` or `problems`.

    Args:
        source: what is known in metres.
        model: that predicts.
        encoding: of the whole clip; the depth of some frames is decoded for this alone.
        cameras: T_camera_world (S, 3, 4), and K with the depth that goes with it.
        files: of the run.
    """
    extrinsics, intrinsics = (
        np.asarray(k, np.float64) for k in (cameras[0], cameras[1].intrinsics)
    )
    infos = files.frames.infos

    def posed_depth(place: int) -> PosedDepth:
        chunk = dense_chunk(model, encoding, Head.DEPTH, slice(place, place + 1))
        depth = infos[place].transform.without_padding(chunk.values[0])
        depth *= cameras[1].depth_factors[place]
        return PosedDepth(valid_depth(depth), intrinsics[place], extrinsics[place])

    path = np.asarray(invert_rigid(extrinsics), np.float64)
    seen = SeenFrames(infos, files.frames.timestamp_source, path, posed_depth)
    try:
        files.scale = measure_scales(source, [seen])
    except InputError as error:
        files.problems.append(_stays_relative(error))
        return 1.0
    return files.scale[0].factor


def metres_of_windows(
    source: ScaleSource,
    windows: Sequence[Window],
    path: JoinedPath,
    frames: Frames,
    files: RunFiles,
) -> JoinedPath:
    """A joined path in metres, or as it was; noted in the files' `scale` or `problems`."""
    try:
        path, files.scale = path_in_metres(
            source, windows, path, frames.infos, frames.timestamp_source
        )
    except InputError as error:
        files.problems.append(_stays_relative(error))
    return path


def _stays_relative(error: InputError) -> str:
    return f"lengths are not metres: {error}"
