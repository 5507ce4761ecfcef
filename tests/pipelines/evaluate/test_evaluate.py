"""Data sets with exact ground truth: what is perfect scores 0, what is known is undone."""

import json
from pathlib import Path

import numpy as np
import pytest
from dataset_layouts import LAYOUTS, write_tum_prepared
from evaluation_runs import write_run_of
from exact_truth import exact_truth

from page4d_cli.core.enums import Align, Dataset, ProtocolName
from page4d_cli.core.errors import DatasetError, InputError, OutputError, RunError
from page4d_cli.core.geometry import as_homogeneous, invert_rigid
from page4d_cli.data.sets.catalogue import DATASETS
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.eval.protocol import Measure
from page4d_cli.model.choice import ModelChoice
from page4d_cli.pipelines.evaluate.evaluate import evaluate, succeeded
from page4d_cli.pipelines.evaluate.options import EvaluationOptions
from page4d_cli.pipelines.evaluate.results import SIM3, read_results

SCORED = {
    name: one
    for name, one in LAYOUTS.items()
    if DATASETS[one.dataset].benchmark.sequences or one.dataset in (Dataset.SCANNET, Dataset.FOLDER)
}
"""But for data sets to train on, whose readers have tests of their own."""
WITH_DEPTH = [name for name, one in SCORED.items() if one.depth]
WITH_POSES = [name for name, one in SCORED.items() if one.poses]
ERRORS = ("Abs Rel", "Sq Rel", "RMSE", "Log RMSE")


@pytest.fixture
def truth():
    return exact_truth(frames=5)


def options(dataset, root, preds, measure=Measure.VIDEO, **more):
    aligns = () if measure is Measure.POSE else (Align.MEDIAN,)
    return EvaluationOptions(
        dataset=dataset,
        measure=measure,
        root=root,
        predictions=preds,
        **{"aligns": aligns, **more},
    )


def write_data(tmp_path, layout, truth):
    """The data set and its only sequence, named so that the benchmark's list does not matter."""
    root = tmp_path / "data"
    LAYOUTS[layout].write(root, truth)
    (found,) = find_sequences(LAYOUTS[layout].dataset, root)
    return root, found.read()


def tum(tmp_path, truth, names=("one",)):
    root = tmp_path / "data"
    for name in names:
        write_tum_prepared(root, truth, name)
    return root, [found.read() for found in find_sequences(Dataset.TUM, root)]


@pytest.mark.parametrize("layout", WITH_DEPTH)
def test_perfect_depth_has_no_error_in_any_layout(layout, tmp_path, truth):
    root, sequence = write_data(tmp_path, layout, truth)
    write_run_of(tmp_path / "preds" / sequence.name, sequence)
    chosen = options(
        LAYOUTS[layout].dataset,
        root,
        tmp_path / "preds",
        aligns=(Align.METRIC, Align.MEDIAN, Align.SCALE, Align.LSTSQ, Align.SCALE_SHIFT_L1),
        sequences=(sequence.name,),
    )
    results = evaluate(chosen, tmp_path / "out")
    assert succeeded(results, chosen) and results.scored[0].frames == len(sequence)
    for scores in results.averages.values():
        assert all(scores[name] < 1e-5 for name in ERRORS)
        assert scores["δ < 1.25"] == 1


@pytest.mark.parametrize("layout", WITH_POSES)
def test_perfect_cameras_have_no_error_in_any_layout(layout, tmp_path, truth):
    root, sequence = write_data(tmp_path, layout, truth)
    write_run_of(tmp_path / "preds" / sequence.name, sequence)
    chosen = options(
        LAYOUTS[layout].dataset,
        root,
        tmp_path / "preds",
        Measure.POSE,
        sequences=(sequence.name,),
    )
    results = evaluate(chosen, tmp_path / "out")
    assert succeeded(results, chosen)
    scores = results.averages[SIM3]
    assert scores["ATE"] < 1e-5 and scores["RPE trans"] < 1e-5 and scores["RPE rot"] < 1e-3


