"""Draw the layers of one network, or of two, on several clips: a folder of pictures each."""

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from page4d_cli.core.enums import Reduction
from page4d_cli.core.progress import Observer, Progress
from page4d_cli.core.strict_json import to_text
from page4d_cli.core.types import Frames
from page4d_cli.data.clip.choice import DEFAULT_FRAMES, FrameChoice
from page4d_cli.data.clip.inputs import find_scenes
from page4d_cli.fleet.choice import HERE, FleetChoice
from page4d_cli.io.whole.transaction import Transaction, check_place
from page4d_cli.model.choice import DEFAULT_MODEL, LazyModel, ModelChoice
from page4d_cli.model.runtime import choose_runtime, describe_device
from page4d_cli.model.weights import LoadedModel
from page4d_cli.pipelines.features.files import FeatureFiles, write_sheets
from page4d_cli.pipelines.features.layers import reduced_layers
from page4d_cli.pipelines.features.networks import require_networks
from page4d_cli.pipelines.features.options import FeatureOptions
from page4d_cli.pipelines.features.summary import DrawnFrame, FeatureSummary, NetworkRecord
from page4d_cli.pipelines.scenes.each_scene import SceneResult, each_scene
from page4d_cli.pipelines.scenes.of_clips import Job, jobs_of

SUMMARY = "features.json"
COMPARE_FOLDER = "compare"
DEFAULT_OPTIONS = FeatureOptions()
_MAX_ENCODERS = 8


FeatureResult = SceneResult[FeatureSummary]
SILENT = Observer[FeatureResult]()


def visualize_features(
    inputs: Sequence[str],
    out: Path,
    *,
    stdin: Iterable[str] | None = None,
    model: ModelChoice = DEFAULT_MODEL,
    compare: ModelChoice | None = None,
    frames: FrameChoice = DEFAULT_FRAMES,
    options: FeatureOptions = DEFAULT_OPTIONS,
    fleet: FleetChoice = HERE,
    observer: Observer[FeatureResult] = SILENT,
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
        fleet: where, and which share of the scenes.
        observer: told what happens.

    Raises:
        Page4DError: the inputs, the place or the weights cannot be used, or the only scene failed.
    """
    if fleet.is_here:
        choose_runtime(model.device, model.precision)
    choices = [model] if compare is None else [model, compare]
    size = require_networks(choices, options).image_size
    if warning := frames.beyond_training(size):
        observer.on_warning(warning)
    jobs = jobs_of(find_scenes(inputs, stdin), out, SUMMARY)
    return each_scene(
        jobs,
        _Drawer(choices, frames, size, options),
        observer,
        fleet,
        SUMMARY,
        check=lambda job: check_place(job.place, SUMMARY, overwrite=options.overwrite),
    )


@dataclass
class _Drawer:
    """Draws scenes in one process, with networks that are loaded for the first."""

    choices: Sequence[ModelChoice]
    frames: FrameChoice
    size: int
    options: FeatureOptions
    networks: Sequence[LazyModel] = ()

    def __call__(self, job: Job, observer: Observer[Any]) -> FeatureResult:
        loaded = self.frames.load(job.scene.source, self.size)
        self.networks = self.networks or [LazyModel(each, observer) for each in self.choices]
        summary = _write_scene(job.place, loaded, self.networks, self.options, observer.progress)
        return SceneResult(job.name, job.place, summary, len(summary.frames))


def _write_scene(
    place: Path,
    frames: Frames,
    networks: Sequence[LazyModel],
    options: FeatureOptions,
    progress: Progress | None,
) -> FeatureSummary:
    """Write a scene's folder, whole or not at all."""
    begin = time.perf_counter()
    pool = ThreadPoolExecutor(min(_MAX_ENCODERS, os.cpu_count() or 1))
    with Transaction(place, SUMMARY, overwrite=options.overwrite) as transaction, pool:
        folder = transaction.folder
        drawn: list[FeatureFiles] = []
        about: list[NetworkRecord] = []
        for network, part in zip(networks, (folder, folder / COMPARE_FOLDER), strict=False):
            model = network.get()
            model.camera_head = model.depth_head = model.point_head = None
            about.append(_about(model, options))
            title = f"{model.info.name} ({model.info.variant.value})"
            keep = len(networks) > 1
            files = FeatureFiles(part, title, frames, options, keep_maps=keep, pool=pool)
            for layer in reduced_layers(model, frames, options, progress=progress):
                files.write(layer)
            del model  # or the next one would be loaded beside it
            if keep:
                network.forget()
            files.finish()
            drawn.append(files)
        if len(drawn) > 1:
            write_sheets(folder, "comparison", drawn, frames, options, pool)
        summary = _summary(frames, options, about, time.perf_counter() - begin)
        summary = replace(summary, files=transaction.files)
        transaction.commit(to_text(summary))
    return summary


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
        kinds=tuple(options.kinds),
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
