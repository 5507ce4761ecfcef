"""Draw the layers of one network, or of two, on several clips: a folder of pictures each."""

import os
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from page4d_cli.core.enums import Reduction
from page4d_cli.core.errors import DeviceError, OutputError, Page4DError, WeightsError
from page4d_cli.core.progress import Progress
from page4d_cli.core.strict_json import encode_fields
from page4d_cli.core.types import Frames
from page4d_cli.data.clip.frames import load_frames
from page4d_cli.data.clip.inputs import Scene, find_scenes
from page4d_cli.io.whole.staged_folder import check_folder, staged_folder, write_summary
from page4d_cli.model.runtime import choose_runtime, describe_device
from page4d_cli.model.weights import LoadedModel
from page4d_cli.pipelines.features.files import FeatureFiles, write_sheets
from page4d_cli.pipelines.features.layers import reduced_layers
from page4d_cli.pipelines.features.networks import Networks, require_networks
from page4d_cli.pipelines.features.options import FeatureOptions
from page4d_cli.pipelines.features.summary import DrawnFrame, FeatureSummary, NetworkRecord
from page4d_cli.pipelines.infer.scenes import (
    DEFAULT_FRAMES,
    DEFAULT_MODEL,
    SILENT,
    FrameChoice,
    ModelChoice,
    Observer,
)

SUMMARY = "features.json"
COMPARE_FOLDER = "compare"
DEFAULT_OPTIONS = FeatureOptions()
_MAX_ENCODERS = 8


@dataclass(frozen=True)
class FeatureResult:
    """How one scene ended."""

    name: str
    out: Path
    summary: FeatureSummary | None = None
    """What `features.json` says; None if the scene failed."""
    error: str | None = None


def visualize_features(
    inputs: Sequence[str],
    out: Path,
    *,
    stdin: Iterable[str] | None = None,
    model: ModelChoice = DEFAULT_MODEL,
    compare: ModelChoice | None = None,
    frames: FrameChoice = DEFAULT_FRAMES,
    options: FeatureOptions = DEFAULT_OPTIONS,
    observer: Observer = SILENT,
    on_result: Callable[[FeatureResult], None] = lambda _result: None,
) -> list[FeatureResult]:
    """Draw what the layers put out; several scenes get a folder each below `out`.

    Everything that can be refused is refused before any work. With one scene an error is raised; of
    several the others go on, and the failure stands in the result.

    Args:
        inputs: folders, videos, patterns, images, or `-` for paths on stdin.
        out: the folder of a single scene, or the parent of several.
        stdin: where `-` reads.
        model: which network.
        compare: another one of the same depth, run after the first and drawn beside it.
        frames: which frames.
        options: what to draw.
        observer: told what happens; its `on_result` is not used.
        on_result: told about each scene that ended.

    Raises:
        Page4DError: the inputs, the place or the weights cannot be used, or the only scene failed.
    """
    choose_runtime(model.device, model.precision)
    choices = [model] if compare is None else [model, compare]
    size = require_networks(choices, options).image_size
    scenes = find_scenes(inputs, stdin)
    places = [out if len(scenes) == 1 else out / scene.name for scene in scenes]
    if len(scenes) > 1 and (out / SUMMARY).exists():
        raise OutputError(f"{out} holds the pictures of one scene; choose another --out")
    for place in places:
        check_folder(place, overwrite=options.overwrite)
    networks = Networks(observer.on_model)
    results: list[FeatureResult] = []
    for index, (scene, place) in enumerate(zip(scenes, places, strict=True)):
        observer.on_scene(scene.name, index, len(scenes))
        try:
            loaded = _load(scene, frames, size)
            summary = _write_scene(place, loaded, choices, networks, options, observer.progress)
            result = FeatureResult(scene.name, place, summary)
        except (WeightsError, DeviceError):
            raise  # of no use to the other scenes either
        except Page4DError as error:
            if len(scenes) == 1:
                raise
            result = FeatureResult(scene.name, place, error=str(error))
        results.append(result)
        on_result(result)
    return results


def _load(scene: Scene, choice: FrameChoice, size: int) -> Frames:
    return load_frames(
        scene.source,
        size=size,
        fit=choice.fit,
        stride=choice.stride,
        fps=choice.fps,
        start=choice.start,
        max_frames=choice.max_frames,
        skip_bad=choice.skip_bad,
    )


def _write_scene(
    place: Path,
    frames: Frames,
    choices: Sequence[ModelChoice],
    networks: Networks,
    options: FeatureOptions,
    progress: Progress | None,
) -> FeatureSummary:
    """Write a scene's folder, whole or not at all."""
    begin = time.perf_counter()
    pool = ThreadPoolExecutor(min(_MAX_ENCODERS, os.cpu_count() or 1))
    with staged_folder(place, SUMMARY, overwrite=options.overwrite) as folder, pool:
        drawn: list[FeatureFiles] = []
        about: list[NetworkRecord] = []
        for choice, part in zip(choices, (folder, folder / COMPARE_FOLDER), strict=False):
            model = networks.get(choice)
            about.append(_about(model, options))
            title = f"{model.info.name} ({model.info.variant.value})"
            keep = len(choices) > 1
            files = FeatureFiles(part, title, frames, options, keep_maps=keep, pool=pool)
            for layer in reduced_layers(model, frames, options, progress=progress):
                files.write(layer)
            del model  # or the next one would be loaded beside it
            files.finish()
            drawn.append(files)
        if len(drawn) > 1:
            write_sheets(folder, "comparison", drawn, frames, options, pool)
        summary = _summary(frames, options, about, time.perf_counter() - begin)
        files_written = write_summary(folder / SUMMARY, encode_fields(summary))
    return replace(summary, files=tuple(files_written))


def _about(model: LoadedModel, options: FeatureOptions) -> NetworkRecord:
    info, runtime = model.info, model.runtime
    return NetworkRecord(
        name=info.name,
        variant=info.variant,
        path=None if info.path is None else str(info.path),
        mask_strength=model.mask_strength,
        depth=model.config.depth,
        layers=options.layers_of(model.config),
        device=describe_device(runtime.device),
        dtype=runtime.precision,
    )


def _summary(
    frames: Frames, options: FeatureOptions, models: Sequence[NetworkRecord], seconds: float
) -> FeatureSummary:
    return FeatureSummary(
        command=options.command,
        weights=models[0],
        compare=models[1] if len(models) > 1 else None,
        layers=models[0].layers,
        kinds=options.kinds,
        reduction=options.reduction,
        cmap=None if options.reduction is Reduction.PCA else options.color_map,
        scale=options.scale,
        network_size=frames.size,
        frames=tuple(
            DrawnFrame(info.stem, info.source, info.index, info.timestamp_s)
            for info in frames.infos
        ),
        ignored=frames.ignored,
        seconds=round(seconds, 3),
    )
