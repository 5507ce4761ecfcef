"""Small drawn scenes with all that is true of them, for tests that write data sets."""

from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.data.synthetic import SyntheticScene, Tracks, render, sample_scene, track_points
from page4d_cli.data.synthetic.ray_casting import cast_rays, place_bodies


@dataclass(frozen=True)
class Truth:
    """S frames of a scene, and what is true of them."""

    images: NDArray[np.uint8]
    """(S, H, W, 3)."""
    depth_m: NDArray[np.float32]
    """(S, H, W): whole fifths of a millimetre, which 16-bit PNGs keep exactly."""
    T_camera_world: NDArray[np.float64]
    """(S, 3, 4)."""
    intrinsics: NDArray[np.float64]
    """(3, 3)."""
    timestamps_s: NDArray[np.float64]
    """(S,)."""
    scene: SyntheticScene

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height)."""
        return self.images.shape[2], self.images.shape[1]

    def without_border(self) -> "Truth":
        """Without the first row and column, so that the principal point is the middle."""
        k = self.intrinsics.copy()
        k[:2, 2] -= 1
        return replace(
            self, images=self.images[:, 1:, 1:], depth_m=self.depth_m[:, 1:, 1:], intrinsics=k
        )


@cache
def exact_truth(
    seed: int = 0, frames: int = 4, size: tuple[int, int] = (32, 24), fps: float = 2.0
) -> Truth:
    """Draw a scene; size is (width, height). The arrays must not be changed."""
    return truth_of(sample_scene(seed=seed), np.arange(frames) / fps, size)


def truth_of(scene: SyntheticScene, times_s: NDArray[np.float64], size: tuple[int, int]) -> Truth:
    """Draw a given scene at times (S,)."""
    clips = render([scene], times_s[None], size)
    depth_m = (np.round(clips.depth[0].numpy() * 5000.0) / 5000.0).astype(np.float32)
    k = scene.intrinsics(size)
    return Truth(clips.images[0].numpy(), depth_m, scene.T_camera_world(times_s), k, times_s, scene)


@dataclass(frozen=True)
class _SidewaysPath:
    """A camera's path, seen from a camera beside it."""

    path: object
    aside_m: float

    def T_world_camera(self, times_s: NDArray[np.float64]) -> NDArray[np.float64]:
        poses = self.path.T_world_camera(times_s).copy()
        poses[..., 3] += self.aside_m * poses[..., 0]
        return poses


def right_eye(truth: Truth, baseline_m: float) -> Truth:
    """The same moments from a camera to the right."""
    camera = _SidewaysPath(truth.scene.camera, baseline_m)
    return truth_of(replace(truth.scene, camera=camera), truth.timestamps_s, truth.size)


def true_tracks(truth: Truth, pixels: NDArray[np.float64], first: int = 0) -> Tracks:
    """Surface points that pixels (N, 2) of the first frame show, in all frames; B is 1."""
    return track_points(
        [truth.scene], truth.timestamps_s[None], truth.size, pixels[None], reference=first
    )


def true_flow(truth: Truth, index: int) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Motion (H, W, 2) to the next frame, and whether that shows the point (H, W)."""
    width, height = truth.size
    u, v = np.meshgrid(np.arange(width), np.arange(height))
    pixels = np.stack([u.ravel(), v.ravel()], -1).astype(np.float64)
    times_s = truth.timestamps_s[index : index + 2]
    tracks = track_points([truth.scene], times_s[None], truth.size, pixels[None])
    motion = np.where(tracks.visible[0, 1][:, None], tracks.pixels[0, 1] - pixels, np.nan)
    return motion.reshape(height, width, 2), tracks.visible[0, 1].reshape(height, width)


def true_moving(truth: Truth) -> NDArray[np.bool_]:
    """(S, H, W): pixels that show a body that moves."""
    clips = render([truth.scene], truth.timestamps_s[None], truth.size)
    return clips.moving[0].numpy()


def true_bodies(truth: Truth) -> NDArray[np.int64]:
    """(S, H, W) numbers of bodies in the scene; 0 is the room."""
    width, height = truth.size
    focal = truth.scene.intrinsics(truth.size)[0, 0]
    x = torch.arange(width, dtype=torch.float64)[None, None] - width / 2
    y = torch.arange(height, dtype=torch.float64)[None, :, None] - height / 2
    placed = place_bodies([truth.scene], truth.timestamps_s[None], truth.size)
    shape = (len(truth), height, width)
    _, slot = cast_rays(placed, (x / focal).expand(shape), (y / focal).expand(shape))
    return placed.body[0][slot.numpy()]


def save_image(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def save_depth16(path: Path, depth_m: NDArray[np.float32], scale: float = 5000.0) -> None:
    save_image(path, np.round(depth_m.astype(np.float64) * scale).astype(np.uint16))


def save_array(path: Path, array: NDArray[np.float32]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, array)


def save_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def save_bytes(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
