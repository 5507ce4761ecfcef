"""The viewer as a page that viser serves on this machine; needs the extra `view`."""

import socket
import time
from collections.abc import Container, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib.util import find_spec
from io import StringIO
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from page4d_cli.core.enums import MotionPart
from page4d_cli.core.errors import InputError
from page4d_cli.core.geometry import invert_rigid, quat_xyzw_from_matrix
from page4d_cli.io.formats.view_scene import ViewCamera, ViewScene
from page4d_cli.pipelines.view.controls import Controls
from page4d_cli.pipelines.view.data import split_points
from page4d_cli.pipelines.view.own_page import answering_to_own_page

if TYPE_CHECKING:
    import viser

HOST = "127.0.0.1"
"""Nobody but this machine: a run may show what is nobody else's business."""
_TICK_S = 1 / 60
_ARRIVAL_S = 0.5
"""The page may still report the eye's old place so long after it was moved."""
_CAMERA_COLOR = (107, 140, 191)
_CURRENT_COLOR = (255, 158, 66)


def require_viser() -> None:
    """Refuse at once what could not be served.

    Raises:
        InputError: the package is not installed.
    """
    if find_spec("viser") is None:
        raise InputError(
            "the served viewer needs the package viser, which is not installed; "
            "pip install '.[view]' in page4d's folder, or write a file with --html"
        )


@contextmanager
def serving(scene: ViewScene, port: int) -> Iterator["ViewServer"]:
    """Serve a page that shows a clip, to this machine's own browser only, until the body ends.

    Args:
        scene: what it shows.
        port: to listen on.

    Raises:
        InputError: the package is not installed, or the port cannot be used.
    """
    require_viser()
    _require_free_port(port)
    import viser

    with _silent(), answering_to_own_page():
        server = viser.ViserServer(HOST, port, label=f"{scene.title} - page4d", verbose=False)
    try:
        if server.get_port() != port:  # viser takes the next free one
            raise _unusable(port, "somebody else has just taken it")
        yield ViewServer(server, scene)
    finally:
        with _silent():
            server.stop()


def _silent() -> redirect_stdout[StringIO]:
    """For viser, which says hello and goodbye even if it is told not to be verbose."""
    return redirect_stdout(StringIO())


