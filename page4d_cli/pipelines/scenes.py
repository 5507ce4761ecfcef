"""Run several clips into one run directory each: places checked first, failures counted."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from page4d_cli.core.enums import Fit, Precision, Variant
from page4d_cli.core.errors import OutputError, Page4DError
from page4d_cli.data.frames import load_frames
from page4d_cli.data.sources import Scene, find_scenes
from page4d_cli.io.manifest import Json, Manifest
from page4d_cli.io.run_directory import check_place, is_complete, read_manifest
from page4d_cli.model.weights import LoadedModel, load_model
from page4d_cli.pipelines.infer import Progress
from page4d_cli.pipelines.run import RunOptions, write_run


@dataclass(frozen=True)
class FrameChoice:
    """Which frames of a source are taken, and how they are fitted; see `load_frames`."""

    fit: Fit = Fit.KEEP
    stride: int = 1
    fps: float | None = None
    start: int = 0
    max_frames: int | None = None
    skip_bad: bool = False

    def as_settings(self) -> dict[str, Json]:
        """For the manifest."""
        return {
            "fit": self.fit.value,
            "stride": self.stride,
            "fps": self.fps,
            "start": self.start,
            "max_frames": self.max_frames,
            "skip_bad": self.skip_bad,
        }


@dataclass(frozen=True)
class ModelChoice:
    """Which network, and where it runs; see `load_model`."""

    weights: str = "page4d"
    variant: Variant | None = None
    device: str = "auto"
    precision: Precision = Precision.AUTO


DEFAULT_MODEL, DEFAULT_FRAMES, DEFAULT_OPTIONS = ModelChoice(), FrameChoice(), RunOptions()


@dataclass(frozen=True)
class SceneResult:
    """How one scene ended."""

    name: str
    out: Path
    manifest: Manifest | None = None
    """None if the scene failed."""
    kept: bool = False
    """The run was complete already and `resume` left it as it is."""
    error: str | None = None


@dataclass(frozen=True)
class Observer:
    """What a caller may want to hear meanwhile."""

    on_model: Callable[[LoadedModel], None] = field(default=lambda _model: None)
    on_scene: Callable[[Scene, int, int], None] = field(default=lambda _scene, _index, _count: None)
    progress: Progress | None = None


SILENT = Observer()


def infer_scenes(
    inputs: Sequence[str],
    out: Path,
    *,
    stdin: Iterable[str] | None = None,
    model: ModelChoice = DEFAULT_MODEL,
    frames: FrameChoice = DEFAULT_FRAMES,
    options: RunOptions = DEFAULT_OPTIONS,
    resume: bool = False,
    observer: Observer = SILENT,
) -> list[SceneResult]:
    """Run every scene of the inputs; several scenes get a directory each below `out`.

    All places are looked at before any work. With one scene an error is raised; of several the
    others go on, and the failure stands in the result.

    Args:
        inputs: folders, videos, patterns, images, or `-` for paths on stdin.
        out: the run directory of a single scene, or the parent of several.
        stdin: where `-` reads.
        model: which network.
        frames: which frames.
        options: what to write.
        resume: keep complete runs with the same settings, and run the rest.
        observer: told what happens.

    Raises:
        Page4DError: the inputs, the places or the weights cannot be used, or the only scene failed.
    """
    scenes = find_scenes(inputs, stdin)
    places = [out] if len(scenes) == 1 else [out / scene.name for scene in scenes]
    runs = [_with_settings(options, scene, model, frames) for scene in scenes]
    kept = {
        place: _kept(place, run) if resume else None
        for place, run in zip(places, runs, strict=True)
    }
    for place in places:
        if kept[place] is None:
            check_place(place, overwrite=options.overwrite)
    results: list[SceneResult] = []
    loaded: _Loaded | None = None
    for index, (scene, place, run) in enumerate(zip(scenes, places, runs, strict=True)):
        manifest = kept[place]
        if manifest is not None:
            results.append(SceneResult(scene.name, place, manifest, kept=True))
            continue
        if loaded is None:
            loaded = _load(model)
            observer.on_model(loaded.model)
        observer.on_scene(scene, index, len(scenes))
        try:
            manifest = _run_scene(loaded, scene, place, frames, run, observer.progress)
            results.append(SceneResult(scene.name, place, manifest))
        except Page4DError as error:
            if len(scenes) == 1:
                raise
            results.append(SceneResult(scene.name, place, error=str(error)))
    return results


@dataclass(frozen=True)
class _Loaded:
    model: LoadedModel
    seconds: float


def _load(choice: ModelChoice) -> _Loaded:
    start = time.perf_counter()
    model = load_model(
        choice.weights, variant=choice.variant, device=choice.device, precision=choice.precision
    )
    return _Loaded(model, round(time.perf_counter() - start, 3))


def _run_scene(
    loaded: _Loaded,
    scene: Scene,
    place: Path,
    choice: FrameChoice,
    options: RunOptions,
    progress: Progress | None,
) -> Manifest:
    start = time.perf_counter()
    config = loaded.model.config
    frames = load_frames(
        scene.source,
        size=config.image_size,
        fit=choice.fit,
        stride=choice.stride,
        fps=choice.fps,
        start=choice.start,
        max_frames=choice.max_frames,
        skip_bad=choice.skip_bad,
    )
    timings_s = {"weights": loaded.seconds, "frames": round(time.perf_counter() - start, 3)}
    return write_run(loaded.model, frames, place, options, timings_s=timings_s, progress=progress)


def _with_settings(
    options: RunOptions, scene: Scene, model: ModelChoice, frames: FrameChoice
) -> RunOptions:
    source: Json = scene.source if isinstance(scene.source, str) else list(scene.source)
    settings: dict[str, Json] = {
        "source": source,
        "weights": model.weights,
        "variant": None if model.variant is None else model.variant.value,
        **frames.as_settings(),
    }
    return replace(options, settings=settings)


def _kept(place: Path, options: RunOptions) -> Manifest | None:
    """The complete run at a place, if there is one and it is the run that is asked for.

    Raises:
        OutputError: a complete run stands there that was asked for differently.
    """
    if not is_complete(place):
        return None
    manifest = read_manifest(place)
    asked = {
        **options.settings,
        "save": sorted(save.value for save in options.save),
        "resolution": options.resolution.value,
    }
    there = {
        **manifest.settings,
        "save": sorted(save.value for save in manifest.saved),
        "resolution": manifest.resolution.value,
    }
    different = sorted(
        key for key in asked.keys() | there.keys() if asked.get(key) != there.get(key)
    )
    if different:
        listed = ", ".join(
            f"{key}: {there.get(key)} there, {asked.get(key)} asked" for key in different
        )
        raise OutputError(
            f"{place} holds a run made otherwise ({listed}); --overwrite replaces it, "
            "or choose another --out"
        )
    return manifest
