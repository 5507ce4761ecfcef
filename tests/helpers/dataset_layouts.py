"""Tiny data sets in every layout that can be read, all of one exact synthetic scene.

`write_<layout>(root, truth, name)` writes a sequence below a data set's folder and returns the
folder by which `data.sets.find` finds it.
"""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from exact_truth import (
    Truth,
    save_array,
    save_bytes,
    save_depth16,
    save_image,
    save_text,
)
from numpy.typing import NDArray
from rendered_layouts import write_dynamic_replica, write_kubric, write_odyssey, write_spring

from page4d_cli.core.enums import Dataset
from page4d_cli.core.geometry import as_homogeneous, invert_rigid, quat_xyzw_from_matrix

EPOCH_S = 1_300_000_000.0
POSE_DELAY_S = 0.002
"""By which the clock of poses is late in RGB-D recordings; the pose is that of the picture."""
DEPTH_DELAY_S = 0.004
"""The same for depth maps."""
TUM_NAME = "rgbd_dataset_freiburg3_walking_xyz"
BONN_NAME = "rgbd_bonn_balloon2"
KITTI_NAME = "2011_09_26_drive_0002_sync_02"

# As the data set's pages print them: axes exchanged, and markers to sensor.
_BONN_AXES = np.array([[-1.0, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
_BONN_MARKERS = np.array([[1.0157, 0.1828, -0.2389, 0.0113], [0.0009, -0.8431, -0.6413, -0.0098],
                          [-0.3009, 0.6147, -0.8085, 0.0111], [0, 0, 0, 1]])  # fmt: skip


def write_tum_raw(root: Path, truth: Truth, name: str = TUM_NAME) -> Path:
    """The clocks of poses and of depth are late."""
    return _write_lists(root / name, truth, _world_camera(truth))


def write_tum_prepared(root: Path, truth: Truth, name: str = TUM_NAME, count: int = 90) -> Path:
    """Without associations, as other tools leave it; the names of files are their time stamps."""
    return _write_prepared(root / name, truth, _world_camera(truth), count)


def write_bonn_raw(root: Path, truth: Truth, name: str = BONN_NAME) -> Path:
    """As TUM's, with poses of markers."""
    return _write_lists(root / name, truth, bonn_markers(truth))


def write_bonn_prepared(root: Path, truth: Truth, name: str = BONN_NAME, count: int = 110) -> Path:
    """As TUM's, with poses of markers."""
    return _write_prepared(root / name, truth, bonn_markers(truth), count)


def bonn_markers(truth: Truth) -> NDArray[np.float64]:
    """(S, 3, 4): the poses P of markers with A⁻¹ P A M = s T_world_camera, s being M's scale."""
    left, scales, right = np.linalg.svd(_BONN_MARKERS[:3, :3])
    camera = _world_camera(truth)
    rotation = camera[:, :, :3] @ (left @ right).T
    centre = scales.mean() * camera[:, :, 3] - rotation @ _BONN_MARKERS[:3, 3]
    exchanged = as_homogeneous(np.concatenate([rotation, centre[..., None]], 2))
    return np.asarray((_BONN_AXES @ exchanged @ _BONN_AXES.T)[:, :3])


def write_sintel(
    root: Path,
    truth: Truth,
    name: str = "alley_2",
    *,
    quality: str = "final",
    archives: bool = False,
) -> Path:
    """Beside one another, or in the two official archives' folders."""
    pictures_at = root / "MPI-Sintel-training_images" if archives else root
    truth_at = root / "MPI-Sintel-depth-training-20150305" if archives else root
    pictures = pictures_at / "training" / quality / name
    for index in range(len(truth)):
        stem = f"frame_{index + 1:04d}"
        save_image(pictures / f"{stem}.png", truth.images[index])
        write_dpt(truth_at / f"training/depth/{name}/{stem}.dpt", truth.depth_m[index])
        camera = truth_at / f"training/camdata_left/{name}/{stem}.cam"
        write_cam(camera, truth.intrinsics, truth.T_camera_world[index])
    return pictures


def write_dpt(path: Path, depth: NDArray[np.float32]) -> Path:
    """Sintel's depth format, written without numpy's help."""
    height, width = depth.shape
    values = [float(value) for row in depth for value in row]
    data = struct.pack(f"<fii{len(values)}f", 202021.25, width, height, *values)
    return save_bytes(path, data)


def write_cam(path: Path, k: NDArray[np.float64], T_camera_world: NDArray[np.float64]) -> Path:
    """Sintel's camera format, written without numpy's help."""
    values = [float(value) for row in (*k, *T_camera_world) for value in row]
    return save_bytes(path, struct.pack("<f21d", 202021.25, *values))


def write_dycheck(root: Path, truth: Truth, name: str = "apple", *, unit_m: float = 1.0) -> Path:
    """Depth in metres, or in another unit."""
    folder = root / name
    for index in range(len(truth)):
        stem = f"0_{index:05d}"
        save_image(folder / f"rgb/1x/{stem}.png", truth.images[index])
        save_array(folder / f"depth/1x/{stem}.npy", truth.depth_m[index][..., None] / unit_m)
        rotation, centre = truth.T_camera_world[index, :, :3], _world_camera(truth)[index, :, 3]
        camera = {
            "focal_length": truth.intrinsics[0, 0],
            "principal_point": truth.intrinsics[:2, 2].tolist(),
            "orientation": rotation.tolist(),
            "position": centre.tolist(),
            "skew": 0.0,
            "pixel_aspect_ratio": 1.0,
        }
        save_text(folder / f"camera/{stem}.json", json.dumps(camera))
    return folder


def write_kitti(root: Path, truth: Truth, name: str = KITTI_NAME) -> Path:
    """Depth is rounded to 1/256 m; there are no cameras."""
    selection = root / "val_selection_cropped"
    for index in range(len(truth)):
        file = f"{index + 5:010d}.png"
        save_image(selection / "image_gathered" / name / file, truth.images[index])
        path = selection / "groundtruth_depth_gathered" / name / file
        save_depth16(path, truth.depth_m[index], 256.0)
    return selection / "image_gathered" / name


def write_nyu(root: Path, truth: Truth, name: str = "val") -> Path:
    """Single images; there are no cameras."""
    for index in range(len(truth)):
        save_image(root / name / f"nyu_images/{index:05d}.png", truth.images[index])
        save_array(root / name / f"nyu_depths/{index:05d}.npy", truth.depth_m[index])
    return root / name


def write_scannet(root: Path, truth: Truth, name: str = "scene0707_00", count: int = 90) -> Path:
    """Prepared; there is no depth, and pictures are lossy."""
    folder = root / name
    rows = [" ".join(map(repr, matrix.ravel().tolist())) for matrix in _matrices(truth)]
    save_text(folder / f"pose_{count}.txt", "\n".join(rows) + "\n")
    for index, image in enumerate(truth.images):
        save_image(folder / f"color_{count}" / f"frame_{index:04d}.jpg", image)
    return folder


def write_scannet_raw(root: Path, truth: Truth, name: str = "scene0707_00") -> Path:
    """Of each three frames the first is the truth's; the others have lost their pose."""
    folder = root / name
    for number in range(3 * len(truth)):
        index, rest = divmod(number, 3)
        save_image(folder / f"color/{number}.jpg", truth.images[index])
        matrix = _matrices(truth)[index] if rest == 0 else np.full((4, 4), -np.inf)
        rows = [" ".join(map(repr, row)) for row in matrix.tolist()]
        save_text(folder / f"pose/{number}.txt", "\n".join(rows) + "\n")
    return folder


def write_folder(root: Path, truth: Truth, name: str = "kitchen") -> Path:
    """Pictures and maps named by seconds, poses by the same clock."""
    folder = root / name
    times_s = EPOCH_S + truth.timestamps_s
    _save_poses(folder / "groundtruth.txt", times_s, _world_camera(truth))
    _save_pictures(folder, ("rgb", "depth"), truth, times_s, times_s)
    return folder


@dataclass(frozen=True)
class Written:
    """A way to write a data set, and how it is read."""

    dataset: Dataset
    layout: str
    write: Callable[[Path, Truth], Path]
    poses: bool = True
    depth: bool = True
    kept: Callable[[Truth], Truth] = lambda truth: truth
    """What of a truth can be written."""


LAYOUTS = {
    "tum raw": Written(Dataset.TUM, "raw", write_tum_raw),
    "tum prepared": Written(Dataset.TUM, "prepared rgb_90", write_tum_prepared),
    "bonn raw": Written(Dataset.BONN, "raw", write_bonn_raw),
    "bonn prepared": Written(Dataset.BONN, "prepared rgb_110", write_bonn_prepared),
    "sintel": Written(Dataset.SINTEL, "final", write_sintel),
    "odyssey": Written(Dataset.ODYSSEY, "archives", write_odyssey),
    "dynamic-replica": Written(Dataset.DYNAMIC_REPLICA, "archives", write_dynamic_replica),
    "kubric": Written(Dataset.KUBRIC, "scenes", write_kubric, kept=Truth.without_border),
    "spring": Written(Dataset.SPRING, "left", write_spring),
    "dycheck": Written(Dataset.DYCHECK, "iphone", write_dycheck),
    "kitti": Written(Dataset.KITTI, "gathered", write_kitti, poses=False),
    "nyu": Written(Dataset.NYU, "single images", write_nyu, poses=False),
    "scannet": Written(Dataset.SCANNET, "prepared color_90", write_scannet, depth=False),
    "scannet raw": Written(Dataset.SCANNET, "raw", write_scannet_raw, depth=False),
    "folder": Written(Dataset.FOLDER, "folder", write_folder),
}
"""All ways."""


def _world_camera(truth: Truth) -> NDArray[np.float64]:
    return np.asarray(invert_rigid(truth.T_camera_world), np.float64)


def _matrices(truth: Truth) -> NDArray[np.float64]:
    return np.asarray(as_homogeneous(_world_camera(truth)))


def _write_lists(folder: Path, truth: Truth, poses: NDArray[np.float64]) -> Path:
    times_s = EPOCH_S + truth.timestamps_s
    depth_s = times_s + DEPTH_DELAY_S
    _save_poses(folder / "groundtruth.txt", times_s + POSE_DELAY_S, poses)
    for kind, stamps in (("rgb", times_s), ("depth", depth_s)):
        rows = [f"{_stamp(time)} {kind}/{_stamp(time)}.png" for time in stamps]
        save_text(folder / f"{kind}.txt", "\n".join([f"# {kind}", *rows]) + "\n")
    _save_pictures(folder, ("rgb", "depth"), truth, times_s, depth_s)
    return folder


def _write_prepared(folder: Path, truth: Truth, poses: NDArray[np.float64], count: int) -> Path:
    times_s = EPOCH_S + truth.timestamps_s
    _save_poses(folder / f"groundtruth_{count}.txt", times_s + POSE_DELAY_S, poses)
    names = (f"rgb_{count}", f"depth_{count}")
    _save_pictures(folder, names, truth, times_s, times_s + DEPTH_DELAY_S)
    return folder


def _save_pictures(
    folder: Path,
    names: tuple[str, str],
    truth: Truth,
    image_s: NDArray[np.float64],
    depth_s: NDArray[np.float64],
) -> None:
    for index in range(len(truth)):
        save_image(folder / names[0] / f"{_stamp(image_s[index])}.png", truth.images[index])
        save_depth16(folder / names[1] / f"{_stamp(depth_s[index])}.png", truth.depth_m[index])


def _save_poses(path: Path, times_s: Sequence[float], T_world: NDArray[np.float64]) -> None:
    quats = quat_xyzw_from_matrix(T_world[..., :3])
    rows = ["# timestamp tx ty tz qx qy qz qw"]
    for time, pose, quat in zip(times_s, T_world, quats, strict=True):
        rows.append(" ".join([_stamp(time), *map(repr, [*pose[:, 3].tolist(), *quat.tolist()])]))
    save_text(path, "\n".join(rows) + "\n")


def _stamp(time_s: float) -> str:
    return f"{time_s:.6f}"
