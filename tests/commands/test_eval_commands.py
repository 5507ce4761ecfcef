import json

import pytest
from dataset_layouts import write_tum_prepared
from evaluation_runs import write_run_of
from exact_truth import exact_truth
from support import ORACLE
from typer.testing import CliRunner

from page4d_cli.app import app
from page4d_cli.core.enums import Dataset
from page4d_cli.data.sets.find import find_sequences


@pytest.fixture
def data(tmp_path):
    for name in ("one", "two"):
        write_tum_prepared(tmp_path / "data", exact_truth(frames=4), name)
    sequence = find_sequences(Dataset.TUM, tmp_path / "data")[0].read()
    write_run_of(tmp_path / "preds" / "one", sequence)
    return tmp_path


def run(*words):
    return CliRunner().invoke(app, [str(word) for word in words])


def evaluate(data, what, *words):
    place = ["--data-root", data / "data", "--preds", data / "preds", "--out", data / what]
    return run(what, "--dataset", "tum", *place, *words)


def test_a_table_with_the_averages_and_exit_1_for_a_failure(data):
    result = evaluate(data, "eval-depth", "--align", "median", "--align", "scale")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["sequence", "one", "one", "average", "average"]
    assert "warning: two failed: no prediction" in result.stderr
    assert "1 of 2 sequences failed" in result.stderr
    assert evaluate(data, "eval-depth", "--align", "median", "--align", "scale",
                    "--allow-failures").exit_code == 0  # fmt: skip


def test_json_is_one_object(data):
    result = evaluate(data, "eval-pose", "--sequences", "one", "--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["averages"]["sim3"]["ATE"] < 1e-5 and found["failed"] == 0


def test_published_numbers_are_marked_as_of_another_protocol(data):
    result = evaluate(data, "eval-pose", "--sequences", "one", "--published")
    assert "PAGE-4D, published in PAGE-4D" in result.stdout and "0.016" in result.stdout
    assert "not comparable" in " ".join(result.stderr.split())


def test_two_files_are_scored_as_a_shell_user_expects(tmp_path):
    pose = ORACLE / "pose"
    estimate = sorted(path for path in pose.glob("*.txt") if path.name != "gt.txt")[0]
    words = ("eval-pose", estimate, "--gt", pose / "gt.txt")
    result = run(*words, "--json", "--plot", tmp_path / "path.png")
    assert result.exit_code == 0, result.stderr
    assert {"ATE", "RPE trans", "RPE rot", "poses"} <= json.loads(result.stdout).keys()
    assert (tmp_path / "path.png").stat().st_size > 1000
    assert run(*words).stdout.split()[0] == "ATE"


def write_path(path, times_s):
    rows = [f"{time_s} {i} {i * i} {i % 3} 0 0 0 1" for i, time_s in times_s]
    path.write_text("\n".join(rows) + "\n")
    return path


def test_equal_counts_with_other_clocks_are_paired_by_order_which_is_said(tmp_path):
    a, b = (
        write_path(tmp_path / f"{step}.txt", [(i, i * step) for i in range(5)])
        for step in (0.05, 0.1)
    )
    result = run("eval-pose", a, "--gt", b, "--quiet")
    assert result.exit_code == 0 and "time stamps differ by up to 0.2 s" in result.stderr
    found = json.loads(run("eval-pose", a, "--gt", b, "--json").stdout)
    assert found["pairing"] == "index"
    assert found["max_time_difference_s"] == pytest.approx(0.2)


def test_equal_counts_of_one_clock_are_paired_by_time(tmp_path):
    times_s = [(i, i / 30) for i in range(30)]
    a, b = write_path(tmp_path / "a.txt", times_s[5:]), write_path(tmp_path / "b.txt", times_s[:-5])
    result = run("eval-pose", a, "--gt", b, "--json")
    found = json.loads(result.stdout)
    assert found["ATE"] < 1e-6 and found["poses"] == 20 and found["pairing"] == "timestamp"
    assert "warning" not in result.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["eval-depth", "--dataset", "tumm"], "'tumm' is not one of"),
        (["eval-depth", "--dataset", "tum", "--align", "best"], "'best' is not one of"),
        (["eval-pose", "EST.txt"], "give --dataset NAME, or EST.txt and --gt GT.txt"),
        (["eval-pose", "no.txt", "--gt", "no.txt"], "no.txt"),
        (["eval-pose"], "give --dataset NAME, or EST.txt and --gt GT.txt"),
        (["compare", "a.json", "b.json"], "cannot read a.json"),
    ],
)
def test_nonsense_is_refused(words, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = run(*words)
    assert result.exit_code == 2 and message in " ".join(result.stderr.split())
    assert list(tmp_path.iterdir()) == []


def test_comparing_says_what_became_worse(data, tmp_path):
    first = evaluate(data, "eval-depth", "--sequences", "one", "--align", "metric", "--json")
    good = json.loads(first.stdout)
    bad = json.loads((data / "eval-depth" / "results.json").read_text())
    for scores in (bad["averages"]["metric"], bad["sequences"][0]["scores"]["metric"]):
        scores["Abs Rel"] += 0.5
    (tmp_path / "bad.json").write_text(json.dumps(bad))
    same = run(
        "compare", data / "eval-depth" / "results.json", data / "eval-depth" / "results.json"
    )
    assert same.exit_code == 0 and good["failed"] == 0
    worse = run("compare", data / "eval-depth" / "results.json", tmp_path / "bad.json")
    assert worse.exit_code == 1
    assert sum("worse" in line for line in worse.stdout.splitlines()) == 2
    assert "2 numbers are worse by more than 1.0%" in worse.stderr


def test_paths_are_brought_together_as_told(tmp_path):
    bend = [(i, 1_400_000_000 + 0.1 * i) for i in range(5)]
    truth = write_path(tmp_path / "truth.txt", bend)
    late = write_path(tmp_path / "late.txt", [(i, stamp + 7) for i, stamp in reversed(bend[1:])])
    words = ("eval-pose", late, "--gt", truth, "--json")
    assert run(*words).exit_code == 2
    result = run(*words, "--time-offset", -7, "--align", "none", "--max-time-difference", 0.001)
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["ATE"] == 0 and found["align"] == "none" and found["poses"] == 4
    assert found["notes"] == [f"{late}: its rows were sorted by time"]
    assert "sorted by time" in result.stderr


@pytest.mark.parametrize("option", [("--align", "se3"), ("--time-offset", 1)])
def test_how_files_are_compared_is_no_choice_for_data_sets(option):
    result = run("eval-pose", "--dataset", "tum", *option)
    assert result.exit_code == 2 and "a data set is scored by its protocol" in result.stderr
    result = run("eval-pose", "a.txt", "--gt", "b.txt", "--max-time-difference", -1)
    assert result.exit_code == 2 and "--max-time-difference -1: give seconds" in result.stderr
