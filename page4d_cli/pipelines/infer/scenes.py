"""Run several clips into one run directory each: places checked first, failures counted."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from page4d_cli.core.enums import Save
from page4d_cli.core.errors import InputError, OutOfMemoryError
from page4d_cli.core.progress import Observer, Progress
from page4d_cli.core.strict_json import Json
from page4d_cli.core.types import Frames
from page4d_cli.data.clip.choice import DEFAULT_FRAMES, FrameChoice
from page4d_cli.data.clip.fingerprint import fingerprint_of_files
from page4d_cli.data.clip.inputs import Scene, find_scenes
from page4d_cli.data.clip.masks import files_of_masks, read_masks
from page4d_cli.data.clip.paths import files_of
from page4d_cli.fleet.choice import HERE, FleetChoice
from page4d_cli.io.run.manifest import MANIFEST, Manifest
from page4d_cli.io.run.plan import PlanRecord
from page4d_cli.io.run.windows import Span
from page4d_cli.io.run.writer import check_run_place
from page4d_cli.io.whole.scratch import ScratchFile
from page4d_cli.model.choice import DEFAULT_MODEL, LazyModel, ModelChoice
from page4d_cli.model.named_weights import WEIGHTS
from page4d_cli.model.runtime import choose_runtime, release_memory
from page4d_cli.model.weights import LoadedModel, config_of, image_size_of
from page4d_cli.pipelines.infer.known_focal import require_pixels
from page4d_cli.pipelines.infer.plan import plan_run
from page4d_cli.pipelines.infer.resume import PICTURES, kept_run, run_asked_alike
from page4d_cli.pipelines.infer.run import SCALE_FROM, RunOptions, write_run
from page4d_cli.pipelines.infer.side_by_side import SideBySide
from page4d_cli.pipelines.infer.windows import LEAST, spans_of_earlier, write_run_in_windows
from page4d_cli.pipelines.scale.seen import ClipFrames
from page4d_cli.pipelines.scenes.each_scene import SceneResult, each_scene
from page4d_cli.pipelines.scenes.of_clips import Job, jobs_of

DEFAULT_OPTIONS = RunOptions()


RunResult = SceneResult[Manifest]
SILENT = Observer[RunResult]()


def infer_scenes(
    inputs: Sequence[str],
    out: Path,
    *,
    stdin: Iterable[str] | None = None,
    model: ModelChoice = DEFAULT_MODEL,
    frames: FrameChoice = DEFAULT_FRAMES,
    options: RunOptions = DEFAULT_OPTIONS,
    resume: bool = False,
    fleet: FleetChoice = HERE,
    observer: Observer[RunResult] = SILENT,
) -> list[RunResult]:
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
        fleet: where, and which share of the scenes.
        observer: told what happens.

    Raises:
        Page4DError: the inputs, the places or the weights cannot be used, or the only scene failed.
    """
    if fleet.is_here:
        choose_runtime(model.device, model.precision)  # refuses what this machine does not have
    size = image_size_of(model.weights)
    if warning := frames.beyond_training(size):
        observer.on_warning(warning)
    jobs = _plan(find_scenes(inputs, stdin), out, model, frames, options, resume)
    runner = _Runner(model, frames, size)
    if len(jobs) == 1 and not fleet.is_here:  # its windows are what can be done side by side
        runner = _Runner(_on_first_of(model, fleet), frames, size, fleet)
        fleet = FleetChoice(shard=fleet.shard)
    return each_scene(jobs, runner, observer, fleet, MANIFEST, check=_check)


def _on_first_of(model: ModelChoice, fleet: FleetChoice) -> ModelChoice:
    """The network on the first of the devices that are named."""
    gpus = () if fleet.devices is None else fleet.devices.gpus
    return replace(model, device=f"cuda:{gpus[0]}") if gpus and model.device == "auto" else model


def plan_scenes(
    inputs: Sequence[str],
    out: Path,
    *,
    stdin: Iterable[str] | None = None,
    model: ModelChoice = DEFAULT_MODEL,
    frames: FrameChoice = DEFAULT_FRAMES,
    options: RunOptions = DEFAULT_OPTIONS,
    observer: Observer[RunResult] = SILENT,
) -> dict[str, PlanRecord]:
    """Read the frames and say how `infer_scenes` would cut them and what it would need.

    Nothing is written, and weights that are not on this machine are not downloaded.

    Args:
        inputs: as for `infer_scenes`; so are the others.
        out: on its disk the pictures are for a while.
        stdin: where `-` reads.
        model: which network.
        frames: which frames.
        options: what would be written.
        observer: told what is good to know.

    Returns:
        A plan for each scene, by its name.

    Raises:
        Page4DError: the inputs or the weights cannot be used.
    """
    runtime = choose_runtime(model.device, model.precision)
    config = config_of(model.weights)
    if warning := frames.beyond_training(config.image_size):
        observer.on_warning(warning)
    plans = {}
    for scene in find_scenes(inputs, stdin):
        with ScratchFile(out) as scratch:
            clip = frames.load(scene.source, config.image_size, scratch)
            plans[scene.name], _ = plan_run(
                config, runtime, len(clip), clip.size, options, is_loaded=False
            )
    return plans


@dataclass(frozen=True)
class _RunJob(Job):
    """One scene and what is to be done about it."""

    options: RunOptions
    resume: bool


