"""How many frames of synthetic scenes a second this machine draws, on one thread.

    python benchmarks/synth_speed.py --scenes 8 --frames 8

Every row also says how fast open3d casts rays on meshes of the same bodies, building included,
depth only and one frame at a time, and page4d itself one frame at a time; all in one process. The
rates are the fastest of several runs; drawing a scene at random is timed apart.
"""

import argparse
import os
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from page4d_cli.core.types import Float32Array, Float64Array
from page4d_cli.data.synthetic import SceneRecipe, SyntheticScene, render, sample_scene
from page4d_cli.data.synthetic.scene import Shape

Frames = list[tuple[SyntheticScene, Float64Array]]
SIZES = ((112, 84), (168, 126), (224, 168))


def fastest(work: Callable[[], object], repeats: int) -> float:
    """Seconds of the fastest of several runs."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def mesh(shape: int) -> Any:  # noqa: ANN401 - open3d has no types
    """A unit cube, ball or cylinder of triangles."""
    import open3d

    create = open3d.geometry.TriangleMesh
    if shape == Shape.SPHERE:
        return create.create_sphere(1.0, 20)
    if shape == Shape.CYLINDER:
        return create.create_cylinder(1.0, 2.0, 40)
    return create.create_box(2.0, 2.0, 2.0).translate((-1, -1, -1))


def triangle_scene(scene: SyntheticScene, time_s: Float64Array) -> Any:  # noqa: ANN401
    """The scene at one time, as open3d's ray caster takes it."""
    import open3d

    caster = open3d.t.geometry.RaycastingScene(nthreads=1)
    poses = scene.T_world_body(time_s[None])[0]
    for shape, half_size, pose in zip(scene.shapes, scene.half_size_m, poses, strict=True):
        transform = np.eye(4)
        transform[:3, :3], transform[:3, 3] = pose[:, :3] * half_size, pose[:, 3]
        solid = mesh(shape).transform(transform)
        caster.add_triangles(open3d.t.geometry.TriangleMesh.from_legacy(solid))
    return caster


def mesh_depth(scene: SyntheticScene, time_s: Float64Array, size: tuple[int, int]) -> Float32Array:
    """(H, W) planar depth by triangles."""
    T_world_camera = scene.camera.T_world_camera(time_s[None])[0]
    width, height = size
    pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height), [1.0]), -1)[:, :, 0]
    view = pixels @ np.linalg.inv(scene.intrinsics(size)).T @ T_world_camera[:, :3].T
    rays = np.concatenate([np.broadcast_to(T_world_camera[:, 3], view.shape), view], -1)
    hits = triangle_scene(scene, time_s).cast_rays(rays.astype(np.float32))["t_hit"].numpy()
    return np.asarray(hits, np.float32)


def one_by_one(frames: Frames, size: tuple[int, int]) -> None:
    """Draw frames, each by a call of its own."""
    for scene, time_s in frames:
        render([scene], time_s.reshape(1, 1), size)


def by_triangles(frames: Frames, size: tuple[int, int]) -> None:
    """Depth of frames by open3d."""
    for scene, time_s in frames:
        mesh_depth(scene, time_s, size)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scenes", type=int, default=8)
    parser.add_argument("--frames", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    recipe = SceneRecipe()
    scenes = [sample_scene(recipe, seed) for seed in range(arguments.scenes)]
    times_s = np.tile(np.linspace(0, recipe.period_s / 2, arguments.frames), (len(scenes), 1))
    each = [(scene, time_s) for scene, row in zip(scenes, times_s, strict=True) for time_s in row]
    seconds = fastest(lambda: [sample_scene(recipe, s) for s in range(20)], arguments.repeats) / 20
    print(f"drawing a scene at random: {1e3 * seconds:.1f} ms; load {os.getloadavg()[0]:.1f}")
    print("frames a second, one thread")
    print(f"{'size':>9} {'page4d':>8} {'one by one':>11} {'open3d meshes, depth only':>26}")
    for size in SIZES:
        work: list[Callable[[], object]] = [
            partial(render, scenes, times_s, size),
            partial(one_by_one, each, size),
            partial(by_triangles, each, size),
        ]
        rates = [len(each) / fastest(one, arguments.repeats) for one in work]
        name = f"{size[0]}x{size[1]}"
        print(f"{name:>9} {rates[0]:8.0f} {rates[1]:11.0f} {rates[2]:26.0f}")


if __name__ == "__main__":
    main()
