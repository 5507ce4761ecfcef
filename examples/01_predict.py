"""Predict cameras and depth of a clip, and use them.

python examples/01_predict.py examples/clips/scene_2000000/rgb --weights tiny
"""

import argparse

import numpy as np

import page4d_cli as page4d


def main() -> None:
    """Print where the camera went and how deep each frame is."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("frames", help="a folder, a pattern or a video")
    parser.add_argument("--weights", default="page4d")
    arguments = parser.parse_args()

    model = page4d.load_model(arguments.weights)
    frames = page4d.load_frames(arguments.frames, size=model.config.image_size)
    prediction = page4d.infer(model, frames)

    assert prediction.extrinsics is not None and prediction.depth is not None
    rotation, translation = prediction.extrinsics[:, :, :3], prediction.extrinsics[:, :, 3:]
    centres = -(rotation.transpose(0, 2, 1) @ translation)[:, :, 0]
    for info, centre, depth in zip(frames.infos, centres, prediction.depth, strict=True):
        print(f"{info.stem}: camera at {np.round(centre, 3)}, median depth {np.median(depth):.3f}")


if __name__ == "__main__":
    main()