def _plan(
    scenes: Sequence[Scene],
    out: Path,
    model: ModelChoice,
    frames: FrameChoice,
    options: RunOptions,
    resume: bool,
) -> list[_RunJob]:
    """What is to be done about every scene."""
    if options.masks is not None and len(scenes) > 1:
        raise InputError(
            f"--masks {options.masks} is of one scene, and {len(scenes)} were given; run them one "
            "by one"
        )
    jobs = []
    for job in jobs_of(scenes, out, MANIFEST):
        asked = replace(options, settings=_settings(job.scene, model, frames, options))
        jobs.append(_RunJob(job.scene, job.place, asked, resume))
    return jobs


def _check(job: _RunJob) -> None:
    """Refuse a place that cannot be used."""
    if not (job.resume and run_asked_alike(job.place, job.options)):
        check_run_place(job.place, overwrite=job.options.overwrite)


def _settings(
    scene: Scene, model: ModelChoice, frames: FrameChoice, options: RunOptions
) -> dict[str, Json]:
    """What makes a run the same run, however its paths were typed."""
    one = isinstance(scene.source, str)
    sources = (scene.source,) if isinstance(scene.source, str) else scene.source
    paths: list[Json] = [str(Path(path).resolve()) for path in sources]
    is_name = model.weights in WEIGHTS
    masks = [] if options.masks is None else files_of_masks(options.masks)
    return {
        "source": paths[0] if one else paths,
        PICTURES: fingerprint_of_files([*files_of(scene.source), *masks]),
        "weights": model.weights if is_name else str(Path(model.weights).resolve()),
        "variant": None if model.variant is None else model.variant.value,
        **frames.as_settings(),
        **options.windows.as_settings(),
        **({} if options.masks is None else {"masks": str(options.masks.resolve())}),
        **({} if options.scale_from is None else {SCALE_FROM: options.scale_from.text}),
    }


@dataclass
class _Runner:
    """Runs scenes in one process, with one network that is loaded for the first."""

    model: ModelChoice
    frames: FrameChoice
    size: int
    fleet: FleetChoice = HERE
    """Where windows of a clip are predicted."""
    network: LazyModel | None = None

    def __call__(self, job: _RunJob, observer: Observer[Any]) -> RunResult:
        self.network = self.network or LazyModel(self.model, observer)
        return _run(job, self.frames, self.size, self.network, observer, self._beside(observer))

    def _beside(self, observer: Observer[Any]) -> SideBySide | None:
        if self.fleet.is_here:
            return None
        own = replace(self.model, device="auto" if self.fleet.devices else self.model.device)
        return SideBySide(own, self.fleet, observer.progress)


def _run(
    job: _RunJob,
    choice: FrameChoice,
    size: int,
    network: LazyModel,
    observer: Observer[Any],
    beside: SideBySide | None,
) -> RunResult:
    if job.resume and (job.place / MANIFEST).is_file():
        if kept := kept_run(job.place, job.options, network.choice.weights):
            _require_metres(job, kept)
            return SceneResult(job.name, job.place, kept, len(kept.frames), kept=True)
        # The same run, no longer right.
        job = replace(job, options=replace(job.options, overwrite=True))
    with ScratchFile(job.place) as scratch:
        start = time.perf_counter()
        frames = choice.load(job.scene.source, size, scratch)
        if job.options.masks is not None:
            frames = replace(frames, moving=read_masks(job.options.masks, frames))
        require_pixels(job.options.windows.focal.known_px, frames.infos)
        if job.options.scale_from is not None:
            job.options.scale_from.require(ClipFrames(frames.infos, frames.timestamp_source))
        timings_s = {"frames": round(time.perf_counter() - start, 3)}
        model = network.get(timings_s)
        plan, spans = plan_run(model.config, model.runtime, len(frames), frames.size, job.options)
        if job.resume:
            spans = spans_of_earlier(model, frames, job.place, job.options) or spans
        options = replace(job.options, plan=plan)
        job = replace(job, options=options)
        if beside is not None and len(spans) == 1:
            observer.on_note(
                f"{job.name}: one pass, done by one process; --devices and --cluster share "
                "scenes and windows"
            )
        manifest = _write(job, frames, spans, model, timings_s, observer.progress, beside)
    _require_metres(job, manifest)
    return SceneResult(job.name, job.place, manifest, len(manifest.frames))


def _write(
    job: _RunJob,
    frames: Frames,
    spans: Sequence[Span],
    model: LoadedModel,
    timings_s: dict[str, float],
    progress: Progress | None,
    beside: SideBySide | None,
) -> Manifest:
    """In one pass if that was planned and fits, else in windows."""
    if len(spans) == 1:
        try:
            return write_run(
                model, frames, job.place, job.options, timings_s=timings_s, progress=progress
            )
        except OutOfMemoryError:
            if Save.POINTS in job.options.save or len(frames) < 2 * LEAST:
                raise
        release_memory(model.runtime.device)
    return write_run_in_windows(
        model,
        frames,
        spans,
        job.place,
        job.options,
        timings_s=timings_s,
        progress=progress,
        resume=job.resume,
        beside=beside,
    )


def _require_metres(job: _RunJob, manifest: Manifest) -> None:
    """Say that a run is not what was asked for; it is there all the same."""
    if job.options.scale_from is not None and not manifest.scale:
        reason = next((each for each in manifest.problems if "metres" in each), "is relative")
        raise InputError(
            f"{job.place} is written, and {reason}; `page4d export --scale-from` can take another "
            "source"
        )
