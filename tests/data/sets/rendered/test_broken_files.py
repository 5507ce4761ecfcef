"""A file that is not what it should be is named, with what was expected."""

import gzip
import struct
import zlib

import pytest
from exact_truth import exact_truth
from rendered_layouts import write_dynamic_replica, write_kubric, write_odyssey, write_spring

from page4d_cli.core.enums import Dataset, OnBad
from page4d_cli.core.errors import DatasetError, FramesError
from page4d_cli.data.sets import extra
from page4d_cli.data.sets.find import find_sequences
from page4d_cli.pipelines.check_data.check import check_data
from page4d_cli.pipelines.train.data_options import DatasetOptions
from page4d_cli.pipelines.train.disk import open_disk_data

WRITERS = {
    Dataset.ODYSSEY: write_odyssey,
    Dataset.DYNAMIC_REPLICA: write_dynamic_replica,
    Dataset.KUBRIC: write_kubric,
    Dataset.SPRING: write_spring,
}
FILES = [
    (Dataset.ODYSSEY, "rgbs/rgb_00001.png"),
    (Dataset.ODYSSEY, "depths/depth_00001.png"),
    (Dataset.ODYSSEY, "anno.npz"),
    (Dataset.DYNAMIC_REPLICA, "images/*-0001.png"),
    (Dataset.DYNAMIC_REPLICA, "depths/*_0001.geometric.png"),
    (Dataset.DYNAMIC_REPLICA, "flow_forward/*_0001.png"),
    (Dataset.DYNAMIC_REPLICA, "flow_forward_mask/*_0001.png"),
    (Dataset.DYNAMIC_REPLICA, "../frame_annotations_train.jgz"),
    (Dataset.KUBRIC, "rgba_00001.png"),
    (Dataset.KUBRIC, "depth_00001.tiff"),
    (Dataset.KUBRIC, "segmentation_00001.png"),
    (Dataset.KUBRIC, "metadata.json"),
    (Dataset.SPRING, "frame_left/frame_left_0002.png"),
    (Dataset.SPRING, "disp1_left/disp1_left_0002.dsp5"),
    (Dataset.SPRING, "flow_FW_left/flow_FW_left_0002.flo5"),
    (Dataset.SPRING, "maps/rigidmap_FW_left/rigidmap_FW_left_0002.png"),
    (Dataset.SPRING, "maps/skymap_left/skymap_left_0002.png"),
    (Dataset.SPRING, "cam_data/extrinsics.txt"),
]


def read_all(dataset, root):
    (found,) = find_sequences(dataset, root)
    sequence = found.read()
    for index in range(len(sequence)):
        for read in (sequence.read_image, sequence.read_depth, sequence.read_moving):
            if read is not None:
                read(index)
    sequence.read_tracks(range(len(sequence)))


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path):
    path.write_bytes(b"")


def fill_with_text(path):
    path.write_bytes(b"<html>404 not found</html>\n" * 50)


@pytest.mark.parametrize("spoil", [halve, empty, fill_with_text, lambda path: path.unlink()])
@pytest.mark.parametrize(("dataset", "pattern"), FILES)
def test_names_itself(dataset, pattern, spoil, tmp_path):
    folder = WRITERS[dataset](tmp_path, exact_truth(frames=3, size=(16, 12)))
    (path,) = folder.glob(pattern)
    spoil(path)
    with pytest.raises((DatasetError, FramesError)) as caught:
        read_all(dataset, tmp_path)
    name = "frame_annotations" if path.suffix == ".jgz" else path.name
    assert name in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("dataset", "pattern"),
    [
        (Dataset.ODYSSEY, "rgbs/rgb_00001.png"),
        (Dataset.DYNAMIC_REPLICA, "flow_forward/*_0001.png"),
        (Dataset.KUBRIC, "segmentation_00001.png"),
    ],
)
def test_a_picture_that_would_swell_beyond_measure_names_itself(dataset, pattern, tmp_path):
    folder = WRITERS[dataset](tmp_path, exact_truth(frames=3, size=(16, 12)))
    (path,) = folder.glob(pattern)
    content = path.read_bytes()
    kind_and_size = content[12:16] + struct.pack(">II", 30000, 30000) + content[24:29]
    checksum = struct.pack(">I", zlib.crc32(kind_and_size))
    path.write_bytes(content[:12] + kind_and_size + checksum + content[33:])
    with pytest.raises((DatasetError, FramesError), match=rf"{path.name}.*exceeds limit"):
        read_all(dataset, tmp_path)


