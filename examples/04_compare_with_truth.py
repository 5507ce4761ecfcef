"""Compare runs with the truth of a drawn scene, in numbers and in one picture.

page4d infer examples/clips/scene_2000000/rgb --out preds/ --weights tiny
page4d refine preds/ --out preds/refined
python examples/04_compare_with_truth.py examples/clips/scene_2000000 preds/ preds/refined
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import page4d_cli as page4d
from page4d_cli.data.sets.rendered.scene_folder import read_scene_folder

Array = NDArray[np.floating]
UInt8Array = NDArray[np.uint8]


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


def draw(images: list[UInt8Array], depths: dict[str, Array], paths: dict[str, Array]) -> Figure:
    """Colour and depths of four frames, and the paths from above."""
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    shown = range(0, len(images), -(-len(images) // 4))
    grid = figure.add_gridspec(1 + len(depths), len(shown) + 1, width_ratios=[1] * len(shown) + [2])
    low, high = np.percentile(depths["true depth"], (1, 99))
    for column, index in enumerate(shown):
        pictures = {f"frame {index}": images[index]} | {
            n: maps[index] for n, maps in depths.items()
        }
        for row, (name, picture) in enumerate(pictures.items()):
            axes = figure.add_subplot(grid[row, column])
            axes.imshow(picture, vmin=low, vmax=high, cmap="turbo")
            axes.set(xticks=[], yticks=[])
            if row == 0:
                axes.set_title(name, fontsize=9)
            elif column == 0:
                axes.set_ylabel(name, fontsize=9)
    above = figure.add_subplot(grid[:, -1])
    for (name, centres), marker in zip(paths.items(), "o.x+", strict=False):
        above.plot(centres[:, 0], centres[:, 2], marker=marker, label=name)
    above.set_title("path of the camera, from above", fontsize=9)
    above.set(xlabel="x, m", ylabel="z, m", aspect="equal")
    above.legend(fontsize=9)
    return figure


def main() -> None:
    """Print the errors of depth and cameras, and draw both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scene", type=Path, help="a folder of `page4d synth`")
    parser.add_argument("runs", type=Path, nargs="+", help="of its pictures, refined or not")
    parser.add_argument("--picture", type=Path, help="truth.png in the first run, if not given")
    arguments = parser.parse_args()
    picture = arguments.picture or arguments.runs[0] / "truth.png"

    scene = read_scene_folder(arguments.scene)
    cameras, read_depth = scene.T_camera_world, scene.read_depth
    assert cameras is not None and read_depth is not None
    depth = np.stack([read_depth(index) for index in range(len(scene))])
    depths, paths = {"true depth": depth}, {"true": camera_centres(cameras)}
    turned = turns_deg(cameras, cameras[:1].repeat(len(scene), 0))[1:]
    moved = np.linalg.norm(paths["true"], axis=1)[1:].mean()
    print(f"truth:   the camera turns by {turned.mean():.0f}° and moves by {moved:.2f} m")
    for place in arguments.runs:
        run = page4d.open_run(place)
        name = "refined" if run.manifest.refinement else "network"
        own = np.stack([run.depth(index) for index in range(len(scene))])
        rows, columns = (
            ((np.arange(size) + 0.5) * full / size).astype(int)
            for size, full in zip(own.shape[1:], depth.shape[1:], strict=True)
        )
        true = depth[:, rows[:, None], columns]
        scale = np.median(true) / np.median(own)  # the network has no unit of length
        depths[name], paths[name] = own * scale, camera_centres(run.extrinsics()) * scale
        off_m = np.linalg.norm(paths[name] - paths["true"], axis=1)[1:].mean()
        off_deg = turns_deg(run.extrinsics(), cameras)[1:].mean()
        print(
            f"{name}: depth off by {np.mean(np.abs(own * scale - true) / true):.1%} (Abs Rel), "
            f"rotation {off_deg:.2f}°, position {off_m:.3f} m"
        )
    images = [scene.read_image(index) for index in range(len(scene))]
    draw(images, depths, paths).savefig(picture, dpi=110)


if __name__ == "__main__":
    main()
