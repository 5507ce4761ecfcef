import shutil

import numpy as np
import pytest
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import ExportFormat
from page4d_cli.io.formats.png import write_motion_png
from page4d_cli.io.run.addition import adding
from page4d_cli.io.run.directory import open_run
from page4d_cli.pipelines.cloud.of_run import CloudOptions
from page4d_cli.pipelines.export.export import ExportOptions, export_run
from page4d_cli.pipelines.export.options import FormatOptions


@pytest.fixture(scope="session")
def scene(tmp_path_factory):
    """A run of four frames with exact depth and cameras. Tests must not change it."""
    return write_synthetic_run(tmp_path_factory.mktemp("scene"), frames=4)


@pytest.fixture
def export_run_of(scene, tmp_path):
    """Export into `tmp_path / "out"`; keywords are fields of the options."""

    def call(*formats, cloud=None, run=scene.run, of_formats=None, **options):
        options = ExportOptions(
            tuple(map(ExportFormat, formats)),
            cloud=cloud or CloudOptions(),
            of_formats=of_formats or FormatOptions(),
            **options,
        )
        return export_run(run.directory, tmp_path / "out", options)

    return call


@pytest.fixture
def export(export_run_of, tmp_path):
    """The same, giving the folder."""

    def call(*formats, **options):
        export_run_of(*formats, **options)
        return tmp_path / "out"

    return call


@pytest.fixture
def with_motion(scene, tmp_path):
    """A copy of the run whose motion is as given, (S, H, W)."""

    def call(moving):
        run = open_run(shutil.copytree(scene.run.directory, tmp_path / "run"))
        with adding(run, "motion", {}) as files:
            for frame, mask in zip(run.manifest.frames, moving, strict=True):
                score = mask.astype(np.float32)
                write_motion_png(files.path(f"motion/{frame.stem}.png"), score)
        return open_run(run.directory)

    return call
