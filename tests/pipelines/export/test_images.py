"""Which image files COLMAP and nerfstudio are pointed to."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pycolmap
import pytest
from PIL import Image
from synthetic_run import write_synthetic_run

from page4d_cli.core.enums import ExportFormat, Pictures
from page4d_cli.core.strict_json import to_text
from page4d_cli.io.formats.video import write_video
from page4d_cli.io.run.manifest import MANIFEST
from page4d_cli.pipelines.export import images
from page4d_cli.pipelines.export.export import ExportOptions, export_run
from page4d_cli.pipelines.export.options import FormatOptions

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


def exported(made, tmp_path, pictures=Pictures.LINK):
    """The notes, the image paths that nerfstudio finds, and COLMAP's names."""
    out = tmp_path / "out"
    options = ExportOptions(FORMATS, of_formats=FormatOptions(images=pictures))
    notes = export_run(made.run.directory, out, options).notes
    return notes, nerfstudio_files(out), colmap_names(out)


def write_clip(path, count):
    """A video of the sources' size; a picture is as grey as its number says."""
    write_video(path, (np.full((96, 112, 3), 40 * i, np.uint8) for i in range(count)), 10.0)
    return path


def is_second_name(file, source):
    return not file.is_symlink() and file.samefile(source)


def is_own(file, source):
    return not file.samefile(source) and file.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("pictures", "is_so", "word"),
    [(Pictures.LINK, is_second_name, "links"), (Pictures.COPY, is_own, "copies")],
)
def test_upright_sources_are_linked_or_copied_as_they_are(made, tmp_path, pictures, is_so, word):
    notes, files, names = exported(made, tmp_path, pictures)
    assert names == ["000000.png", "000001.png"]
    assert notes == (f"images: {word} in colmap/images/ and nerfstudio/images/",)
    for file, name in zip(files, names, strict=True):
        for each in (file, tmp_path / "out/colmap/images" / name):
            assert is_so(each, tmp_path / "frames" / name)


def test_on_another_file_system_a_link_is_a_reference(made, tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(images.os, "link", refuse)
    _, files, names = exported(made, tmp_path)
    assert [file.readlink() for file in files] == [tmp_path / "frames" / name for name in names]


def test_none_leaves_them_to_you(made, tmp_path):
    notes, files, names = exported(made, tmp_path, Pictures.NONE)
    assert names == ["000000.png", "000001.png"] and not any(file.exists() for file in files)
    places = "colmap/images/ and nerfstudio/images/"
    assert notes == (f"put the pictures into {places} yourself: 000000.png and so on",)


def test_replacing_an_export_leaves_the_sources(made, tmp_path):
    sources = [tmp_path / "frames" / f"00000{index}.png" for index in range(2)]
    before = [source.read_bytes() for source in sources]
    exported(made, tmp_path)
    options = ExportOptions(FORMATS, slice(0, 1), overwrite=True)
    export_run(made.run.directory, tmp_path / "out", options)
    assert [source.read_bytes() for source in sources] == before
    assert [path.name for path in (tmp_path / "out/colmap/images").iterdir()] == ["000000.png"]


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


@pytest.mark.parametrize("stem", ["a {}", "1305031102.17{}"])
def test_names_that_programs_do_not_take_become_numbers(made, tmp_path, stem):
    """White space would break COLMAP's text; 3DGS takes what is before the first dot."""
    path = made.run.directory / MANIFEST
    manifest = json.loads(path.read_text())
    for index, frame in enumerate(manifest["frames"]):
        old, new = frame["stem"], stem.format(index)
        for kind in ("depth", "confidence"):
            (path.parent / kind / f"{old}.npy").rename(path.parent / kind / f"{new}.npy")
        frame["stem"] = new
    manifest["files"] = [
        file.replace("000000", stem.format(0)).replace("000001", stem.format(1))
        for file in manifest["files"]
    ]
    path.write_text(json.dumps(manifest))
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
