"""The controls of the served viewer's page, and what they say."""

from typing import TYPE_CHECKING

import numpy as np

from page4d_cli.core.enums import MotionPart
from page4d_cli.core.types import UInt8Array
from page4d_cli.io.formats.view_scene import ViewScene
from page4d_cli.pipelines.cloud.choose import CONFIDENCE_PERCENTILE
from page4d_cli.pipelines.motion.motion import THRESHOLD

if TYPE_CHECKING:
    import viser

_EVERYTHING = "everything"
_PARTS = {MotionPart.STATIC: "what stands still", MotionPart.MOVING: "what moves"}


class Controls:
    """Values as they stand. Changes are noted, for another thread to act on."""

    def __init__(self, gui: "viser.GuiApi", scene: ViewScene) -> None:
        self._scene = scene
        self._changed = self._selection_changed = True
        gui.configure_theme(dark_mode=True, show_logo=False, show_share_button=False)
        last = len(scene.cameras) - 1
        self._frame = gui.add_slider("frame", 0, max(last, 1), 1, 0, disabled=last == 0)
        self._play = gui.add_checkbox("play", False, disabled=last == 0)
        self._frames = gui.add_dropdown("frames", ("one", "all"))
        self._background = gui.add_checkbox(
            "keep the static background", True, visible=scene.has_motion
        )
        self._part = gui.add_dropdown(
            "show", (_EVERYTHING, *_PARTS.values()), visible=scene.has_motion
        )
        self._motion = gui.add_slider(
            "moving from", 0.02, 1.0, 0.02, THRESHOLD, visible=scene.has_motion
        )
        self._confidence = gui.add_slider(
            "least sure, %", 0, 99, 1, round(CONFIDENCE_PERCENTILE), hint="These are left out."
        )
        self._size = gui.add_slider("point size", 0.2, 6.0, 0.1, 1.0)
        self._cameras = gui.add_checkbox("cameras", True)
        self._label = gui.add_markdown("")
        self._image = gui.add_image(scene.cameras[0].image, label="picture", format="jpeg")
        self._depth = gui.add_image(scene.cameras[0].depth, label="depth", format="jpeg")
        self._motion_picture = _add_motion_picture(gui, scene)
        gui.add_markdown(scene.depth_legend)
        gui.add_markdown("Click a camera to look through it.")
        for note in scene.notes:
            gui.add_markdown(note)
        self._watch()

    @property
    def current(self) -> int:
        """The frame."""
        return min(round(self._frame.value), len(self._scene.cameras) - 1)

    @property
    def playing(self) -> bool:
        """Whether time passes."""
        return self._play.value

    def shows(self, part: MotionPart, frame: int) -> bool:
        """Whether the points of a part, seen in a frame, are wanted."""
        if not self.is_here(frame):
            return False
        if self._part.value not in (_EVERYTHING, _PARTS[part]):
            return False
        if self._frames.value == "all" or frame == self.current:
            return True
        keeps_background = self._background.value and self._scene.has_motion
        return part is MotionPart.STATIC and keeps_background

    def is_here(self, frame: int) -> bool:
        """Whether a frame is in the segment, and so in the world, of the current one."""
        first, end = self._scene.segment_of(self.current)
        return first <= frame < end

    @property
    def motion(self) -> float:
        """Score from which a point counts as moving."""
        return self._motion.value

    @property
    def confidence(self) -> float:
        """Share of the points that are too unsure."""
        return self._confidence.value / 100

    @property
    def point_size(self) -> float:
        """In the unit of the world; 1 on the slider is about a pixel of a map."""
        return self._size.value * 0.005 * self._scene.typical_depth

    @property
    def shows_cameras(self) -> bool:
        """Whether cameras are drawn."""
        return self._cameras.value

    def advance(self) -> None:
        """Go to the next frame; from the last one to the first."""
        self.go_to((self.current + 1) % len(self._scene.cameras))

    def go_to(self, frame: int) -> None:
        """Make a frame the current one."""
        self._frame.value = frame  # type: ignore[misc] # viser types it read-only
        self._changed = True

    def show_pictures(self) -> None:
        """Show what the current camera saw."""
        camera = self._scene.cameras[self.current]
        self._image.image, self._depth.image = camera.image, camera.depth
        if self._motion_picture is not None and camera.motion is not None:
            self._motion_picture.image = _as_rgb(camera.motion)
        self._label.content = self._scene.label(self.current)

    def note_change(self, _: object = None) -> None:
        """Have the page brought up to date."""
        self._changed = True

    def take_change(self) -> bool:
        """Whether anything has changed since the last call."""
        changed, self._changed = self._changed, False
        return changed

    def take_selection_change(self) -> bool:
        """Whether other points are chosen than at the last call."""
        changed, self._selection_changed = self._selection_changed, False
        self._changed |= changed
        return changed

    def _watch(self) -> None:
        for control in (
            self._frame,
            self._frames,
            self._background,
            self._part,
            self._size,
            self._cameras,
        ):
            control.on_update(self.note_change)
        for choice in (self._motion, self._confidence):
            choice.on_update(self._note_selection_change)

    def _note_selection_change(self, _: object) -> None:
        self._selection_changed = True


def _add_motion_picture(gui: "viser.GuiApi", scene: ViewScene) -> "viser.GuiImageHandle | None":
    motion = scene.cameras[0].motion
    if motion is None:
        return None
    return gui.add_image(_as_rgb(motion), label="what moves, bright", format="jpeg")


def _as_rgb(grey: UInt8Array) -> UInt8Array:
    return np.repeat(grey[..., None], 3, axis=-1)
