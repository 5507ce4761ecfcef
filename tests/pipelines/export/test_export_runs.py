"""Exports of a folder of runs: a folder each, in shares, kept where they are right."""

from dataclasses import replace

import pytest
from many_runs import NAMES, contents, write_many_runs

from page4d_cli.core.enums import ExportFormat
from page4d_cli.core.errors import InputError, OutputError
from page4d_cli.fleet.choice import FleetChoice, Shard
from page4d_cli.pipelines.export.export import ExportOptions
from page4d_cli.pipelines.export.options import FormatOptions
from page4d_cli.pipelines.export.runs import export_runs
from page4d_cli.pipelines.motion.runs import write_motions
from page4d_cli.pipelines.status.status import read_status

OPTIONS = ExportOptions((ExportFormat.NPZ, ExportFormat.TUM))


@pytest.fixture
def many(tmp_path):
    return write_many_runs(tmp_path)


def states(results):
    return [result.state for result in results]


def test_each_run_of_a_folder_gets_what_it_gets_alone(many, tmp_path):
    out = tmp_path / "out"
    for number in (2, 1):
        export_runs(many, out, OPTIONS, fleet=FleetChoice(shard=Shard(number, 2)))
    export_runs(many / "b", tmp_path / "alone", OPTIONS)
    assert contents(out / "b") == contents(tmp_path / "alone")
    assert {piece.name: piece.state.value for piece in read_status(out)} == dict.fromkeys(
        NAMES, "done"
    )


def test_what_is_right_is_kept_and_the_rest_is_done_again(many, tmp_path):
    out = tmp_path / "out"
    (many / "b/depth/000001.npy").rename(tmp_path / "depth.npy")
    first = export_runs(many, out, OPTIONS)
    assert states(first) == ["done", "failed", "done"] and not (out / "b").exists()
    (tmp_path / "depth.npy").rename(many / "b/depth/000001.npy")
    second = export_runs(many, out, OPTIONS, resume=True)
    assert states(second) == ["kept", "done", "kept"]
    assert (second[0].written.files, second[0].written.details) == (
        first[0].written.files,
        first[0].written.details,
    )
    (out / "a/trajectory_tum.txt").unlink()  # a file is missing
    write_motions(many / "b")  # the run is another
    third = export_runs(many, out, OPTIONS, resume=True)
    assert states(third) == ["done", "done", "kept"]
    assert (out / "a/trajectory_tum.txt").is_file()


def test_an_export_that_was_asked_for_otherwise_is_not_touched(many, tmp_path):
    out = tmp_path / "out"
    export_runs(many / "a", out, OPTIONS)
    before = contents(out)
    with pytest.raises(OutputError, match="with another frames; --overwrite replaces it"):
        export_runs(many / "a", out, replace(OPTIONS, frames=slice(0, 1)), resume=True)
    with pytest.raises(OutputError, match="with another run; --overwrite replaces it"):
        export_runs(many / "b", out, OPTIONS, resume=True)
    assert contents(out) == before


def test_a_format_that_is_of_no_use_is_refused_before_any_run(many, tmp_path):
    with pytest.raises(InputError, match="--depth-scale concerns --format depth-png"):
        export_runs(
            many, tmp_path / "out", replace(OPTIONS, of_formats=FormatOptions(depth_scale=5.0))
        )
    assert not (tmp_path / "out").exists()


def test_the_folder_of_the_runs_is_no_place_for_what_is_made_of_them(many):
    before = contents(many)
    with pytest.raises(OutputError, match="holds the runs themselves; choose another --out"):
        export_runs(many, many, OPTIONS)
    assert contents(many) == before
