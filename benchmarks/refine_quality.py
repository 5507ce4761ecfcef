"""What `page4d refine` makes of cameras, on drawn scenes whose cameras are known.

    python benchmarks/refine_quality.py --scenes 16 --rows refine_quality.jsonl

Scenes of the family that the configuration `tiny` trains on, which it has never seen: 24 frames of
448×336, a quarter of a second apart, with the principal point in the middle. Things move in all.

- `1°`, `4°`, `10°`: true depth; true cameras, each turned by so much about an axis of its own,
  moved by ½ % of the path for every degree, focal length 5 % too long;
- `tiny`: what the bundled network says of them;
- `colmap`, `global`, with ` masks`: COLMAP's incremental and global mapping from scratch, all
  frames matched with one another, without and with true masks of what moves.

What moves is left out as `page4d motion` tells it. Rotation is the mean over all pairs of frames;
ATE the root mean square distance after a similarity alignment, over the length of the true path;
the focal length is over the true one; depth is scaled to the true median of the clip. COLMAP counts
as failed if it places fewer frames than there are. Seconds are those of one busy core.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from evo.core.geometry import umeyama_alignment
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial.transform import Rotation

from page4d_cli.core.enums import Resolution, Save, TimestampSource, Variant
from page4d_cli.core.geometry import invert_rigid
from page4d_cli.core.types import Float32Array, Float64Array, FrameInfo, PixelTransform, UInt8Array
from page4d_cli.data.synthetic.render import render
from page4d_cli.data.synthetic.sample import sample_scene
from page4d_cli.io.run import directory as names
from page4d_cli.io.run.directory import Run, open_run
from page4d_cli.io.run.manifest import MANIFEST, FrameRecord, Manifest, WeightsRecord
from page4d_cli.io.run.writer import commit_run
from page4d_cli.io.whole.transaction import Transaction
from page4d_cli.model.choice import ModelChoice
from page4d_cli.pipelines.infer.run import RunOptions
from page4d_cli.pipelines.infer.scenes import infer_scenes
from page4d_cli.pipelines.refine.refine import RefineOptions, refine_run
from page4d_cli.pipelines.train.config import load_config

SIZE = (448, 336)
FRAMES, GAP_S = 24, 0.25
FIRST_SCENE = 2_000_000
Row = dict[str, float | str | None]


@dataclass(frozen=True)
class Clip:
    """Pictures and cameras; true depth. S frames."""

    images: UInt8Array
    """(S, H, W, 3)."""
    depth: Float32Array
    """(S, H, W)."""
    moving: NDArray[np.bool_]
    """(S, H, W)."""
    T_camera_world: Float64Array
    """(S, 3, 4)."""
    intrinsics: Float64Array
    """(3, 3)."""


def draw(seed: int) -> Clip:
    """Draw a clip; its first row and column are cut off, which puts the principal point right."""
    scene = sample_scene(load_config("tiny").data.recipe, seed)
    begin_s = np.random.default_rng(seed).uniform(0, scene.camera.position.period_s)
    times_s = begin_s + GAP_S * np.arange(FRAMES)
    larger = SIZE[0] + 1, SIZE[1] + 1
    drawn = render([scene], np.asarray(times_s[None], np.float64), larger)
    intrinsics = scene.intrinsics(larger)
    intrinsics[:2, 2] -= 1
    return Clip(
        np.ascontiguousarray(drawn.images[0, :, 1:, 1:].numpy()),
        drawn.depth[0, :, 1:, 1:].numpy(),
        drawn.moving[0, :, 1:, 1:].numpy(),
        scene.T_camera_world(np.asarray(times_s, np.float64)),
        intrinsics,
    )


def disturb(clip: Clip, degrees: float, seed: int) -> Clip:
    """Turn, move and refocus the cameras."""
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(FRAMES, 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    poses = Rotation.from_rotvec(np.radians(degrees) * axes).as_matrix() @ clip.T_camera_world
    poses[..., 3] += 0.005 * degrees * length(clip) * rng.normal(size=(FRAMES, 3)) / np.sqrt(3)
    intrinsics = clip.intrinsics.copy()
    intrinsics[[0, 1], [0, 1]] *= 1.05
    return replace(clip, T_camera_world=poses, intrinsics=intrinsics)


def write_pictures(folder: Path, clip: Clip) -> None:
    """`rgb/`, and `masks/` in which what moves is black, as COLMAP wants it."""
    for kind in ("rgb", "masks"):
        (folder / kind).mkdir(parents=True)
    for index, (image, moving) in enumerate(zip(clip.images, clip.moving, strict=True)):
        Image.fromarray(image).save(folder / "rgb" / f"{index:06d}.png")
        mask = np.where(moving, 0, 255).astype(np.uint8)
        Image.fromarray(mask).save(folder / "masks" / f"{index:06d}.png.png")


def write_run(pictures: Path, out: Path, clip: Clip) -> Run:
    """A run that says what the clip says."""
    box = (0, 0, *SIZE)
    transform = PixelTransform(SIZE, SIZE, (1.0, 1.0), (0.0, 0.0), box)
    infos = [
        FrameInfo(f"{i:06d}", str(pictures / f"{i:06d}.png"), i, GAP_S * i, transform)
        for i in range(FRAMES)
    ]
    with Transaction(out, MANIFEST) as run:
        for info, depth in zip(infos, clip.depth, strict=True):
            np.save(run.path(names.depth_file(info.stem)), depth)
        np.savez(
            run.path(names.CAMERAS),
            extrinsics=clip.T_camera_world.astype(np.float32),
            intrinsics=np.repeat(clip.intrinsics[None], FRAMES, 0).astype(np.float32),
        )
        commit_run(
            run,
            Manifest(
                schema=1,
                command=(),
                created_utc="",
                versions={},
                device="none",
                dtype="fp32",
                weights=WeightsRecord("drawn", Variant.NOMASK, None, None),
                mask_strength=0.0,
                resolution=Resolution.NETWORK,
                network_size=(SIZE[1], SIZE[0]),
                timestamp_source=TimestampSource.INDEX,
                frames=tuple(FrameRecord.from_info(info) for info in infos),
                saved=(Save.CAMERAS, Save.DEPTH),
            ),
        )
    return open_run(out)


def length(clip: Clip) -> float:
    """Of the path."""
    steps = np.diff(invert_rigid(clip.T_camera_world)[..., 3], axis=0)
    return float(np.linalg.norm(steps, axis=1).sum())


def score_cameras(clip: Clip, poses: Float64Array, focal_px: float) -> Row:
    """Rotation, ATE and focal length."""
    first, second = np.triu_indices(FRAMES, 1)
    relative = [
        each[second, :, :3] @ np.swapaxes(each[first, :, :3], 1, 2)
        for each in (clip.T_camera_world, poses)
    ]
    apart = Rotation.from_matrix(relative[0] @ np.swapaxes(relative[1], 1, 2)).magnitude()
    x, y = (invert_rigid(each)[..., 3] for each in (poses, clip.T_camera_world))
    rotation, offset, scale = umeyama_alignment(x.T, y.T, with_scale=True)
    left = y - (scale * x @ rotation.T + offset)
    return {
        "rotation_deg": float(np.degrees(apart.mean())),
        "ate": float(np.sqrt((left**2).sum(-1).mean())) / length(clip),
        "focal": focal_px / float(clip.intrinsics[0, 0]),
    }


def score_run(clip: Clip, run: Run) -> Row:
    """Its cameras and depth."""
    row = score_cameras(
        clip,
        run.extrinsics().astype(np.float64),
        float(np.median(run.intrinsics_source()[:, 0, 0])),
    )
    depth = np.stack([run.depth(index) for index in range(FRAMES)]).astype(np.float64)
    true = clip.depth
    if true.shape != depth.shape:
        rows, columns = (
            np.rint((np.arange(count) + 0.5) * side / count - 0.5).astype(np.intp)
            for count, side in zip(depth.shape[1:], true.shape[1:], strict=True)
        )
        true = true[:, rows[:, None], columns]
    depth *= np.median(true) / np.median(depth)
    return row | {"abs_rel": float((np.abs(depth - true) / true).mean())}


def refine_and_score(clip: Clip, run: Run) -> Row:
    """Before and after."""
    before = score_run(clip, run)
    begin = time.process_time()
    result = refine_run(run, RefineOptions())
    (record,) = result.manifest.refinement
    after = score_run(clip, open_run(run.directory))
    return {
        **{f"{name}_before": value for name, value in before.items()},
        **after,
        "seconds_a_frame": (time.process_time() - begin) / FRAMES,
        "kept": len(record.kept) if record.refused is None else FRAMES,
        "refused": record.refused,
    }


def of_disturbed(clip: Clip, folder: Path, seed: int, degrees: float) -> Row:
    """True depth, disturbed cameras."""
    run = write_run(folder / "rgb", folder / f"run{degrees:g}", disturb(clip, degrees, seed))
    return refine_and_score(clip, run)


def of_tiny(clip: Clip, folder: Path) -> Row:
    """The bundled network's cameras and depth."""
    model = ModelChoice(weights="tiny", device="cpu")
    options = RunOptions(frozenset({Save.CAMERAS, Save.DEPTH, Save.CONFIDENCE}))
    infer_scenes([str(folder / "rgb")], folder / "tiny", model=model, options=options)
    return refine_and_score(clip, open_run(folder / "tiny"))


