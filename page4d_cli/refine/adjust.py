"""Bundle adjustment: cameras and points that explain all sightings best, and a network's opinion.

Levenberg and Marquardt's method on the points' Schur complement (Triggs et al., Bundle Adjustment:
A Modern Synthesis, 1999), with Cauchy's loss by reweighting. Beside the pixels, everything that the
network said counts as one faint measurement: poses, focal length, depth. So there is no free gauge,
a frame that nothing supports stays where it is, and points without parallax stay at their depth.

Shapes: M sightings, N points, S frames, C cameras, L numbers of a lens that are free (`Freedom`).
The unit of length is such that typical depths are about 1.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from page4d_cli.core.types import Float64Array
from page4d_cli.refine.cameras import FOCAL_ONLY, Cameras, Freedom, backproject
from page4d_cli.refine.equations import Equations, Pattern, PointEquations
from page4d_cli.refine.tracks import Tracks

ROTATION_SIGMA_RAD = 0.1
CENTRE_SIGMA = 0.1
"""Of a typical depth."""
LOG_FOCAL_SIGMA = 0.2
K1_SIGMA = 0.3
"""Of the distortion, which is thought to be none."""
_LENS_SIGMAS = np.array([LOG_FOCAL_SIGMA, K1_SIGMA])
LOG_DEPTH_SIGMA = 0.5
"""How far a network's cameras and depth are trusted; all of it is little beside some pixels."""
_COARSE_PX = 20.0
"""Scale of the loss at which that is the whole truth; with finer ones the network's say fades, but
for the lens: a turn about the axis says nothing of the focal length, and it would drift. An error
of the depth by its sigma counts as much at first as one in pixels by the scale: with less, points
run into cameras or out of sight before the cameras are right, and hold them where they are."""
_NEAREST = 1e-3
"""Depth below which a point is not in front of the camera."""
_BEHIND_PX = 1e3
"""Error of a point that is not."""
_LARGEST_LENS_STEP = 0.2
_DAMPING = 1e-3
_CONVERGED, _CONVERGED_BENT = 1e-4, 1e-6
"""Relative decrease of the cost that ends a round; distortion and focal length part late."""


@dataclass(frozen=True)
class State:
    """What is adjusted."""

    cameras: Cameras
    points: Float64Array
    """(N, 3) in the world."""


@dataclass(frozen=True)
class _Sightings:
    """The sightings in the cameras of a state."""

    in_camera: Float64Array
    """(M, 3)."""
    focal: Float64Array
    """(M, 2) in pixels."""
    plane: Float64Array
    """(M, 2) at depth 1, without distortion."""
    k1: Float64Array
    """(M,)."""
    errors: Float64Array
    """(M, 3): u, v in pixels, and the logarithm of the depth over `LOG_DEPTH_SIGMA`."""
    is_in_front: NDArray[np.bool_]
    """(M,) and where distortion moves what is further out further out."""

    @property
    def squared(self) -> Float64Array:
        """(M,) squared distance from the axis at depth 1."""
        return np.asarray((self.plane**2).sum(1))


