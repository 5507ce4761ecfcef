"""What a small checkpoint can do on scenes that it has never seen, beside guesses that need none.

    python benchmarks/tiny_quality.py --weights tiny --json tiny_quality.json

Held-out scenes of the family that the configuration `tiny` trains on: 64 of them, of eight frames
one second apart. Every number stands beside those of guesses that look at no picture:

- constant depth, and the mean depth map of other scenes, both scaled to the clip's median;
- no motion: every camera is the first; mean trajectory: the mean path of other scenes;
- straight line: positions at equal distances on the line that fits the true path best.

Depth is scaled to the true median of its clip. Rotation and direction of translation are taken over
all pairs of frames of a clip. ATE is the root mean square distance after a similarity alignment
(Umeyama), over the length of the true path; the length ratio is that of the predicted path, at the
depth's scale, to the true one: what the alignment hides. The exit status is 1 if a gate is missed.
"""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from evo.core.geometry import umeyama_alignment
from numpy.typing import NDArray

from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.types import Float64Array
from page4d_cli.data.synthetic.render import render
from page4d_cli.data.synthetic.sample import sample_scene
from page4d_cli.model.network import Page4D
from page4d_cli.model.pose_encoding import pose_encoding_to_extri_intri
from page4d_cli.model.weights import load_model
from page4d_cli.pipelines.train.config import load_config

SIZE = (112, 84)
FRAMES, GAP_S = 8, 1.0
FIRST_HELD_OUT = 2_000_000
FIRST_OTHER = 3_000_000
"""Scenes that the means are taken of; neither trained on nor scored."""
Row = dict[str, float]


@dataclass(frozen=True)
class Clip:
    """A scene and its truth; S frames, H W pixels."""

    images: torch.Tensor
    """(S, 3, H, W) in [0, 1]."""
    depth: Float64Array
    """(S, H, W)."""
    moving: NDArray[np.bool_]
    """(S, H, W)."""
    T_camera_world: Float64Array
    """(S, 3, 4), the first camera the world."""
    fov_deg: float
    """Along the longer side."""


@dataclass(frozen=True)
class Guess:
    """What somebody says about a clip."""

    depth: Float64Array | None
    T_camera_world: Float64Array | None
    fov_deg: float | None


def draw(seed: int) -> Clip:
    """One clip of the family."""
    scene = sample_scene(load_config("tiny").data.recipe, seed)
    begin_s = np.random.default_rng(seed).uniform(0, scene.camera.position.period_s)
    times_s: Float64Array = np.asarray(begin_s + GAP_S * np.arange(FRAMES), np.float64)[None]
    clips = render([scene], times_s, SIZE)
    extrinsics = clips.extrinsics[0].double().numpy()
    return Clip(
        clips.images[0].permute(0, 3, 1, 2).float() / 255,
        clips.depth[0].double().numpy(),
        clips.moving[0].numpy(),
        relative_to_first(extrinsics),
        float(np.degrees(scene.fov_rad)),
    )


def relative_to_first(T_camera_world: Float64Array) -> Float64Array:
    """The same cameras in the frame of the first."""
    rotation, translation = T_camera_world[..., :3], T_camera_world[..., 3:]
    relative = rotation @ rotation[:1].transpose(0, 2, 1)
    return np.concatenate([relative, translation - relative @ translation[:1]], axis=-1)


def predict(model: Page4D, clip: Clip) -> Guess:
    """What the network says."""
    with torch.inference_mode():
        outputs = model(clip.images)
    depth, encoding = outputs["depth"], outputs["pose_enc"]
    assert isinstance(depth, torch.Tensor)
    assert isinstance(encoding, torch.Tensor)
    extrinsics, intrinsics = pose_encoding_to_extri_intri(encoding[0], (SIZE[1], SIZE[0]))
    focal = intrinsics[:, 0, 0].double().numpy()
    return Guess(
        depth[0, ..., 0].double().numpy(),
        relative_to_first(extrinsics.double().numpy()),
        float(np.degrees(2 * np.arctan(SIZE[0] / 2 / focal)).mean()),
    )


def guesses(others: Sequence[Clip]) -> dict[str, Callable[[Clip], Guess]]:
    """Those that look at no picture."""
    mean_map = np.mean([one.depth / np.median(one.depth) for one in others], axis=(0, 1))
    paths = np.stack([one.T_camera_world for one in others])
    u, _, vt = np.linalg.svd(paths[..., :3].mean(0))
    mean_path = np.concatenate([u @ vt, paths[..., 3:].mean(0)], axis=-1)
    mean_fov = float(np.mean([one.fov_deg for one in others]))
    still = np.eye(4)[None, :3].repeat(FRAMES, 0)
    line = still.copy()
    line[:, 0, 3] = -np.arange(FRAMES)
    return {
        "constant depth": lambda clip: Guess(np.ones_like(clip.depth), None, None),
        "mean depth map": lambda clip: Guess(mean_map[None].repeat(len(clip.depth), 0), None, None),
        "no motion": lambda _clip: Guess(None, still, None),
        "mean trajectory": lambda _clip: Guess(None, mean_path, mean_fov),
        "straight line": lambda _clip: Guess(None, line, None),
    }


