"""What it costs to do many clips side by side: one process against several, and the engine alone.

    python benchmarks/fleet.py --clips 200 --processes 2 --many 1000

Clips are a bundled one's pictures, linked. Commands run as a user types them, start included; the
engine's own cost is that of pieces that do nothing.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from page4d_cli.core.progress import Observer
from page4d_cli.fleet.choice import Devices, FleetChoice
from page4d_cli.fleet.spread import spread

PICTURES = sorted((Path(__file__).parents[1] / "examples/clips/scene_2000000/rgb").iterdir())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=200, help="with the weights `tiny`")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--many", type=int, default=1000, help="with the random network")
    arguments = parser.parse_args()
    beside = f"cpu*{arguments.processes}"

    with TemporaryDirectory() as name:
        folder = Path(name)
        clips = _clips(folder / "clips", arguments.clips)
        alone_s = _infer(clips, folder / "alone", "tiny")
        beside_s = _infer(clips, folder / "beside", "tiny", "--devices", beside)
        print(f"{len(clips)} clips of {len(PICTURES)} frames, tiny, {os.cpu_count()} cores")
        print(f"  one process          {alone_s:8.1f} s  {alone_s / len(clips):.3f} s a clip")
        ratio = beside_s / alone_s
        print(f"  --devices {beside:10} {beside_s:8.1f} s  {ratio:.2f} of one process")
        resumed_s = _infer(clips, folder / "beside", "tiny", "--resume")
        print(f"  --resume, all done   {resumed_s:8.1f} s")

        many = _clips(folder / "many", arguments.many)
        random_s = _infer(many, folder / "random", "random", "--save", "cameras")
        resumed_s = _infer(many, folder / "random", "random", "--save", "cameras", "--resume")
        begin = time.perf_counter()
        _page4d("status", str(folder / "random"))
        status_s = time.perf_counter() - begin
        print(f"{len(many)} clips, random network, cameras only")
        print(f"  one process          {random_s:8.1f} s  {random_s / len(many):.3f} s a clip")
        print(f"  --resume, all done   {resumed_s:8.1f} s")
        print(f"  page4d status        {status_s:8.1f} s")

    print(f"engine: {_engine_ms(arguments.processes, 1000):.2f} ms a piece that does nothing")


def _clips(folder: Path, count: int) -> list[str]:
    """So many folders of pictures, linked."""
    for number in range(count):
        clip = folder / f"clip-{number:04d}"
        clip.mkdir(parents=True)
        for picture in PICTURES:
            (clip / picture.name).symlink_to(picture.resolve())
    return [str(path) for path in sorted(folder.iterdir())]


def _infer(clips: list[str], out: Path, weights: str, *words: str) -> float:
    """Seconds of a whole command."""
    begin = time.perf_counter()
    _page4d("infer", *clips, "--out", str(out), "--weights", weights, "--device", "cpu", *words)
    return time.perf_counter() - begin


def _page4d(*words: str) -> None:
    command = [sys.executable, "-m", "page4d_cli", *words]
    subprocess.run(command, check=True, capture_output=True)


def _nothing(piece: int, _observer: Observer[int]) -> int:
    return piece


def _engine_ms(processes: int, pieces: int) -> float:
    """Milliseconds a piece, from the second on: the first waits for the processes to start."""
    times: list[float] = []
    observer = Observer[int](on_result=lambda _: times.append(time.perf_counter()))
    fleet = FleetChoice(Devices(cpus=processes))
    spread(range(pieces), _nothing, fleet, observer, name_of=str, lost=lambda piece, _: piece)
    return 1000 * (times[-1] - times[0]) / (pieces - 1)


if __name__ == "__main__":
    main()
