"""Files that are damaged, lie, or hold what no reader should touch: one clear error each, and nothing is allocated."""

import io
import json
import pickle
import struct
import sys
import tracemalloc
import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zarr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from feature_files import (
    WRITERS,
    arrays,
    head_arrays,
    write_compressed,
    write_hdf5,
    write_npz,
    write_parquet,
    write_tensors,
)
from penultimate.errors import FeaturesError, FileError, MissingDependencyError, PenultimateError
from penultimate.features.head import Head
from penultimate.features.sources import open_features


def read(path):
    return list(open_features(path).batches())


def refused(path, *parts, error=FileError, reader=read):
    with pytest.raises(error) as caught:
        reader(path)
    message = str(caught.value)
    assert message.startswith(str(path)), message
    assert "\n" not in message
    for part in parts:
        assert part in message, message


class Trap:
    """Unpickling it fails the test."""

    def __reduce__(self):
        return (pytest.fail, ("something was unpickled",))


# What is not there, or does not fit


@pytest.fixture(params=WRITERS)
def write(request, tmp_path):
    return lambda content, stem="features": WRITERS[request.param](tmp_path, content, stem)


def test_no_such_file(tmp_path):
    refused(tmp_path / "none.npz", "no such file")


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors", "a_H.npy", "a.parquet", "a.h5"])
def test_an_empty_file(tmp_path, name):
    (tmp_path / name).touch()
    refused(tmp_path / name, "empty")


@pytest.mark.parametrize("name", ["a.npz", "a.safetensors", "a_H.npy", "a.parquet", "a.h5"])
@pytest.mark.parametrize("content", [pickle.dumps(Trap()), b"%PDF-1.7\n" * 20], ids=["pickle", "pdf"])
def test_something_else_under_this_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    if name == "a_H.npy":
        np.save(tmp_path / "a_y.npy", np.zeros(3, int))
    refused(tmp_path / name, "damaged")


def test_an_unknown_suffix(tmp_path):
    (tmp_path / "a.csv").write_text("1,2\n")
    refused(tmp_path / "a.csv", "none of .npz, .safetensors")


def test_no_samples(write):
    path = write({"H": np.zeros((0, 3), np.float32), "y": np.zeros(0, int)})
    refused(path, "at least one sample", error=FeaturesError)


@pytest.mark.parametrize("name", ["npz", "npz-compressed", "safetensors", "npy", "zarr", "hdf5"])
@pytest.mark.parametrize("shape", [(6,), (6, 2, 2)])
def test_features_that_are_no_matrix(name, shape, tmp_path):
    path = WRITERS[name](tmp_path, {"H": np.zeros(shape, np.float32), "y": np.zeros(6, int)})
    refused(path, f"H has shape {shape}", "(N, d)", error=FeaturesError)


@pytest.mark.parametrize("name", ["npz", "npz-compressed", "safetensors", "npy", "zarr", "hdf5"])
@pytest.mark.parametrize("key", ["y", "weights"])
def test_another_number_of_labels_or_weights(name, key, tmp_path):
    content = arrays(samples=10) | {"weights": np.ones(10)}
    content[key] = content[key][:-1]
    refused(WRITERS[name](tmp_path, content), f"{key} has shape (9,) for 10 samples", error=FeaturesError)


def test_labels_that_are_no_whole_numbers(write):
    content = arrays()
    refused(write(content | {"y": content["y"].astype(np.float32)}), "y is float32", error=FeaturesError)


def test_features_that_are_no_floats(write):
    content = arrays()
    refused(write(content | {"H": content["H"].astype(np.int32)}), "H is int32", error=FeaturesError)


@pytest.mark.parametrize("key", ["H", "y"])
@pytest.mark.parametrize("name", ["npz", "safetensors", "npy", "zarr", "hdf5"])
def test_a_missing_key_lists_those_there_are(name, key, tmp_path):
    content = arrays() | {"logits": np.zeros(3)}
    del content[key]
    path = WRITERS[name](tmp_path, content)
    path = path.with_name("features_logits.npy") if name == "npy" else path
    refused(path, "there are no", f"name them {key}", "logits")


def test_names_that_leave_a_choice(tmp_path):
    refused(write_npz(tmp_path, {"X": np.zeros((3, 2)), "features": np.zeros((3, 2)), "y": np.zeros(3, int)}), "X and")


