"""How many training clips a second each data set gives, and what bounds it.

    python benchmarks/loader_speed.py                   # sets of the paper, made here: drawn scenes
    python benchmarks/loader_speed.py --root data/      # the sets that are there, by their names

Made sets have the pictures' and maps' own sizes and formats, in four frames a sequence; drawn
pictures are smoother than real ones and decode faster. Clips are of four frames, 518 pixels wide,
cropped and with changed colours, filtered as the configuration `paper` says, and the mixture has
its shares. Parts are CPU time of one process, clips a second are of the clock.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader

from page4d_cli.core.enums import Dataset, OnBad
from page4d_cli.core.errors import Page4DError
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.pipelines.train.batches import Loaded, TrainingBatches
from page4d_cli.pipelines.train.config import TrainConfig, load_config
from page4d_cli.pipelines.train.data_options import DataOptions, DatasetOptions
from page4d_cli.pipelines.train.mixture import open_mixture
from page4d_cli.train.sampling import BatchOptions, WindowOptions

FRAMES = 4
HELPERS = Path(__file__).parents[1] / "tests/helpers"
STEP_S, STEP_IMAGES, WORKERS = 0.5, 32, 8
"""A step of one GPU, and what loads for it."""
BUDGET_MS = 1000 * STEP_S * WORKERS / STEP_IMAGES
"""For a frame, in one process."""


@dataclass(frozen=True)
class Cost:
    """Milliseconds a frame."""

    picture: float
    depth: float
    whole: float
    """A frame of a training clip, with reading, cropping, resizing, colours and points."""

    @property
    def decoding(self) -> float:
        """Share of the first two."""
        return (self.picture + self.depth) / self.whole


def make_sets(root: Path) -> None:
    """Write the paper's training sets, by the writers of the tests."""
    sys.path.insert(0, str(HELPERS))
    truth, rendered, waymo, co3d = (
        import_module(name)
        for name in ("exact_truth", "rendered_layouts", "waymo_record", "co3d_category")
    )
    written: dict[Dataset, tuple[Callable[..., Any], tuple[int, int], dict[str, Any]]] = {
        Dataset.ODYSSEY: (rendered.write_odyssey, (960, 540), {"suffix": ".jpg"}),
        Dataset.DYNAMIC_REPLICA: (
            rendered.write_dynamic_replica,
            (1280, 720),
            {"with_flow": False},
        ),
        Dataset.KUBRIC: (rendered.write_kubric, (513, 513), {}),
        Dataset.SPRING: (rendered.write_spring, (1920, 1080), {"with_flow": False}),
        Dataset.CO3D: (co3d.write_co3d, (900, 2000), {}),
    }
    for dataset, (write, size, options) in written.items():
        write(root / dataset.value, truth.exact_truth(frames=FRAMES, size=size), **options)
    scanned = waymo.waymo_truth(frames=FRAMES, size=(1920, 1280), beams=(64, 2650))
    waymo.write_waymo(root / Dataset.WAYMO.value, scanned)


def options_below(root: Path) -> list[DatasetOptions]:
    """The sets that lie there and that can be trained on."""
    known = paper_options()
    found = []
    for dataset in Dataset:
        folder = root / dataset.value
        if not folder.is_dir():
            continue
        options = replace(
            known.get(dataset, DatasetOptions(dataset)),
            root=str(folder),
            window=WindowOptions(),
            validation_share=0,
        )
        try:
            open_mixture(config_of([options]).data, OnBad.STOP)
        except Page4DError as error:
            print(f"left out: {error}")
            continue
        found.append(options)
    return found


def paper_options() -> dict[Dataset, DatasetOptions]:
    """How the paper trains on its sets, Spring's eyes taken together."""
    known: dict[Dataset, DatasetOptions] = {}
    for one in load_config("paper").data.datasets:
        if one.weight:
            before = known[one.kind].weight if one.kind in known else 0.0
            known[one.kind] = replace(one, layout=None, weight=before + one.weight)
    return known


