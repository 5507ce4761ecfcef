"""Drawn scenes in the forms of rendered data sets, with flow, tracks and what moves.

`write_<data set>(root, truth, name)` writes a sequence below a data set's folder and returns the
folder by which `data.sets.find` finds it. Written by their documents, without the readers' help.
"""

import gzip
import json
import struct
from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
import tifffile
from exact_truth import (
    Truth,
    right_eye,
    save_bytes,
    save_depth16,
    save_image,
    save_text,
    true_bodies,
    true_flow,
    true_moving,
    true_tracks,
)
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.geometry import as_homogeneous, invert_rigid, quat_xyzw_from_matrix

BASELINE_M = 0.065
TRACKED = np.stack(np.meshgrid(np.arange(2.0, 30, 4), np.arange(2.0, 22, 4)), -1).reshape(-1, 2)
"""(N, 2) pixels of the first frame whose tracks are written."""


def write_odyssey(root: Path, truth: Truth, name: str = "ani", *, suffix: str = ".png") -> Path:
    """Pictures without loss, or with `.jpg` as the data set has them."""
    folder = root / "train" / name
    for index in range(len(truth)):
        save_image(folder / f"rgbs/rgb_{index:05d}{suffix}", truth.images[index])
        path = folder / f"depths/depth_{index:05d}.png"
        save_depth16(path, truth.depth_m[index], 65535 / 1000)
    tracks = true_tracks(truth, TRACKED)
    np.savez(
        folder / "anno.npz",
        intrinsics=np.repeat(truth.intrinsics[None], len(truth), 0),
        extrinsics=as_homogeneous(truth.T_camera_world),
        trajs_2d=tracks.pixels[0].astype(np.float32),
        trajs_3d=tracks.points_world[0].astype(np.float32),
        valids=np.isfinite(tracks.pixels[0]).all(-1),
        visibs=tracks.visible[0],
    )
    return folder


def write_dynamic_replica(
    root: Path,
    truth: Truth,
    name: str = "009850-3_obj",
    *,
    isotropic: bool = True,
    with_flow: bool = True,
) -> Path:
    """The left eye, with annotations of a sequence that is not there before its own."""
    folder = root / "train" / f"{name}_source_left"
    for index in range(len(truth)):
        stem = f"{folder.name}_{index:04d}"
        save_image(folder / f"images/{folder.name}-{index:04d}.png", truth.images[index])
        save_half16(folder / f"depths/{stem}.geometric.png", truth.depth_m[index])
        if with_flow and index + 1 < len(truth):
            motion, seen = true_flow(truth, index)
            halves = np.concatenate([motion[..., 0], motion[..., 1]], axis=1)
            save_half16(folder / f"flow_forward/{stem}.png", np.nan_to_num(halves))
            save_image(folder / f"flow_forward_mask/{stem}.png", (255 * seen).astype(np.uint8))
    entries = [_dynamic_replica_entry(truth, index, "gone_obj", isotropic) for index in (0, 1)]
    entries += [_dynamic_replica_entry(truth, i, name, isotropic) for i in range(len(truth))]
    path = root / "train" / "frame_annotations_train.jgz"
    path.write_bytes(gzip.compress(json.dumps(entries, indent=1).encode()))
    return folder


def _dynamic_replica_entry(truth: Truth, index: int, name: str, isotropic: bool) -> object:
    """In PyTorch3D's conventions: rows, x to the left, y up, borders of the picture at ±1."""
    width, height = truth.size
    flip = np.diag([-1.0, -1.0, 1.0])
    pose, k = truth.T_camera_world[index], truth.intrinsics
    half = np.array([width, height]) / 2
    scale = np.full(2, half.min()) if isotropic else half
    folder = f"{name}_source_left"
    return {
        "sequence_name": name,
        "frame_number": index,
        "frame_timestamp": index / 30,
        "camera_name": "left",
        "image": {"path": f"{folder}/images/{folder}-{index:04d}.png", "size": [height, width]},
        "viewpoint": {
            "R": (flip @ pose[:, :3]).T.tolist(),
            "T": (flip @ pose[:, 3]).tolist(),
            "focal_length": (np.array([k[0, 0], k[1, 1]]) / scale).tolist(),
            "principal_point": ((half - (k[:2, 2] + 0.5)) / scale).tolist(),
            "intrinsics_format": "ndc_isotropic" if isotropic else "ndc_norm_image_bounds",
        },
        "meta": None,
    }


def write_kubric(
    root: Path, truth: Truth, name: str = "scene_0", *, stored_tracks: bool = False
) -> Path:
    """Of the pictures without their first row and column: the principal point is the middle."""
    folder, inner = root / name, truth.without_border()
    (width, height), k = inner.size, inner.intrinsics
    v, u = np.mgrid[:height, :width]
    rays = np.stack([(u - k[0, 2]) / k[0, 0], (v - k[1, 2]) / k[1, 1], np.ones_like(u)], -1)
    bodies = true_bodies(truth)[:, 1:, 1:]
    for index in range(len(truth)):
        alpha = np.full((height, width, 1), 255, np.uint8)
        rgba = np.concatenate([inner.images[index], alpha], -1)
        save_image(folder / f"rgba_{index:05d}.png", rgba)
        length = inner.depth_m[index] * np.linalg.norm(rays, axis=-1)
        tifffile.imwrite(folder / f"depth_{index:05d}.tiff", length[..., None].astype(np.float32))
        _save_palette(folder / f"segmentation_{index:05d}.png", bodies[index])
    poses = truth.scene.T_world_body(truth.timestamps_s)
    cameras = np.asarray(invert_rigid(truth.T_camera_world)).copy()
    cameras[..., :3] = cameras[..., :3] @ np.diag([1.0, -1.0, -1.0])
    metadata = {
        "camera": {
            "field_of_view": 2 * np.arctan(width / 2 / k[0, 0]),
            "focal_length": 35.0,
            **_kubric_motion(cameras),
        },
        "instances": [
            {"asset_id": str(body), **_kubric_motion(poses[:, body])}
            for body in range(1, poses.shape[1])
        ],
        "metadata": {"num_frames": len(truth), "resolution": [width, height]},
    }
    save_text(folder / "metadata.json", json.dumps(metadata))
    if stored_tracks:
        tracks = true_tracks(truth, TRACKED + 1)
        np.save(folder / "tracks.npy", tracks.pixels[0].swapaxes(0, 1).astype(np.float32) - 1)
        np.save(folder / "track_masks.npy", _inside(tracks.pixels[0] - 1, tracks.visible[0]).T)
    return folder


