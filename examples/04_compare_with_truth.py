"""Compare a prediction with the truth of a drawn scene, in numbers and in one picture.

python examples/04_compare_with_truth.py examples/clips/scene_2000000 --picture preds/truth.png
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import page4d_cli as page4d

Array = NDArray[np.floating]


def camera_centres(T_camera_world: Array) -> Array:
    """(S, 3) in the frame of the first camera."""
    rotation, translation = T_camera_world[:, :, :3], T_camera_world[:, :, 3:]
    centres = -(rotation.transpose(0, 2, 1) @ translation)[..., 0]
    return np.asarray((centres - centres[0]) @ rotation[0].T)


def turns_deg(T_camera_world: Array, other: Array) -> Array:
    """Angles between the turns of two paths since their first frame."""
    first, second = (path[:, :, :3] @ path[:1, :, :3].mT for path in (T_camera_world, other))
    cosine = ((first * second).sum((1, 2)) - 1) / 2
    return np.asarray(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def draw(images: Array, depths: dict[str, Array], paths: dict[str, Array]) -> Figure:
    """Colour and depths of every second frame, and the paths from above."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    shown = range(0, len(images), 2)
    grid = figure.add_gridspec(1 + len(depths), len(shown) + 1, width_ratios=[1] * len(shown) + [2])
    low, high = np.percentile(depths["true depth"], (1, 99))
    for column, index in enumerate(shown):
        for row, (name, maps) in enumerate({f"frame {index}": images, **depths}.items()):
            axes = figure.add_subplot(grid[row, column])
            axes.imshow(maps[index], vmin=low, vmax=high, cmap="turbo")
            axes.set(xticks=[], yticks=[])
            if row == 0:
                axes.set_title(name, fontsize=9)
            elif column == 0:
                axes.set_ylabel(name, fontsize=9)
    above = figure.add_subplot(grid[:, -1])
    for (name, centres), marker in zip(paths.items(), "o.", strict=True):
        above.plot(centres[:, 0], centres[:, 2], marker=marker, label=name)
    above.set_title("path of the camera, from above", fontsize=9)
    above.set(xlabel="x, m", ylabel="z, m", aspect="equal")
    above.legend(fontsize=9)
    return figure


def main() -> None:
    """Print the errors of depth and cameras, and draw both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", type=Path, help="a folder of `page4d synth`")
    parser.add_argument("--weights", default="tiny")
    parser.add_argument("--picture", type=Path, default=Path("truth.png"))
    arguments = parser.parse_args()

    model = page4d.load_model(arguments.weights)
    frames = page4d.load_frames(arguments.scene / "rgb", size=model.config.image_size)
    prediction = page4d.infer(model, frames)
    assert prediction.extrinsics is not None
    assert prediction.depth is not None

    cameras = np.load(arguments.scene / "cameras.npz")["extrinsics"]
    depth = np.stack([np.load(path) for path in sorted((arguments.scene / "depth").glob("*.npy"))])
    scale = np.median(depth) / np.median(prediction.depth)  # the network has no unit of length
    own_depth = prediction.depth * scale
    own, true = camera_centres(prediction.extrinsics) * scale, camera_centres(cameras)
    turned = turns_deg(cameras, cameras[:1].repeat(len(cameras), 0))[1:]
    print(f"depth:    {np.mean(np.abs(own_depth - depth) / depth):.1%} off (Abs Rel)")
    print(
        f"rotation: {turns_deg(prediction.extrinsics, cameras)[1:].mean():.1f}° off, where the "
        f"camera turned by {turned.mean():.0f}°"
    )
    print(
        f"position: {np.linalg.norm(own - true, axis=1)[1:].mean():.2f} m off, where the camera "
        f"moved by {np.linalg.norm(true, axis=1)[1:].mean():.2f} m"
    )
    arguments.picture.parent.mkdir(parents=True, exist_ok=True)
    images = np.asarray(frames.images, np.float32) / 255
    depths = {"true depth": depth, "predicted": own_depth}
    draw(images, depths, {"true": true, "predicted": own}).savefig(arguments.picture, dpi=110)


if __name__ == "__main__":
    main()