def score(clip: Clip, guess: Guess) -> Row:
    """All errors that the guess can have."""
    row: Row = {}
    if guess.depth is not None:
        aligned = guess.depth * np.median(clip.depth) / np.median(guess.depth)
        error = np.abs(aligned - clip.depth) / clip.depth
        inlier = np.maximum(aligned / clip.depth, clip.depth / aligned) < 1.25
        row |= {"abs_rel": float(error.mean()), "delta_1.25": float(inlier.mean())}
        if clip.moving.any():
            row["abs_rel_moving"] = float(error[clip.moving].mean())
            row["delta_1.25_moving"] = float(inlier[clip.moving].mean())
    if guess.T_camera_world is not None:
        row |= pair_errors(clip.T_camera_world, guess.T_camera_world)
        row["ate_over_length"] = path_error(clip.T_camera_world, guess.T_camera_world)
    if guess.T_camera_world is not None and guess.depth is not None:
        scale = np.median(clip.depth) / np.median(guess.depth)
        row["length_ratio"] = scale * length(guess.T_camera_world) / length(clip.T_camera_world)
    if guess.fov_deg is not None:
        row["fov_error_deg"] = abs(guess.fov_deg - clip.fov_deg)
    return row


def pair_errors(true: Float64Array, guessed: Float64Array) -> Row:
    """Angles between the relative rotations, and between the directions of relative motion."""
    rotation, direction = [], []
    for first, second in combinations(range(len(true)), 2):
        (r, t), (rg, tg) = (between(cameras, first, second) for cameras in (true, guessed))
        rotation.append(np.degrees(np.arccos(np.clip((np.trace(r @ rg.T) - 1) / 2, -1, 1))))
        lengths = np.linalg.norm(t) * np.linalg.norm(tg)
        # Who says "no motion" names no direction: a right angle is what chance gives.
        cosine = float(t @ tg) / lengths if lengths > 0 else 0.0
        direction.append(np.degrees(np.arccos(np.clip(cosine, -1, 1))))
    return {
        "rotation_deg": float(np.mean(rotation)),
        "translation_direction_deg": float(np.mean(direction)),
    }


def between(T_camera_world: Float64Array, first: int, second: int) -> tuple[Float64Array, ...]:
    """Rotation (3, 3) and translation (3,) from camera `first` to camera `second`."""
    a, b = T_camera_world[first], T_camera_world[second]
    rotation = b[:, :3] @ a[:, :3].T
    return rotation, b[:, 3] - rotation @ a[:, 3]


def length(T_camera_world: Float64Array) -> float:
    """Of a path."""
    steps = np.diff(np.asarray(invert_rigid(T_camera_world))[..., 3], axis=0)
    return float(np.linalg.norm(steps, axis=-1).sum())


def path_error(true: Float64Array, guessed: Float64Array) -> float:
    """ATE over the length of the true path."""
    x, y = (np.asarray(invert_rigid(path))[..., 3] for path in (guessed, true))
    centred = x - x.mean(0)
    spread = np.linalg.svd(centred, compute_uv=False)
    if spread[0] < 1e-9:
        left = y - y.mean(0)
    elif spread[1] < 1e-6 * spread[0]:
        # Umeyama has no unique answer for a line, but the best fit has: any direction and speed.
        along = centred @ np.linalg.svd(centred)[2][0]
        left = y - y.mean(0) - np.outer(along, along @ y) / (along @ along)
    else:
        rotation, offset, scale = umeyama_alignment(x.T, y.T, with_scale=True)
        left = y - (scale * x @ rotation.T + offset)
    return float(np.sqrt((left**2).sum(-1).mean())) / length(true)


def gates(rows: dict[str, Row]) -> dict[str, bool]:
    """What the checkpoint must reach to be called more than depth-only."""
    own, constant = rows["checkpoint"], rows["constant depth"]
    return {
        "abs_rel at most half of constant depth": own["abs_rel"] <= constant["abs_rel"] / 2,
        "delta_1.25 at least 0.75": own["delta_1.25"] >= 0.75,
        "abs_rel of moving pixels below constant depth": own["abs_rel_moving"]
        < constant["abs_rel_moving"],
        "rotation below half of no motion": own["rotation_deg"]
        < rows["no motion"]["rotation_deg"] / 2,
        "ATE below the straight line": own["ate_over_length"]
        < rows["straight line"]["ate_over_length"],
    }


def table(rows: dict[str, Row]) -> str:
    """As Markdown."""
    names = list(rows["checkpoint"])
    lines = ["| | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for who, row in rows.items():
        cells = [f"{row[name]:.3f}" if name in row else "" for name in names]
        lines.append(f"| {who} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table and the gates."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--weights", default="tiny", help="name or file")
    parser.add_argument("--scenes", type=int, default=64)
    parser.add_argument("--json", type=Path, help="write the numbers there, too")
    arguments = parser.parse_args()

    model = load_model(arguments.weights, device="cpu", precision="fp32")
    clips = [draw(FIRST_HELD_OUT + number) for number in range(arguments.scenes)]
    others = [draw(FIRST_OTHER + number) for number in range(arguments.scenes)]
    speakers = {"checkpoint": lambda clip: predict(model, clip), **guesses(others)}
    rows: dict[str, Row] = {}
    for who, speaks in speakers.items():
        scores = [score(clip, speaks(clip)) for clip in clips]
        names = list(dict.fromkeys(name for one in scores for name in one))
        rows[who] = {name: float(np.mean([s[name] for s in scores if name in s])) for name in names}
    passed = gates(rows)
    print(table(rows))
    for gate, met in passed.items():
        print(f"{'met   ' if met else 'MISSED'} {gate}")
    if arguments.json:
        found = {"scenes": arguments.scenes, "rows": rows, "gates": passed}
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    sys.exit(0 if all(passed.values()) else 1)


if __name__ == "__main__":
    main()
