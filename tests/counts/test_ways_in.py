"""Ways in: standard input, pipes, compression, array files; and files that would fill the memory."""

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import threading
import tracemalloc
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from penultimate.counts import ClassCounts
from penultimate.errors import CountsError, FileError, PenultimateError

PETS = ClassCounts({"cat": 100, "dog": 40, "eel": 7})
TABLE = b"class,count\ncat,100\ndog,40\neel,7\n"


def zipped(**files):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__csv", ".csv"), text)
    return held.getvalue()


COMPRESSED = {
    "a.csv.gz": gzip.compress(TABLE),
    "a.csv.bz2": bz2.compress(TABLE),
    "a.csv.xz": lzma.compress(TABLE),
    "a.csv.zst": pa.compress(TABLE, codec="zstd", asbytes=True),
    "a.gz": gzip.compress(TABLE),
    "a.json.gz": gzip.compress(b'{"cat": 100, "dog": 40, "eel": 7}'),
    "a.csv.zip": zipped(train__csv=TABLE),
    "b.zip": zipped(**{"train.csv": TABLE, "__MACOSX/_train.csv": b""}),
    "a.jsonl": b'{"class": "cat", "n": 100}\n\n{"class": "dog", "n": 40}\n{"class": "eel", "n": 7}\n',
    "a.parquet.gz": None,
}


@pytest.mark.parametrize("name", COMPRESSED)
def test_compressed(tmp_path, name):
    path = tmp_path / name
    content = COMPRESSED[name]
    if content is None:
        held = io.BytesIO()
        pq.write_table(pa.table({"class": list(PETS.names), "count": PETS.values}), held)
        content = gzip.compress(held.getvalue())
    path.write_bytes(content)
    assert ClassCounts.read(path) == PETS


