"""What it costs to do many clips side by side: one process against several, and the engine alone.

    python benchmarks/fleet.py --clips 200 --processes 2 --many 1000

Clips are a bundled one's pictures, linked. Commands run as a user types them. The many runs that
are resumed are copies of one that is inferred, each with the settings of a clip of its own. The
engine's own cost is that of pieces that do nothing.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from page4d_cli.core.progress import Observer
from page4d_cli.data.clip.fingerprint import fingerprint_of_files
from page4d_cli.fleet.choice import Devices, FleetChoice
from page4d_cli.fleet.spread import spread
from page4d_cli.pipelines.infer.resume import PICTURES

PICTURE_FILES = sorted((Path(__file__).parents[1] / "examples/clips/scene_2000000/rgb").iterdir())
RANDOM = ("--weights", "random", "--size", "112")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=int, default=200, help="with the weights `tiny`")
    parser.add_argument("--frames", type=int, default=8, help="of each, 8 at most")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--many", type=int, default=1000, help="with the random network")
    arguments = parser.parse_args()
    beside = f"cpu*{arguments.processes}"

    with TemporaryDirectory() as name:
        folder = Path(name)
        clips = _clips(folder / "clips", arguments.clips, arguments.frames)
        print(f"{len(clips)} clips of {arguments.frames} frames, tiny, {os.cpu_count()} cores")
        for label, words in (("one process", ()), (f"--devices {beside}", ("--devices", beside))):
            out = folder / label.replace(" ", "-")
            took_s, work_s = _infer(clips, out, "--weights", "tiny", *words)
            each_s = work_s / len(clips)
            print(
                f"  {label:16} {took_s:7.1f} s, of them {work_s:7.1f} s work; {each_s:.3f} s a clip"
            )

        many = _clips(folder / "many", arguments.many, 8)
        out = folder / "random"
        _finished_runs(many, out)
        for count in (len(many) // 10, len(many)):
            took_s, work_s = _infer(many[:count], out, *RANDOM, "--resume")
            print(f"{count} finished runs: --resume {took_s:.1f} s, {work_s:.1f} s on runs")
        begin = time.perf_counter()
        _page4d("status", str(out))
        print(f"{len(many)} finished runs: status {time.perf_counter() - begin:.1f} s")

    print(f"engine: {_engine_ms(arguments.processes, 1000):.2f} ms a piece that does nothing")


def _clips(folder: Path, count: int, frames: int) -> list[str]:
    """So many folders of pictures, linked."""
    for number in range(count):
        clip = folder / f"clip-{number:04d}"
        clip.mkdir(parents=True)
        for picture in PICTURE_FILES[:frames]:
            (clip / picture.name).symlink_to(picture.resolve())
    return [str(path) for path in sorted(folder.iterdir())]


def _finished_runs(clips: list[str], out: Path) -> None:
    """A run of each clip: that of the first, with the settings of the others."""
    first = out / Path(clips[0]).name
    _page4d("infer", clips[0], "--out", str(first), "--device", "cpu", *RANDOM)
    manifest = json.loads((first / "manifest.json").read_text())
    for clip in clips[1:]:
        run = shutil.copytree(first, out / Path(clip).name)
        manifest["settings"]["source"] = clip
        manifest["settings"][PICTURES] = fingerprint_of_files(sorted(Path(clip).iterdir()))
        (run / "manifest.json").write_text(json.dumps(manifest))


def _infer(clips: list[str], out: Path, *words: str) -> tuple[float, float]:
    """Seconds of a whole command, and those from the first clip that began to the last's end."""
    begin = time.perf_counter()
    said = _page4d("infer", *clips, "--out", str(out), "--device", "cpu", *words)
    took_s = time.perf_counter() - begin
    clock = said.splitlines()[-1].split(" in ")[-1].split(",")[0]
    minutes, seconds = clock.split(":")[-2:]
    return took_s, 60 * int(minutes) + int(seconds)


def _page4d(*words: str) -> str:
    command = [sys.executable, "-m", "page4d_cli", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stderr


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