def test_a_known_scale_and_shift_are_undone(tmp_path, truth):
    root, (sequence,) = tum(tmp_path, truth)
    write_run_of(
        tmp_path / "preds" / "one", sequence, depth=lambda i: 0.5 * sequence.read_depth(i) - 0.1
    )
    chosen = options(
        Dataset.TUM,
        root,
        tmp_path / "preds",
        aligns=(Align.LSTSQ, Align.SCALE_SHIFT_L1, Align.METRIC),
    )
    results = evaluate(chosen, tmp_path / "out")
    for align in ("lstsq", "scale-shift-l1"):
        assert results.averages[align]["Abs Rel"] < 1e-4
        assert results.scored[0].fits[align]["scale"] == pytest.approx(2, rel=1e-3)
        assert results.scored[0].fits[align]["shift"] == pytest.approx(0.2, abs=1e-3)
    assert results.averages["metric"]["Abs Rel"] > 0.3


def test_a_known_relative_error_is_what_is_measured(tmp_path, truth):
    """Every pixel 10 % too deep, and nothing aligned: Abs Rel 0.1, all within 1.25."""
    root, (sequence,) = tum(tmp_path, truth)
    write_run_of(tmp_path / "preds" / "one", sequence, depth=lambda i: 1.1 * sequence.read_depth(i))
    chosen = options(Dataset.TUM, root, tmp_path / "preds", aligns=(Align.METRIC,))
    scores = evaluate(chosen, tmp_path / "out").averages["metric"]
    assert scores["Abs Rel"] == pytest.approx(0.1, rel=1e-5)
    assert scores["Log RMSE"] == pytest.approx(np.log(1.1), rel=1e-5)
    assert scores["δ < 1.25"] == 1


def test_mono_aligns_each_image_and_video_all_of_them(tmp_path, truth):
    root, (sequence,) = tum(tmp_path, truth)
    write_run_of(
        tmp_path / "preds" / "one", sequence, depth=lambda i: (1 + i) * sequence.read_depth(i)
    )
    errors = {}
    for measure in (Measure.MONO, Measure.VIDEO):
        chosen = options(Dataset.TUM, root, tmp_path / "preds", measure)
        errors[measure] = evaluate(chosen, tmp_path / measure.value).averages["median"]["Abs Rel"]
    assert errors[Measure.MONO] < 1e-5 < 0.2 < errors[Measure.VIDEO]


def test_a_known_similarity_is_undone(tmp_path, truth):
    root, (sequence,) = tum(tmp_path, truth)
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    T_world_camera = as_homogeneous(invert_rigid(sequence.T_camera_world))
    moved = T_world_camera[:, :3].copy()
    moved[..., :3] = turn @ T_world_camera[:, :3, :3]
    moved[..., 3] = 0.25 * T_world_camera[:, :3, 3] @ turn.T + [5, -1, 2]
    write_run_of(
        tmp_path / "preds" / "one", sequence, T_camera_world=np.asarray(invert_rigid(moved))
    )
    chosen = options(Dataset.TUM, root, tmp_path / "preds", Measure.POSE)
    (found,) = evaluate(chosen, tmp_path / "out").scored
    assert found.scores[SIM3]["ATE"] < 1e-4 and found.scores[SIM3]["RPE rot"] < 1e-2
    assert found.fits[SIM3]["scale"] == pytest.approx(4, rel=1e-3)


def test_a_failure_is_listed_and_the_others_are_scored(tmp_path, truth):
    root, (first, second) = tum(tmp_path, truth, ("one", "two"))
    write_run_of(tmp_path / "preds" / "one", first)
    still = np.eye(4)[None, :3].repeat(len(second), 0)
    write_run_of(tmp_path / "preds" / "two", second, T_camera_world=still)
    chosen = options(Dataset.TUM, root, tmp_path / "preds", Measure.POSE)
    results = evaluate(chosen, tmp_path / "out")
    assert [one.name for one in results.failures] == ["two"] and "motion" in results.failures[
        0
    ].error
    assert results.averages[SIM3]["ATE"] < 1e-5
    assert not succeeded(results, chosen)
    allowed = options(Dataset.TUM, root, tmp_path / "preds", Measure.POSE, allow_failures=True)
    assert succeeded(results, allowed)
    original = options(
        Dataset.TUM, root, tmp_path / "preds", Measure.POSE, protocol_name=ProtocolName.ORIGINAL
    )
    assert succeeded(results, original)


