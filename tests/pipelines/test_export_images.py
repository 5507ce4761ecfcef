"""Which image files COLMAP and nerfstudio are pointed to."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pycolmap
import pytest
from PIL import Image
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import ExportFormat
from page4d_cli.io.manifest import MANIFEST
from page4d_cli.io.video import write_video
from page4d_cli.pipelines.export import ExportOptions, export_run

FORMATS = (ExportFormat.COLMAP, ExportFormat.NERFSTUDIO)


@pytest.fixture
def made(tmp_path):
    return write_synthetic_run(tmp_path, frames=2)


def with_sources(made, sources, source, **changes):
    """Say in the manifest that the frames came from there."""
    frames = tuple(
        replace(frame, source=str(path), **changes)
        for frame, path in zip(made.run.manifest.frames, sources, strict=True)
    )
    manifest = replace(made.run.manifest, frames=frames, settings={"source": source})
    (made.run.directory / MANIFEST).write_text(json.dumps(manifest.to_json()))


def exported(made, tmp_path):
    """The notes, the image paths that nerfstudio finds, and COLMAP's names."""
    out = tmp_path / "out"
    notes = export_run(made.run.directory, out, ExportOptions(FORMATS)).notes
    content = json.loads((out / "nerfstudio/transforms.json").read_text())
    files = [out / "nerfstudio" / frame["file_path"] for frame in content["frames"]]
    model = pycolmap.Reconstruction()
    model.read_text(out / "colmap/sparse/0")
    return notes, files, [model.images[number].name for number in (1, 2)]


def test_upright_sources_are_used_as_they_are(made, tmp_path):
    notes, files, names = exported(made, tmp_path)
    assert [file.resolve() for file in files] == [
        (tmp_path / "frames" / name).resolve() for name in names
    ]
    assert notes == (f"images: {tmp_path}/frames",)
    assert not (tmp_path / "out" / "images").exists()


def test_frames_of_a_video_are_written_out(made, tmp_path):
    path = tmp_path / "clip.mp4"
    write_video(path, (np.full((96, 112, 3), 99, np.uint8) for _ in range(2)), 10.0)
    with_sources(made, [path, path], str(path))
    notes, files, names = exported(made, tmp_path)
    assert names == ["000000.png", "000001.png"]
    assert [np.asarray(Image.open(file)).shape for file in files] == [(96, 112, 3)] * 2
    assert notes == ("images: copies in images/",)


def test_turned_pictures_and_names_with_spaces_are_copied_upright(made, tmp_path):
    folder = tmp_path / "my frames"
    folder.mkdir()
    sources = [folder / "one 1.jpg", folder / "two.jpg"]
    exif = Image.Exif()
    exif[0x0112] = 6
    for source in sources:
        Image.new("RGB", (96, 112)).save(source, exif=exif)
    with_sources(made, sources, str(folder))
    _, files, _ = exported(made, tmp_path)
    assert [np.asarray(Image.open(file)).shape for file in files] == [(96, 112, 3)] * 2


def test_spaces_in_a_name_would_break_the_text_model(made, tmp_path):
    sources = []
    for frame in made.run.manifest.frames:
        sources.append(tmp_path / "frames" / f"a {frame.stem}.png")
        shutil.move(frame.source, sources[-1])
    with_sources(made, sources, str(tmp_path / "frames"))
    _, files, names = exported(made, tmp_path)
    assert names == ["000000.png", "000001.png"] and all(file.is_file() for file in files)


def test_pictures_that_are_gone_are_asked_for(made, tmp_path):
    shutil.rmtree(tmp_path / "frames")
    notes, files, names = exported(made, tmp_path)
    assert names == ["000000.png", "000001.png"]
    assert any("put the pictures into images/ yourself" in note for note in notes)
    assert not any(file.exists() for file in files)
