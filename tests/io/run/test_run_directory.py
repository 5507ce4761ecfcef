from dataclasses import replace

import numpy as np
import pytest
from run_manifest import manifest

from page4d_cli.core.enums import Save
from page4d_cli.core.errors import RunError
from page4d_cli.io.run.directory import (
    CAMERAS,
    confidence_file,
    depth_file,
    depth_png_file,
    is_complete,
    open_run,
    points_confidence_file,
    points_file,
)
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.io.run.writer import commit_run
from page4d_cli.io.whole.transaction import Transaction

RNG = np.random.default_rng(0)
DEPTH = RNG.uniform(1, 9, (2, 4, 5)).astype(np.float32)
POINTS = RNG.normal(size=(2, 4, 5, 3)).astype(np.float32)
EXTRINSICS = RNG.normal(size=(2, 3, 4)).astype(np.float32)
INTRINSICS = RNG.normal(size=(2, 3, 3)).astype(np.float32)


@pytest.fixture
def out(tmp_path):
    with Transaction(tmp_path / "preds", MANIFEST) as run:
        for index, stem in enumerate(("000000", "000001")):
            np.save(run.path(depth_file(stem)), DEPTH[index])
            np.save(run.path(confidence_file(stem)), DEPTH[index] + 1)
            np.save(run.path(points_file(stem)), POINTS[index])
        np.savez(run.path(CAMERAS), extrinsics=EXTRINSICS, intrinsics=INTRINSICS)
        box = {"offset": (0.0, 0.0), "content": (0, 0, 5, 4)}
        frames = tuple(replace(frame, **box) for frame in manifest().frames)
        commit_run(run, manifest(saved=tuple(Save), network_size=(4, 5), frames=frames))
    return tmp_path / "preds"


def test_what_was_written_is_read(out):
    run = open_run(out)
    assert is_complete(out)
    np.testing.assert_array_equal(run.extrinsics(), EXTRINSICS)
    np.testing.assert_array_equal(run.intrinsics(), INTRINSICS)
    np.testing.assert_allclose(run.timestamps_s, [1305031102.175304, 1305031103.175304], rtol=0)
    for index in range(2):
        np.testing.assert_array_equal(run.depth(index), DEPTH[index])
        np.testing.assert_array_equal(run.confidence(index), DEPTH[index] + 1)
        np.testing.assert_array_equal(run.points(index), POINTS[index])


def test_a_map_of_another_size_is_of_another_run(out):
    np.save(out / depth_file("000001"), np.ones((5, 4), np.float32))
    with pytest.raises(
        RunError, match=r"000001.npy: holds .* \(5, 4\), expected floats of shape \(4, 5\)"
    ):
        open_run(out).depth(1)


def test_intrinsics_of_the_source_are_those_of_its_pixels(out):
    run = open_run(out)
    for info, k, found in zip(run.infos, INTRINSICS, run.intrinsics_source(), strict=True):
        np.testing.assert_array_equal(found, info.transform.intrinsics_to_source(k))


def test_maps_stay_on_the_disk(out):
    depth = open_run(out).depth(1)
    assert isinstance(depth, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        depth[0, 0] = 1


@pytest.mark.parametrize(
    ("file", "read"),
    [
        (CAMERAS, lambda run: run.extrinsics()),
        (CAMERAS, lambda run: run.intrinsics()),
        (depth_file("000001"), lambda run: run.depth(1)),
        (confidence_file("000001"), lambda run: run.confidence(1)),
        (points_file("000001"), lambda run: run.points(1)),
    ],
)
@pytest.mark.parametrize("content", [None, b"", b"\x93NUMPY\x01\x00", b"PK\x03\x04 cut", b"words"])
def test_files_that_are_missing_or_damaged(out, file, read, content):
    run = open_run(out)
    if content is None:
        (out / file).unlink()
        words = rf"{file} is missing, the manifest lists it: .* run `page4d infer` again"
    else:
        (out / file).write_bytes(content)
        words = rf"{file} is damaged: it is cut short, or no file of NumPy's; run `page4d infer`"
    with pytest.raises(RunError, match=words) as caught:
        read(run)
    assert "\n" not in str(caught.value)
    assert not is_complete(out)


def test_a_pickle_is_not_run(out):
    np.save(out / depth_file("000000"), np.array([print], object), allow_pickle=True)
    with pytest.raises(RunError, match="holds object of shape"):
        open_run(out).depth(0)


def test_cameras_of_another_clip(out):
    np.savez(out / CAMERAS, extrinsics=EXTRINSICS[:1])
    words = r"extrinsics holds float32 of shape \(1, 3, 4\), expected floats of shape \(2, 3, 4\)"
    with pytest.raises(RunError, match=words):
        open_run(out).extrinsics()
    with pytest.raises(RunError, match="intrinsics is missing; run"):
        open_run(out).intrinsics()


def test_what_was_not_saved_is_asked_for(tmp_path):
    with Transaction(tmp_path / "preds", MANIFEST) as run:
        np.savez(run.path(CAMERAS), extrinsics=EXTRINSICS, intrinsics=INTRINSICS)
        commit_run(run, manifest(saved=(Save.CAMERAS,)))
    words = r"npy is missing; `page4d infer --save depth` writes it \(this run has cameras\)"
    with pytest.raises(RunError, match=words):
        open_run(tmp_path / "preds").depth(0)


def test_an_array_is_no_archive(out):
    with (out / CAMERAS).open("wb") as file:
        np.save(file, EXTRINSICS)
    with pytest.raises(RunError, match="is damaged: it is cut short, or no file of NumPy's"):
        open_run(out).extrinsics()


def test_a_directory_without_a_manifest_is_no_run(out):
    (out / "manifest.json").unlink()
    assert not is_complete(out)
    with pytest.raises(RunError, match="is no complete run"):
        open_run(out)


def test_names_of_one_frame_do_not_collide():
    names = [depth_file, confidence_file, points_file, points_confidence_file, depth_png_file]
    assert len({name("a") for name in names}) == len(names)