def test_a_sequence_without_a_run_is_a_failure(tmp_path, truth):
    root, (first, _) = tum(tmp_path, truth, ("one", "two"))
    write_run_of(tmp_path / "preds" / "one", first)
    results = evaluate(options(Dataset.TUM, root, tmp_path / "preds"), tmp_path / "out")
    assert "no prediction" in results.failures[0].error


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"rename": "x{}".format}, "none of the 5 frames"),
        ({"depth": lambda _: np.full((24, 32), np.nan)}, "finite"),
    ],
)
def test_runs_that_do_not_fit_are_failures_with_a_reason(wrong, message, tmp_path, truth):
    root, (sequence,) = tum(tmp_path, truth)
    write_run_of(tmp_path / "preds" / "one", sequence, **wrong)
    results = evaluate(options(Dataset.TUM, root, tmp_path / "preds"), tmp_path / "out")
    assert message in results.failures[0].error and not results.scored


def test_frames_are_matched_by_name_not_by_position(tmp_path, truth):
    """A run of every second frame is scored against those frames."""
    root, (sequence,) = tum(tmp_path, truth)
    from dataclasses import replace

    odd = range(1, len(sequence), 2)
    half = replace(
        sequence,
        frames=tuple(sequence.frames[i] for i in odd),
        timestamps_s=sequence.timestamps_s[list(odd)],
        T_camera_world=sequence.T_camera_world[list(odd)],
        T_world_recorded=None,
        pose_timestamps_s=None,
        depth_timestamps_s=None,
        depth_files=None,
        read_depth=lambda i: sequence.read_depth(odd[i]),
    )
    write_run_of(tmp_path / "preds" / "one", half)
    (found,) = evaluate(options(Dataset.TUM, root, tmp_path / "preds"), tmp_path / "out").scored
    assert found.frames == 2 and len(found.missing) == 3
    assert found.scores["median"]["Abs Rel"] < 1e-5


def test_the_files_of_poses_are_in_true_tum_order(tmp_path, truth):
    root, (sequence,) = tum(tmp_path, truth)
    write_run_of(tmp_path / "preds" / "one", sequence)
    out = tmp_path / "out"
    evaluate(options(Dataset.TUM, root, tmp_path / "preds", Measure.POSE), out)
    rows = np.loadtxt(out / "one" / "pred_traj.txt")
    np.testing.assert_allclose(rows[:, 0], sequence.timestamps_s, atol=1e-6)
    centres = np.asarray(invert_rigid(sequence.T_camera_world))[..., 3]
    np.testing.assert_allclose(rows[:, 1:4], centres, atol=1e-5)
    for name in ("one/pred_focal.txt", "one/pred_intrinsics.txt", "one_eval_metric.txt"):
        assert (out / name).stat().st_size > 0
    assert (out / "one_traj_error.png").read_bytes().startswith(b"\x89PNG")


def test_the_files_of_depth(tmp_path, truth):
    root, (sequence,) = tum(tmp_path, truth)
    write_run_of(tmp_path / "preds" / "one", sequence)
    evaluate(options(Dataset.TUM, root, tmp_path / "preds"), tmp_path / "video")
    evaluate(options(Dataset.TUM, root, tmp_path / "preds", Measure.MONO), tmp_path / "mono")
    video = {path.name for path in (tmp_path / "video" / "one").iterdir()}
    assert {"frame_0000.npy", "frame_0000.png", "frame_0004.npy", "result_median.json"} <= video
    mono = {path.name for path in (tmp_path / "mono" / "one").iterdir()}
    assert {f"{path.stem}depth.npy" for path in sequence.frames} | {"metric.json"} == mono


