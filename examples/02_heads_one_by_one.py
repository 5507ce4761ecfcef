"""Call the parts of the network one by one, as with the original code.

python examples/02_heads_one_by_one.py examples/clips/scene_2000000/rgb --weights tiny
"""

import argparse

import torch

import page4d_cli as page4d
from page4d_cli.core.geometry import world_points_from_depth


def main() -> None:
    """Run aggregator and heads, and compare the two ways to world points."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", help="a folder, a pattern or a video")
    parser.add_argument("--weights", default="page4d")
    arguments = parser.parse_args()

    model = page4d.load_model(arguments.weights)
    frames = page4d.load_frames(arguments.frames, size=model.config.image_size)
    images = torch.from_numpy(frames.as_float())[None].to(model.runtime.device)
    assert model.camera_head is not None
    assert model.depth_head is not None
    assert model.point_head is not None

    with torch.inference_mode():
        tokens, patch_start_idx = model.aggregator(images)
        pose_encoding = model.camera_head(tokens)[-1]
        extrinsics, intrinsics = page4d.pose_encoding_to_extri_intri(
            pose_encoding, images.shape[-2:]
        )
        depth, _ = model.depth_head(tokens, images, patch_start_idx)
        points, _ = model.point_head(tokens, images, patch_start_idx)

    # Points from depth and cameras are usually more accurate than the point head's.
    from_depth = world_points_from_depth(
        depth[0, ..., 0].double().cpu().numpy(),
        intrinsics[0].double().cpu().numpy(),
        extrinsics[0].double().cpu().numpy(),
    )
    print(f"point head {tuple(points.shape[1:])}, depth and cameras {from_depth.shape}")


if __name__ == "__main__":
    main()
