from pathlib import Path

import pytest
from dataset_layouts import (
    LAYOUTS,
    write_dycheck,
    write_folder,
    write_sintel,
    write_tum_prepared,
    write_tum_raw,
)
from exact_truth import exact_truth

from page4d_cli.core.enums import Dataset
from page4d_cli.core.errors import DatasetError, InputError
from page4d_cli.data.sets.find import find_sequences, resolve_root


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Where neither `data` nor the variable leads anywhere."""
    monkeypatch.delenv("PAGE4D_DATA", raising=False)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


def names(dataset, root, layout=None):
    return [(found.name, found.layout) for found in find_sequences(dataset, root, layout)]


def test_finds_all_sequences_in_natural_order(tmp_path):
    for name in ("kitchen10", "kitchen9", ".hidden"):
        write_folder(tmp_path, exact_truth(), name)
    (tmp_path / "empty").mkdir()
    assert names(Dataset.FOLDER, tmp_path) == [("kitchen9", "folder"), ("kitchen10", "folder")]


def test_prepared_is_taken_before_raw_and_the_benchmarks_number_first(tmp_path):
    write_tum_raw(tmp_path, exact_truth(), "a")
    assert names(Dataset.TUM, tmp_path) == [("a", "raw")]
    write_tum_prepared(tmp_path, exact_truth(), "a", 200)
    assert names(Dataset.TUM, tmp_path) == [("a", "prepared rgb_200")]
    write_tum_prepared(tmp_path, exact_truth(), "a", 90)
    assert names(Dataset.TUM, tmp_path) == [("a", "prepared rgb_90")]
    assert names(Dataset.TUM, tmp_path, "raw") == [("a", "raw")]
    assert names(Dataset.TUM, tmp_path, "prepared rgb_200") == [("a", "prepared rgb_200")]
    with pytest.raises(DatasetError, match="no sequence of tum in the layout 'prepared rgb_5'"):
        find_sequences(Dataset.TUM, tmp_path, "prepared rgb_5")


def test_a_sequence_that_lacks_a_list_is_found_and_told(tmp_path):
    folder = write_tum_raw(tmp_path, exact_truth())
    (folder / "depth.txt").unlink()
    (found,) = find_sequences(Dataset.TUM, tmp_path)
    with pytest.raises(DatasetError, match=r"depth\.txt does not exist.*rgb\.txt, depth\.txt, gr"):
        found.read()


@pytest.mark.parametrize("name", LAYOUTS)
def test_says_what_was_expected_where_there_is_nothing(tmp_path, name):
    dataset = LAYOUTS[name].dataset
    (tmp_path / "other").mkdir()
    with pytest.raises(DatasetError, match=f"no sequence of {dataset.value}; expected .*<"):
        find_sequences(dataset, tmp_path)
    with pytest.raises(DatasetError, match="absent is no folder; give the folder of"):
        find_sequences(dataset, tmp_path / "absent")


def test_intrinsics_cannot_replace_those_of_each_frame(tmp_path):
    write_sintel(tmp_path, exact_truth())
    (found,) = find_sequences(Dataset.SINTEL, tmp_path)
    with pytest.raises(InputError, match="alley_2 of sintel has intrinsics of its own"):
        found.read((1.0, 2.0, 3.0, 4.0))


def test_a_root_is_the_data_set_or_holds_it_by_name(tmp_path):
    write_sintel(tmp_path / "all/sintel", exact_truth())
    for given in (tmp_path / "all", tmp_path / "all/sintel"):
        assert resolve_root(Dataset.SINTEL, given) == tmp_path / "all/sintel"


def test_the_variable_comes_before_the_folder_data(tmp_path, monkeypatch):
    write_folder(tmp_path / "here/data/folder", exact_truth())
    assert resolve_root(Dataset.FOLDER).resolve() == tmp_path / "here/data/folder"
    write_folder(tmp_path / "there/folder", exact_truth())
    monkeypatch.setenv("PAGE4D_DATA", str(tmp_path / "there"))
    assert resolve_root(Dataset.FOLDER) == tmp_path / "there/folder"


def test_dycheck_may_be_called_as_it_is_typed(tmp_path, monkeypatch):
    write_dycheck(tmp_path / "dyncheck", exact_truth())
    monkeypatch.setenv("PAGE4D_DATA", str(tmp_path))
    assert resolve_root(Dataset("dyncheck")) == tmp_path / "dyncheck"


def test_says_where_it_looked(tmp_path, monkeypatch):
    with pytest.raises(DatasetError, match=r"no sequence of sintel in data/sintel; .*PAGE4D_DATA"):
        resolve_root(Dataset.SINTEL)
    monkeypatch.setenv("PAGE4D_DATA", str(tmp_path))
    with pytest.raises(DatasetError, match=f"no sequence of sintel in {tmp_path}/sintel; "):
        resolve_root(Dataset.SINTEL)
    with pytest.raises(DatasetError, match="x is no folder; give the folder of the data set dych"):
        resolve_root(Dataset.DYCHECK, Path("x"))
    Path("x").mkdir()
    with pytest.raises(DatasetError, match=r"in x/dycheck, x/dyncheck, x; .*camera/0_00000\.json"):
        resolve_root(Dataset.DYCHECK, Path("x"))
