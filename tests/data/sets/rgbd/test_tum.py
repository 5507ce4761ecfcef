import json

import numpy as np
import pytest
from dataset_layouts import DEPTH_DELAY_S, EPOCH_S, write_tum_prepared, write_tum_raw
from exact_truth import exact_truth

from page4d_cli.core.enums import Dataset, SynthLayout
from page4d_cli.core.errors import DatasetError
from page4d_cli.core.strict_json import encode_fields, to_text
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.data.sets.rendered.scene_folder import PinholeRecord, SceneRecord
from page4d_cli.data.sets.rgbd.tum import FREIBURG3, ROS_DEFAULT

WRITERS = pytest.mark.parametrize("write", [write_tum_raw, write_tum_prepared])


def pinhole(sequence):
    k = sequence.intrinsics
    return (k[0, 0], k[1, 1], k[0, 2], k[1, 2])


@WRITERS
def test_intrinsics_follow_the_name_unless_given(tmp_path, write):
    folder = write(tmp_path, exact_truth())
    (found,) = find_sequences(Dataset.TUM, tmp_path)
    assert pinhole(found.read()) == FREIBURG3
    assert "intrinsics fx fy cx cy: 535.4 539.2 320.1 247.6" in found.read().notes
    assert pinhole(found.read((1.0, 2.0, 3.0, 4.0))) == (1.0, 2.0, 3.0, 4.0)
    folder.rename(tmp_path / "livingroom")
    assert pinhole(find_sequences(Dataset.TUM, tmp_path)[0].read()) == ROS_DEFAULT


@WRITERS
def test_a_synthetic_folder_tells_its_intrinsics(tmp_path, write):
    folder = write(tmp_path, exact_truth())
    record = SceneRecord(
        layout=SynthLayout.TUM,
        seed=0,
        recipe={},
        size=(32, 24),
        intrinsics=PinholeRecord(30, 31, 15.5, 11.5),
        moving_bodies=1,
        conventions={},
        timestamps_s=(),
    )
    (folder / "scene.json").write_text(to_text(record))
    (found,) = find_sequences(Dataset.TUM, tmp_path)
    assert pinhole(found.read()) == (30, 31, 15.5, 11.5)
    wide = {**encode_fields(record), "intrinsics": {"fx": "wide"}}
    (folder / "scene.json").write_text(json.dumps(wide))
    with pytest.raises(DatasetError, match=r"scene\.json: intrinsics.fx is 'wide', expected a num"):
        found.read()


@WRITERS
def test_each_clock_is_kept(tmp_path, write):
    truth = exact_truth()
    write(tmp_path, truth)
    sequence = find_sequences(Dataset.TUM, tmp_path)[0].read()
    np.testing.assert_allclose(sequence.timestamps_s, EPOCH_S + truth.timestamps_s)
    assert sequence.worst_offset_s == pytest.approx(DEPTH_DELAY_S, abs=1e-6)
