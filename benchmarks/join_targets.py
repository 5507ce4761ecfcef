"""What the joining of windows must reach, one line each, from simulated runs made on the spot.

    python benchmarks/join_targets.py                # seeds 0 to 2, about ten minutes of one core
    python benchmarks/join_targets.py --seeds 10
    python benchmarks/join_targets.py --kinds room   # only what rooms tell

Others' methods are computed from the same windows, as `join_quality.py` describes them.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from unittest.mock import patch

import numpy as np
from join_quality import (
    OVERLAP,
    WINDOW,
    as_window,
    error,
    follow,
    last_pose,
    points,
    worse,
)
from simulated_windows import (
    Array,
    Errors,
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

from page4d_cli.core.window import Window
from page4d_cli.join import join
from page4d_cli.join.choice import skip_windows
from page4d_cli.join.closing import Loop
from page4d_cli.join.cuts import find_cuts
from page4d_cli.join.join import join_windows
from page4d_cli.join.scales import LogRatio, settle_log_scales

Row = tuple[str, str, float, float]
"""What, of which scenes, what was reached, and what it may be at most."""
SMALL = (14, 10)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--kinds", nargs="+", default=["room", "crowd", "street", "city", "others"])
    options = parser.parse_args()
    seeds = range(options.seeds)
    for what, of, reached, most in rows(options.kinds, seeds):
        kept = "" if reached <= most else "  missed"
        print(f"{what:46}{of:16}{reached:10.3g}{most:10.3g}{kept}", flush=True)


def rows(kinds: Sequence[str], seeds: range) -> Iterator[Row]:
    """All rows that some kinds of scenes tell."""
    for kind in (kind for kind in ("room", "crowd", "street") if kind in kinds):
        yield from beside_others(kind, seeds)
    for kind in (kind for kind in ("room", "street") if kind in kinds):
        yield from scale_models(kind, seeds)
    for kind in (kind for kind in ("room", "crowd", "city") if kind in kinds):
        yield from with_loops(kind, seeds)
    for kind in (kind for kind in ("street", "city") if kind in kinds):
        yield ("skips over the plain chain", kind, skipping(kind, seeds), 0.8)
    if "room" in kinds:
        yield from unit_and_seams(seeds)
    if "others" in kinds:
        for kind in ("street", "tail", "cut"):
            yield ("only false loops over none", kind, false_only(kind, seeds), 1.05)
        for kind in ("static", "rotation", "tail"):
            yield ("frames that are lost or not finite", kind, lost(kind), 0)
        yield ("frames that are lost or not finite", "one window", lost("room", WINDOW), 0)
        yield ("cut: frames beside the right one", "cut", cut_offset(seeds), 0)
        yield ("false alarms of cuts", "50 walks", float(false_alarms(50)), 0)


def beside_others(kind: str, seeds: range) -> Iterator[Row]:
    """Ours over what others reach with the same windows."""
    most_long, most_best = {"room": (0.45, 0.6), "crowd": (0.6, 0.65), "street": (0.1, 0.8)}[kind]
    over_long, over_best, over_masked, over_bad = [], [], [], []
    for seed in seeds:
        scene = scene_of(kind, seed)
        predicted = predictions(kind, seed)
        ours = error(scene, join_windows([as_window(p) for p in predicted]).T_world_camera)
        long = error(scene, follow(predicted, points(predicted, is_free=True)))
        held = error(scene, follow(predicted, points(predicted, is_free=False)))
        copied = error(scene, follow(predicted, last_pose(predicted)))
        over_long.append(ours / long)
        over_best.append(ours / min(long, held, copied))
        if kind == "street":
            near = [without_sky(prediction) for prediction in predicted]
            masked = error(scene, follow(near, points(near, is_free=True)))
            joined = error(scene, join_windows([as_window(p) for p in near]).T_world_camera)
            over_masked.append(joined / masked)
        bad = predictions(kind, seed, errors=worse(Errors(), 3.0, 0.5))
        ours = error(scene, join_windows([as_window(p) for p in bad]).T_world_camera)
        over_bad.append(ours / error(scene, follow(bad, points(bad, is_free=True))))
    yield ("no loops, over clouds (VGGT-Long)", kind, float(np.median(over_long)), most_long)
    yield ("no loops, over the best of the others", kind, float(np.median(over_best)), most_best)
    yield ("the same, worst seed", kind, max(over_best), 1.2)
    if over_masked:
        yield ("no loops, over clouds without sky", kind, float(np.median(over_masked)), 0.7)
    yield ("cameras 3× as wrong, over clouds", kind, float(np.median(over_bad)), 0.85)


def scale_models(kind: str, seeds: range) -> Iterator[Row]:
    """The unit's change settled by the data, over always and never following it."""
    for model in ("constant", "walk", "jump"):
        ratios = []
        for seed in seeds:
            scene = scene_of(kind, seed)
            windows = [as_window(p) for p in predictions(kind, seed, scale=model)]
            reached = []
            for choose in (settle_log_scales, always, never):
                with patch.object(join, "settle_log_scales", choose):
                    reached.append(error(scene, join_windows(windows).T_world_camera))
            ratios.append(reached[0] / min(reached[1:]))
        yield (f"{model}: over min(free, fixed)", kind, float(np.median(ratios)), 1.02)
        yield ("the same, worst seed", kind, max(ratios), 1.2)