@pytest.mark.parametrize("name", ["depth_00001.tiff", "segmentation_00000.png"])
def test_a_map_of_another_size_than_its_picture_names_itself(name, tmp_path):
    folder = write_kubric(tmp_path / "right", exact_truth(frames=3, size=(16, 12)))
    other = write_kubric(tmp_path / "other", exact_truth(frames=3, size=(18, 12)))
    (other / name).replace(folder / name)
    with pytest.raises(
        DatasetError, match=rf"{name} (is 17×11; .* 15×11|.*\(11, 17\).*\(11, 15\))"
    ):
        read_all(Dataset.KUBRIC, tmp_path / "right")


@pytest.mark.parametrize(
    ("dataset", "module"), [(Dataset.KUBRIC, "tifffile"), (Dataset.SPRING, "h5py")]
)
def test_a_package_that_is_missing_is_named(dataset, module, tmp_path, monkeypatch):
    WRITERS[dataset](tmp_path, exact_truth(frames=3, size=(16, 12)))
    monkeypatch.setattr(extra, "_is_installed", lambda name: name != module)
    message = rf"^reading {dataset.value} needs {module}; pip install '\.\[sets\]'"
    with pytest.raises(DatasetError, match=message):
        read_all(dataset, tmp_path)


def test_skipping_counts_what_cannot_be_read(tmp_path):
    folder = write_spring(tmp_path, exact_truth(frames=6, size=(96, 72), fps=5.0))
    halve(folder / "disp1_left/disp1_left_0002.dsp5")
    with pytest.raises(DatasetError, match=r"disp1_left_0002\.dsp5.*--on-bad skip"):
        check_data(Dataset.SPRING, tmp_path)
    (report,) = check_data(Dataset.SPRING, tmp_path, on_bad=OnBad.SKIP).sequences
    assert report.frames == (0, 2, 3, 4, 5) and len(report.skipped) == 1
    assert "disp1_left_0002.dsp5" in report.skipped[0]


@pytest.mark.parametrize(
    ("dataset", "pattern"),
    [(Dataset.SPRING, "disp1_left/*"), (Dataset.KUBRIC, "depth_*"), (Dataset.ODYSSEY, "rgbs/*")],
)
def test_files_that_vanish_during_training_are_replaced_and_counted(dataset, pattern, tmp_path):
    for name in ("a", "b"):
        WRITERS[dataset](tmp_path, exact_truth(frames=3, size=(32, 24)), name)
    options = DatasetOptions(dataset, str(tmp_path), validation_share=0)
    data = open_disk_data(options, OnBad.STOP)
    gone = data.training[0]
    for path in (getattr(gone, "folder", gone)).glob(pattern):
        path.unlink()
    with pytest.raises(DatasetError, match="--on-bad skip"):
        data.read(0, 0, 2, (28, 14), OnBad.STOP, validating=False)
    clip, reasons = data.read(0, 0, 2, (28, 14), OnBad.SKIP, validating=False)
    assert clip.name.endswith("/b") and len(reasons) == 1


def test_annotations_that_are_cut_say_that_nothing_else_is_wrong(tmp_path):
    folder = write_dynamic_replica(tmp_path, exact_truth(frames=3, size=(16, 12)))
    path = folder.parent / "frame_annotations_train.jgz"
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:-40]))
    with pytest.raises(DatasetError, match="cut short; expected a gzipped list of frames"):
        read_all(Dataset.DYNAMIC_REPLICA, tmp_path)
