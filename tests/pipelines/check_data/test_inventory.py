import shutil

import numpy as np
import pytest
from dataset_layouts import LAYOUTS, write_bonn_prepared, write_sintel, write_tum_raw
from exact_truth import exact_truth, save_depth16
from PIL import Image

from page4d_cli.core.enums import Dataset
from page4d_cli.data.sets.catalogue import DATASETS
from page4d_cli.pipelines.check_data.inventory import list_datasets, take_inventory


@pytest.mark.parametrize("name", LAYOUTS)
def test_counts_what_there_is(tmp_path, name):
    written = LAYOUTS[name]
    folder = written.write(tmp_path, exact_truth())
    inventory = take_inventory(written.dataset, tmp_path)
    (one,) = inventory.sequences
    assert (one.name, one.layout, one.problem) == (folder.name, written.layout, None)
    assert (one.frames, one.poses, one.depths) == (4, 4 * written.poses, 4 * written.depth)
    benchmark = DATASETS[written.dataset].benchmark.sequences
    assert one.in_benchmark == bool(benchmark)
    assert inventory.missing == tuple(name for name in benchmark if name != one.name)
    assert inventory.complete == (len(benchmark) < 2)


def test_a_whole_benchmark_is_complete(tmp_path):
    for name in DATASETS[Dataset.BONN].benchmark.sequences:
        write_bonn_prepared(tmp_path, exact_truth(frames=3, size=(8, 6)), name)
    write_bonn_prepared(tmp_path, exact_truth(frames=3, size=(8, 6)), "rgbd_bonn_synchronous2")
    seen = []
    inventory = take_inventory(Dataset.BONN, tmp_path, progress=lambda *step: seen.append(step))
    assert inventory.complete and len(inventory.sequences) == 6
    assert [one.in_benchmark for one in inventory.sequences] == [True] * 5 + [False]
    assert inventory.sequences[0].worst_offset_s == pytest.approx(0.004, abs=1e-6)
    assert seen[-1] == ("sequences", 6, 6)
    shutil.rmtree(tmp_path / "rgbd_bonn_crowd2")
    assert take_inventory(Dataset.BONN, tmp_path).missing == ("rgbd_bonn_crowd2",)


def test_the_list_is_not_asked_for_if_one_sequence_is_given(tmp_path):
    folder = write_tum_raw(tmp_path, exact_truth())
    inventory = take_inventory(Dataset.TUM, folder)
    assert inventory.complete and not inventory.missing


def test_ground_truth_that_the_benchmark_needs_is_missing(tmp_path):
    write_sintel(tmp_path, exact_truth(), "alley_1")
    write_sintel(tmp_path, exact_truth(), "alley_2")
    for kind in ("depth", "camdata_left"):
        shutil.rmtree(tmp_path / "training" / kind)
    first, second = take_inventory(Dataset.SINTEL, tmp_path).sequences
    assert first.lacking == ("depth",)  # in no list of poses
    assert second.lacking == ("poses", "depth")
    inventory = take_inventory(Dataset.SINTEL, tmp_path / "training/final/alley_1")
    assert not inventory.missing and not inventory.complete


def test_what_is_broken_is_named_and_the_others_go_on(tmp_path):
    folders = [write_tum_raw(tmp_path, exact_truth(), name) for name in "abcde"]
    stamps = [sorted((folder / "depth").iterdir()) for folder in folders]
    stamps[0][1].unlink()
    save_depth16(stamps[1][0], np.ones((12, 16), np.float32))
    (folders[2] / "groundtruth.txt").write_text("1 2 3")
    Image.new("RGB", (32, 24)).save(stamps[3][-1])
    inventory = take_inventory(Dataset.TUM, tmp_path)
    problems = [one.problem for one in inventory.sequences]
    assert f"{stamps[0][1]} does not exist (1 of 4 depth maps are missing)" == problems[0]
    assert "is 32×24, its depth 16×12" in problems[1]
    assert "groundtruth.txt, line 1: 3 columns" in problems[2]
    assert "mode RGB; expected a 16-bit" in problems[3]
    assert problems[4] is None and inventory.sequences[4].frames == 4
    assert not inventory.complete


def test_lists_every_data_set_and_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv("PAGE4D_DATA", str(tmp_path))
    write_sintel(tmp_path / "sintel", exact_truth())
    known = {one.dataset: one for one in list_datasets()}
    assert list(known) == list(DATASETS)
    assert (known[Dataset.SINTEL].root, known[Dataset.SINTEL].found) == (tmp_path / "sintel", 1)
    assert (known[Dataset.TUM].root, known[Dataset.TUM].found) == (None, 0)
    assert set(known[Dataset.TUM].layouts) == {"prepared", "raw"}
