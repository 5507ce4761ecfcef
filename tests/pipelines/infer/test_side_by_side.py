"""Windows of one clip in processes of their own: real Ray, the same bytes."""

from pathlib import Path

import pytest

from page4d_cli.core.enums import LoopSearch
from page4d_cli.fleet.choice import HERE, Devices, FleetChoice
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.join.choice import WindowChoice
from page4d_cli.model.choice import ModelChoice
from page4d_cli.pipelines.infer.run import RunOptions
from page4d_cli.pipelines.infer.scenes import infer_scenes

pytestmark = [
    pytest.mark.usefixtures("after_ray"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
pytest.importorskip("ray")
FRAMES = Path(__file__).parents[3] / "examples/clips/scene_2000000/rgb"


def contents(run: Path) -> dict[str, bytes]:
    files = (path for path in run.rglob("*") if path.is_file() and path.name != MANIFEST)
    return {path.relative_to(run).as_posix(): path.read_bytes() for path in files}


def test_windows_predicted_side_by_side_give_the_bytes_of_one_process(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    options = RunOptions(windows=WindowChoice(window=4, overlap=2, loops=LoopSearch.OFF))
    model = ModelChoice("random", device="cpu")
    for place, fleet in (("alone", HERE), ("beside", FleetChoice(Devices(cpus=2)))):
        (result,) = infer_scenes(
            [str(FRAMES)], tmp_path / place, model=model, options=options, fleet=fleet
        )
        assert result.written is not None
    alone, beside = contents(tmp_path / "alone"), contents(tmp_path / "beside")
    assert sum(name.startswith("windows/") for name in alone) == 3
    assert beside == alone