class ViewServer:
    """The page: its scene follows its controls as long as `run` runs."""

    def __init__(self, server: "viser.ViserServer", scene: ViewScene) -> None:
        self._scene_api = server.scene
        self._open_pages = server.get_clients
        self._scene = scene
        self.url = f"http://{HOST}:{server.get_port()}"
        self._controls = Controls(server.gui, scene)
        _place_eye(server, scene)
        self._scene_api.add_frame("/cameras", show_axes=False)
        self._frustums = [self._add_frustum(index) for index in range(len(scene.cameras))]
        self._clouds: list[_ShownCloud] = []
        self._look: _Look | None = None
        self.update()

    def run(self) -> None:
        """Follow the controls and play, until interrupted."""
        next_frame_s = 0.0
        while True:
            if self._controls.playing and time.monotonic() >= next_frame_s:
                next_frame_s = time.monotonic() + 1 / self._scene.frames_per_second
                self._controls.advance()
            self.update()
            time.sleep(_TICK_S)

    def update(self) -> None:
        """Bring the scene up to date with the controls, in one thread: the last word counts."""
        if self._controls.take_selection_change():
            self._choose_points()
        if self._look is not None and self._look.is_over(self._open_pages()):
            self._look = None
            self._controls.note_change()
        if self._controls.take_change():
            self._show()

    def _show(self) -> None:
        """Show the frames and parts that are chosen, the current camera and its pictures."""
        controls = self._controls
        for cloud in self._clouds:
            cloud.handle.visible = controls.shows(cloud.part, cloud.frame)
            cloud.handle.point_size = controls.point_size
        for frame, frustum in enumerate(self._frustums):
            # from within, a picture covers the points
            here = controls.is_here(frame)
            frustum.visible = controls.shows_cameras and here and self._look is None
            frustum.color = _CURRENT_COLOR if frame == controls.current else _CAMERA_COLOR
        controls.show_pictures()

    def _choose_points(self) -> None:
        """Replace the clouds by those of the sure points: of each frame the static, the moving."""
        for cloud in self._clouds:
            cloud.handle.remove()
        self._clouds = []
        for frame, bounds in enumerate(pairwise(self._scene.starts)):
            parts = split_points(
                self._scene, slice(*bounds), self._controls.confidence, self._controls.motion
            )
            for part, chosen in parts.items():
                if len(chosen):  # the page reports an error for an empty cloud
                    self._clouds.append(self._add_cloud(frame, part, chosen))

    def _add_cloud(self, frame: int, part: MotionPart, chosen: NDArray[np.intp]) -> "_ShownCloud":
        handle = self._scene_api.add_point_cloud(
            f"/points/{frame}/{part.value}",
            self._scene.points[chosen],
            self._scene.colors[chosen],
            point_size=self._controls.point_size,
            point_shape="circle",
            point_shading="flat",
            precision="float32",
            visible=False,
        )
        return _ShownCloud(frame, part, handle)

    def _add_frustum(self, index: int) -> "viser.CameraFrustumHandle":
        camera = self._scene.cameras[index]
        T_world_camera = invert_rigid(camera.T_camera_world)
        width, height = _extent(camera)
        quat_wxyz = np.roll(quat_xyzw_from_matrix(T_world_camera[:, :3]), 1)
        field_of_view = float(2 * np.arctan(height / 2))
        frustum = self._scene_api.add_camera_frustum(
            f"/cameras/{index}",
            fov=field_of_view,
            aspect=width / height,
            thickness=2.0,
            thickness_units="screen",
            image=camera.image,
            format="jpeg",
            wxyz=quat_wxyz,
            position=T_world_camera[:, 3],
        )
        # viser's own scale is of the volume, so that narrow cameras would be long
        frustum.scale = self._scene.camera_size / frustum.compute_canonical_frustum_size()[2]

        def look_through(event: "viser.SceneNodePointerEvent[viser.CameraFrustumHandle]") -> None:
            with event.client.atomic():
                event.client.camera.wxyz = quat_wxyz
                event.client.camera.position = T_world_camera[:, 3]
                event.client.camera.fov = field_of_view
            near = 0.05 * self._scene.camera_size
            self._look = _Look(event.client, T_world_camera[:, 3], near, time.monotonic())
            self._controls.go_to(index)

        frustum.on_click(look_through)
        return frustum


@dataclass(frozen=True)
class _ShownCloud:
    """Points of one frame and part that are in the page, seen or not."""

    frame: int
    part: MotionPart
    handle: "viser.PointCloudHandle"


@dataclass(frozen=True)
class _Look:
    """A person's look through a camera, until the eye is moved elsewhere."""

    client: "viser.ClientHandle"
    center: NDArray[np.floating]
    """(3,) of the camera, in the world."""
    near: float
    """Distance from the center at which the eye has left it."""
    start_s: float

    def is_over(self, open_pages: Container[int]) -> bool:
        """Whether the eye has left the camera, or the person has closed the page."""
        if self.client.client_id not in open_pages:
            return True
        if time.monotonic() < self.start_s + _ARRIVAL_S:
            return False
        return bool(np.linalg.norm(self.client.camera.position - self.center) > self.near)


def _extent(camera: ViewCamera) -> tuple[float, float]:
    """Width and height of the picture at depth 1."""
    width, height, _ = camera.corner_rays[2] - camera.corner_rays[0]
    return float(width), float(height)


def _place_eye(server: "viser.ViserServer", scene: ViewScene) -> None:
    """Behind the first camera, a little aside and above; up is that camera's."""
    server.scene.set_up_direction("-y")
    T_world_camera = invert_rigid(scene.cameras[0].T_camera_world)
    center, toward = T_world_camera[:, 3], T_world_camera[:, 2]
    server.initial_camera.look_at = center + scene.typical_depth * toward
    server.initial_camera.position = center + scene.typical_depth * np.array([0.25, -0.25, -0.6])


def _require_free_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise _unusable(port, error.strerror or str(error)) from error


def _unusable(port: int, reason: str) -> InputError:
    return InputError(f"--port {port} cannot be used: {reason}; choose another, such as {port + 1}")