DAMAGED = {
    "a.csv.gz": gzip.compress(TABLE)[:-10],
    "b.csv.gz": TABLE,
    "a.csv.bz2": bz2.compress(TABLE)[:-5],
    "a.csv.xz": lzma.compress(TABLE)[:-20],
    "a.csv.zst": b"rubbish",
    "a.zip": zipped(train__csv=TABLE)[:40],
    "b.zip": zipped(train__csv=TABLE, valid__csv=TABLE),
    "c.zip": zipped(),
    "a.json": b"[" * 200_000,
    "a.jsonl": b'{"label": 1}\n{"label": \n',
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(DAMAGED[name])
    with pytest.raises(PenultimateError) as caught:
        ClassCounts.read(path)
    assert str(caught.value).startswith(f"{path}: ")


STDIN = {
    "csv": (TABLE, None),
    "csv-said": (TABLE, "csv"),
    "json": (b'{"cat": 100, "dog": 40, "eel": 7}', None),
    "jsonl": (b'{"class": "cat", "n": 100}\n{"class": "dog", "n": 40}\n{"class": "eel", "n": 7}\n', None),
    "gzip": (gzip.compress(TABLE), None),
}


@pytest.mark.parametrize(("content", "kind"), STDIN.values(), ids=STDIN)
def test_standard_input(monkeypatch, content, kind):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert ClassCounts.read("-", format=kind) == PETS


def test_nothing_on_standard_input(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
    with pytest.raises(FileError, match="-: the input is empty"):
        ClassCounts.read("-")


def test_pipes_of_the_shell():
    reader, writer = os.pipe()
    thread = threading.Thread(target=lambda: (os.write(writer, TABLE), os.close(writer)))
    thread.start()
    try:
        assert ClassCounts.read(f"/dev/fd/{reader}") == PETS
    finally:
        thread.join()
        os.close(reader)


def test_format_says_what_a_suffix_does_not(tmp_path):
    path = tmp_path / "train.data"
    path.write_bytes(TABLE)
    with pytest.raises(FileError, match="--format"):
        ClassCounts.read(path)
    assert ClassCounts.read(path, format="csv") == PETS
    with pytest.raises(FileError, match="say one of csv"):
        ClassCounts.read(path, format="excel")


def test_arrays_of_the_field(tmp_path):
    y = np.array([0] * 30 + [1] * 5 + [2] * 2)[:, None]
    np.savez(tmp_path / "a.npz", train_images=np.zeros((37, 2)), train_labels=y, test_labels=y[:3], val_labels=y[:3])
    assert ClassCounts.read(tmp_path / "a.npz").values.tolist() == [30, 5, 2]
    np.savez(tmp_path / "b.npz", x_train=np.zeros((37, 2)), y_train=y[:, 0], y_test=y[:3, 0])
    assert ClassCounts.read(tmp_path / "b.npz").values.tolist() == [30, 5, 2]
    np.savez(tmp_path / "c.npz", names=np.array(["a", "b"]), num_images=np.array([9, 4]))
    assert ClassCounts.read(tmp_path / "c.npz") == ClassCounts({"a": 9, "b": 4})
    np.savez(tmp_path / "d.npz", fine_labels=y, coarse_labels=y)
    with pytest.raises(FileError, match="--column"):
        ClassCounts.read(tmp_path / "d.npz")


@pytest.mark.parametrize("counts", [[100, 40, 7], [100, 40, 40, 7, 7, 7], [3, 2, 1], [1.5, 2.5]])
def test_counts_in_a_bare_array_are_not_believed_to_be_labels(tmp_path, counts):
    path = tmp_path / "counts.npy"
    np.save(path, counts)
    with pytest.raises(PenultimateError, match="--holds counts"):
        ClassCounts.read(path)
    assert ClassCounts.read(path, holds="counts") == ClassCounts(counts)


def test_characters_that_do_not_exist(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, np.array([0x61, 0x61, 0x62, 0x633C2761], np.uint32).view("<U1"))
    with pytest.raises(PenultimateError, match="characters that do not exist"):
        ClassCounts.read(path)


def test_columns_of_arrow(tmp_path):
    path = tmp_path / "a.parquet"
    for labels, right in (
        ([True, False, True], {"0": 1, "1": 2}),
        ([b"a", b"b", b"a"], {"a": 2, "b": 1}),
        ([1.0, 0.0, 1.0], {"0": 1, "1": 2}),
        ([[1], [0], [1]], {"0": 1, "1": 2}),
        (pa.DictionaryArray.from_arrays([1, 2, 1, 0], ["c", "b", "a", "z"]), {"c": 1, "b": 2, "a": 1, "z": 0}),
    ):
        pq.write_table(pa.table({"label": labels}), path)
        assert ClassCounts.read(path) == ClassCounts(list(right.values()), list(right))
    pyarrow.feather.write_feather(
        pa.table({"class": list(PETS.names), "num_images": PETS.values}), tmp_path / "a.feather"
    )
    assert ClassCounts.read(tmp_path / "a.feather") == PETS
    for labels, words in ((pa.nulls(3), "no column holds"), ([[1, 0], [0], [1]], "one label a sample")):
        pq.write_table(pa.table({"label": labels}), path)
        with pytest.raises(PenultimateError, match=words):
            ClassCounts.read(path)
    pq.write_table(pa.table({"__index_level_0__": ["cat", "dog", "eel"], "label": [100, 40, 7]}), path)
    assert ClassCounts.read(path) == PETS


def test_names_of_hugging_face(tmp_path):
    features = {"info": {"features": {"label": {"names": ["cat", "dog", "eel"], "_type": "ClassLabel"}}}}
    table = pa.table({"label": [1, 0, 1]}).replace_schema_metadata({"huggingface": json.dumps(features)})
    pq.write_table(table, tmp_path / "a.parquet")
    assert ClassCounts.read(tmp_path / "a.parquet") == ClassCounts([1, 2, 0], ["cat", "dog", "eel"])


def npz_of_zeros(path, dtype, count, last):
    header = {"descr": dtype, "fortran_order": False, "shape": (count,)}
    size = np.dtype(dtype).itemsize
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("y.npy", "w", force_zip64=True) as file,
    ):
        np.lib.format.write_array_header_1_0(file, header)
        left = count * size - len(last)
        while left:
            left -= file.write(bytes(min(left, 1 << 22)))
        file.write(last)


def test_bombs_are_tallied_in_blocks(tmp_path):
    npz_of_zeros(tmp_path / "a.npz", "|u1", 60_000_000, b"\x01")
    npz_of_zeros(tmp_path / "b.npz", "<U1000", 20_000, "a".encode("utf-32-le") * 1000)
    with gzip.open(tmp_path / "c.csv.gz", "wb") as file:
        for _ in range(8):
            file.write(b"a" * 10_000_000)
    tracemalloc.start()
    assert ClassCounts.read(tmp_path / "a.npz").values.tolist() == [59_999_999, 1]
    assert ClassCounts.read(tmp_path / "b.npz").samples == 20_000
    with pytest.raises(FileError, match="longer than"):
        ClassCounts.read(tmp_path / "c.csv.gz")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 256 << 20


def test_columns_of_texts_are_no_classes(tmp_path, monkeypatch):
    monkeypatch.setattr("penultimate.counts.tables._MOST_LABELS", 10_000)
    monkeypatch.setattr("penultimate.counts.labels._MOST_LABELS", 10_000)
    (tmp_path / "a.txt").write_text("".join(f"text {i}\n" * 2 for i in range(20_000)))
    np.save(tmp_path / "a.npy", np.arange(20_000).repeat(2))
    for path, error in ((tmp_path / "a.txt", FileError), (tmp_path / "a.npy", CountsError)):
        with pytest.raises(error, match="different labels"):
            ClassCounts.read(path)


def test_origin_says_how_counts_were_read(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("path,label\n" + "".join(f"{i}.png,{i % 3}\n" for i in range(1000)))
    assert ClassCounts.read(path).origin == (
        "labels in column 'label': 3 classes, 1,000 samples; --holds counts if they are counts"
    )
    assert ClassCounts.read(path, holds="labels").origin == "labels in column 'label': 3 classes, 1,000 samples"
    assert ClassCounts([3, 2]).origin == ""
