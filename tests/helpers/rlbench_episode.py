"""Episodes in RLBench's form, of a drawn scene and with exact truth."""

import json
import pickle
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.geometry import as_homogeneous, invert_rigid

NEAR_M, FAR_M = 0.01, 60.0
_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


def write_rlbench(root: Path, truth: Any, name: str = "episode0", camera: str = "wrist") -> Path:
    """Cameras and pictures as RLBench's own tools save them."""
    folder = root / "reach_target/variation0/episodes" / name
    for index in range(len(truth)):
        _save(folder / f"{camera}_rgb/{index}.png", truth.images[index])
        _save(folder / f"{camera}_depth/{index}.png", _as_bytes(truth.depth_m[index]))
    misc = [_misc(truth, index, camera) for index in range(len(truth))]
    (folder / "low_dim_obs.pkl").write_bytes(pickled_demo(misc))
    return folder


def write_rlbench_frames(root: Path, truth: Any, name: str = "episode0") -> Path:
    """In the form that the original reads: one camera for all frames, which is the first's."""
    folder = root / "reach_target" / name
    for index in range(len(truth)):
        _save(folder / f"front_rgb_frames/{index:04d}.jpg", truth.images[index])
        path = folder / f"front_depth_npy/{index:04d}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez(path, truth.depth_m[index])
    extrinsic = as_homogeneous(truth.T_camera_world[0]).tolist()
    camera = {"Intrinsic": truth.intrinsics.tolist(), "Extrinsic": extrinsic}
    text = json.dumps({"front": camera, "overhead": camera})
    (folder.parent / "camera_params.json").write_text(text)
    return folder


def pickled_demo(misc: list[dict[str, Any]]) -> bytes:
    """A pickle of the classes that RLBench has, which are not installed here."""
    modules = {name: ModuleType(name) for name in ("rlbench", "rlbench.demo", "rlbench.backend")}
    modules["rlbench.backend.observation"] = ModuleType("rlbench.backend.observation")
    demo, observation = (
        type(name, (), {"__module__": module})
        for name, module in (
            ("Demo", "rlbench.demo"),
            ("Observation", "rlbench.backend.observation"),
        )
    )
    modules["rlbench.demo"].Demo = demo
    modules["rlbench.backend.observation"].Observation = observation
    sys.modules.update(modules)
    try:
        whole = demo()
        whole._observations, whole.random_seed = [], None
        for values in misc:
            one = observation()
            one.front_rgb, one.gripper_open, one.misc = None, 1.0, values
            whole._observations.append(one)
        return pickle.dumps(whole, protocol=3)
    finally:
        for name in modules:
            del sys.modules[name]


def _misc(truth: Any, index: int, camera: str) -> dict[str, Any]:
    k = truth.intrinsics.copy()
    k[[0, 1], [0, 1]] *= -1
    pose = as_homogeneous(invert_rigid(truth.T_camera_world[index])) @ _FLIP
    return {
        f"{camera}_camera_intrinsics": k,
        f"{camera}_camera_extrinsics": pose,
        f"{camera}_camera_near": NEAR_M,
        f"{camera}_camera_far": FAR_M,
    }


def _as_bytes(depth_m: NDArray[np.float32]) -> NDArray[np.uint8]:
    """24 bits, red first."""
    share = (depth_m.astype(np.float64) - NEAR_M) / (FAR_M - NEAR_M)
    steps = np.round(share * (2**24 - 1)).astype(np.int64)
    return np.stack([steps >> 16, steps >> 8 & 255, steps & 255], -1).astype(np.uint8)


def _save(path: Path, pixels: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
