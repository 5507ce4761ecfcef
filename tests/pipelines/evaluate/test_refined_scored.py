"""Cameras that were refined before they are scored are never taken for the network's."""

from pathlib import Path

import pytest
from dataset_layouts import write_tum_prepared
from exact_truth import exact_truth

from page4d_cli.core.enums import Align, Dataset, DepthTask, ProtocolName
from page4d_cli.core.errors import InputError
from page4d_cli.eval.protocol import Measure
from page4d_cli.io.run.directory import open_run
from page4d_cli.model.choice import ModelChoice
from page4d_cli.pipelines.evaluate.compare import compare
from page4d_cli.pipelines.evaluate.evaluate import evaluate
from page4d_cli.pipelines.evaluate.options import EvaluationOptions
from page4d_cli.pipelines.evaluate.results import read_results


def options(root, measure=Measure.POSE, **more):
    aligns = () if measure is Measure.POSE else (Align.SCALE,)
    model = ModelChoice(weights="tiny", device="cpu")
    return EvaluationOptions(
        dataset=Dataset.TUM, measure=measure, root=root, aligns=aligns, model=model, **more
    )


def test_results_say_that_cameras_were_refined(tmp_path):
    pytest.importorskip("pycolmap")
    write_tum_prepared(tmp_path / "data", exact_truth(frames=4), "one")
    for name, refine in (("plain", False), ("refined", True)):
        evaluate(options(tmp_path / "data", refine=refine), tmp_path / name)
    plain, refined = (
        read_results(tmp_path / name / "results.json") for name in ("plain", "refined")
    )
    assert "refined" not in plain.protocol and "page4d refine" in refined.protocol["refined"]
    assert refined.settings["refined"] is True
    assert not any("refined" in note for note in plain.sequences[0].notes)
    assert any(note.startswith("protocol, refined: None") for note in compare(plain, refined).notes)
    (run,) = (path.parent for path in Path(tmp_path / "refined").rglob("manifest.json"))
    (record,) = open_run(run).manifest.refinement
    said = f"{record.refined} of 4 cameras refined"
    assert any(note.startswith(said) for note in refined.sequences[0].notes)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"measure": Measure.of(DepthTask.MONO)}, "no frame meets another"),
        ({"predictions": Path("preds")}, "refines runs"),
        ({"protocol_name": ProtocolName.ORIGINAL, "measure": Measure.VIDEO}, "stretches"),
    ],
)
def test_what_cannot_be_refined_is_refused(more, reason, tmp_path):
    with pytest.raises(InputError, match=reason):
        options(tmp_path, refine=True, **more)
