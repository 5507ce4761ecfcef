"""Run the network on a clip: all at once in memory, or piece by piece for whoever writes files."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch

from page4d_cli.core.enums import Head
from page4d_cli.core.errors import OutOfMemoryError
from page4d_cli.core.progress import Progress
from page4d_cli.core.types import Float32Array, Frames, Prediction
from page4d_cli.model.aggregator import LayerTokens
from page4d_cli.model.network import ALL_HEADS, Encoding, Page4D
from page4d_cli.model.pose_encoding import pose_encoding_to_extri_intri
from page4d_cli.model.runtime import release_memory

FRAMES_AT_ONCE = {"cuda": 8, "mps": 4, "cpu": 1}
"""Frames that a dense head takes at once: enough to fill the device, little enough to be cheap."""


@dataclass(frozen=True)
class DenseChunk:
    """One dense head's result on some frames, off the device."""

    head: Head
    frames: slice
    values: Float32Array
    """(S', H, W) depth, or (S', H, W, 3) points."""
    confidence: Float32Array
    """(S', H, W)."""


def infer(
    model: Page4D,
    frames: Frames,
    *,
    heads: Collection[Head] = ALL_HEADS,
    progress: Progress | None = None,
) -> Prediction:
    """Predict cameras, depth and points of a clip.

    Args:
        model: on the device where the work shall be done.
        frames: of the size that the model was made for.
        heads: which to run.
        progress: told about every step.

    Raises:
        OutOfMemoryError: the clip is too long for the device.
    """
    encoding = encode_clip(model, frames, heads=heads, progress=progress)
    extrinsics, intrinsics = cameras(model, encoding) if Head.CAMERA in heads else (None, None)
    dense: dict[Head, tuple[Float32Array, Float32Array]] = {}
    for head in encoding.maps:
        chunks = list(dense_chunks(model, encoding, head, progress=progress))
        dense[head] = (
            np.concatenate([chunk.values for chunk in chunks]),
            np.concatenate([chunk.confidence for chunk in chunks]),
        )
    depth, depth_confidence = dense.get(Head.DEPTH, (None, None))
    points, points_confidence = dense.get(Head.POINT, (None, None))
    return Prediction(
        frames=frames,
        extrinsics=extrinsics,
        intrinsics=intrinsics,
        depth=depth,
        depth_confidence=depth_confidence,
        points=points,
        points_confidence=points_confidence,
    )


def encode_clip(
    model: Page4D,
    frames: Frames,
    *,
    heads: Collection[Head],
    progress: Progress | None = None,
    watch: Callable[[LayerTokens], None] | None = None,
) -> Encoding:
    """Run the aggregator on the whole clip.

    Args:
        model: on the device where the work shall be done.
        frames: of the size that the model was made for. What is known to move takes the place of
            the mask, if the network has one that is on.
        heads: those that will be run.
        progress: told about every layer.
        watch: shown every layer as it is computed.

    Raises:
        OutOfMemoryError: the clip is too long for the device.
    """
    depth = model.config.depth

    def on_layer(layer: LayerTokens) -> None:
        if watch is not None:
            watch(layer)
        if progress is not None:
            progress("attention layers", layer.index + 1, depth)

    with explained_memory(model, len(frames), frames.size), torch.inference_mode():
        return model.encode(
            on_device(model, frames), heads=heads, moving=_moving(model, frames), on_layer=on_layer
        )


def cameras(model: Page4D, encoding: Encoding) -> tuple[Float32Array, Float32Array]:
    """Cameras of a clip: T_camera_world (S, 3, 4) and K (S, 3, 3) in pixels of the maps."""
    if model.camera_head is None:
        raise ValueError("this model has no camera head")
    count = encoding.camera_tokens.shape[1]
    with explained_memory(model, count, encoding.image_size), torch.inference_mode():
        pose_encoding = model.camera_head.refine(encoding.camera_tokens)[-1][0]
        extrinsics, intrinsics = pose_encoding_to_extri_intri(
            pose_encoding.cpu(), encoding.image_size
        )
    return extrinsics.numpy(), intrinsics.numpy()


def dense_chunks(
    model: Page4D, encoding: Encoding, head: Head, *, progress: Progress | None = None
) -> Iterator[DenseChunk]:
    """Run a dense head, yielding a few frames at a time so that the device keeps none of them.

    If these are too many for the device, half as many are taken from there on.
    """
    count = encoding.camera_tokens.shape[1]
    device = encoding.camera_tokens.device
    begin, at_once = 0, FRAMES_AT_ONCE[device.type]
    while begin < count:
        frames = slice(begin, min(begin + at_once, count))
        try:
            chunk = dense_chunk(model, encoding, head, frames)
        except OutOfMemoryError:
            if at_once == 1:
                raise
            chunk = None
        if chunk is None:
            release_memory(device)
            at_once //= 2
            continue
        yield chunk
        begin = frames.stop
        if progress is not None:
            progress(f"{head.value} maps", begin, count)


def dense_chunk(model: Page4D, encoding: Encoding, head: Head, frames: slice) -> DenseChunk:
    """Run a dense head on some frames of a clip."""
    count = encoding.camera_tokens.shape[1]
    with explained_memory(model, count, encoding.image_size), torch.inference_mode():
        values, confidence = (
            part[0].cpu().numpy() for part in model.decode(encoding, head, frames)
        )
    if head is Head.DEPTH:
        values = values[..., 0]
    return DenseChunk(head, frames, values, confidence)


def on_device(model: Page4D, frames: Frames) -> torch.Tensor:
    """(1, S, 3, H, W) in [0, 1]; only 8-bit pixels travel to the device."""
    device = next(model.parameters()).device
    pixels = torch.from_numpy(np.ascontiguousarray(frames.images)).to(device)
    return (
        pixels.permute(0, 3, 1, 2)
        .to(torch.float32, memory_format=torch.contiguous_format)
        .div_(255)[None]
    )


def _moving(model: Page4D, frames: Frames) -> torch.Tensor | None:
    """(1, S, H, W) from 0 (still) to 1; None if it is not known, or the mask is off."""
    if frames.moving is None or not model.mask_strength:
        return None
    maps = torch.from_numpy(np.stack(frames.moving)).to(next(model.parameters()).device)
    return maps[None].float().div_(255)


@contextmanager
def explained_memory(model: Page4D, count: int, size: tuple[int, int]) -> Iterator[None]:
    """Turn the device's word for 'no memory left' into advice."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not _means_no_memory(error):
            raise
        device = next(model.parameters()).device
        raise OutOfMemoryError(
            f"{count} frames of {size[1]}×{size[0]} do not fit into the memory of {device}; "
            "take fewer (--stride, --fps, --max-frames), or --dtype bf16 if it was not used"
        ) from error


def _means_no_memory(error: Exception) -> bool:
    """Whether an allocator failed; torch has a type of its own for CUDA's only."""
    words = ("out of memory", "can't allocate memory", "CUBLAS_STATUS_ALLOC_FAILED")
    return isinstance(error, MemoryError) or any(word in str(error) for word in words)
