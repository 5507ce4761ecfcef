from dataclasses import replace

import pytest

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import InputError
from page4d_cli.eval.protocol import Measure
from page4d_cli.pipelines.evaluate.compare import compare
from page4d_cli.pipelines.evaluate.results import Results, SequenceResult, average

BEFORE = {"one": (0.10, 0.90), "two": (0.20, 0.80)}


def results(values, **more):
    sequences = tuple(
        SequenceResult(
            name=name,
            frames=3,
            scores={
                "scale": {
                    "Abs Rel": abs_rel,
                    "Sq Rel": 0.0,
                    "RMSE": 1.0,
                    "Log RMSE": 0.1,
                    "δ < 1.25": delta,
                    "δ < 1.25^2": 1.0,
                    "δ < 1.25^3": 1.0,
                    "valid_pixels": 10.0,
                }
            },
        )
        for name, (abs_rel, delta) in values.items()
    )
    made = Results(
        command=(),
        created_utc="2026-11-24T00:00:00+00:00",
        versions={},
        dataset=Dataset.TUM,
        measure=Measure.VIDEO,
        protocol={"name": "standard"},
        settings={},
        weights=(),
        sequences=sequences,
        averages=average(Measure.VIDEO, sequences),
        failed=0,
    )
    return replace(made, **more)


def test_the_same_is_no_regression():
    comparison = compare(results(BEFORE), results(BEFORE))
    assert comparison.regressions(0) == [] and comparison.notes == ()
    assert {one.sequence for one in comparison.differences} == {"one", "two", "average"}


def test_an_error_that_grows_and_a_share_that_falls_are_regressions():
    after = results({"one": (0.11, 0.90), "two": (0.10, 0.70)})
    worse = compare(results(BEFORE), after).regressions(0.01)
    assert {(one.sequence, one.metric) for one in worse} == {
        ("one", "Abs Rel"),
        ("two", "δ < 1.25"),
        ("average", "δ < 1.25"),
    }


def test_the_tolerance_is_a_share_of_the_number():
    after = results({**BEFORE, "one": (0.105, 0.9)})
    comparison = compare(results(BEFORE), after)
    assert comparison.regressions(0.051) == []
    assert len(comparison.regressions(0.04)) == 1


def test_from_zero_every_worsening_counts():
    after = results(BEFORE)
    spoiled = dict(after.sequences[0].scores["scale"], **{"Sq Rel": 1e-9})
    first = replace(after.sequences[0], scores={"scale": spoiled})
    after = replace(after, sequences=(first, after.sequences[1]))
    worse = compare(results(BEFORE), after).regressions(1e9)
    assert [(one.sequence, one.metric) for one in worse] == [("one", "Sq Rel")]


def test_a_sequence_that_fails_now_is_lost_and_averages_are_not_compared():
    after = results({"one": BEFORE["one"]})
    comparison = compare(results(BEFORE), after)
    assert comparison.lost == ("two",)
    assert {one.sequence for one in comparison.differences} == {"one"}
    assert any("averages" in note for note in comparison.notes)


def test_other_protocols_are_said_and_other_measures_refused():
    other = results(BEFORE, protocol={"name": "original"})
    assert compare(results(BEFORE), other).notes == (
        "protocol, name: standard before, original after",
    )
    with pytest.raises(InputError, match=r"first measured video on tum, .* video on bonn"):
        compare(results(BEFORE), results(BEFORE, dataset=Dataset.BONN))


def test_what_is_scored_no_longer_is_lost():
    before = results(BEFORE)
    first, second = before.sequences
    fewer = replace(before, sequences=(replace(first, frames=1), second))
    assert compare(before, fewer).lost == ("one (2 of 3 frames)",)
    scores = {"median": first.scores["scale"], **first.scores}
    both = replace(before, sequences=(replace(first, scores=scores), second))
    assert compare(both, before).lost == ("one (median)",)
