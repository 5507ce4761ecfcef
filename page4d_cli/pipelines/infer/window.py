"""One window of a long video: some of its frames, predicted as a clip of their own."""

from dataclasses import replace

import numpy as np

from page4d_cli.core.enums import Head
from page4d_cli.core.types import Frames, Int64Array
from page4d_cli.core.window import Window
from page4d_cli.data.clip.masks import BRIGHT
from page4d_cli.model.weights import LoadedModel
from page4d_cli.pipelines.infer.known_focal import with_known_focal
from page4d_cli.pipelines.infer.loops import FrameDescriber
from page4d_cli.pipelines.infer.predict import cameras, dense_chunks, encode_clip
from page4d_cli.pipelines.infer.run import RunOptions


def frames_at(frames: Frames, numbers: Int64Array) -> Frames:
    """The frames of these numbers, in this order, with their pictures in memory."""
    return replace(
        frames,
        images=np.stack([frames.images[number] for number in numbers]),
        infos=tuple(frames.infos[number] for number in numbers),
        moving=frames.moving and [frames.moving[number] for number in numbers],
    )


def predict_window(
    model: LoadedModel, frames: Frames, options: RunOptions, numbers: Int64Array
) -> Window:
    """Predict a window: what the cameras and maps are, and how its frames look.

    Args:
        model: on the device where the work shall be done.
        frames: of the window alone.
        options: of the run; a focal length that is known counts here.
        numbers: (N,) of these frames in the clip.

    Raises:
        OutOfMemoryError: the window is too long for the device.
    """
    describer = FrameDescriber(model.aggregator.patch_start_idx)
    encoding = encode_clip(model, frames, heads={Head.CAMERA, Head.DEPTH}, watch=describer)
    extrinsics, intrinsics = cameras(model, encoding)
    known = with_known_focal(options.windows.focal.known_px, frames, intrinsics)
    chunks = list(dense_chunks(model, encoding, Head.DEPTH))
    depth = np.concatenate([chunk.values for chunk in chunks])
    return Window(
        numbers.astype(np.int64),
        depth * known.depth_factors[:, None, None],
        known.intrinsics.astype(np.float64),
        extrinsics.astype(np.float64),
        np.concatenate([chunk.confidence for chunk in chunks]),
        describer.descriptors,
        None if frames.moving is None else np.stack(frames.moving) >= BRIGHT,
    )
