"""The viewer as one file: page, program and data, opened from the disk without a server."""

import base64
import json
from collections.abc import Sequence
from importlib.resources import files
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from page4d_cli.core.errors import OutputError
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.types import Float32Array, UInt8Array
from page4d_cli.io.formats.view_scene import ViewCamera, ViewScene
from page4d_cli.io.whole.transaction import replacing

_PLACEHOLDER = "@SCENE@"
_CODES = 2**16 - 1
_JPEG_QUALITY = 80
_PICTURE_BYTES = 8_000_000


def write_viewer_html(path: Path, scene: ViewScene, *, overwrite: bool = False) -> None:
    """Write the page `assets/viewer.html` with a clip in it; it asks the network for nothing.

    A point costs 11 bytes before base64: its pixel, the logarithm of its depth in 16 bits, so that
    near and far are equally exact, its colour, confidence and motion. The page puts it into the
    world with the camera of its frame. Pictures take 8 MB at most: of clips whose own take more,
    every second frame has one, or every third, and so on. A camera takes less than 1 kB.

    Args:
        path: the file.
        scene: what it shows.
        overwrite: replace the file if it is there.

    Raises:
        OutputError: the file is there already, or its place cannot be used.
        WriteError: the disk is full, or the like.
    """
    require_free(path, overwrite=overwrite)
    page = files("page4d_cli.assets").joinpath("viewer.html").read_text("utf-8")
    data = json.dumps(_data(scene), allow_nan=False, separators=(",", ":"))
    data = data.replace("<", "\\u003c")  # a name must not end the script element
    with replacing(path) as staged:
        staged.write_text(page.replace(_PLACEHOLDER, data), "utf-8")


def require_free(path: Path, *, overwrite: bool = False) -> None:
    """Refuse a place before any work is done for it.

    Args:
        path: of a file to be written.
        overwrite: allow one that is there.

    Raises:
        OutputError: the file is there already, or its place cannot be used.
    """
    if path.suffix not in (".html", ".htm"):
        raise OutputError(f"--html {path} must end in .html, so that a browser opens it as a page")
    if not path.parent.is_dir():
        raise OutputError(f"{path.parent} is no directory; create it first")
    if path.is_dir():
        raise OutputError(f"{path} is a directory; name a file")
    if path.exists() and not overwrite:
        raise OutputError(f"{path} exists; name another file, or pass --overwrite")


def _data(scene: ViewScene) -> dict[str, object]:
    low, high = np.log([scene.depth.min(), scene.depth.max()]).tolist()
    pictures = [
        [_jpeg(each) for each in (camera.image, camera.depth, camera.motion) if each is not None]
        for camera in scene.cameras
    ]
    step = _picture_step([sum(map(len, of_frame)) for of_frame in pictures])
    return {
        "title": scene.title,
        "starts": scene.starts.tolist(),
        "pixels": _base64(scene.pixels.astype("<u2")),
        "log_depth": [low, high],
        "depth": _base64(_codes(scene.depth, low, high)),
        "colors": _base64(scene.colors),
        "confidence": _base64(scene.confidence),
        "motion": _base64(scene.motion),
        "has_motion": scene.has_motion,
        "frames_per_second": scene.frames_per_second,
        "segments": [list(segment) for segment in scene.segments],
        "unit": scene.unit.value,
        "depth_legend": scene.depth_legend,
        "camera_size": scene.camera_size,
        "typical_depth": scene.typical_depth,
        "notes": list(scene.notes),
        "cameras": [
            {**_camera(camera), "label": scene.label(frame)}
            for frame, camera in enumerate(scene.cameras)
        ],
        "pictures": pictures[::step],
        "picture_step": step,
    }


def _picture_step(sizes: Sequence[int]) -> int:
    """The smallest step between frames with pictures at which these take few enough bytes."""
    steps = range(1, len(sizes) + 1)
    return next((step for step in steps if sum(sizes[::step]) <= _PICTURE_BYTES), len(sizes))


def _codes(depth: Float32Array, low: float, high: float) -> NDArray[np.uint16]:
    """The logarithm of depth (N,), from `low` to `high`, as 0 to 65535."""
    shares = (np.log(depth.astype(np.float64)) - low) / max(high - low, 1e-12)
    return np.asarray(np.rint(shares.clip(0, 1) * _CODES), "<u2")


def _camera(camera: ViewCamera) -> dict[str, object]:
    T_world_camera = invert_rigid(camera.T_camera_world)
    R_world_camera = T_world_camera[:, :3]
    return {
        "center": T_world_camera[:, 3].tolist(),
        "forward": R_world_camera[:, 2].tolist(),
        "ray_of_pixel": (R_world_camera @ np.linalg.inv(camera.intrinsics)).tolist(),
        "corner_rays": (camera.corner_rays @ R_world_camera.T).tolist(),
    }


def _base64(array: NDArray[np.generic]) -> str:
    return base64.b64encode(array.tobytes()).decode("ascii")


def _jpeg(picture: UInt8Array) -> str:
    """A data URL."""
    file = BytesIO()
    Image.fromarray(picture).save(file, "JPEG", quality=_JPEG_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode("ascii")
