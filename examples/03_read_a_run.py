"""Read a run directory: no network, no GPU.

page4d infer examples/clips/scene_2000000/rgb --out preds/ --weights tiny
python examples/03_read_a_run.py preds/
"""

import argparse
from pathlib import Path

import numpy as np

import page4d_cli as page4d


def main() -> None:
    """Print what a run holds, and the world point under the middle of each picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    run = page4d.open_run(parser.parse_args().run)

    print(f"{run.manifest.weights.name} on {run.manifest.device}")
    print(f"world: {run.manifest.conventions['world']}; {run.manifest.conventions['units']}")
    poses = zip(run.manifest.frames, run.extrinsics(), run.intrinsics(), strict=True)
    for index, (frame, T_camera_world, intrinsics) in enumerate(poses):
        depth = run.depth(index)
        v, u = depth.shape[0] // 2, depth.shape[1] // 2
        camera_point = depth[v, u] * np.linalg.inv(intrinsics) @ (u, v, 1)
        world_point = T_camera_world[:, :3].T @ (camera_point - T_camera_world[:, 3])
        print(f"{frame.timestamp_s:.3f} s {frame.source}: {np.round(world_point, 3)}")


if __name__ == "__main__":
    main()
