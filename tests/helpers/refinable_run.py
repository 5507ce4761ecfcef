"""Runs of drawn clips whose cameras are known, and disturbed: what a refinement has to undo."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from made_manifest import made_manifest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from page4d_cli.core.enums import TimestampSource
from page4d_cli.core.geometry import as_homogeneous, invert_rigid
from page4d_cli.core.types import FrameInfo, PixelTransform
from page4d_cli.data.synthetic import render, sample_scene
from page4d_cli.io.formats.trajectory import write_intrinsics, write_tum
from page4d_cli.io.run import directory as names
from page4d_cli.io.run.directory import Run, open_run
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.io.run.writer import commit_run
from page4d_cli.io.whole.transaction import Transaction


@dataclass(frozen=True)
class DrawnClip:
    """Pictures with exact truth; the principal point is the middle, as that of real cameras."""

    images: NDArray[np.uint8]
    """(S, H, W, 3)."""
    depth: NDArray[np.float32]
    """(S, H, W)."""
    moving: NDArray[np.bool_]
    """(S, H, W)."""
    T_camera_world: NDArray[np.float64]
    """(S, 3, 4); the world is the first camera."""
    intrinsics: NDArray[np.float64]
    """(3, 3)."""


def draw_clip(
    seed: int = 0, frames: int = 8, size: tuple[int, int] = (224, 168), fps: float = 2.0
) -> DrawnClip:
    """Draw a clip of size (width, height).

    The drawn principal point is (W/2, H/2), half a pixel off; without the first row and column the
    middle is there.
    """
    scene = sample_scene(seed=seed)
    times_s = np.arange(frames) / fps
    larger = size[0] + 1, size[1] + 1
    clips = render([scene], times_s[None], larger)
    cut = (slice(None), slice(1, None), slice(1, None))
    intrinsics = scene.intrinsics(larger)
    intrinsics[:2, 2] -= 1
    poses = scene.T_camera_world(times_s)
    return DrawnClip(
        np.ascontiguousarray(clips.images[0].numpy()[cut]),
        clips.depth[0].numpy()[cut],
        clips.moving[0].numpy()[cut],
        poses @ as_homogeneous(invert_rigid(poses[0])),
        intrinsics,
    )


def bent(clip: DrawnClip, k1: float, margin: int) -> DrawnClip:
    """The clip through a lens with this distortion; a margin that would show nothing is cut off."""
    sides = np.array(clip.depth.shape[:0:-1])
    k = clip.intrinsics.copy()
    cut = (slice(margin, sides[1] - margin), slice(margin, sides[0] - margin))
    seen = (np.stack(np.mgrid[cut][::-1], -1) - k[:2, 2]) / k[0, 0]
    plane = seen
    for _ in range(50):
        plane = seen / (1 + k1 * (plane**2).sum(-1, keepdims=True))
    at = np.moveaxis(k[0, 0] * plane + k[:2, 2], -1, 0)[::-1]
    rows, columns = np.rint(at).astype(int)
    assert (at >= 0).all() and (at <= sides[::-1, None, None] - 1).all()
    channels = np.moveaxis(clip.images, -1, 1).astype(float)
    images = [[map_coordinates(c, at, order=1) for c in picture] for picture in channels]
    k[:2, 2] -= margin
    return replace(
        clip,
        images=np.ascontiguousarray(np.moveaxis(images, 1, -1).round().astype(np.uint8)),
        depth=np.ascontiguousarray(clip.depth[:, rows, columns]),
        moving=np.ascontiguousarray(clip.moving[:, rows, columns]),
        intrinsics=k,
    )


def disturbed(clip: DrawnClip, degrees: float, *, focal: float = 1.05, seed: int = 0) -> DrawnClip:
    """The clip with cameras turned at random, shifted by as many percent of 1, and refocused."""
    rng = np.random.default_rng(seed)
    poses = clip.T_camera_world.copy()
    axes = rng.normal(size=(len(poses), 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    poses = Rotation.from_rotvec(np.radians(degrees) * axes).as_matrix() @ poses
    poses[:, :, 3] += 0.01 * degrees * rng.normal(size=(len(poses), 3)) / np.sqrt(3)
    intrinsics = clip.intrinsics.copy()
    intrinsics[[0, 1], [0, 1]] *= focal
    return replace(clip, T_camera_world=poses, intrinsics=intrinsics)


def write_run_of_clip(
    folder: Path, clip: DrawnClip, focal_px: tuple[float, float] | None = None
) -> Run:
    """Write `frames/`, `masks/` (what moves is white), and `run/`, which says what `clip` does."""
    count, height, width = clip.depth.shape
    transform = PixelTransform(
        (width, height), (width, height), (1.0, 1.0), (0.0, 0.0), (0, 0, width, height)
    )
    for kind, pictures in (("frames", clip.images), ("masks", clip.moving * np.uint8(255))):
        (folder / kind).mkdir(parents=True)
        for index, picture in enumerate(pictures):
            Image.fromarray(picture).save(folder / kind / f"{index:06d}.png")
    infos = [
        FrameInfo(f"{i:06d}", str(folder / "frames" / f"{i:06d}.png"), i, float(i), transform)
        for i in range(count)
    ]
    intrinsics = np.repeat(clip.intrinsics[None], count, 0)
    stamps = np.arange(count, dtype=np.float64)
    with Transaction(folder / "run", MANIFEST) as run:
        for info, depth in zip(infos, clip.depth, strict=True):
            np.save(run.path(names.depth_file(info.stem)), depth)
            np.save(run.path(names.confidence_file(info.stem)), np.ones_like(depth))
        np.savez(
            run.path(names.CAMERAS),
            extrinsics=clip.T_camera_world.astype(np.float32),
            intrinsics=intrinsics.astype(np.float32),
        )
        write_tum(run.path(names.TRAJECTORY), stamps, invert_rigid(clip.T_camera_world))
        write_intrinsics(run.path(names.INTRINSICS), stamps, intrinsics)
        manifest = made_manifest(infos, (height, width), TimestampSource.INDEX)
        commit_run(run, replace(manifest, focal_px=focal_px))
    return open_run(folder / "run")


def rotation_error_deg(true: NDArray[np.floating], found: NDArray[np.floating]) -> float:
    """Mean angle between the relative rotations of all pairs of T_camera_world (S, 3, 4)."""
    first, second = np.triu_indices(len(true), 1)
    relative = [
        poses[second, :, :3] @ np.swapaxes(poses[first, :, :3], 1, 2) for poses in (true, found)
    ]
    apart = Rotation.from_matrix(relative[0] @ np.swapaxes(relative[1], 1, 2)).magnitude()
    return float(np.degrees(apart.mean()))