def test_weights_that_are_no_numbers(tmp_path):
    path = write_npz(tmp_path, arrays(samples=2) | {"weights": np.array(["a", "b"])})
    refused(path, "weights is str", error=FeaturesError)


def test_a_width_that_no_audit_can_hold(tmp_path):
    path = write_npz(tmp_path, {"H": np.zeros((1, (1 << 18) + 1), np.float16), "y": np.zeros(1, int)})
    refused(path, "262144 is the most", error=FeaturesError)


@pytest.mark.parametrize("wrong", [{"W": np.zeros((4, 6))}, {"b": np.zeros(3)}, {"classes": np.array(["a", "b"])}])
def test_a_head_that_does_not_fit(tmp_path, wrong):
    refused(write_npz(tmp_path, arrays() | head_arrays() | wrong), error=FeaturesError)


def test_class_names_given_twice(tmp_path):
    refused(write_npz(tmp_path, arrays() | {"classes": np.array(["a", "a"])}), "given twice", error=FeaturesError)


@pytest.mark.parametrize(
    ("module", "name", "extra"), [("pyarrow", "parquet", "parquet"), ("zarr", "zarr", "zarr"), ("h5py", "hdf5", "hdf5")]
)
def test_a_missing_library(monkeypatch, tmp_path, module, name, extra):
    path = WRITERS[name](tmp_path, arrays())
    monkeypatch.setitem(sys.modules, module, None)
    refused(path, f"needs {module}", f"penultimate[{extra}]", error=MissingDependencyError)


# Damage


SINGLE = ["npz", "npz-compressed", "safetensors", "npy", "parquet", "hdf5", "hdf5-chunked"]


@pytest.mark.parametrize("kept", [0.05, 0.5, 0.99])
@pytest.mark.parametrize("name", SINGLE)
def test_a_truncated_file_is_told_at_opening(name, kept, tmp_path):
    path = WRITERS[name](tmp_path, arrays())
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    refused(path, reader=open_features)


@pytest.mark.parametrize("name", SINGLE)
def test_a_truncated_shard_is_named(name, tmp_path):
    WRITERS[name](tmp_path, arrays(seed=1), "a")
    path = WRITERS[name](tmp_path, arrays(seed=2), "b")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FileError) as caught:
        open_features(tmp_path)
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize("name", ["npz", "safetensors", "npy"])
def test_a_file_cut_short_after_opening(name, tmp_path):
    path = WRITERS[name](tmp_path, arrays())
    source = open_features(path)
    path.write_bytes(path.read_bytes()[:-700])
    with pytest.raises(FileError, match=r"damaged|truncated"):
        list(source.batches())


def test_a_file_cut_short_while_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr("penultimate.features.sources.file.block_rows", lambda dimension: 10)
    path = WRITERS["npz"](tmp_path, arrays())
    batches = open_features(path).batches()
    next(batches)
    with path.open("r+b") as file:
        file.truncate(1000)
    with pytest.raises(FileError, match="truncated"):
        list(batches)


def test_a_file_replaced_after_opening(write):
    source = open_features(write(arrays()))
    write(arrays(samples=200))
    with pytest.raises(FileError, match="changed since"):
        list(source.batches())


@pytest.mark.parametrize("name", ["npz", "npz-compressed", "safetensors", "npy", "parquet"])
def test_any_damaged_byte_is_harmless_or_told(name, tmp_path):
    path = WRITERS[name](tmp_path, arrays(samples=40) | head_arrays())
    content = path.read_bytes()

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.integers(0, len(content) - 1), st.integers(1, 255))
    def check(place, change):
        damaged = bytearray(content)
        damaged[place] ^= change
        path.write_bytes(damaged)
        try:
            batches = read(path)
        except PenultimateError as error:
            assert str(error).startswith(str(tmp_path))
        else:
            assert sum(len(batch.labels) for batch in batches) == 40

    check()


def test_a_compressed_member_with_a_wrong_number(tmp_path):
    path = write_compressed(tmp_path, arrays(samples=2000))
    with zipfile.ZipFile(path) as archive:
        begin = archive.getinfo("H.npy").header_offset
    content = bytearray(path.read_bytes())
    content[begin + 20_000] ^= 1
    path.write_bytes(content)
    refused(path, "damaged")