def always(ratios: list[LogRatio]) -> Array:
    """Follow every ratio."""
    return np.array([ratio.value for ratio in ratios])


def never(ratios: list[LogRatio]) -> Array:
    """Follow none."""
    return np.zeros(len(ratios))


def with_loops(kind: str, seeds: range) -> Iterator[Row]:
    """Loops over none."""
    most = {"room": 0.45, "crowd": 0.3, "city": 0.2}[kind]
    true = [loops_over_none(kind, seed, 0.0) for seed in seeds]
    yield ("true loops over none", kind, float(np.median(true)), most)
    half = [loops_over_none(kind, seed, 0.5) for seed in seeds]
    yield ("half of the loops false, worst seed", kind, max(half), 0.7)


def false_only(kind: str, seeds: range) -> float:
    """False loops over none, the worst seed."""
    return max(loops_over_none(kind, seed, 0.5) for seed in seeds)


def loops_over_none(kind: str, seed: int, share: float) -> float:
    """Error with loops over that without."""
    scene = scene_of(kind, seed)
    windows = [as_window(p) for p in predictions(kind, seed)]
    limit, gap = (24, 200) if kind == "city" else (12, 75)
    pairs, is_true = loop_pairs(scene, share, seed, limit, gap)
    if not len(pairs):
        return 1.0
    first = float(window_log_scales(len(windows), "walk", np.random.default_rng([seed, 5]))[0])
    looks = predict_loops(scene, pairs, is_true, first, Errors(), seed).predictions
    loops = [Loop.of(as_window(look)) for look in looks]
    without = error(scene, join_windows(windows).T_world_camera)
    return error(scene, join_windows(windows, loops).T_world_camera) / without


def skipping(kind: str, seeds: range) -> float:
    """With windows of every fourth frame over without; their drift is that of a step, as always."""
    ratios = []
    for seed in seeds:
        scene = scene_of(kind, seed)
        windows = [as_window(p) for p in predictions(kind, seed)]
        skips = list(skip_predictions(scene, seed))
        without = error(scene, join_windows(windows).T_world_camera)
        ratios.append(error(scene, join_windows(windows, (), skips).T_world_camera) / without)
    return float(np.median(ratios))


