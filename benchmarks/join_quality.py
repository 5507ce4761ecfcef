"""How well windows of long videos are joined, beside what others do with the same windows.

    python benchmarks/join_quality.py                       # every kind, seeds 0 to 2
    python benchmarks/join_quality.py --kinds room --seeds 10
    python benchmarks/join_quality.py --cameras 3 --depth 0.5   # cameras worse, depth better

Windows are simulated with exact truth (`simulated_windows.py`). Errors are root mean squares of the
camera's position after a similarity, in metres, each segment between cuts by itself; medians over
the seeds. Beside ours, computed from the same windows in the same run:

- `last pose`: a window begins at the last pose of the one before, at the median ratio of depths;
- `points`: clouds of the overlap, confident pixels, weights from both confidences, Huber's kernel
  of 0.1 in the window's own unit, five rounds, scale free (as VGGT-Long joins, arXiv 2507.16443);
- `points, SE(3)`: the same with the scale held.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
from simulated_windows import (
    KINDS,
    SCALE_MODELS,
    Array,
    Errors,
    Indices,
    Prediction,
    Scene,
    default_frames,
    loop_pairs,
    make_scene,
    plan_windows,
    predict_loops,
    predict_windows,
    window_log_scales,
)

from page4d_cli.core.geometry import world_points_from_depth
from page4d_cli.core.window import Window, shared_frames
from page4d_cli.join.closing import Loop
from page4d_cli.join.join import join_windows

WINDOW, OVERLAP = 60, 30
HUBER = 0.1
FALSE_LOOPS = {"none": 0.0, "half false": 0.5}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS[:6]))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--scale", choices=SCALE_MODELS, default="walk")
    parser.add_argument("--cameras", type=float, default=1.0, help="multiplies the cameras' errors")
    parser.add_argument("--depth", type=float, default=1.0, help="multiplies the depth's errors")
    options = parser.parse_args()
    errors = worse(Errors(), options.cameras, options.depth)
    names = ("ours", "last pose", "points", "points, SE(3)", "loops", "half false", "CPU s")
    print(f"{'':10}" + "".join(f"{name:>15}" for name in names) + f"{'ours / best':>15}")
    for kind in options.kinds:
        rows = [measure(kind, seed, options.scale, errors) for seed in range(options.seeds)]
        medians = np.nanmedian(np.array(rows), axis=0)
        best = np.nanmin(np.array(rows)[:, 1:4], axis=1)
        ratio = np.nanmedian(np.array(rows)[:, 0] / best)
        print(f"{kind:10}" + "".join(f"{value:15.4g}" for value in medians) + f"{ratio:15.2f}")


def worse(errors: Errors, cameras: float, depth: float) -> Errors:
    """Errors with those of cameras and depth multiplied."""
    by = {
        "rotation_drift_deg": cameras,
        "rotation_noise_deg": cameras,
        "translation_drift": cameras,
        "translation_noise": cameras,
        "depth_field": depth,
        "depth_shift": depth,
        "depth_noise": depth,
        "body_bias": depth,
    }
    scaled = {name: np.multiply(getattr(errors, name), factor) for name, factor in by.items()}
    plain = {name: tuple(v) if v.ndim else float(v) for name, v in scaled.items()}
    return replace(errors, **plain)  # type: ignore[arg-type]


def measure(kind: str, seed: int, scale: str, errors: Errors) -> list[float]:
    """Errors of ours, of the others, of ours with loops, and the seconds of ours."""
    scene = make_scene(kind, seed, default_frames(kind, WINDOW))
    spans = plan_windows(len(scene.depth), WINDOW, OVERLAP)
    scales = window_log_scales(len(spans), scale, np.random.default_rng([seed, 5]))
    predictions = list(predict_windows(scene, spans, scales, errors, seed))
    windows = [as_window(prediction) for prediction in predictions]
    start = time.process_time()
    ours = error(scene, join_windows(windows).T_world_camera)
    seconds = time.process_time() - start
    others = [
        error(scene, follow(predictions, last_pose(predictions))),
        error(scene, follow(predictions, points(predictions, is_free=True))),
        error(scene, follow(predictions, points(predictions, is_free=False))),
    ]
    with_loops = []
    for share in FALSE_LOOPS.values():
        limit, gap = (24, 200) if kind == "city" else (12, 75)
        pairs, is_true = loop_pairs(scene, share, seed, limit, gap)
        looks = predict_loops(scene, pairs, is_true, float(scales[0]), errors, seed).predictions
        loops = [Loop.of(as_window(look)) for look in looks]
        with_loops.append(error(scene, join_windows(windows, loops).T_world_camera))
    return [ours, *others, *with_loops, seconds]


def as_window(prediction: Prediction) -> Window:
    """A simulated prediction as the joining takes it."""
    return Window(
        prediction.indices.astype(np.int64),
        prediction.depth.astype(np.float32),
        prediction.intrinsics.astype(np.float64),
        prediction.extrinsics.astype(np.float64),
    )


def error(scene: Scene, T_world_camera: Array) -> float:
    """Root mean square of positions after a similarity of each segment, metres."""
    squares = []
    for segment in np.unique(scene.segment):
        mine = scene.segment == segment
        true, estimate = scene.T_world_camera[mine, :, 3], T_world_camera[mine, :, 3]
        scale, rotation, shift = similarity(estimate, true, np.ones(len(true)))
        squares.append(((scale * estimate @ rotation.T + shift - true) ** 2).sum(1))
    return float(np.sqrt(np.concatenate(squares).mean()))


def similarity(
    source: Array, target: Array, weights: Array, *, is_free: bool = True
) -> tuple[float, Array, Array]:
    """Scale, rotation, translation from points to points (Umeyama, PAMI 13(4), 1991)."""
    share = weights / weights.sum()
    middle_source, middle_target = share @ source, share @ target
    a, b = source - middle_source, target - middle_target
    spread = float(share @ (a**2).sum(1))
    if spread < 1e-18:
        return 1.0, np.eye(3), middle_target - middle_source
    u, singular, v = np.linalg.svd((b * share[:, None]).T @ a)
    sign = np.array([1, 1, np.sign(np.linalg.det(u @ v))])
    rotation = (u * sign) @ v
    scale = float((singular * sign).sum() / spread) if is_free else 1.0
    if (b**2).sum() < 1e-12:
        scale = 1.0
    return scale, rotation, middle_target - scale * rotation @ middle_source


Placements = Iterator[tuple[float, Array, Array]]


def follow(predictions: Sequence[Prediction], steps: Placements) -> Array:
    """The path when each window is put to the one before; the later window wins."""
    count = int(predictions[-1].indices[-1]) + 1
    path = np.zeros((count, 3, 4))
    scale, rotation, shift = 1.0, np.eye(3), np.zeros(3)
    for prediction, step in zip(predictions, [(1.0, np.eye(3), np.zeros(3)), *steps], strict=True):
        shift = scale * rotation @ step[2] + shift
        rotation, scale = rotation @ step[1], scale * step[0]
        mine = as_window(prediction).cameras.T_world_camera
        path[prediction.indices, :, :3] = rotation @ mine[..., :3]
        path[prediction.indices, :, 3] = scale * mine[..., 3] @ rotation.T + shift
    return path


def last_pose(predictions: Sequence[Prediction]) -> Placements:
    """Each window at the last pose of the one before, at the median ratio of depths."""
    for a, b in pairwise(predictions):
        in_a, in_b = shared_frames(a.indices.astype(np.int64), b.indices.astype(np.int64))
        depth_a, depth_b = a.depth[in_a].astype(np.float64), b.depth[in_b].astype(np.float64)
        valid = (depth_a > 0) & (depth_b > 0)
        scale = float(np.median(depth_a[valid] / depth_b[valid]))
        pose_a = as_window(a).cameras.T_world_camera[in_a[-1]]
        pose_b = as_window(b).cameras.T_world_camera[in_b[-1]]
        rotation = pose_a[:, :3] @ pose_b[:, :3].T
        yield scale, rotation, pose_a[:, 3] - scale * rotation @ pose_b[:, 3]


def points(predictions: Sequence[Prediction], *, is_free: bool) -> Placements:
    """Each window by the points of the overlap."""
    for a, b in pairwise(predictions):
        in_a, in_b = shared_frames(a.indices.astype(np.int64), b.indices.astype(np.int64))
        confidence_a = a.confidence[in_a].astype(np.float64)
        confidence_b = b.confidence[in_b].astype(np.float64)
        least = 0.1 * min(np.median(confidence_a), np.median(confidence_b))
        valid = (a.depth[in_a] > 0) & (b.depth[in_b] > 0)
        valid &= (confidence_a > least) & (confidence_b > least)
        target, source = cloud(a, in_a)[valid], cloud(b, in_b)[valid]
        certain = np.sqrt(confidence_a * confidence_b)[valid]
        weights = certain
        for _ in range(5):
            scale = spread(target, weights) / spread(source, weights) if is_free else 1.0
            _, rotation, shift = similarity(scale * source, target, weights, is_free=False)
            apart = np.linalg.norm(scale * source @ rotation.T + shift - target, axis=1)
            weights = certain * np.minimum(1, HUBER / np.maximum(apart, 1e-9))
        yield scale, rotation, shift


def spread(cloud: Array, weights: Array) -> float:
    """Root of the weighted variance."""
    middle = weights @ cloud / weights.sum()
    return float(np.sqrt(weights @ ((cloud - middle) ** 2).sum(1) / weights.sum()))


def cloud(prediction: Prediction, at: Indices) -> Array:
    """(M, H, W, 3) points in the window's world."""
    window = as_window(prediction)
    return np.stack(
        [
            world_points_from_depth(window.depth[i], window.intrinsics[i], window.T_camera_world[i])
            for i in at
        ]
    )


if __name__ == "__main__":
    main()