def _inside(pixels: NDArray[np.float64], visible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Not in the row and the column that are left out."""
    return visible & (pixels >= -0.5).all(-1)


def _kubric_motion(poses: NDArray[np.float64]) -> dict[str, object]:
    quats_xyzw = quat_xyzw_from_matrix(poses[..., :3])
    return {
        "positions": poses[..., 3].tolist(),
        "quaternions": quats_xyzw[..., [3, 0, 1, 2]].tolist(),
    }


def write_spring(
    root: Path,
    truth: Truth,
    name: str = "0001",
    *,
    eyes: Sequence[str] = ("left",),
    with_flow: bool = True,
) -> Path:
    """Of the four values of a map that belong to a pixel, all but the first are wrong."""
    folder = root / "train" / name
    k = truth.intrinsics
    pinhole = " ".join(str(value) for value in (k[0, 0], k[1, 1], k[0, 2], k[1, 2]))
    save_text(folder / "cam_data/intrinsics.txt", f"{pinhole}\n" * len(truth))
    rows = [
        " ".join(map(repr, pose.ravel().tolist())) for pose in as_homogeneous(truth.T_camera_world)
    ]
    save_text(folder / "cam_data/extrinsics.txt", "\n".join(rows) + "\n")
    for eye in eyes:
        seen = truth if eye == "left" else right_eye(truth, BASELINE_M)
        _write_eye(folder, eye, seen, with_flow)
    return folder


def _write_eye(folder: Path, eye: str, truth: Truth, with_flow: bool) -> None:
    moving = true_moving(truth)
    for index in range(len(truth)):
        number = f"{index + 1:04d}"

        def place(kind: str, suffix: str, number: str = number) -> Path:
            return folder / f"{kind}_{eye}" / f"{Path(kind).name}_{eye}_{number}{suffix}"

        save_image(place("frame", ".png"), truth.images[index])
        disparity = truth.intrinsics[0, 0] * BASELINE_M / truth.depth_m[index].astype(np.float64)
        save_hdf5(place("disp1", ".dsp5"), "disparity", _quadrupled(disparity, 0.5))
        no_sky = np.zeros((2 * truth.size[1], 2 * truth.size[0]), np.uint8)
        save_image(place("maps/skymap", ".png"), no_sky)
        way = "FW" if index + 1 < len(truth) else "BW"
        rigid = _quadrupled(255 * moving[index].astype(np.uint8), 77)
        save_image(place(f"maps/rigidmap_{way}", ".png"), rigid)
        if with_flow and way == "FW":
            motion, seen = true_flow(truth, index)
            save_hdf5(place("flow_FW", ".flo5"), "flow", _quadrupled(motion, 9.0))
            lost = _quadrupled(255 * (~seen).astype(np.uint8), 99)
            red = np.stack([lost, 0 * lost, 0 * lost], -1)
            save_image(place("maps/matchmap_flow_FW", ".png"), red)


def _quadrupled(values: NDArray[np.generic], wrong: float) -> NDArray[np.generic]:
    whole = np.full((2 * values.shape[0], 2 * values.shape[1], *values.shape[2:]), wrong)
    whole = whole.astype(values.dtype)
    whole[::2, ::2] = values
    return whole


def write_sintel_extras(training: Path, truth: Truth, name: str = "alley_2") -> None:
    """Flow and what is hidden, beside pictures that are written elsewhere."""
    for index in range(len(truth) - 1):
        stem, (motion, seen) = f"frame_{index + 1:04d}", true_flow(truth, index)
        values = np.nan_to_num(motion).ravel().tolist()
        data = struct.pack(f"<fii{len(values)}f", 202021.25, *truth.size, *values)
        save_bytes(training / f"flow/{name}/{stem}.flo", data)
        lost = (255 * ~seen).astype(np.uint8)
        save_image(training / f"occlusions/{name}/{stem}.png", lost)
        save_image(training / f"invalid/{name}/{stem}.png", 0 * lost)


def save_half16(path: Path, values: NDArray[np.floating]) -> None:
    """The bits of half floats as a 16-bit PNG."""
    save_image(path, values.astype(np.float16).view(np.uint16))


def save_hdf5(path: Path, name: str, values: NDArray[np.floating]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=values.astype(np.float32), compression="gzip")


def _save_palette(path: Path, numbers: NDArray[np.int64]) -> None:
    picture = Image.fromarray(numbers.astype(np.uint8))
    picture.putpalette([value for index in range(256) for value in (index, 255 - index, 7)])
    picture.save(path)
