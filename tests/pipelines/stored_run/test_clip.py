import resource
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import Resolution, Save
from page4d_cli.core.errors import NothingLeftError, RunError
from page4d_cli.core.resample import to_source_pixels
from page4d_cli.core.strict_json import to_text
from page4d_cli.io.run.directory import depth_file, open_run
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.pipelines.stored_run.clip import read_run_clip


@pytest.fixture
def made(tmp_path):
    return write_synthetic_run(tmp_path, frames=3)


def test_only_what_is_needed_is_read(made):
    (made.run.directory / "cameras.npz").unlink()
    clip = read_run_clip(made.run, slice(2, None, -1), [Save.DEPTH])
    assert clip.indices == (2, 1, 0) and len(clip) == 3
    np.testing.assert_array_equal(clip.depth[0], made.run.depth(2))
    assert clip.extrinsics.shape == (0, 3, 4) and clip.confidence == clip.images == ()
    with pytest.raises(RunError, match=r"cameras\.npz is missing, the manifest lists it"):
        read_run_clip(made.run, slice(None), [Save.CAMERAS])


def test_intrinsics_in_source_pixels(made):
    clip = read_run_clip(made.run, slice(1, 2), [Save.CAMERAS])
    k, k_source = clip.intrinsics[0], clip.intrinsics_source[0]
    np.testing.assert_allclose(k_source[[0, 1], [0, 1]], 2 * k[[0, 1], [0, 1]])
    # The map's pixel (28, 21) is a block of 2×2; three rows of blocks were cut off above it.
    np.testing.assert_allclose(k_source[:2, 2], [2 * 28 + 0.5, 2 * (21 + 3) + 0.5])


def test_maps_of_source_size_need_no_transform(made):
    manifest = replace(made.run.manifest, resolution=Resolution.SOURCE)
    for frame, index in zip(manifest.frames, range(3), strict=True):
        transform = frame.to_info((42, 56)).transform
        depth = to_source_pixels(made.run.depth(index), transform)
        np.save(made.run.directory / depth_file(frame.stem), depth)
    (made.run.directory / MANIFEST).write_text(to_text(manifest))
    clip = read_run_clip(open_run(made.run.directory), slice(None), [Save.CAMERAS, Save.DEPTH])
    assert clip.depth[0].shape == (96, 112)
    np.testing.assert_array_equal(clip.intrinsics, clip.intrinsics_source)


def test_an_empty_choice_says_what_there_is(made):
    with pytest.raises(NothingLeftError, match="--frames chooses none of 3 frames"):
        read_run_clip(made.run, slice(3, None), [Save.DEPTH])


def test_few_files_are_open_however_long_the_clip_is(tmp_path):
    run = open_run(write_synthetic_run(tmp_path, frames=24).run.directory)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/dev/fd").iterdir())) + 12, hard))
    try:
        clip = read_run_clip(run, slice(None), [Save.DEPTH, Save.CONFIDENCE]).in_metres(2.0)
        sums = [[float(map_.sum()) for map_ in maps] for maps in (clip.depth, clip.confidence)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [len(each) for each in sums] == [24, 24] and np.all(sums)
