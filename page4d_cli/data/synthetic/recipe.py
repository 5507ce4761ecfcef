"""What a family of synthetic scenes has in common."""

from dataclasses import dataclass


@dataclass(frozen=True)
class SceneRecipe:
    """Ranges from which a scene is drawn; both ends included. Lengths are metres.

    Raises:
        ValueError: a range is empty, or a scene of it could not exist.
    """

    room_seed: int | None = None
    """None: every scene has a room of its own. A number: all have the same room, the size and the
    six wall textures of the scene with this seed, and differ in bodies and camera paths only."""
    camera_travel_m: tuple[float, float] = (0.6, 1.6)
    """How far apart the two ends of the camera path are."""
    camera_round_m: tuple[float, float] = (0.0, 0.0)
    """How wide the camera path is across the line between its ends. 0: the camera goes to and fro
    on this line. More: it goes round, and comes back to its beginning by another way."""
    camera_turn_deg: tuple[float, float] = (15.0, 60.0)
    """Angle between the camera's leftmost and rightmost direction."""
    camera_heading_deg: tuple[float, float] = (0.0, 360.0)
    """Direction in which the middle of the camera path looks, from the x axis towards y."""
    fov_deg: tuple[float, float] = (45.0, 75.0)
    """Field of view along the longer side of the picture."""
    moving_bodies: tuple[int, int] = (1, 4)
    """Bodies that move and turn, at least one."""
    static_bodies: tuple[int, int] = (6, 12)
    """Bodies that stand on the floor or hang on a wall; those that find no place are left out."""
    period_s: float = 12.0
    """Everything in a scene repeats after this time, so it goes on for ever without a jump. Frames
    at random times within it are as far apart as the path allows; frames of a video are close."""

    def __post_init__(self) -> None:
        self._require("camera_travel_m", self.camera_travel_m, 0.0, 2.0)
        self._require("camera_round_m", self.camera_round_m, 0.0, 2.0)
        self._require("camera_turn_deg", self.camera_turn_deg, 0.0, 180.0)
        self._require("camera_heading_deg", self.camera_heading_deg, -360.0, 360.0)
        self._require("fov_deg", self.fov_deg, 10.0, 120.0)
        self._require("moving_bodies", self.moving_bodies, 1, 8)
        self._require("static_bodies", self.static_bodies, 0, 24)
        self._require("period_s", (self.period_s, self.period_s), 1.0, 3600.0)
        if self.room_seed is not None and self.room_seed < 0:
            raise ValueError(f"room_seed is {self.room_seed}, expected a number from 0 or None")

    @staticmethod
    def _require(name: str, given: tuple[float, float], least: float, most: float) -> None:
        low, high = given
        if not least <= low <= high <= most:
            raise ValueError(f"{name} is {given}, expected a range within {least:g} to {most:g}")
