"""Motion of a folder of runs: every run by itself, in shares, kept, and without those that fail."""

import pytest
from many_runs import NAMES, contents, write_many_runs

from page4d_cli.core.errors import RunError
from page4d_cli.fleet.choice import FleetChoice, Shard
from page4d_cli.pipelines.motion.runs import write_motions


@pytest.fixture
def many(tmp_path):
    return write_many_runs(tmp_path)


def test_shares_together_do_what_the_runs_one_by_one_get(many):
    (alone,) = write_motions(many / "a")
    first, second = (
        write_motions(many, fleet=FleetChoice(shard=Shard(number, 2))) for number in (1, 2)
    )
    assert [result.name for result in (*first, *second)] == ["a", "c", "b"]
    assert all(result.written == alone.written and result.frames == 2 for result in first + second)
    (a, *others) = (contents(many / name / "motion") for name in NAMES)
    assert len(a) == 2 and all(other == a for other in others)
    assert {path.name for path in many.iterdir()} == {*NAMES, "empty", "notes.txt"}


def test_a_run_that_fails_is_told_and_the_others_go_on_and_are_kept(many):
    depth = many / "b/depth/000001.npy"
    whole = depth.read_bytes()
    depth.unlink()
    results = write_motions(many)
    assert [result.state for result in results] == ["done", "failed", "done"]
    assert "000001.npy is missing" in results[1].error and not (many / "b/motion").exists()
    depth.write_bytes(whole)
    again = write_motions(many, resume=True)
    assert [result.state for result in again] == ["kept", "done", "kept"]
    assert again[0].written == again[1].written


def test_a_folder_without_runs_is_refused(tmp_path):
    with pytest.raises(RunError, match="is no complete run"):
        write_motions(tmp_path)