def skip_predictions(scene: Scene, seed: int) -> Iterator[Window]:
    """What a network says of every fourth frame, in units that walk like those of the windows."""
    count = len(scene.depth)
    chosen = skip_windows(plan_windows(count, WINDOW, OVERLAP))
    step = chosen[0].step
    shorter = replace(
        scene,
        depth=scene.depth[::step],
        T_world_camera=scene.T_world_camera[::step],
        segment=scene.segment[::step],
        body=scene.body[::step],
    )
    spans = [(frames.start // step, (frames.stop - 1) // step + 1) for frames in chosen]
    scales = window_log_scales(len(spans), "walk", np.random.default_rng([seed, 6]))
    for prediction in predict_windows(shorter, spans, scales, Errors(), seed + 1000):
        yield as_window(replace(prediction, indices=prediction.indices * step))


def unit_and_seams(seeds: range) -> Iterator[Row]:
    """Windows in another unit, and steps of depth across borders between windows."""
    scene = scene_of("room", 0)
    windows = [as_window(p) for p in predictions("room", 0)]
    plain = join_windows(windows).T_world_camera
    reach = float(np.abs(plain[..., 3]).max())
    apart = 0.0
    for factor in (0.01, 100.0):
        scaled = [in_unit(window, factor) for window in windows]
        centres = join_windows(scaled).T_world_camera[..., 3] / factor
        apart = max(apart, float(np.abs(centres - plain[..., 3]).max()) / reach)
    yield ("unit × 0.01 and × 100: relative difference", "room", apart, 1e-6)
    ratios = [seams("room", seed) for seed in seeds]
    yield ("seams over steps inside windows", scene.kind, float(np.median(ratios)), 1.2)


def in_unit(window: Window, factor: float) -> Window:
    """The window with other lengths."""
    extrinsics = window.T_camera_world.copy()
    extrinsics[..., 3] *= factor
    return replace(window, depth=window.depth * np.float32(factor), T_camera_world=extrinsics)


def seams(kind: str, seed: int) -> float:
    """Steps of blended static depth, in log, where a window begins or ends, over all others."""
    scene = scene_of(kind, seed)
    windows = [as_window(p) for p in predictions(kind, seed)]
    path = join_windows(windows)
    blended = np.full(scene.depth.shape, np.nan)
    for frame in range(len(blended)):
        pieces = [piece for piece in path.pieces if frame in piece.frames]
        weights = [min(frame - p.frames.start, p.frames.stop - 1 - frame) + 1 for p in pieces]
        with np.errstate(divide="ignore"):
            logs = [
                np.log(windows[p.window].depth[frame - p.frames.start]) + p.log_scale
                for p in pieces
            ]
        blended[frame] = np.average(logs, axis=0, weights=weights) - np.log(scene.depth[frame])
    still = (scene.body[1:] < 0) & (scene.body[:-1] < 0) & np.isfinite(scene.depth[1:])
    with np.errstate(invalid="ignore"):
        steps = np.abs(np.diff(blended, axis=0))
    sizes = np.array([np.nanmedian(s[m]) for s, m in zip(steps, still, strict=True)])
    borders = {end for p in path.pieces for end in (p.frames.start, p.frames.stop)}
    at = np.array(sorted(frame - 1 for frame in borders if 0 < frame < len(blended)))
    return float(np.median(sizes[at]) / np.median(np.delete(sizes, at)))


def lost(kind: str, frames: int | None = None) -> float:
    """Frames that are not there once, with a finite pose."""
    scene = make_scene(kind, 0, frames or default_frames(kind, WINDOW), SMALL)
    windows = [as_window(p) for p in predict_all(scene, 0, "walk", Errors())]
    path = join_windows(windows)
    return float(len(scene.depth) - path.is_seen.sum())


def cut_offset(seeds: range) -> float:
    """How far found cuts lie from the only one; the count of cuts counts, too."""
    worst = 0.0
    for seed in seeds:
        scene = scene_of("cut", seed)
        true = int(np.flatnonzero(np.diff(scene.segment))[0]) + 1
        starts = join_windows([as_window(p) for p in predictions("cut", seed)]).segment_starts[1:]
        worst = max(worst, abs(len(starts) - 1), *(abs(start - true) for start in starts))
    return worst


def false_alarms(walks: int) -> int:
    """Cuts found in walks without any."""
    found = 0
    for seed in range(walks):
        scene = make_scene(("room", "crowd")[seed % 2], 100 + seed, 240, SMALL)
        windows = [as_window(p) for p in predict_all(scene, seed, "walk", Errors())]
        found += len(find_cuts([window.cameras for window in windows]))
    return found


def without_sky(prediction: Prediction) -> Prediction:
    """The prediction with depth beyond eight medians taken away."""
    depth = prediction.depth.astype(np.float64)
    far = depth > 8 * np.median(depth[depth > 0])
    return replace(prediction, depth=np.where(far, 0, depth).astype(np.float16))


@lru_cache(4)
def scene_of(kind: str, seed: int) -> Scene:
    """A scene of the usual length."""
    return make_scene(kind, seed, default_frames(kind, WINDOW))


def predictions(
    kind: str, seed: int, *, scale: str = "walk", errors: Errors | None = None
) -> list[Prediction]:
    """Windows of the usual length."""
    return predict_all(scene_of(kind, seed), seed, scale, errors or Errors())


def predict_all(scene: Scene, seed: int, scale: str, errors: Errors) -> list[Prediction]:
    """All windows of a scene."""
    spans = plan_windows(len(scene.depth), WINDOW, OVERLAP)
    scales = window_log_scales(len(spans), scale, np.random.default_rng([seed, 5]))
    return list(predict_windows(scene, spans, scales, errors, seed))


if __name__ == "__main__":
    main()
