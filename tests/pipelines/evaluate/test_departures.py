"""What a result says of how it came about, where that is not what the protocol asks."""

import json
from dataclasses import replace

import numpy as np
import pytest
from dataset_layouts import write_tum_prepared
from evaluation_runs import write_run_of
from exact_truth import exact_truth
from PIL import Image

from page4d_cli.core.enums import Align, Dataset, Precision, ProtocolName
from page4d_cli.core.errors import OutputError
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.eval.protocol import Measure
from page4d_cli.model.choice import ModelChoice
from page4d_cli.pipelines.evaluate.evaluate import evaluate
from page4d_cli.pipelines.evaluate.options import EvaluationOptions


@pytest.fixture
def asked(tmp_path):
    write_tum_prepared(tmp_path / "data", exact_truth(frames=4), "one")
    (found,) = find_sequences(Dataset.TUM, tmp_path / "data")
    write_run_of(tmp_path / "preds" / "one", found.read())
    return EvaluationOptions(
        dataset=Dataset.TUM,
        measure=Measure.VIDEO,
        root=tmp_path / "data",
        aligns=(Align.MEDIAN,),
        predictions=tmp_path / "preds",
    )


def test_a_given_run_that_is_not_as_the_protocol_asks_is_noted(asked, tmp_path):
    def notes(**changes):
        results = evaluate(replace(asked, **changes), tmp_path / "-".join(changes))
        return " ".join(results.scored[0].notes)

    assert "together" in notes(measure=Measure.MONO)
    assert "not stretched" in notes(protocol_name=ProtocolName.ORIGINAL)
    plain = notes(max_frames=3)
    assert "together" not in plain and "not stretched" not in plain


def test_only_the_original_scores_depth_of_videos_as_0_where_its_fit_takes_it_for_0(
    asked, tmp_path
):
    (found,) = find_sequences(Dataset.TUM, asked.root)
    sequence = found.read()

    def partly_negative(index):
        depth = sequence.read_depth(index).copy()
        depth[:6] = -5
        return depth

    still = np.eye(4)[None, :3].repeat(len(sequence), 0)  # world z is camera z
    given = write_run_of(tmp_path / "given", sequence, depth=partly_negative, T_camera_world=still)

    def scored(measure, protocol):
        chosen = replace(
            asked,
            predictions=given,
            measure=measure,
            protocol_name=protocol,
            aligns=(Align.SCALE_SHIFT,),
        )
        results = evaluate(chosen, tmp_path / measure.value / protocol.value)
        return results.averages["scale-shift"]["Abs Rel"], "scale-shift" in results.protocol

    original, standard = ProtocolName.ORIGINAL, ProtocolName.STANDARD
    assert scored(Measure.MONO, original) == scored(Measure.MONO, standard)
    (zeroed, is_said), (as_it_is, not_said) = (
        scored(Measure.VIDEO, protocol) for protocol in (original, standard)
    )
    assert is_said and not not_said and zeroed < as_it_is - 0.1


def test_the_notes_of_the_data_set_stand_in_the_result(asked, tmp_path):
    (found,) = find_sequences(Dataset.TUM, asked.root)
    (scored,) = evaluate(asked, tmp_path / "out").scored
    assert set(found.read().notes) <= set(scored.notes) and found.read().notes


def test_the_protocol_in_words_says_what_was_scored(asked, tmp_path):
    words = evaluate(asked, tmp_path / "all").protocol
    assert words["sequences"] == "all that were found" and words["frames"] == "all"
    assert words["image"] == "as in the given runs"
    few = replace(asked, sequences=("one",), max_frames=2)
    words = evaluate(few, tmp_path / "few").protocol
    assert words["sequences"] == "those named" and words["frames"].endswith("the first 2")


def test_portraits_are_padded_and_the_padding_is_not_scored(asked, tmp_path):
    folder = asked.root / "one"
    for path in folder.glob("rgb_*/*.png"):
        Image.open(path).rotate(90, expand=True).save(path)
    for path in folder.glob("depth_*/*.png"):
        Image.fromarray(np.ascontiguousarray(np.asarray(Image.open(path)).T)).save(path)
    run_here = replace(asked, predictions=None, model=ModelChoice("tiny", device="cpu"))
    (scored,) = evaluate(run_here, tmp_path / "out").sequences
    assert scored.error is None and scored.frames == 4
    manifest = json.loads((tmp_path / "out/runs/one/manifest.json").read_text())
    assert manifest["network_size"] == [112, 112]
    left, top, right, bottom = manifest["frames"][0]["content"]
    assert left > 0 and right < 112 and (top, bottom) == (0, 112)
    written = np.load(tmp_path / "out" / "one" / "frame_0000.npy")
    assert written.shape == (112, right - left)


def test_another_number_format_is_another_evaluation(asked, tmp_path):
    here = replace(asked, predictions=None, model=ModelChoice("tiny", device="cpu"))
    evaluate(here, tmp_path / "out")
    other = ModelChoice("tiny", device="cpu", precision=Precision.FP32)
    with pytest.raises(OutputError, match=r"dtype: auto there, fp32 asked"):
        evaluate(replace(here, model=other), tmp_path / "out")
