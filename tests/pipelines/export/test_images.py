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
from page4d_cli.core.strict_json import to_text
from page4d_cli.io.formats.video import write_video
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.pipelines.export.export import ExportOptions, export_run

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
    (made.run.directory / MANIFEST).write_text(to_text(manifest))


def nerfstudio_files(out):
    content = json.loads((out / "nerfstudio/transforms.json").read_text())
    return [out / "nerfstudio" / frame["file_path"] for frame in content["frames"]]


def colmap_names(out):
    model = pycolmap.Reconstruction()
    model.read_text(out / "colmap/sparse/0")
    return [model.images[number].name for number in sorted(model.images)]


def exported(made, tmp_path):
    """The notes, the image paths that nerfstudio finds, and COLMAP's names."""
    out = tmp_path / "out"
    notes = export_run(made.run.directory, out, ExportOptions(FORMATS)).notes
    return notes, nerfstudio_files(out), colmap_names(out)


def write_clip(path, count):
    """A video of the sources' size; a picture is as grey as its number says."""
    write_video(path, (np.full((96, 112, 3), 40 * i, np.uint8) for i in range(count)), 10.0)
    return path


def test_upright_sources_are_used_as_they_are(made, tmp_path):
    notes, files, names = exported(made, tmp_path)
    assert [file.resolve() for file in files] == [
        (tmp_path / "frames" / name).resolve() for name in names
    ]
    assert notes == (f"images: {tmp_path}/frames",)
    assert not list((tmp_path / "out").rglob("images"))


def test_frames_of_a_video_are_written_out(made, tmp_path):
    path = write_clip(tmp_path / "clip.mp4", 2)
    with_sources(made, [path, path], str(path))
    notes, files, names = exported(made, tmp_path)
    assert names == ["000000.png", "000001.png"]
    assert [np.asarray(Image.open(file)).shape for file in files] == [(96, 112, 3)] * 2
    assert notes == ("images: copies in colmap/images/ and nerfstudio/images/",)
    for file in files:
        assert (tmp_path / "out/colmap/images" / file.name).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("second", [slice(2, 4), slice(1, 3)])
def test_formats_keep_their_own_pictures(tmp_path, second):
    made = write_synthetic_run(tmp_path, frames=4)
    path = write_clip(tmp_path / "clip.mp4", 4)
    with_sources(made, [path] * 4, str(path))
    out = tmp_path / "out"

    def export(form, frames, **options):
        export_run(made.run.directory, out, ExportOptions((form,), frames, **options))

    export(ExportFormat.COLMAP, slice(0, 2))
    before = {file: file.read_bytes() for file in (out / "colmap").rglob("*") if file.is_file()}
    assert [(out / "colmap/images" / name) in before for name in colmap_names(out)] == [True] * 2
    export(ExportFormat.NERFSTUDIO, second)
    export(ExportFormat.NERFSTUDIO, slice(3, 4), overwrite=True)
    assert {file: file.read_bytes() for file in before} == before
    assert nerfstudio_files(out) == [out / "nerfstudio/images/000003.png"]
    assert list((out / "nerfstudio/images").iterdir()) == nerfstudio_files(out)


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
    places = "colmap/images/ and nerfstudio/images/"
    assert any(f"put the pictures into {places} yourself" in note for note in notes)
    assert not any(file.exists() for file in files)
    formats = json.loads((tmp_path / "out/export.json").read_text())["formats"]
    assert not any("images/" in file for each in formats.values() for file in each["files"])