def of_colmap(clip: Clip, folder: Path, name: str) -> Row:
    """COLMAP without any help."""
    import pycolmap

    pycolmap.logging.minloglevel = pycolmap.logging.FATAL.value
    place = folder / name.replace(" ", "_")
    place.mkdir()
    database = place / "database.db"
    begin = time.process_time()
    options = pycolmap.ImageReaderOptions()
    if name.endswith(" masks"):
        options.mask_path = str(folder / "masks")
    pycolmap.extract_features(
        database, folder / "rgb", camera_mode=pycolmap.CameraMode.SINGLE, reader_options=options,
        device=pycolmap.Device.cpu,
    )  # fmt: skip
    pycolmap.match_exhaustive(database, device=pycolmap.Device.cpu)
    is_global = name.startswith("global")
    mapping = pycolmap.global_mapping if is_global else pycolmap.incremental_mapping
    models = mapping(database, folder / "rgb", place).values()
    seconds = (time.process_time() - begin) / FRAMES
    best = max(models, key=lambda model: model.num_reg_images(), default=None)
    placed = 0 if best is None else best.num_reg_images()
    if best is None or placed < FRAMES:
        return {"refused": f"{placed} of {FRAMES} frames placed", "seconds_a_frame": seconds}
    images = sorted(best.images.values(), key=lambda image: image.name)
    poses = np.stack([image.cam_from_world().matrix() for image in images])
    focal_px = float(next(iter(best.cameras.values())).focal_length_x)
    return {**score_cameras(clip, poses, focal_px), "seconds_a_frame": seconds, "refused": None}


