"""Run several clips into one run directory each: places checked first, failures counted."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from page4d_cli.core.enums import Fit, Precision, Variant
from page4d_cli.core.errors import DeviceError, OutputError, Page4DError, WeightsError
from page4d_cli.core.progress import Progress
from page4d_cli.core.strict_json import Json
from page4d_cli.data.clip.frames import load_frames
from page4d_cli.data.clip.inputs import Scene, find_scenes
from page4d_cli.io.run.directory import MANIFEST, check_place
from page4d_cli.io.run.manifest import Manifest
from page4d_cli.model.named_weights import WEIGHTS
from page4d_cli.model.runtime import choose_runtime
from page4d_cli.model.weights import LoadedModel, image_size_of, load_model
from page4d_cli.pipelines.infer.resume import kept_run
from page4d_cli.pipelines.infer.run import RunOptions, write_run


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

    on_scene: Callable[[str, int, int], None] = field(default=lambda _name, _index, _count: None)
    on_model: Callable[[LoadedModel], None] = field(default=lambda _model: None)
    on_result: Callable[[SceneResult], None] = field(default=lambda _result: None)
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

    All places are looked at before any work, and the first frames are read before the network is
    loaded, which may be a download. With one scene an error is raised; of several the others go on,
    and the failure stands in the result.

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
    choose_runtime(model.device, model.precision)  # refuses what this machine does not have
    size = image_size_of(model.weights)
    jobs = _plan(find_scenes(inputs, stdin), out, model, frames, options, resume)
    network = _Network(model, observer)
    results: list[SceneResult] = []
    for index, job in enumerate(jobs):
        observer.on_scene(job.scene.name, index, len(jobs))
        try:
            result = _run(job, frames, size, network, observer.progress)
        except (WeightsError, DeviceError):
            raise  # of no use to the other scenes either
        except Page4DError as error:
            if len(jobs) == 1:
                raise
            result = SceneResult(job.scene.name, job.place, error=str(error))
        results.append(result)
        observer.on_result(result)
    return results


@dataclass(frozen=True)
class _Job:
    """One scene and what is to be done about it."""

    scene: Scene
    place: Path
    options: RunOptions
    kept: Manifest | None


def _plan(
    scenes: Sequence[Scene],
    out: Path,
    model: ModelChoice,
    frames: FrameChoice,
    options: RunOptions,
    resume: bool,
) -> list[_Job]:
    """Find every scene's place, and look at all of them."""
    if len(scenes) > 1 and (out / MANIFEST).exists():
        raise OutputError(
            f"{out} holds the run of one scene, and {len(scenes)} were given; "
            "choose another --out, below which each gets a directory"
        )
    jobs = []
    for scene in scenes:
        place = out if len(scenes) == 1 else out / scene.name
        asked = replace(options, settings=_settings(scene, model, frames))
        kept = kept_run(place, asked) if resume else None
        if resume and kept is None and (place / MANIFEST).exists():
            asked = replace(asked, overwrite=True)  # the same run, which has lost files
        if kept is None:
            check_place(place, overwrite=asked.overwrite)
        jobs.append(_Job(scene, place, asked, kept))
    return jobs


def _settings(scene: Scene, model: ModelChoice, frames: FrameChoice) -> dict[str, Json]:
    """What makes a run the same run, however its paths were typed."""
    one = isinstance(scene.source, str)
    sources = (scene.source,) if isinstance(scene.source, str) else scene.source
    paths: list[Json] = [str(Path(path).resolve()) for path in sources]
    is_name = model.weights in WEIGHTS
    return {
        "source": paths[0] if one else paths,
        "weights": model.weights if is_name else str(Path(model.weights).resolve()),
        "variant": None if model.variant is None else model.variant.value,
        **frames.as_settings(),
    }


class _Network:
    """The network, loaded when it is first needed."""

    def __init__(self, choice: ModelChoice, observer: Observer) -> None:
        self._choice = choice
        self._observer = observer
        self._model: LoadedModel | None = None

    def get(self, timings_s: dict[str, float]) -> LoadedModel:
        """The network; if this loads it, the time is noted."""
        if self._model is None:
            start = time.perf_counter()
            choice = self._choice
            self._model = load_model(
                choice.weights,
                variant=choice.variant,
                device=choice.device,
                precision=choice.precision,
            )
            timings_s["weights"] = round(time.perf_counter() - start, 3)
            self._observer.on_model(self._model)
        return self._model


def _run(
    job: _Job,
    choice: FrameChoice,
    size: int,
    network: _Network,
    progress: Progress | None,
) -> SceneResult:
    if job.kept is not None:
        return SceneResult(job.scene.name, job.place, job.kept, kept=True)
    start = time.perf_counter()
    frames = load_frames(
        job.scene.source,
        size=size,
        fit=choice.fit,
        stride=choice.stride,
        fps=choice.fps,
        start=choice.start,
        max_frames=choice.max_frames,
        skip_bad=choice.skip_bad,
    )
    timings_s = {"frames": round(time.perf_counter() - start, 3)}
    manifest = write_run(
        network.get(timings_s),
        frames,
        job.place,
        job.options,
        timings_s=timings_s,
        progress=progress,
    )
    return SceneResult(job.scene.name, job.place, manifest)