def place_points(tracks: Tracks, cameras: Cameras) -> Float64Array:
    """Points (N, 3) where the network's depth puts them: the median of a track's sightings."""
    depth = np.where(np.isfinite(tracks.depth), tracks.depth, 1.0)
    world = backproject(cameras, tracks.frame, tracks.pixels, depth)
    order = np.lexsort((depth, tracks.point))
    counts = np.bincount(tracks.point, minlength=len(tracks))
    return np.asarray(world[order[tracks.starts + counts // 2]], np.float64)


def triangulate(tracks: Tracks, cameras: Cameras) -> Float64Array:
    """Points (N, 3) nearest to the rays of all their sightings.

    Distances count as angles, by the depth that the network tells: what is far off shows less.
    """
    depth = np.where(np.isfinite(tracks.depth), tracks.depth, 1.0)
    centres = cameras.centres[tracks.frame]
    rays = backproject(cameras, tracks.frame, tracks.pixels, depth) - centres
    squared = (rays**2).sum(1)[:, None, None]
    across = (np.eye(3) - rays[:, :, None] * rays[:, None] / squared) / squared
    normal = np.add.reduceat(across, tracks.starts)
    # Parallel rays meet nowhere: a trace of all directions keeps the solution finite.
    normal += 1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(3)
    right = np.add.reduceat(np.einsum("mij,mj->mi", across, centres), tracks.starts)
    return np.asarray(np.linalg.solve(normal, right[..., None])[..., 0], np.float64)


def errors_px(tracks: Tracks, state: State) -> Float64Array:
    """(M,) distance of each sighting from where its point falls; large for those behind."""
    seen = _look(tracks, state)
    length = np.linalg.norm(seen.errors[:, :2], axis=1)
    return np.where(seen.is_in_front, np.minimum(length, _BEHIND_PX), _BEHIND_PX)


def adjust_points(tracks: Tracks, state: State, scale_px: float, steps: int = 15) -> State:
    """Move the points only, or begin anew where the network's depth or the rays put them."""
    adjustment = _Adjustment(tracks, state.cameras, scale_px, None)
    for begin in (place_points, triangulate):
        state = adjustment.better_of(state, begin(tracks, state.cameras))
    return adjustment.run(state, steps)


def adjust(
    tracks: Tracks,
    state: State,
    network: Cameras,
    scale_px: float,
    free: Freedom = FOCAL_ONLY,
    steps: int = 80,
) -> State:
    """Move cameras and points until they explain the sightings best.

    Args:
        tracks: the sightings.
        state: where to begin.
        network: the cameras as the network says.
        scale_px: errors well above this hardly count (Cauchy's scale).
        free: what of the lenses may change.
        steps: most steps.
    """
    return _Adjustment(tracks, network, scale_px, free).run(state, steps)


class _Adjustment:
    """One minimisation: what it minimises, and its normal equations.

    Args:
        tracks: the sightings.
        network: the cameras as the network says.
        scale_px: Cauchy's scale.
        free: what of the lenses may change; None: neither they nor the poses.
    """

    def __init__(
        self, tracks: Tracks, network: Cameras, scale_px: float, free: Freedom | None
    ) -> None:
        self._tracks = tracks
        self._network = network
        self._scale_px = scale_px
        self._with_cameras = free is not None
        self._converged = _CONVERGED_BENT if free and free.distortion else _CONVERGED
        self._free = np.flatnonzero([free.focal, free.distortion]) if free else np.arange(0)
        self._trust = min(1.0, scale_px / _COARSE_PX) ** 2
        self._depth_trust = self._trust * scale_px**2
        self._pattern = Pattern(tracks, network.camera_of_frame, len(self._free))
        self._start_focal = network.intrinsics[:, 0, 0]

    def run(self, state: State, steps: int) -> State:
        """Descend from a state."""
        if not len(self._tracks):
            return state
        damping = _DAMPING
        cost = self._cost(state)
        for _ in range(steps):
            equations, has_failed = self._equations(state), False
            while damping < 1e6:
                moved, reached = self._step(state, equations, damping)
                if reached < cost:
                    break
                damping *= 8
                has_failed = True
            else:
                return state
            is_done = cost - reached < self._converged * cost
            state, cost = moved, reached
            if not has_failed:
                damping = max(damping / 8, 1e-9)
            if is_done:
                return state
        return state

    def better_of(self, state: State, points: Float64Array) -> State:
        """A state with other points (N, 3) where these cost less: each is free of the others."""
        return self._better_of(state, points)[0]

    def _better_of(self, state: State, points: Float64Array) -> tuple[State, float]:
        """The same, and what its points cost."""
        new, old = self._point_costs(replace(state, points=points)), self._point_costs(state)
        chosen = np.where((new < old)[:, None], points, state.points)
        return replace(state, points=chosen), float(np.minimum(new, old).sum())

    def _point_costs(self, state: State) -> Float64Array:
        """(N,)."""
        seen = _look(self._tracks, state)
        squared = np.where(seen.is_in_front, (seen.errors[:, :2] ** 2).sum(1), _BEHIND_PX**2)
        costs = self._scale_px**2 * np.log1p(squared / self._scale_px**2)
        costs += self._depth_trust * np.log1p(seen.errors[:, 2] ** 2)
        return np.asarray(np.bincount(self._tracks.point, costs, len(self._tracks)), np.float64)

    def _cost(self, state: State) -> float:
        return float(self._point_costs(state).sum()) + self._camera_cost(state.cameras)

    def _camera_cost(self, cameras: Cameras) -> float:
        if not self._with_cameras:
            return 0.0
        rotation, centre, lens = self._opinions(cameras)
        of_poses = self._trust * float((rotation**2).sum() + (centre**2).sum())
        return of_poses + float((lens**2).sum())

    def _opinions(self, cameras: Cameras) -> tuple[Float64Array, Float64Array, Float64Array]:
        """Differences from the network's rotations (S, 3), centres (S, 3), and lenses (L, C)."""
        turned = cameras.T_camera_world[:, :, :3] @ np.swapaxes(
            self._network.T_camera_world[:, :, :3], 1, 2
        )
        rotation = Rotation.from_matrix(turned).as_rotvec() / ROTATION_SIGMA_RAD
        centre = (cameras.centres - self._network.centres) / CENTRE_SIGMA
        focal = np.log(cameras.intrinsics[:, 0, 0] / self._start_focal)
        lens = np.stack([focal, cameras.k1]) / _LENS_SIGMAS[:, None]
        return rotation, centre, lens[self._free]

    def _equations(self, state: State) -> Equations | PointEquations:
        seen = _look(self._tracks, state)
        errors = seen.errors
        weights = np.empty_like(errors)
        weights[:, :2] = 1 / (1 + (errors[:, :2] ** 2).sum(1) / self._scale_px**2)[:, None]
        weights[:, 2] = self._depth_trust / (1 + errors[:, 2] ** 2)
        weights[~seen.is_in_front] = 0
        root = np.sqrt(weights)[..., None]
        weighted = root[..., 0] * errors
        by_place = root * _by_place(seen)
        of_points = by_place @ state.cameras.T_camera_world[self._tracks.frame, :, :3]
        if not self._with_cameras:
            return self._pattern.of_points(of_points, weighted)
        return self._pattern.equations(
            of_points,
            by_place @ _by_motion(seen.in_camera),
            root * _by_lens(seen)[..., self._free],
            weighted,
            self._opinion_equations(state.cameras),
        )

    def _opinion_equations(self, cameras: Cameras) -> tuple[Float64Array, Float64Array]:
        """Their part of the curvature's diagonal, and of the gradient."""
        rotation, centre, lens = self._opinions(cameras)
        frames = len(cameras)
        sigmas = np.repeat(_LENS_SIGMAS[self._free, None], len(cameras.k1), axis=1)
        diagonal = np.empty(6 * frames + sigmas.size)
        of_poses = diagonal[: 6 * frames].reshape(frames, 6)
        of_poses[:, :3], of_poses[:, 3:] = ROTATION_SIGMA_RAD**-2, CENTRE_SIGMA**-2
        of_poses *= self._trust
        diagonal[6 * frames :] = sigmas.ravel() ** -2
        # A camera moved by t in its own axes has its centre moved by -Rᵀ t.
        turned = np.einsum("sij,sj->si", cameras.T_camera_world[:, :, :3], centre)
        pulls = np.concatenate([rotation / ROTATION_SIGMA_RAD, -turned / CENTRE_SIGMA], axis=1)
        return diagonal, np.concatenate([self._trust * pulls.ravel(), (lens / sigmas).ravel()])

    def _step(
        self, state: State, equations: Equations | PointEquations, damping: float
    ) -> tuple[State, float]:
        """Where a step leads, and what that costs."""
        if isinstance(equations, PointEquations):
            return self._better_of(state, state.points + equations.solve(damping))
        of_cameras, of_points = equations.solve(damping)
        moved = self.moved(state.cameras, state.points, of_cameras)
        reached, cost = self._better_of(moved, state.points + of_points)
        return reached, cost + self._camera_cost(reached.cameras)

    def moved(self, cameras: Cameras, points: Float64Array, step: Float64Array) -> State:
        """Cameras turned and shifted in their own axes, and refocused, by a step (6 S + L C,)."""
        frames = len(cameras)
        moves = step[: 6 * frames].reshape(frames, 6)
        turn = Rotation.from_rotvec(moves[:, :3]).as_matrix()
        poses = turn @ cameras.T_camera_world
        poses[..., 3] += moves[:, 3:]
        intrinsics = cameras.intrinsics.copy()
        of_lens = np.zeros((len(_LENS_SIGMAS), len(intrinsics)))
        of_lens[self._free] = step[6 * frames :].reshape(-1, len(intrinsics))
        growth, more_k1 = of_lens.clip(-_LARGEST_LENS_STEP, _LARGEST_LENS_STEP)
        intrinsics[:, [0, 1], [0, 1]] *= np.exp(growth)[:, None]
        k1 = cameras.k1 + more_k1
        return State(Cameras(poses, intrinsics, cameras.camera_of_frame, k1), points)


def _look(tracks: Tracks, state: State) -> _Sightings:
    cameras = state.cameras
    poses = cameras.T_camera_world[tracks.frame]
    intrinsics = cameras.of_frames[tracks.frame]
    k1 = cameras.k1[cameras.camera_of_frame[tracks.frame]]
    points = state.points[tracks.point]
    in_camera = np.einsum("mij,mj->mi", poses[..., :3], points) + poses[..., 3]
    is_in_front = in_camera[:, 2] > _NEAREST
    depth = np.where(is_in_front, in_camera[:, 2], 1.0)
    focal = np.diagonal(intrinsics, axis1=1, axis2=2)[:, :2]
    plane = in_camera[:, :2] / depth[:, None]
    bend = k1 * (plane**2).sum(1)
    is_in_front &= 1 + 3 * bend > 0
    pixels = focal * plane * (1 + bend)[:, None] + intrinsics[:, :2, 2]
    ratio = np.where(np.isfinite(tracks.depth) & is_in_front, depth / tracks.depth, 1.0)
    errors = np.column_stack([pixels - tracks.pixels, np.log(ratio) / LOG_DEPTH_SIGMA])
    return _Sightings(in_camera, focal, plane, k1, errors, is_in_front)


def _by_place(seen: _Sightings) -> Float64Array:
    """(M, 3, 3) derivative of the errors by the place in the camera."""
    z = np.where(seen.is_in_front, seen.in_camera[:, 2], 1.0)
    bent = 2 * seen.k1[:, None, None] * seen.plane[:, :, None] * seen.plane[:, None]
    bent[:, [0, 1], [0, 1]] += (1 + seen.k1 * seen.squared)[:, None]
    bent *= (seen.focal / z[:, None])[..., None]
    result = np.zeros((len(z), 3, 3))
    result[:, :2, :2] = bent
    result[:, :2, 2] = -np.einsum("mij,mj->mi", bent, seen.plane)
    result[:, 2, 2] = 1 / (z * LOG_DEPTH_SIGMA)
    return result


def _by_motion(in_camera: Float64Array) -> Float64Array:
    """(M, 3, 6) derivative of the place by a turn and a shift of the world before the camera."""
    x, y, z = in_camera.T
    result = np.zeros((len(x), 3, 6))
    result[:, 0, 1], result[:, 0, 2] = z, -y
    result[:, 1, 0], result[:, 1, 2] = -z, x
    result[:, 2, 0], result[:, 2, 1] = y, -x
    result[:, [0, 1, 2], [3, 4, 5]] = 1
    return result


def _by_lens(seen: _Sightings) -> Float64Array:
    """(M, 3, 2) derivative of the errors by the logarithm of the focal length, and by k1."""
    result = np.zeros((len(seen.plane), 3, 2))
    squared = seen.squared
    of_both = np.stack([1 + seen.k1 * squared, squared], axis=1)
    result[:, :2] = (seen.focal * seen.plane)[..., None] * of_both[:, None]
    return result
