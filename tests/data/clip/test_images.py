"""Every kind of picture file, and every way in which one can be broken."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event, Lock, Thread
from time import sleep

import numpy as np
import pytest
from PIL import Image

from page4d_cli.core.errors import FramesError
from page4d_cli.data.clip import images
from page4d_cli.data.clip.images import (
    _Room,
    image_extensions,
    is_image,
    read_image,
    room_for,
)


def test_rgb_is_read_as_it_is(tmp_path: Path) -> None:
    rgb = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    Image.fromarray(rgb).save(tmp_path / "größe 1.png")
    assert np.array_equal(read_image(tmp_path / "größe 1.png"), rgb)


def test_grey_and_bilevel_become_rgb(tmp_path: Path) -> None:
    Image.new("L", (4, 3), 99).save(tmp_path / "grey.png")
    Image.new("1", (4, 3), 1).save(tmp_path / "bit.png")
    assert (read_image(tmp_path / "grey.png") == np.full((3, 4, 3), 99)).all()
    assert (read_image(tmp_path / "bit.png") == np.full((3, 4, 3), 255)).all()


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (0, 0, 0, 51)).save(tmp_path / "rgba.png")
    Image.new("LA", (2, 2), (0, 51)).save(tmp_path / "la.png")
    assert (read_image(tmp_path / "rgba.png") == 204).all()
    assert (read_image(tmp_path / "la.png") == 204).all()


def test_palette_with_and_without_transparency(tmp_path: Path) -> None:
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 200, 100, 50])
    picture.putdata([0, 1])
    picture.save(tmp_path / "opaque.png")
    picture.save(tmp_path / "clear.png", transparency=1)
    assert read_image(tmp_path / "opaque.png").tolist() == [[[10, 20, 30], [200, 100, 50]]]
    assert read_image(tmp_path / "clear.png").tolist() == [[[10, 20, 30], [255, 255, 255]]]


@pytest.mark.parametrize("name", ["deep.png", "deep.tif", "deep.pgm"])
def test_grey_of_16_bit_is_scaled_not_clipped(tmp_path: Path, name: str) -> None:
    grey = np.array([[0, 128, 129, 257, 32768, 65535]], np.uint16)
    Image.fromarray(grey).save(tmp_path / name)
    expected = np.round(grey / 257).astype(int)
    assert read_image(tmp_path / name)[..., 1].tolist() == expected.tolist()


@pytest.mark.parametrize(("mode", "value"), [("F", 0.5), ("I", 70000)])
def test_32_bit_is_refused_by_name(tmp_path: Path, mode: str, value: float) -> None:
    Image.new(mode, (3, 3), value).save(tmp_path / "depth.tif")
    with pytest.raises(FramesError, match=r"depth\.tif .*32-bit.*save it with 8 or 16 bit"):
        read_image(tmp_path / "depth.tif")


def test_cmyk_jpeg(tmp_path: Path) -> None:
    Image.new("CMYK", (8, 8), (0, 255, 255, 0)).save(tmp_path / "print.jpg", quality=95)
    assert np.abs(read_image(tmp_path / "print.jpg").astype(int) - [255, 0, 0]).max() <= 6


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_gives_the_same_upright_picture(tmp_path: Path, orientation: int) -> None:
    upright = np.arange(6 * 4 * 3, dtype=np.uint8).reshape(6, 4, 3)
    turned = {  # how a camera stores the upright picture
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.swapaxes(0, 1),
        6: np.rot90(upright),
        7: np.rot90(upright.swapaxes(0, 1), 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(turned)).save(tmp_path / "turned.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "turned.png"), upright)


def test_extension_does_not_matter_but_content_does(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2)).save(tmp_path / "x.png")
    (tmp_path / "x.png").rename(tmp_path / "x.JPG")
    assert read_image(tmp_path / "x.JPG").shape == (2, 3, 3)
    assert is_image(tmp_path / "x.JPG")
    (tmp_path / "note.png").write_text("not a picture")
    assert not is_image(tmp_path / "note.png")


def test_one_pixel(tmp_path: Path) -> None:
    Image.new("RGB", (1, 1), (1, 2, 3)).save(tmp_path / "dot.png")
    assert read_image(tmp_path / "dot.png").tolist() == [[[1, 2, 3]]]


def test_several_pictures_in_one_file_are_refused(tmp_path: Path) -> None:
    pages = [Image.new("RGB", (3, 3), (100 * page, 0, 0)) for page in range(3)]
    for name in ("pages.tif", "moving.webp", "moving.png"):
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:])
        with pytest.raises(FramesError, match=rf"{name} .*holds 3 pictures; save them as one file"):
            read_image(tmp_path / name)


def test_missing_empty_text_and_folder_name_themselves(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("hello " * 100)
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "gone.png")
    for name, reason in (
        ("none.png", "does not exist"),
        ("empty.png", r"is empty \(0 bytes\)"),
        ("text.png", "is no image"),
        ("folder.png", "directory"),
        ("link.png", "broken symbolic link"),
    ):
        with pytest.raises(FramesError, match=rf"{name} .*{reason}"):
            read_image(tmp_path / name)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("extension", [".png", ".jpg", ".webp", ".tif", ".bmp", ".ppm"])
def test_a_truncated_file_names_itself(tmp_path: Path, extension: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    path = tmp_path / f"cut{extension}"
    Image.fromarray(noise).save(path)
    whole = path.read_bytes()
    for kept in (5, 40, len(whole) // 2, len(whole) * 9 // 10):
        path.write_bytes(whole[:kept])
        with pytest.raises(FramesError, match=rf"cut\{extension} "):
            read_image(path)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")
def test_damaged_bytes_never_raise_anything_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (16, 16, 3)).astype(np.uint8)
    path = tmp_path / "damaged"
    for file_format in ("PNG", "JPEG", "TIFF", "WEBP", "TGA", "PPM", "QOI"):
        Image.fromarray(noise).save(path, file_format)
        whole = np.frombuffer(path.read_bytes(), np.uint8)
        for _ in range(40):
            broken = whole.copy()
            broken[rng.integers(0, min(len(broken), 120), 3)] = rng.integers(0, 256, 3)
            path.write_bytes(broken.tobytes())
            try:
                assert read_image(path).dtype == np.uint8
            except FramesError as error:
                assert str(error).startswith(str(path))


def test_an_enormous_picture_is_refused(tmp_path: Path) -> None:
    header = b"P5\n100000 100000\n255\n"
    (tmp_path / "bomb.pgm").write_bytes(header + bytes(64))
    with pytest.raises(FramesError, match=r"bomb\.pgm .*exceeds limit"):
        read_image(tmp_path / "bomb.pgm")


def test_extensions_are_photo_formats() -> None:
    assert {".png", ".jpg", ".jpeg", ".tif", ".webp"} <= set(image_extensions())
    assert not {".pdf", ".eps", ".gif", ".mpg", ".h5"} & set(image_extensions())


def test_threads_hold_no_more_pixels_than_there_is_room_for() -> None:
    room, lock, held, seen = _Room(100), Lock(), [], []

    def work(pixels: int) -> None:
        with room.take(pixels):
            with lock:
                held.append(pixels)
                seen.append(list(held))
            sleep(1e-4)
            with lock:
                held.remove(pixels)

    sizes = np.random.default_rng(0).integers(1, 150, 300).tolist()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, sizes))
    assert len(seen) == 300 and max(map(len, seen)) > 1
    assert all(sum(together) <= 100 or len(together) == 1 for together in seen)


def test_who_fails_gives_the_room_back() -> None:
    room = _Room(10)
    for _ in range(3):
        with pytest.raises(KeyError), room.take(1000):
            raise KeyError
    with room.take(10):
        pass


def test_a_small_file_of_a_large_picture_waits_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "_ROOM", _Room(5000))
    Image.new("L", (100, 50)).save(tmp_path / "a.png")
    (tmp_path / "no.png").write_bytes(b"nothing")
    second = Event()

    def wait_for_room() -> None:
        with room_for(tmp_path / "a.png"):
            second.set()

    with room_for(tmp_path / "a.png"):
        thread = Thread(target=wait_for_room)
        thread.start()
        with room_for(tmp_path / "no.png"):  # what is none needs no room
            assert not second.wait(0.05)
    thread.join()
    assert second.is_set()


@pytest.mark.parametrize("extension", [".heic", ".heif", ".avif"])
def test_photos_of_phones_are_read(tmp_path, extension):
    if extension != ".avif":
        pytest.importorskip("pillow_heif").register_heif_opener()
    path = tmp_path / f"photo{extension}"
    Image.new("RGB", (64, 48), (200, 100, 50)).save(path)
    assert extension in image_extensions()
    np.testing.assert_allclose(read_image(path)[20, 30], (200, 100, 50), atol=6)


def test_a_format_that_needs_a_package_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr(images, "image_extensions", lambda: (".png",))
    assert images.needed_for(tmp_path / "IMG_1.HEIC") == (
        "IMG_1.HEIC needs the package pillow-heif, pip install '.[heif]' in page4d's folder"
    )
    assert "pillow-jxl-plugin" in images.needed_for(tmp_path / "a.jxl")
    assert images.needed_for(tmp_path / "a.png") is None
    assert images.needed_for(tmp_path / "a.txt") is None


GPANO = b'<x:xmpmeta><rdf:Description GPano:ProjectionType="equirectangular"/></x:xmpmeta>'


def test_a_panorama_is_refused_with_the_reason(tmp_path):
    for size, name in (((80, 40), "all_around.jpg"), ((80, 60), "photo.jpg")):
        Image.new("RGB", size).save(tmp_path / name, xmp=GPANO)
    with pytest.raises(FramesError, match=r"all_around\.jpg cannot be used: it is a 360° panorama"):
        read_image(tmp_path / "all_around.jpg")
    assert read_image(tmp_path / "photo.jpg").shape == (60, 80, 3)
    Image.new("RGB", (80, 40)).save(tmp_path / "wide.jpg")
    assert read_image(tmp_path / "wide.jpg").shape == (40, 80, 3)
