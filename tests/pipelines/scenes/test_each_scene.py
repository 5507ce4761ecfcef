"""Scenes that fail in whatever way, and those beside them."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from page4d_cli.core.errors import OutputError, WeightsError
from page4d_cli.core.progress import Observer
from page4d_cli.data.clip.inputs import Scene
from page4d_cli.fleet.choice import HERE, FleetChoice, Shard
from page4d_cli.pipelines.scenes.each_scene import SceneResult, each_scene
from page4d_cli.pipelines.scenes.of_clips import jobs_of


@dataclass(frozen=True)
class Piece:
    place: Path

    @property
    def name(self):
        return self.place.name


def run(places, error, fleet=HERE, check=lambda _piece: None):
    def work(piece, _observer):
        if piece.name == "bad":
            raise error
        return SceneResult(piece.name, piece.place, "written", frames=3)

    pieces = [Piece(place) for place in places]
    return each_scene(pieces, work, Observer(), fleet, None, check=check)


@pytest.mark.parametrize("error", [OutputError("in the way"), ZeroDivisionError("by 0")])
def test_of_several_one_fails_with_its_reason_and_alone_it_raises(tmp_path, error):
    results = run([tmp_path / name for name in ("a", "bad", "b")], error)
    assert [result.state for result in results] == ["done", "failed", "done"]
    assert str(error) in results[1].error and all(result.seconds >= 0 for result in results)
    with pytest.raises(type(error)):
        run([tmp_path / "bad"], error)


def test_weights_that_are_of_no_use_end_everything(tmp_path):
    with pytest.raises(WeightsError):
        run([tmp_path / "a", tmp_path / "bad"], WeightsError("no"))


def test_only_places_of_the_own_share_are_looked_at(tmp_path):
    seen = []
    fleet = FleetChoice(shard=Shard(2, 2))
    run([tmp_path / name for name in "abc"], None, fleet, lambda piece: seen.append(piece.name))
    assert seen == ["b"]


def test_no_place_lies_in_any_of_the_clips(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    scenes = [Scene(name, str(tmp_path / name)) for name in ("a", "b")]
    with pytest.raises(OutputError, match=r"/a/[ab] is in the input .*/a;"):
        jobs_of(scenes, tmp_path / "a", "index.json")
    assert [job.place.name for job in jobs_of(scenes, tmp_path / "out", "index.json")] == ["a", "b"]