def test_results_are_written_for_programs_papers_and_spreadsheets(tmp_path, truth):
    root, (first, _) = tum(tmp_path, truth, ("one", "two"))
    write_run_of(tmp_path / "preds" / "one", first)
    results = evaluate(options(Dataset.TUM, root, tmp_path / "preds"), tmp_path / "out")
    assert read_results(tmp_path / "out" / "results.json") == results
    data = json.loads((tmp_path / "out" / "results.json").read_text())
    assert type(data["averages"]["median"]["valid_pixels"]) is int
    assert data["failed"] == 1 and data["protocol"]["name"] == "standard"
    rows = (tmp_path / "out" / "results.csv").read_text().splitlines()
    assert rows[0].startswith("sequence,align,frames,Abs Rel") and rows[-1].startswith("average,")
    page = (tmp_path / "out" / "results.md").read_text()
    assert "| one | median | 5 |" in page and "- two: no prediction" in page
    assert "weights: perfect" in page


def test_another_evaluation_in_the_same_place_is_refused(tmp_path, truth):
    root, (sequence,) = tum(tmp_path, truth)
    write_run_of(tmp_path / "preds" / "one", sequence)
    evaluate(options(Dataset.TUM, root, tmp_path / "preds"), tmp_path / "out")
    evaluate(options(Dataset.TUM, root, tmp_path / "preds"), tmp_path / "out")  # the same is not
    with pytest.raises(OutputError, match=r"another evaluation \(align"):
        evaluate(
            options(Dataset.TUM, root, tmp_path / "preds", aligns=(Align.LSTSQ,)), tmp_path / "out"
        )
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="holds no evaluation"):
        evaluate(options(Dataset.TUM, root, tmp_path / "preds"), tmp_path / "full")


def test_given_predictions_are_scored_again(tmp_path, truth):
    root, (sequence,) = tum(tmp_path, truth)
    chosen = options(Dataset.TUM, root, tmp_path / "preds", aligns=(Align.METRIC,))
    write_run_of(tmp_path / "preds" / "one", sequence)
    assert evaluate(chosen, tmp_path / "out").averages["metric"]["Abs Rel"] < 1e-5
    import shutil

    shutil.rmtree(tmp_path / "preds")
    write_run_of(tmp_path / "preds" / "one", sequence, depth=lambda i: 2 * sequence.read_depth(i))
    assert evaluate(chosen, tmp_path / "out").averages["metric"]["Abs Rel"] == pytest.approx(1)