@pytest.mark.parametrize("start", [0, 200])
def test_a_compressed_member_that_ends_too_early(tmp_path, start):
    data = npy_header((300, 5)) + np.ones((100, 5), np.float32).tobytes()
    path = archive_of(tmp_path / "a.npz", {"H.npy": data, "y.npy": labels_member(300)}, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", len(data) + 200 * 5 * 4)
    path.write_bytes(content)
    refused(path, "truncated", reader=lambda path: list(open_features(path).batches(start)))


def test_a_zarr_chunk_that_is_truncated(tmp_path):
    path = WRITERS["zarr"](tmp_path, arrays())
    chunk = path / "H" / "c" / "3" / "0"
    chunk.write_bytes(chunk.read_bytes()[:-20])
    refused(path, "damaged")


def test_damaged_zarr_metadata(tmp_path):
    path = WRITERS["zarr"](tmp_path, arrays())
    (path / "H" / "zarr.json").write_text("{")
    refused(path, "damaged")


@pytest.mark.parametrize(
    ("lists", "part"),
    [
        ([[1.0, 2.0], [3.0]], "lists of 2 and of 1"),
        ([[1.0, 2.0], None], "without a value"),
        ([[1.0, 2.0], [3.0, None]], "missing values"),
    ],
)
def test_parquet_lists_that_make_no_matrix(tmp_path, lists, part):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"H": lists, "y": [0, 1]}), path)
    refused(path, part)


@pytest.mark.parametrize("labels", [[0.5, 1.0], [0, None], ["cat", None]])
def test_parquet_labels_that_are_neither_whole_numbers_nor_texts(tmp_path, labels):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"H": [[1.0], [2.0]], "y": labels}), path)
    refused(path, error=PenultimateError)


# Bombs and pickles


