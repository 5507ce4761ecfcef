"""Normal equations of points and cameras, solved for a step; sparse, as a video's are.

Points are eliminated (their Schur complement): what is left couples frames that share points, and
the lenses. Memory grows with the number of sightings and of pairs of frames that share points.

Shapes: M sightings, N points, S frames, C cameras, L numbers of a lens that are free, and with
them P = 6 S + L C numbers of cameras: a turn and a shift of each frame, then what is free of the
lenses, kind by kind.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_array, bsr_array, coo_array, csr_array, dia_array
from scipy.sparse.linalg import splu

from page4d_cli.core.types import Float64Array
from page4d_cli.refine.tracks import Tracks


@dataclass(frozen=True)
class PointEquations:
    """Of points whose cameras are held."""

    blocks: Float64Array
    """(N, 3, 3) curvature."""
    along: Float64Array
    """(N, 3) gradient."""

    @classmethod
    def of(
        cls, starts: NDArray[np.int64], of_points: Float64Array, errors: Float64Array
    ) -> "PointEquations":
        """Of derivatives (M, 3, 3) of errors (M, 3); (N,) tells the first sighting of each."""
        along = np.einsum("mri,mr->mi", of_points, errors)
        blocks = np.swapaxes(of_points, 1, 2) @ of_points
        return cls(np.add.reduceat(blocks, starts), np.add.reduceat(along, starts))

    def inverse(self, damping: float) -> Float64Array:
        """(N, 3, 3) of the damped curvature."""
        blocks = self.blocks.copy()
        diagonal = np.einsum("nii->ni", blocks)
        # By its own size: that of a point which fell into a camera would hold all others.
        diagonal += damping * diagonal + 1e-12 + 1e-9 * diagonal.max(1, keepdims=True)
        return np.asarray(np.linalg.inv(blocks), np.float64)

    def solve(self, damping: float) -> Float64Array:
        """The step (N, 3)."""
        return np.asarray(-np.einsum("nij,nj->ni", self.inverse(damping), self.along), np.float64)


@dataclass(frozen=True)
class Equations:
    """Of cameras and points."""

    of_points: PointEquations
    curvature: csr_array
    """(P, P) of the cameras."""
    gradient: Float64Array
    """(P,)."""
    mixed: tuple[bsr_array, csr_array]
    """What mixes poses with points, (6 S, 3 N), and lenses with points, (L C, 3 N)."""

    def solve(self, damping: float) -> tuple[Float64Array, Float64Array]:
        """The step of the cameras (P,), and of the points (N, 3)."""
        inverse, along = self.of_points.inverse(damping), self.of_points.along
        count = len(along)
        as_matrix = bsr_array((inverse, np.arange(count), np.arange(count + 1)))
        solved = [part @ as_matrix for part in self.mixed]
        poses, lenses = self.mixed
        transposed = [poses.T, lenses.T.tocsr()]
        shared = block_array([[part @ other for other in transposed] for part in solved])
        reduced = self.curvature - shared + _diagonal(damping * self.curvature.diagonal())
        # Symmetric and positive: no pivots are needed.
        factors = splu(
            reduced.tocsc(),
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=0.0,
            options={"SymmetricMode": True},
        )
        pulled = np.concatenate([part @ along.ravel() for part in solved])
        step = factors.solve(pulled - self.gradient)
        own, of_lenses = np.split(step, [poses.shape[0]])
        rest = along + (transposed[0] @ own + transposed[1] @ of_lenses).reshape(-1, 3)
        return step, -np.einsum("nij,nj->ni", inverse, rest)


class Pattern:
    """Which numbers each sighting depends on.

    Args:
        tracks: the sightings.
        camera_of_frame: (S,) from 0 to C - 1.
        free: L.
    """

    def __init__(self, tracks: Tracks, camera_of_frame: NDArray[np.int64], free: int) -> None:
        self._tracks = tracks
        self._starts = tracks.starts
        frames, cameras = len(camera_of_frame), int(camera_of_frame.max()) + 1
        self._lens = camera_of_frame[:, None] + cameras * np.arange(free)
        self._lenses = free * cameras
        self._by_frame = np.lexsort((tracks.point, tracks.frame))
        shown = np.bincount(tracks.frame, minlength=frames)
        self._bounds = np.concatenate([[0], np.cumsum(shown)])
        ones = np.ones(len(tracks.point))
        self._sum = csr_array((ones, self._by_frame, self._bounds), (frames, len(ones)))

    def of_points(self, of_points: Float64Array, errors: Float64Array) -> PointEquations:
        """Of derivatives (M, 3, 3) of errors (M, 3); both are weighted."""
        return PointEquations.of(self._starts, of_points, errors)

    def equations(
        self,
        of_points: Float64Array,
        of_poses: Float64Array,
        of_lenses: Float64Array,
        errors: Float64Array,
        opinions: tuple[Float64Array, Float64Array],
    ) -> Equations:
        """Put them together.

        Args:
            of_points: (M, 3, 3) derivatives of the errors, weighted as they are.
            of_poses: (M, 3, 6).
            of_lenses: (M, 3, L).
            errors: (M, 3).
            opinions: what else is known of the cameras: (P,) on the curvature's diagonal, and (P,)
                of the gradient.
        """
        by_pose, by_lens = np.swapaxes(of_poses, 1, 2), np.swapaxes(of_lenses, 1, 2)
        frames = len(self._lens)
        whole = (6 * frames, self._lenses)
        rows = np.arange(6 * frames).reshape(frames, 6)
        poses = self._of_frames(by_pose @ of_poses)
        between = _scattered(self._of_frames(by_pose @ of_lenses), rows, self._lens, whole)
        own = self._of_frames(by_lens @ of_lenses)
        lenses = _scattered(own, self._lens, self._lens, (self._lenses, self._lenses))
        diagonal = bsr_array((poses, np.arange(frames), np.arange(frames + 1)))
        curvature = block_array([[diagonal, between], [between.T, lenses]], format="csr")
        pulls = self._of_frames(by_pose @ errors[..., None])
        of_lens = np.zeros(self._lenses)
        np.add.at(of_lens, self._lens, self._of_frames(by_lens @ errors[..., None])[..., 0])
        return Equations(
            self.of_points(of_points, errors),
            curvature + _diagonal(opinions[0]),
            np.concatenate([pulls.ravel(), of_lens]) + opinions[1],
            self._mixed(by_pose @ of_points, by_lens @ of_points),
        )

    def _mixed(self, poses: Float64Array, lenses: Float64Array) -> tuple[bsr_array, csr_array]:
        """From what each sighting mixes, (M, 6, 3) and (M, L, 3)."""
        point, count = self._tracks.point, len(self._tracks)
        blocks = (poses[self._by_frame], point[self._by_frame], self._bounds)
        columns = 3 * point[:, None] + np.arange(3)
        of_lenses = _scattered(
            lenses, self._lens[self._tracks.frame], columns, (self._lenses, 3 * count)
        )
        return bsr_array(blocks, shape=(6 * len(self._lens), 3 * count)), of_lenses

    def _of_frames(self, values: Float64Array) -> Float64Array:
        """(S, ...) sums over the sightings (M, ...) of each frame."""
        shape = values.shape[1:]
        summed = self._sum @ values.reshape(len(values), math.prod(shape))
        return np.asarray(summed.reshape(len(self._lens), *shape), np.float64)


def _scattered(
    blocks: Float64Array,
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    shape: Sequence[int],
) -> csr_array:
    """A matrix with blocks (K, I, J) added at rows (K, I) and columns (K, J)."""
    at = np.broadcast_arrays(rows[:, :, None], columns[:, None])
    return coo_array((blocks.ravel(), [each.ravel() for each in at]), shape=tuple(shape)).tocsr()


def _diagonal(values: Float64Array) -> dia_array:
    return dia_array((values[None], [0]), shape=(len(values), len(values)))
