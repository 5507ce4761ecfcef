import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from page4d_cli.core.arrays import LARGEST, ArrayKind, ArraySpec, read_npy, read_npz
from page4d_cli.core.errors import RunError

MAP = ArraySpec(ArrayKind.FLOAT, (2, 3))


def npy(array, **header):
    """Bytes of a .npy file whose header says something else where that is given."""
    file = io.BytesIO()
    stated = {**np.lib.format.header_data_from_array_1_0(np.asarray(array)), **header}
    np.lib.format.write_array_header_1_0(file, stated)
    return file.getvalue() + np.asarray(array).tobytes()


def read(path, spec=MAP, **options):
    return read_npy(path, spec, RunError, "look again", **options)


def refused(path, words, spec=MAP):
    for mapped in (False, True):
        with pytest.raises(RunError, match=words) as caught:
            read(path, spec, mapped=mapped)
        assert "\n" not in str(caught.value) and str(caught.value).endswith("; look again")


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "f2", "f8"])
@pytest.mark.parametrize("mapped", [False, True])
def test_floats_are_read_as_they_were_written(tmp_path, dtype, mapped):
    given_ = np.arange(6, dtype=dtype).reshape(2, 3)
    np.save(tmp_path / "a.npy", given_)
    found = read(tmp_path / "a.npy", mapped=mapped)
    np.testing.assert_array_equal(found, given_)
    assert found.dtype.isnative


def test_a_mapped_array_stays_on_the_disk(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 3), np.float32))
    assert isinstance(read(tmp_path / "a.npy", mapped=True), np.memmap)


@pytest.mark.parametrize(
    "dtype",
    ["c8", "U1", "S1", "datetime64[s]", "timedelta64[s]", "b1", "i4", "longdouble", [("a", "f4")]],
)
def test_other_kinds_of_values_are_refused(tmp_path, dtype):
    np.save(tmp_path / "a.npy", np.zeros((2, 3), dtype))
    refused(tmp_path / "a.npy", r"a\.npy: holds .* of shape \(2, 3\), expected floats of shape")


def test_objects_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[print] * 3] * 2, object), allow_pickle=True)
    refused(tmp_path / "a.npy", "holds object of shape")


@pytest.mark.parametrize("shape", [(2,), (3, 2), (2, 3, 1), (0, 3), ()])
def test_other_shapes_are_refused(tmp_path, shape):
    np.save(tmp_path / "a.npy", np.zeros(shape, np.float32))
    refused(tmp_path / "a.npy", r"holds float32 of shape .*, expected floats of shape \(2, 3\)")


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ((10**6, 10**6), "holds 4000.0 GB, at most"),
        ((10, 10), "is cut short: its header promises more values than it has"),
    ],
)
def test_a_header_that_claims_more_than_there_is(tmp_path, shape, words):
    (tmp_path / "a.npy").write_bytes(npy(np.zeros((2, 3), np.float32), shape=shape))
    refused(tmp_path / "a.npy", words, ArraySpec(ArrayKind.FLOAT, ("H", "W")))
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("depth.npy", npy(np.zeros((2, 3), np.float32), shape=shape))
    with pytest.raises(RunError, match=f"depth {words}"):
        read_npz(
            tmp_path / "a.npz",
            {"depth": ArraySpec(ArrayKind.FLOAT, ("H", "W"))},
            RunError,
            "look again",
        )


@pytest.mark.parametrize("value", [1.01 * LARGEST, -1e38, np.finfo(np.float32).max])
def test_values_whose_squares_overflow_are_refused(tmp_path, value):
    np.save(tmp_path / "a.npy", np.full((2, 3), value, np.float32))
    refused(tmp_path / "a.npy", r"has values up to .*, expected at most 1e\+18")


def test_values_that_are_not_finite_are_let_through(tmp_path):
    given_ = np.array([[np.nan, np.inf, -np.inf], [0, LARGEST, -LARGEST]])
    np.save(tmp_path / "a.npy", given_)
    np.testing.assert_array_equal(read(tmp_path / "a.npy"), given_)


def test_a_last_axis_of_one_is_taken_off_where_that_is_allowed(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((2, 3, 1), np.uint16))
    spec = ArraySpec(ArrayKind.NUMBER, ("H", "W"), takes_channel=True)
    assert read(tmp_path / "a.npy", spec).shape == (2, 3)
    np.save(tmp_path / "a.npy", np.ones((2, 3, 3), np.uint16))
    refused(tmp_path / "a.npy", r"expected numbers of shape \(H, W\)", spec)


def test_a_named_length_is_the_same_in_all_arrays_of_a_file(tmp_path):
    specs = {
        "times": ArraySpec(ArrayKind.FLOAT, ("S",)),
        "poses": ArraySpec(ArrayKind.FLOAT, ("S", 3, 4)),
    }
    np.savez(tmp_path / "a.npz", times=np.zeros(5), poses=np.zeros((5, 3, 4)), more=np.array("x"))
    assert read_npz(tmp_path / "a.npz", specs, RunError, "")["poses"].shape == (5, 3, 4)
    np.savez(tmp_path / "a.npz", times=np.zeros(5), poses=np.zeros((4, 3, 4)))
    with pytest.raises(RunError, match=r"poses holds .*, expected floats of shape \(5, 3, 4\)"):
        read_npz(tmp_path / "a.npz", specs, RunError, "")
    np.savez(tmp_path / "a.npz", times=np.zeros(5))
    with pytest.raises(RunError, match=r"a\.npz: poses is missing; look again"):
        read_npz(tmp_path / "a.npz", specs, RunError, "look again")


def test_what_is_no_file(tmp_path):
    refused(tmp_path, "is no file")
    refused(tmp_path / "a.npy", r"^cannot read .*a\.npy: No such file")


def whole_files():
    file = io.BytesIO()
    np.savez_compressed(file, depth=np.ones((2, 3), np.float32))
    return [npy(np.ones((2, 3), np.float32)), file.getvalue()]


@given(st.data())
def test_damaged_bytes_never_raise_anything_else(tmp_path_factory, data):
    content = bytearray(data.draw(st.sampled_from(whole_files())))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path: Path = tmp_path_factory.getbasetemp() / "damaged"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    for reading in (
        lambda: read(path),
        lambda: read(path, mapped=True),
        lambda: read_npz(path, {"depth": MAP}, RunError, "look again"),
    ):
        try:
            found = reading()
        except RunError as error:
            assert "\n" not in str(error)
        else:
            array = found["depth"] if isinstance(found, dict) else found
            assert array.shape == (2, 3) and array.dtype.kind == "f"
