"""Sequences that are predicted in windows, and runs that were torn."""

from dataclasses import replace

import pytest
from dataset_layouts import write_tum_prepared
from evaluation_runs import write_run_of
from exact_truth import exact_truth

from page4d_cli.core.enums import Align, Dataset, DepthTask
from page4d_cli.core.errors import InputError
from page4d_cli.core.strict_json import to_text
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.eval.protocol import Measure
from page4d_cli.io.run.directory import open_run
from page4d_cli.io.run.manifest import MANIFEST, SegmentRecord
from page4d_cli.join.choice import WindowChoice
from page4d_cli.model.choice import ModelChoice
from page4d_cli.pipelines.evaluate.compare import compare
from page4d_cli.pipelines.evaluate.evaluate import evaluate
from page4d_cli.pipelines.evaluate.options import EvaluationOptions
from page4d_cli.pipelines.evaluate.results import read_results

FRAMES = 8


@pytest.fixture
def data(tmp_path):
    write_tum_prepared(tmp_path / "data", exact_truth(frames=FRAMES), "one")
    return tmp_path / "data"


def options(root, measure=Measure.VIDEO, **more):
    aligns = () if measure is Measure.POSE else (Align.MEDIAN,)
    tiny = ModelChoice("tiny", device="cpu")
    return EvaluationOptions(
        dataset=Dataset.TUM, measure=measure, root=root, **{"aligns": aligns, "model": tiny, **more}
    )


def test_windows_stand_in_the_results_and_are_told_apart_from_one_pass(data, tmp_path):
    in_windows = options(data, windows=WindowChoice(5, 2))
    evaluate(in_windows, tmp_path / "windows")
    evaluate(options(data), tmp_path / "pass")
    plain, windowed = (
        read_results(tmp_path / name / "results.json") for name in ("pass", "windows")
    )
    assert "windows" not in plain.protocol and plain.scored[0].windows == 1
    assert windowed.protocol["windows"] == "5 frames, 2 of them shared with the next, joined"
    assert windowed.settings["window"] == 5
    (one,) = windowed.scored
    assert one.windows == 2 and one.frames == FRAMES
    assert "predicted in 2 windows, which were joined" in one.notes
    notes = compare(plain, windowed).notes
    assert "one: predicted in one pass before, in 2 windows after" in notes
    assert any(note.startswith("protocol, windows: None before, 5 frames") for note in notes)


def test_what_fits_one_window_is_one_pass(data, tmp_path):
    evaluate(options(data, windows=WindowChoice(FRAMES)), tmp_path / "out")
    (one,) = read_results(tmp_path / "out/results.json").scored
    assert one.windows == 1 and not any("windows" in note for note in one.notes)


def test_a_path_that_was_torn_is_not_scored_as_one(data, tmp_path):
    (found,) = find_sequences(Dataset.TUM, data)
    place = write_run_of(tmp_path / "preds/one", found.read())
    torn = (SegmentRecord(0, 3), SegmentRecord(4, FRAMES - 1))
    manifest = replace(open_run(place).manifest, segments=torn)
    (place / MANIFEST).write_text(to_text(manifest))
    pose = options(data, Measure.POSE, predictions=tmp_path / "preds")
    (failure,) = evaluate(pose, tmp_path / "a").failures
    assert "several segments" in failure.error and "new ones at 0004" in failure.error
    depth = options(data, predictions=tmp_path / "preds")
    (one,) = evaluate(depth, tmp_path / "b").scored
    assert any("2 segments with a unit each; one alignment serves" in note for note in one.notes)
    first = options(data, Measure.POSE, predictions=tmp_path / "preds", max_frames=4)
    assert evaluate(first, tmp_path / "c").scored  # of one world


def test_windows_are_for_the_network_and_for_clips(data, tmp_path):
    with pytest.raises(InputError, match="--task mono"):
        options(data, Measure.of(DepthTask.MONO), windows=WindowChoice(3))
    with pytest.raises(InputError, match="--preds spares"):
        options(data, predictions=tmp_path, windows=WindowChoice(3))