def test_what_cannot_be_evaluated_is_refused_before_any_work(tmp_path, truth):
    root, _ = tum(tmp_path, truth, ("one", "two"))
    refusals = [
        (DatasetError, "--sequences on: .* did you mean one", {"sequences": ("on",)}),
        (RunError, "is no folder", {"preds": tmp_path / "nowhere"}),
        (RunError, "holds no run", {"preds": root}),
        (InputError, "elsewhere is no folder", {"root": tmp_path / "elsewhere"}),
    ]
    for error, message, arguments in refusals:
        place = arguments.pop("root", root)
        preds = arguments.pop("preds", root)
        with pytest.raises(error, match=message):
            evaluate(options(Dataset.TUM, place, preds, **arguments), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("protocol", ProtocolName)
@pytest.mark.parametrize("measure", Measure)
def test_the_network_is_run_and_its_runs_are_kept(measure, protocol, tmp_path, truth):
    root, _ = tum(tmp_path, truth)
    chosen = EvaluationOptions(
        dataset=Dataset.TUM,
        measure=measure,
        root=root,
        aligns=() if measure is Measure.POSE else (Align.SCALE,),
        protocol_name=protocol,
        max_frames=4,
        model=ModelChoice("tiny", device="cpu"),
    )
    results = evaluate(chosen, tmp_path / "out")
    assert [one.error for one in results.sequences] == [None]
    assert results.scored[0].frames == 4 and results.weights[0].name == "tiny"
    manifest = tmp_path / "out" / "runs" / "one" / "manifest.json"
    size = json.loads(manifest.read_text())["network_size"]
    assert size == ([112, 112] if protocol is ProtocolName.ORIGINAL else [84, 112])
    written = manifest.stat().st_mtime_ns
    (tmp_path / "out" / ".evaluation" / "sequence-0.json").unlink()
    assert evaluate(chosen, tmp_path / "out").averages == results.averages
    assert manifest.stat().st_mtime_ns == written


def test_a_data_set_that_has_grown_is_scored_whole(tmp_path, truth):
    root, _ = tum(tmp_path, truth, ("a", "c"))
    chosen = EvaluationOptions(
        dataset=Dataset.TUM,
        measure=Measure.VIDEO,
        root=root,
        aligns=(Align.MEDIAN,),
        model=ModelChoice("tiny", device="cpu"),
    )
    evaluate(chosen, tmp_path / "out")
    tum(tmp_path, truth, ("b",))
    results = evaluate(chosen, tmp_path / "out")
    assert [one.name for one in results.sequences] == ["a", "b", "c"]


def test_two_evaluations_into_one_place_are_refused(tmp_path, truth):
    import multiprocessing

    from page4d_cli.io.whole.lock import locked

    root, (sequence,) = tum(tmp_path, truth)
    write_run_of(tmp_path / "preds" / "one", sequence)
    chosen = options(Dataset.TUM, root, tmp_path / "preds")
    evaluate(chosen, tmp_path / "out")
    with (
        locked(tmp_path / "out" / ".evaluation" / "share-1-of-1"),
        multiprocessing.get_context("spawn").Pool(1) as pool,
        pytest.raises(OutputError, match="another page4d is writing"),
    ):
        pool.apply(evaluate, (chosen, tmp_path / "out"))


@pytest.mark.parametrize("measure", [Measure.VIDEO, Measure.POSE])
def test_data_that_were_replaced_are_predicted_and_scored_again(measure, tmp_path):
    import shutil

    def score(seed, out):
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        root, _ = tum(tmp_path, exact_truth(seed=seed, frames=5))
        chosen = EvaluationOptions(
            dataset=Dataset.TUM,
            measure=measure,
            root=root,
            aligns=() if measure is Measure.POSE else (Align.MEDIAN,),
            model=ModelChoice("tiny", device="cpu"),
        )
        return evaluate(chosen, tmp_path / out).averages

    first = score(0, "out")
    assert score(0, "out") == first
    again = score(3, "out")
    assert again != first and again == score(3, "fresh")


def test_frames_without_a_prediction_are_no_success(tmp_path, truth):
    root, (sequence,) = tum(tmp_path, truth)
    half = {path.name for path in sequence.frames[:2]}
    rename = lambda name: name if name in half else f"x{name}"  # noqa: E731
    write_run_of(tmp_path / "preds" / "one", sequence, rename=rename)
    chosen = options(Dataset.TUM, root, tmp_path / "preds")
    results = evaluate(chosen, tmp_path / "out")
    assert len(results.scored[0].missing) == 3 and not succeeded(results, chosen)
    allowed = options(Dataset.TUM, root, tmp_path / "preds", allow_failures=True)
    assert succeeded(results, allowed)
    assert "- one: 3, 2 scored" in (tmp_path / "out" / "results.md").read_text()


def test_weights_that_cannot_be_had_leave_the_place_free(tmp_path, truth, monkeypatch):
    from page4d_cli.core.errors import WeightsError
    from page4d_cli.model import weights

    def offline(_):
        raise WeightsError("the Hub cannot be reached")

    monkeypatch.setattr(weights, "fetch", offline)
    root, _ = tum(tmp_path, truth)
    chosen = options(Dataset.TUM, root, None, model=ModelChoice("page4d", device="cpu"))
    with pytest.raises(WeightsError, match="cannot be reached"):
        evaluate(chosen, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "[" * 10000])
def test_damaged_settings_are_one_line(tmp_path, truth, text):
    root, (sequence,) = tum(tmp_path, truth)
    write_run_of(tmp_path / "preds" / "one", sequence)
    asked = options(Dataset.TUM, root, tmp_path / "preds")
    evaluate(asked, tmp_path / "out")
    (tmp_path / "out/.evaluation/settings.json").write_text(text)
    with pytest.raises(OutputError, match=r"settings\.json.*choose another --out") as caught:
        evaluate(asked, tmp_path / "out")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("place", ["", "/eval", "/one/eval"])
def test_results_are_not_written_among_the_data(tmp_path, truth, place):
    root, (sequence,) = tum(tmp_path, truth)
    write_run_of(tmp_path / "preds" / "one", sequence)
    with pytest.raises(OutputError, match="is in the input"):
        evaluate(options(Dataset.TUM, root, tmp_path / "preds"), Path(f"{root}{place}"))