def npy_header(shape, dtype="<f4"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": dtype, "fortran_order": False, "shape": shape})
    return file.getvalue()


def archive_of(path, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def labels_member(samples):
    file = io.BytesIO()
    np.save(file, np.zeros(samples, np.int64))
    return file.getvalue()


@pytest.fixture
def small_peak():
    """Nothing large may be allocated during the test."""
    tracemalloc.start()
    yield
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.usefixtures("small_peak")
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_header_that_promises_more_than_there_is(tmp_path, method):
    members = {"H.npy": npy_header((1 << 20, 4096)) + b"\0" * 1000, "y.npy": labels_member(3)}
    refused(archive_of(tmp_path / "bomb.npz", members, method), "promises", "(1048576, 4096)")


@pytest.mark.usefixtures("small_peak")
def test_a_directory_that_lies_with_the_header(tmp_path):
    header = npy_header((1 << 20, 4096))
    path = archive_of(
        tmp_path / "bomb.npz", {"H.npy": header + b"\0" * 1000, "y.npy": labels_member(3)}, zipfile.ZIP_DEFLATED
    )
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")
    content[entry + 24 : entry + 28] = struct.pack("<I", (1 << 32) - 2)
    path.write_bytes(content)
    refused(path, "cannot expand")


def test_a_head_that_expands_without_measure(tmp_path):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, W=np.zeros((5000, 4000), np.float32))
    refused(path, "would expand", reader=Head.read)


@pytest.mark.usefixtures("small_peak")
def test_a_safetensors_header_that_promises_more(tmp_path):
    header = json.dumps({"H": {"dtype": "F32", "shape": [1 << 20, 4096], "data_offsets": [0, 1 << 34]}}).encode()
    path = tmp_path / "bomb.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    refused(path, "damaged")


@pytest.mark.usefixtures("small_peak")
def test_an_hdf5_head_larger_than_memory(tmp_path):
    path = tmp_path / "bomb.h5"
    with h5py.File(path, "w") as file:
        file["H"], file["y"] = np.zeros((3, 5000), np.float32), np.zeros(3, int)
        file.create_dataset("W", shape=(1 << 30, 5000), dtype=np.float32, chunks=(1, 5000))
    refused(path, "more than 4 GiB")


@pytest.mark.usefixtures("small_peak")
def test_a_zarr_chunk_larger_than_memory(tmp_path):
    group = zarr.open_group(tmp_path / "bomb.zarr", mode="w")
    group.create_array("H", shape=(1 << 30, 8), chunks=(1 << 28, 8), dtype=np.float32)
    group.create_array("y", shape=(1 << 30,), chunks=(1000,), dtype=np.int64)
    refused(tmp_path / "bomb.zarr", "a chunk of H", "more than 4 GiB")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_of_members(tmp_path, method):
    path = archive_of(tmp_path / "a.npz", {"H.npy": npy_header((1, 1)) + b"\0" * 4, "y.npy": b""}, method)
    refused(path, "another method")


def test_an_encrypted_member(tmp_path):
    path = write_npz(tmp_path, arrays())
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    refused(path, "encrypted")


def test_a_member_that_is_there_twice(tmp_path):
    path = archive_of(tmp_path / "a.npz", {"H.npy": npy_header((1, 1)) + b"\0" * 4, "H": b""})
    refused(path, "'H' is in the archive twice")


def test_a_compressed_array_stored_column_by_column(tmp_path):
    content = arrays()
    path = write_compressed(tmp_path, content | {"H": np.asfortranarray(content["H"])})
    refused(path, "ascontiguousarray(H)")


@pytest.mark.parametrize("name", ["npz", "npz-compressed", "npy"])
@pytest.mark.parametrize("key", ["H", "y"])
def test_pickled_arrays_are_refused(tmp_path, name, key):
    content = arrays(samples=2)
    content[key] = np.array([Trap(), Trap()], dtype=object)
    path = WRITERS[name](tmp_path, content)
    with pytest.raises(FileError, match=r"Python objects, which are never loaded"):
        read(path)


def test_structured_arrays_are_refused(tmp_path):
    path = write_npz(tmp_path, arrays(samples=2) | {"H": np.zeros((2, 2), dtype=[("a", "f4")])})
    refused(path, "save numbers")


@pytest.mark.parametrize(
    ("dtype", "filters", "part"),
    [
        ("<f4", [{"id": "pickle", "protocol": 5}], "pickle"),
        ("|O", [{"id": "vlen-utf8"}, {"id": "pickle", "protocol": 5}], "stored as pickles, which are never loaded"),
    ],
)
def test_zarr_codecs_that_unpickle_are_refused(tmp_path, dtype, filters, part):
    metadata = {"zarr_format": 2, "shape": [3, 5], "chunks": [3, 5], "dtype": dtype, "order": "C", "fill_value": None}
    store = tmp_path / "old.zarr"
    group = zarr.open_group(store, mode="w", zarr_format=2)
    group.create_array("y", data=np.zeros(3, int))
    (store / "H").mkdir()
    (store / "H" / ".zarray").write_text(json.dumps(metadata | {"compressor": None, "filters": filters}))
    (store / "H" / "0.0").write_bytes(pickle.dumps(Trap()))
    refused(store, part)


def test_zarr_version_two(tmp_path):
    content = arrays()
    group = zarr.open_group(tmp_path / "old", mode="w", zarr_format=2)
    for key, array in content.items():
        group.create_array(key, data=array, attributes={"note": "pickles are vegetables"})
    (batch,) = read(tmp_path / "old")
    np.testing.assert_array_equal(batch.features, content["H"])


def test_safetensors_types_that_are_no_features(tmp_path):
    path = tmp_path / "a.safetensors"
    write_tensors(path, H=("F8_E4M3", (2, 2), b"\0" * 4), y=("U8", (2,), b"\0" * 2), W=("F8_E4M3", (2, 2), b"\0" * 4))
    refused(path, "H is float8_e4m3fn", error=FeaturesError)
    refused(
        path,
        "W cannot be read as a weight: it holds float8_e4m3fn numbers, and no scale",
        error=FeaturesError,
        reader=Head.read,
    )


def test_safetensors_names_that_are_no_list(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "a.safetensors"
    save_file(arrays(), path, {"classes": '"cat"'})
    refused(path, "no list")


def test_formats_that_pyarrow_and_h5py_read_still_name_the_file(tmp_path):
    for path in (write_parquet(tmp_path, arrays()), write_hdf5(tmp_path, arrays())):
        content = path.read_bytes()
        path.write_bytes(content[:4] + bytes(len(content) - 8) + content[-4:])
        refused(path, "damaged")


def test_parquet_lists_that_would_fill_the_memory_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("penultimate.archives.parquet._FREE", 1 << 20)
    table = pa.table({"H": [np.zeros(1_000_000, np.float32)], "y": [0]})
    pq.write_table(table, tmp_path / "f.parquet", compression="zstd")
    with pytest.raises(FileError, match="no features"):
        open_features(tmp_path / "f.parquet")
