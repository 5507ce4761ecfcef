"""A run directory whose depth and cameras are those of a synthetic scene, exactly."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from made_manifest import made_manifest
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.geometry import as_homogeneous, invert_rigid
from page4d_cli.core.types import FrameInfo, PixelTransform
from page4d_cli.data.synthetic import render, sample_scene
from page4d_cli.io.formats.trajectory import write_intrinsics, write_tum
from page4d_cli.io.run import directory as names
from page4d_cli.io.run.directory import Run, open_run
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.io.run.writer import commit_run
from page4d_cli.io.whole.transaction import Transaction

SCALE = 2
"""Source pixels a map pixel: every map pixel is a block of 2×2 source pixels of one colour."""
CUT_ROWS = 3
"""Map rows that were cut off the source at top and bottom, as `--fit crop` does."""


@dataclass(frozen=True)
class SyntheticRun:
    """The run, and what no network would know."""

    run: Run
    images: NDArray[np.uint8]
    """(S, H, W, 3) the colours of the map pixels."""
    moving: NDArray[np.bool_]
    """(S, H, W) pixels that show something that moves in the scene."""


def write_synthetic_run(
    folder: Path,
    *,
    seed: int = 0,
    frames: int = 3,
    size: tuple[int, int] = (56, 42),
    fps: float = 2.0,
) -> SyntheticRun:
    """Write `folder/frames/*.png`, the sources, and `folder/run`; the world is the first camera.

    Args:
        folder: an existing folder.
        seed: of the scene.
        frames: how many.
        size: (width, height) of the maps; the sources are larger (`SCALE`, `CUT_ROWS`).
        fps: frames a second of the scene's time; 2 gives parallax within few frames.
    """
    scene = sample_scene(seed=seed)
    timestamps_s = np.arange(frames) / fps
    clips = render([scene], timestamps_s[None], size)
    images, depth = clips.images[0].numpy(), clips.depth[0].numpy()
    T_camera_room = scene.T_camera_world(timestamps_s)
    T_room_world = as_homogeneous(invert_rigid(T_camera_room[0]))
    extrinsics = T_camera_room @ T_room_world
    intrinsics = np.repeat(scene.intrinsics(size)[None], frames, axis=0)
    infos = [
        FrameInfo(
            f"{index:06d}",
            str(_write_source(folder / "frames" / f"{index:06d}.png", image)),
            index,
            float(timestamps_s[index]),
            _transform(size),
        )
        for index, image in enumerate(images)
    ]
    confidence = np.random.default_rng(seed).uniform(1, 9, depth.shape).astype(np.float32)
    with Transaction(folder / "run", MANIFEST) as run:
        for index, info in enumerate(infos):
            np.save(run.path(names.depth_file(info.stem)), depth[index])
            np.save(run.path(names.confidence_file(info.stem)), confidence[index])
        np.savez(
            run.path(names.CAMERAS),
            extrinsics=extrinsics.astype(np.float32),
            intrinsics=intrinsics.astype(np.float32),
        )
        write_tum(run.path(names.TRAJECTORY), timestamps_s, invert_rigid(extrinsics))
        in_source = np.stack([info.transform.intrinsics_to_source(intrinsics[0]) for info in infos])
        write_intrinsics(run.path(names.INTRINSICS), timestamps_s, in_source)
        commit_run(run, made_manifest(infos, (size[1], size[0])))
    return SyntheticRun(open_run(folder / "run"), images, clips.moving[0].numpy())


def middle_intrinsics(run: Run, index: int = 0) -> NDArray[np.float64]:
    """K of a map with the principal point in its middle, as exports have it."""
    k = run.intrinsics()[index].astype(float)
    height, width = run.manifest.network_size
    k[:2, 2] = (width - 1) / 2, (height - 1) / 2
    return k


def _write_source(path: Path, image: NDArray[np.uint8]) -> Path:
    source = image.repeat(SCALE, axis=0).repeat(SCALE, axis=1)
    source = np.pad(source, ((CUT_ROWS * SCALE,) * 2, (0, 0), (0, 0)), mode="edge")
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(source).save(path)
    return path


def _transform(size: tuple[int, int]) -> PixelTransform:
    width, height = size
    return PixelTransform(
        source_size=(SCALE * width, SCALE * (height + 2 * CUT_ROWS)),
        size=size,
        scale=(1 / SCALE, 1 / SCALE),
        offset=(0.0, -float(CUT_ROWS)),
        content=(0, 0, width, height),
    )
