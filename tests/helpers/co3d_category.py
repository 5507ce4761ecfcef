"""Sequences in CO3D's form, of a drawn scene and with exact truth."""

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NAME = "110_13051_23361"
SCALE = 1.25
"""By which depth in files is smaller than the cameras' unit."""
_FLIP = np.diag([-1.0, -1.0, 1.0])


def write_co3d(
    root: Path, truth: Any, name: str = NAME, *, category: str = "apple", isotropic: bool = True
) -> Path:
    """As downloaded, with a sequence in the annotations that is not there."""
    folder = _write_maps(root / category / name, truth, SCALE)
    entries = [_entry(truth, i, category, "gone", isotropic) for i in range(2)]
    entries += [_entry(truth, i, category, name, isotropic) for i in reversed(range(len(truth)))]
    path = root / category / "frame_annotations.jgz"
    if path.exists():
        entries += json.loads(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(json.dumps(entries).encode()))
    return folder


def write_co3d_listed(
    root: Path, truth: Any, name: str = NAME, *, category: str = "apple", split: str = "train"
) -> Path:
    """With the lists that the original's training takes."""
    folder = _write_maps(root / category / name, truth, 1.0)
    frames = [
        {
            "filepath": f"{category}/{name}/images/{_picture(index)}",
            "extri": truth.T_camera_world[index].tolist(),
            "intri": truth.intrinsics.tolist(),
        }
        for index in range(len(truth))
    ]
    path = root / f"{category}_{split}.jgz"
    path.write_bytes(gzip.compress(json.dumps({"gone": [], name: frames}).encode()))
    return folder


def unmasked(size: tuple[int, int]) -> NDArray[np.bool_]:
    """(H, W): where the depth of a written sequence holds; not in the first column."""
    return np.arange(size[0])[None].repeat(size[1], 0) > 0


def half_depth(truth: Any, scale: float = SCALE) -> NDArray[np.float32]:
    """(S, H, W): depth as half floats hold it."""
    return (truth.depth_m / scale).astype(np.float16).astype(np.float32) * np.float32(scale)


def _picture(index: int) -> str:
    return f"frame{index + 1:06d}.jpg"


def _write_maps(folder: Path, truth: Any, scale: float) -> Path:
    for index in range(len(truth)):
        height, width = truth.depth_m[index].shape
        name = _picture(index)
        _save(folder / "images" / name, truth.images[index])
        halves = (truth.depth_m[index] / scale).astype(np.float16)
        halves[:, 0] = np.inf  # what lies there is for nobody to see
        _save(folder / f"depths/{name}.geometric.png", halves.view(np.uint16))
        mask = 255 * unmasked((width, height)).astype(np.uint8)
        _save(folder / f"depth_masks/{Path(name).stem}.png", mask)
    return folder


def _entry(truth: Any, index: int, category: str, name: str, isotropic: bool) -> object:
    """In PyTorch3D's conventions: rows, x to the left, y up, the borders of the picture at ±1."""
    height, width = truth.depth_m[index].shape
    pose, k = truth.T_camera_world[index], truth.intrinsics
    half = np.array([width, height]) / 2
    scale = np.full(2, half.min()) if isotropic else half
    viewpoint = {
        "R": (_FLIP @ pose[:, :3]).T.tolist(),
        "T": (_FLIP @ pose[:, 3]).tolist(),
        "focal_length": (np.array([k[0, 0], k[1, 1]]) / scale).tolist(),
        "principal_point": ((half - (k[:2, 2] + 0.5)) / scale).tolist(),
    }
    if isotropic:  # older annotations do not say, and are of the other kind
        viewpoint["intrinsics_format"] = "ndc_isotropic"
    place = f"{category}/{name}"
    return {
        "sequence_name": name,
        "frame_number": index,
        "frame_timestamp": -1.0,
        "image": {"path": f"{place}/images/{_picture(index)}", "size": [height, width]},
        "depth": {
            "path": f"{place}/depths/{_picture(index)}.geometric.png",
            "scale_adjustment": SCALE,
            "mask_path": f"{place}/depth_masks/frame{index + 1:06d}.png",
        },
        "mask": None,
        "viewpoint": viewpoint,
        "meta": {"frame_type": "train_known"},
    }


def _save(path: Path, pixels: NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