def cases(clip: Clip, folder: Path, seed: int) -> dict[str, Callable[[], Row]]:
    """What can be tried, by name."""
    tried: dict[str, Callable[[], Row]] = {
        f"{degrees}°": lambda degrees=degrees: of_disturbed(clip, folder, seed, degrees)  # type: ignore[misc]
        for degrees in (1, 4, 10)
    }
    tried["tiny"] = lambda: of_tiny(clip, folder)
    for name in ("colmap", "colmap masks", "global", "global masks"):
        tried[name] = lambda name=name: of_colmap(clip, folder, name)  # type: ignore[misc]
    return tried


def main(words: Sequence[str]) -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--scenes", type=int, default=16)
    parser.add_argument("--cases", default="1°,4°,10°,tiny,colmap,colmap masks,global,global masks")
    parser.add_argument("--rows", type=Path, help="JSON lines; what is there is not done again")
    given = parser.parse_args(words)
    rows: dict[str, dict[str, Row]] = {}
    for line in given.rows.read_text().splitlines() if given.rows and given.rows.exists() else ():
        known = json.loads(line)
        rows.setdefault(known["case"], {})[known["seed"]] = known["row"]
    for seed in range(FIRST_SCENE, FIRST_SCENE + given.scenes):
        wanted = [each for each in given.cases.split(",") if str(seed) not in rows.get(each, {})]
        if not wanted:
            continue
        with tempfile.TemporaryDirectory() as name:
            clip = draw(seed)
            write_pictures(Path(name), clip)
            tried = cases(clip, Path(name), seed)
            for case in wanted:
                row = rows.setdefault(case, {})[str(seed)] = tried[case]()
                if given.rows is not None:
                    with given.rows.open("a") as file:
                        entry = {"case": case, "seed": str(seed), "row": row}
                        file.write(json.dumps(entry, ensure_ascii=False) + "\n")
                print(
                    seed, case, " ".join(f"{key}={in_words(row[key])}" for key in row), flush=True
                )
    for case, by_seed in rows.items():
        values = [row for row in by_seed.values() if "rotation_deg" in row]
        keys = [key for key in (values or [{}])[0] if key != "refused"]
        medians = {key: float(np.median([float(row[key] or 0) for row in values])) for key in keys}
        print(f"{case}: median of {len(values)} of {len(by_seed)}:", end=" ")
        print(" ".join(f"{key}={in_words(value)}" for key, value in medians.items()))


def in_words(value: float | str | None) -> str:
    """Short."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    main(sys.argv[1:])
