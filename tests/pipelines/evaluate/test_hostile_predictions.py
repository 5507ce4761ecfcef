"""Predictions of which one array is not what page4d wrote: scored with numbers, or refused."""

import json

import numpy as np
import pytest
from dataset_layouts import write_tum_prepared
from evaluation_runs import write_run_of
from exact_truth import exact_truth

from page4d_cli.core.enums import Align, Dataset
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.eval.protocol import Measure
from page4d_cli.io.run.directory import CAMERAS, depth_file
from page4d_cli.pipelines.evaluate.evaluate import evaluate
from page4d_cli.pipelines.evaluate.options import EvaluationOptions

ALIGNS = (Align.METRIC, Align.MEDIAN, Align.SCALE, Align.LSTSQ, Align.SCALE_SHIFT_L1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    write_tum_prepared(root, exact_truth(frames=4), "one")
    (found,) = find_sequences(Dataset.TUM, root)
    return root, found.read()


def score(data, tmp_path, measure):
    """The result of the only sequence, of which every number is finite."""
    results = evaluate(
        EvaluationOptions(
            dataset=Dataset.TUM,
            measure=measure,
            root=data[0],
            predictions=tmp_path / "preds",
            aligns=() if measure is Measure.POSE else ALIGNS,
        ),
        tmp_path / "out",
    )
    (one,) = results.sequences
    json.dumps([one.scores, one.fits], allow_nan=False)
    return one


@pytest.mark.parametrize("dtype", ["c8", "U3", "datetime64[s]", "i4", [("a", "f4")]])
def test_depth_of_another_kind_is_not_scored(data, tmp_path, dtype):
    run = write_run_of(tmp_path / "preds" / "one", data[1])
    path = run / depth_file("0001")
    np.save(path, np.load(path).astype(dtype))
    result = score(data, tmp_path, Measure.VIDEO)
    assert not result.scores and "0001.npy: holds" in result.error


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-38, 1e17])
@pytest.mark.parametrize("whole", [False, True])
def test_depth_with_other_values_is_scored_or_refused(data, tmp_path, value, whole):
    def depth(index):
        map_ = np.array(data[1].read_depth(index), np.float32)
        map_[... if whole else (3, 4)] = value
        return map_

    write_run_of(tmp_path / "preds" / "one", data[1], depth=depth)
    result = score(data, tmp_path, Measure.VIDEO)
    assert bool(result.scores) != bool(result.error)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 1e17, 1e19, 1e38])
@pytest.mark.parametrize("whole", [False, True])
def test_poses_with_other_values_are_scored_or_refused(data, tmp_path, value, whole):
    run = write_run_of(tmp_path / "preds" / "one", data[1])
    with np.load(run / CAMERAS) as cameras:
        arrays = {name: cameras[name].copy() for name in cameras.files}
    arrays["extrinsics"][... if whole else (1, 0, 3)] = value
    np.savez(run / CAMERAS, **arrays)
    result = score(data, tmp_path, Measure.POSE)
    assert bool(result.scores) != bool(result.error)