def config_of(datasets: list[DatasetOptions], steps: int = 1) -> TrainConfig:
    """One clip a step."""
    return TrainConfig(
        steps=steps,
        steps_per_epoch=steps,
        data=DataOptions(datasets=tuple(datasets)),
        batch=BatchOptions((FRAMES, FRAMES), FRAMES, (0.75, 0.75)),
    )


def batches_of(config: TrainConfig) -> TrainingBatches:
    """All clips of a run of one process."""
    return TrainingBatches(config, open_mixture(config.data, OnBad.STOP), 0, 1, 0)


def clips_a_second(datasets: list[DatasetOptions], clips: int, workers: int) -> float:
    """By the clock, when all workers have begun."""
    config = config_of(datasets, workers + clips)
    loader: DataLoader[Loaded] = DataLoader(
        batches_of(config), batch_size=None, num_workers=workers
    )
    stream = iter(loader)
    for loaded in islice(stream, workers):
        require_batch(loaded)
    begin = time.perf_counter()
    for loaded in stream:
        require_batch(loaded)
    return clips / (time.perf_counter() - begin)


def require_batch(loaded: Loaded) -> None:
    """Stop at the first error."""
    if loaded.error is not None:
        raise loaded.error


def cost_of(options: DatasetOptions, clips: int) -> Cost:
    """CPU time of this process."""
    assert options.root is not None  # `options_below` gave it
    sequence = find_sequences(options.kind, Path(options.root))[0].read()
    assert sequence.read_depth is not None  # it can be trained on
    frames = [index % len(sequence) for index in range(FRAMES * clips)]
    picture = cpu_ms(sequence.read_image, frames)
    depth = cpu_ms(sequence.read_depth, frames)
    batches = batches_of(config_of([options], clips + 1))
    require_batch(batches[clips])
    whole = cpu_ms(lambda index: require_batch(batches[index]), list(range(clips))) / FRAMES
    return Cost(picture, depth, whole)


def cpu_ms(work: Callable[[int], object], items: list[int]) -> float:
    """Milliseconds an item."""
    begin = time.process_time()
    for item in items:
        work(item)
    return 1000 * (time.process_time() - begin) / len(items)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--root", type=Path, help="holds data sets by their names")
    parser.add_argument("--clips", type=int, default=6, help="of each measurement")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as made:
        root = given.root or Path(made)
        if given.root is None:
            make_sets(root)
        report(options_below(root), given.clips)


def report(datasets: list[DatasetOptions], clips: int) -> None:
    """A row a set, then the mixture, then what bounds it."""
    print(f"{'':16} clips/s by 1 and 2 workers   CPU ms a frame: picture  depth  whole  decoding")
    costs = {}
    for options in datasets:
        one, two = (clips_a_second([options], clips, workers) for workers in (1, 2))
        cost = costs[options.kind.value] = cost_of(options, clips)
        print(
            f"{options.kind.value:16} {one:7.2f} {two:7.2f} {cost.picture:31.1f} {cost.depth:6.1f} "
            f"{cost.whole:6.1f} {cost.decoding:8.0%}"
        )
    one, two = (clips_a_second(datasets, 2 * len(datasets), workers) for workers in (1, 2))
    shares = {options.kind.value: options.weight for options in datasets}
    whole = sum(shares[name] * cost.whole for name, cost in costs.items()) / sum(shares.values())
    print(f"{'mixture':16} {one:7.2f} {two:7.2f} {'':38} {whole:6.1f}")
    slowest = max(costs, key=lambda name: costs[name].whole)
    verdict = "it does not starve" if whole <= BUDGET_MS else "it starves"
    print(
        f"a step of {STEP_S:g} s with {STEP_IMAGES} pictures and {WORKERS} workers allows "
        f"{BUDGET_MS:.0f} ms a frame; the mixture takes {whole:.0f} ({verdict}), {slowest} most"
    )


if __name__ == "__main__":
    main()
