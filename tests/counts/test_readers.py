"""Reading counts: every format there and back, every way a file can be wrong."""

import json
import os
import pickle
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penultimate.counts import ClassCounts
from penultimate.counts.class_names import NumberedNames
from penultimate.errors import CountsError, FileError, MissingDependencyError, PenultimateError

PETS = ClassCounts({"cat": 4, "dog": 2, "eel": 0, "yak": 1})
SEEN_PETS = ClassCounts({"cat": 4, "dog": 2, "yak": 1})
LABELS = ["dog", "cat", "yak", "cat", "dog", "cat", "cat"]

read = ClassCounts.read


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refused(path, *parts, error=FileError, **options):
    with pytest.raises(error) as caught:
        read(path, **options)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    for part in parts:
        assert part in message


# Text tables

TABLES = {
    "comma": ("a.csv", "class,count\ncat,4\ndog,2\neel,0\nyak,1\n"),
    "semicolon": ("a.csv", "class;count\ncat;4\ndog;2\neel;0\nyak;1\n"),
    "tab": ("a.tsv", "Label\tN\ncat\t4\ndog\t2\neel\t0\nyak\t1\n"),
    "tab-in-txt": ("a.TXT", "name\tsamples\ncat\t4\ndog\t2\neel\t0\nyak\t1"),
    "byte-order-mark": ("a.csv", "\ufeffclass,count\r\ncat,4\r\ndog,2\r\neel,0\r\nyak,1\r\n"),
    "order-and-others": ("a.csv", "id,frequency,category\n1,4,cat\n2,2,dog\n3,0,eel\n4,1,yak\n"),
    "other-class-column": ("a.csv", "species,num\ncat,4\ndog,2\neel,0\nyak,1\n"),
    "blank-lines": ("a.csv", "\nclass,count\n\ncat, 4\ndog ,2\n\neel,0\nyak,1e0\n,\n"),
    "no-header": ("a.csv", "cat,4\ndog,2\neel,0\nyak,1\n"),
    "quoted": ("a.csv", '"class","count"\n"cat","4"\n"dog","2"\n"eel","0"\n"yak","1"\n'),
}
LABEL_FILES = {
    "one-a-line": ("a.txt", "\n".join(LABELS)),
    "header": ("a.csv", "\n".join(["label", *LABELS])),
    "table": ("a.csv", "\n".join(["path,target", *(f"{i}.png,{label}" for i, label in enumerate(LABELS))])),
}


@pytest.mark.parametrize(("name", "text"), TABLES.values(), ids=TABLES)
def test_tables(write, name, text):
    assert read(write(name, text)) == PETS


@pytest.mark.parametrize(("name", "text"), LABEL_FILES.values(), ids=LABEL_FILES)
def test_label_files(write, name, text):
    assert read(write(name, text)) == SEEN_PETS
    assert read(str(write(name, text))) == SEEN_PETS


@pytest.mark.parametrize(
    ("text", "said"),
    {
        "between": ("cat\n\ndog\ncat\n \n\ncat\n", "labels, one a line (3 blank lines left out)"),
        "below a header": ("label\ncat\n\ndog\ncat\n", "labels in column 'label' (1 blank line left out)"),
        "in quotes": ('label\ncat\n""\ndog\ncat\n', "labels in column 'label' (1 blank line left out)"),
        "at both ends": ("\n\ncat\ndog\ncat\n\n", "labels, one a line:"),
        "counts": ("count\n4\n\n2\n0\n", "counts, one a line (1 blank line left out)"),
        "far below": ("cat\n" * 9000 + "\n" + "dog\n" * 9000 + "\n\ncat\n", "(3 blank lines left out)"),
        "of a table": ("class,count\n\ncat,4\n\ndog,2\n", "counts in column 'count', classes in column 'class':"),
    }.values(),
)
def test_blank_lines_that_may_stand_for_something_are_told(write, text, said):
    assert said in ClassCounts.read(write("a.csv", text)).origin


def test_columns_and_holds(write):
    path = write("a.csv", "image,kind,count\na,cat,1\nb,dog,7\nc,cat,1\n")
    assert read(path, column="kind") == ClassCounts({"cat": 2, "dog": 1})
    assert read(path, column="KIND") == ClassCounts({"cat": 2, "dog": 1})
    assert read(path, column="count", holds="labels") == ClassCounts({"1": 2, "7": 1})
    assert read(path, column="count") == ClassCounts({"a": 1, "b": 7, "c": 1})
    weights = write("b.csv", "class,weight\ncat,1.5\ndog,2\n")
    assert read(weights, column="weight", holds="counts") == ClassCounts({"cat": 1.5, "dog": 2})
    assert read(write("c.txt", "3\n0\n2\n"), holds="counts") == ClassCounts([3, 0, 2])
    assert read(write("d.csv", "count\n3\n0\n2\n")) == ClassCounts([3, 0, 2])
    assert read(write("e.csv", "label,n\n7,1\n8,1\n7,1\n"), holds="labels") == ClassCounts({"7": 2, "8": 1})


def test_labels_are_sorted_as_numbers_or_as_text(write):
    assert read(write("a.txt", "10\n9\n10\n-1"), holds="labels").names == ("-1", "9", "10")
    assert read(write("b.txt", "10\n9\n010\n9"), holds="labels").names == ("010", "10", "9")


BAD_TABLES = {
    "unknown-header": ("species,abundance\ncat,few\ndog,two\n", {}, CountsError, ["--holds", "column 'species'"]),
    "not-a-number": ("class,count\ncat,3\ndog,two\n", {}, FileError, ["line 3 has 'two' where a count should be"]),
    "wrong-column": (
        "class,count\ncat,3\ndog,2\n",
        {"column": "label"},
        FileError,
        ["no column 'label'", "'class', 'count'"],
    ),
    "no-count-column": ("class,size\ncat,S\n", {"holds": "counts"}, FileError, ["as counts are", "'class', 'size'"]),
    "no-label-column": (
        "count,size\n3,3\n",
        {"holds": "labels"},
        FileError,
        ["no column holds labels", "'count', 'size'"],
    ),
    "ragged": ("class,count\ncat,3\ndog\n", {}, FileError, ["line 3 has 1 fields, the first row has 2"]),
    "ragged-labels": ("cat\ndog, brown\n", {}, FileError, ["line 2 has 2 fields", "quotes"]),
    "wide": ("a,b,c\nd,e,f\n", {}, FileError, ["the columns are 1, 2, 3", "--column"]),
    "headless-labels": ("a,b\nd,e\n", {"holds": "labels"}, FileError, ["no column holds labels"]),
    "no-rows": ("class,count\n", {}, FileError, ["no rows below the header"]),
    "no-labels": ("label\n", {}, FileError, ["no rows below the header"]),
    "blank": ("\n \n", {}, FileError, ["the file is empty"]),
    "empty": ("", {}, FileError, ["the file is empty"]),
    "missing-name": ("class,count\ncat,3\n,2\n", {}, FileError, ["line 3 has no class name"]),
    "missing-label": ("id,label\n1,cat\n2,\n", {}, FileError, ["line 3 has no label"]),
    "missing-count": ("class,count\ncat,\n", {}, FileError, ["line 2 has no count"]),
    "binary": (b"\x89PNG\r\n\x1a\n\xff\xfe", {}, FileError, ["not UTF-8 text (byte 0x89)"]),
    "nul": (b"class,count\ncat,3\ndog,\x00\x01\n", {}, FileError, ["binary data"]),
    "negative": ("class,count\ncat,3\ndog,-2\n", {}, CountsError, ["class 'dog' (index 1)", "negative"]),
    "nan": ("class,count\ncat,nan\ndog,2\n", {}, CountsError, ["class 'cat' (index 0)", "NaN"]),
    "infinite": ("class,count\ncat,1e999\ndog,2\n", {}, CountsError, ["class 'cat' (index 0)", "infinite"]),
    "all-zero": ("class,count\ncat,0\ndog,0\n", {}, CountsError, ["no class has samples"]),
    "one-class": ("cat\ncat\n", {}, CountsError, ["only one class has samples"]),
    "duplicate": ("class,count\ncat,3\ncat,2\n", {}, CountsError, ["'cat' is given twice"]),
    "overflow": ("class,count\ncat,1e100\ndog,1e100\n", {}, CountsError, ["sum to more than 1e+100"]),
}


@pytest.mark.parametrize(("text", "options", "error", "parts"), BAD_TABLES.values(), ids=BAD_TABLES)
def test_bad_tables(write, text, options, error, parts):
    refused(write("a.csv", text), *parts, error=error, **options)


# JSON

COCO = {
    "images": [{"id": 1}],
    "categories": [{"id": 5, "name": "cat"}, {"id": 2, "name": "dog"}, {"id": 9, "name": "eel"}],
    "annotations": [{"category_id": 2}, {"category_id": 5}, {"category_id": 2}],
}


def test_json(write):
    assert read(write("a.json", '{"cat": 4, "dog": 2, "eel": 0, "yak": 1}')) == PETS
    assert read(write("b.json", json.dumps(COCO))) == ClassCounts({"cat": 1, "dog": 2, "eel": 0})


BAD_JSON = {
    "duplicate": ('{"cat": 3, "dog": 2, "cat": 1}', CountsError, ["'cat' is given twice"]),
    "truncated": ('{"cat": 3, "do', FileError, ["is no JSON", "line 1"]),
    "tokenizer": (
        '{"version": "1.0", "model": {"vocab": {"cat": 0}}}',
        FileError,
        ["is a tokenizer", "penultimate count"],
    ),
    "list": ("[1, 2]", CountsError, ["occurs once", "--holds"]),
    "number": ("12", FileError, ["the JSON is of type int"]),
    "text": ('{"cat": 3, "dog": "2"}', CountsError, ["class 'dog' (index 1) has count '2' of type str"]),
    "boolean": ('{"cat": 3, "dog": true}', CountsError, ["class 'dog' (index 1) has count True"]),
    "nan": ('{"cat": 3, "dog": NaN}', CountsError, ["class 'dog' (index 1)", "NaN"]),
    "huge": ('{"cat": 3, "dog": 1' + "0" * 400 + "}", CountsError, ["class 'dog' (index 1)", "above 1e+100"]),
    "too-many-digits": ('{"cat": 3, "dog": ' + "1" * 5000 + "}", FileError, ["is no JSON"]),
    "deep": ("[" * 100_000, FileError, ["is no JSON"]),
    "empty": ("", FileError, ["the file is empty"]),
    "binary": (b"\xff\xfe\x00", FileError, ["not UTF-8 text"]),
    "no-categories": ('{"annotations": []}', FileError, ["no COCO/LVIS annotations (no key 'categories')"]),
    "no-category": (json.dumps({**COCO, "annotations": [{}]}), FileError, ["no key 'category_id'"]),
    "malformed": (json.dumps({**COCO, "annotations": [3]}), FileError, ["no COCO/LVIS annotations"]),
    "unknown-category": (json.dumps({**COCO, "annotations": [{"category_id": 7}]}), FileError, ["category_id 7"]),
    "same-id": (json.dumps({**COCO, "categories": COCO["categories"] * 2}), FileError, ["the same id"]),
    "unannotated": (json.dumps({**COCO, "annotations": []}), CountsError, ["no class has samples"]),
}


@pytest.mark.parametrize(("text", "error", "parts"), BAD_JSON.values(), ids=BAD_JSON)
def test_bad_json(write, text, error, parts):
    refused(write("a.json", text), *parts, error=error)


# Arrays


def save(path, array, **options):
    np.save(path, array, **options)
    return path


def test_npy(tmp_path):
    path = tmp_path / "a.npy"
    assert read(save(path, LABELS)) == SEEN_PETS
    assert read(save(path, np.array([0, 2, 2, 1], dtype=np.int32))) == ClassCounts([1, 1, 2])
    assert read(save(path, [3, 0, 2.5]), holds="counts") == ClassCounts([3, 0, 2.5])


def test_bad_npy(tmp_path, write):
    path = tmp_path / "a.npy"
    refused(save(path, [3.0, 2.0]), "float64 numbers may be counts", "--holds counts")
    refused(save(path, [3.5, 2.0]), "label 3.5 at position 0 is no whole number", error=CountsError, holds="labels")
    refused(save(path, np.eye(2, dtype=int)), "shape (2, 2)", error=CountsError)
    refused(save(path, [1, -2]), "class 1 has count -2", error=CountsError, holds="counts")
    refused(save(path, [0, 1]), "no columns", column="y")
    refused(save(path, np.array([1, "a"], dtype=object), allow_pickle=True), "Python objects")
    refused(write("b.npy", pickle.dumps([0, 1])), "no .npy array", "pickles are never loaded")
    whole = save(path, np.arange(100)).read_bytes()
    refused(write("c.npy", whole[:-50]), "damaged")
    refused(write("d.npy", whole[:20]), "damaged")
    refused(write("e.npy", b""), "the file is empty")


def test_npz(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, counts=[4, 2, 0, 1], classes=["cat", "dog", "eel", "yak"])
    assert read(path) == PETS
    np.savez(path, counts=[4, 2, 0, 1])
    assert read(path) == ClassCounts([4, 2, 0, 1])
    np.savez(path, H=np.zeros((7, 4)), y=[0, 0, 0, 0, 1, 1, 3], classes=["cat", "dog", "eel", "yak"])
    assert read(path) == PETS
    np.savez(path, targets=[0, 0, 1], group=[5, 5, 6], sizes=[1.5, 2])
    assert read(path) == ClassCounts([2, 1])
    assert read(path, column="group") == ClassCounts({"5": 2, "6": 1})
    assert read(path, column="sizes", holds="counts") == ClassCounts([1.5, 2])


def test_bad_npz(tmp_path, write):
    path = tmp_path / "a.npz"
    np.savez(path, H=np.zeros((2, 2)), W=[1])
    refused(path, "no array is named like labels", "'H', 'W'")
    refused(path, "no column 'y'", "'H', 'W'", column="y")
    np.savez(path, y=np.array([0, None], dtype=object))
    refused(path, "pickle")
    np.savez(path, y=[0, 3, 3], classes=["cat", "dog"])
    refused(path, "label 3 (samples: 2) is outside 0 … 1", error=CountsError)
    np.savez(path, y=np.arange(100))
    whole = path.read_bytes()
    refused(write("b.npz", whole[: len(whole) // 2]), "damaged")
    refused(write("c.npz", b"PK rubbish"), "no .npz archive")
    refused(write("d.npz", pickle.dumps([0, 1])), "a pickle is never loaded")
    flipped = bytearray(whole)
    flipped[200] ^= 255
    refused(write("e.npz", bytes(flipped)), "damaged")


# Parquet


def parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    assert read(parquet(path, count=[4, 2, 0, 1], **{"class": ["cat", "dog", "eel", "yak"]})) == PETS
    assert read(parquet(path, species=["cat", "dog", "eel", "yak"], count=[4, 2, 0, 1], id=[4, 5, 6, 7])) == PETS
    assert read(parquet(path, label=LABELS)) == SEEN_PETS
    assert read(parquet(path, label=pa.array(LABELS).dictionary_encode())) == ClassCounts(
        {"dog": 2, "cat": 4, "yak": 1}
    )
    assert read(parquet(path, label=[10, 9, 10, 9, 9])) == ClassCounts({"9": 3, "10": 2})
    assert read(parquet(path, label=["10", "9", "10", "9", "9"])) == ClassCounts({"9": 3, "10": 2})
    assert read(parquet(path, weight=[1.5, 2]), column="weight", holds="counts") == ClassCounts([1.5, 2])
    decimals = pa.array(["1.5", "2"]).cast(pa.decimal128(5, 2))
    assert read(parquet(path, count=decimals)) == ClassCounts([1.5, 2])
    for columns in ({"count": [3, 2]}, {"label": [0, 1], "count": [3, 2]}):
        counts = read(parquet(path, **columns))
        assert counts == ClassCounts([3, 2])
        assert isinstance(counts.names, NumberedNames)


def test_bad_parquet(tmp_path, write):
    path = tmp_path / "a.parquet"
    refused(parquet(path, count=["3", "x"]), "column 'count' holds string, not numbers (row 2: 'x')")
    refused(parquet(path, count=[True, False]), "none is named like counts", "--column")
    refused(parquet(path, count=[3, None, 2]), "column 'count' has nothing in row 2")
    refused(parquet(path, label=["cat", None]), "column 'label' has nothing in row 2")
    refused(parquet(path, label=[0.5, 1.0, 0.5]), "column 'label' holds double with fractions")
    refused(parquet(path, a=[1], b=[2]), "no column holds labels that repeat", "'a', 'b'")
    refused(parquet(path, a=[1], b=[2]), "no column 'y'", "'a', 'b'", column="y")
    refused(parquet(path, label=pa.array([], pa.int64())), "no rows")
    refused(parquet(path, count=[3, -2]), "class 1 has count -2", error=CountsError)
    refused(parquet(path, name=["cat", "cat"], count=[3, 2]), "'cat' is given twice", error=CountsError)
    whole = parquet(path, count=list(range(100))).read_bytes()
    refused(write("b.parquet", whole[:-10]), "damaged")
    refused(write("c.parquet", b"rubbish"), "damaged")


def test_without_pyarrow(tmp_path, monkeypatch):
    path = parquet(tmp_path / "a.parquet", count=[3, 2])
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    refused(path, "pip install 'penultimate[parquet]'", error=MissingDependencyError)


def test_a_million_rows(tmp_path):
    path = parquet(tmp_path / "a.parquet", count=np.arange(1_000_000) % 100)
    assert read(path).multiplicity.tolist() == [10_000] * 99


# Folders


def test_folder(tmp_path):
    for name, files in {"dog": 2, "cat": 4, "eel": 0, "yak": 1}.items():
        (tmp_path / name / "deeper" / "still").mkdir(parents=True)
        for index in range(files):
            (tmp_path / name / ("deeper/still" if index else "") / f"{index}.png").touch()
        (tmp_path / name / ".hidden").touch()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").touch()
    (tmp_path / "README").touch()
    assert read(tmp_path) == PETS
    os.symlink(tmp_path / "cat" / "0.png", tmp_path / "eel" / "link.png")
    os.symlink(tmp_path, tmp_path / "eel" / "circle")
    assert read(tmp_path).values.tolist() == [4, 2, 1, 1]


def test_bad_folders(tmp_path):
    refused(tmp_path, "no sub-folders")
    (tmp_path / "cat").mkdir()
    refused(tmp_path, "no class has samples", error=CountsError)
    refused(tmp_path, "leave out column='cat'", column="cat")


# Any file


def test_files_that_are_not(tmp_path, write):
    refused(tmp_path / "missing.csv", "there is no such file or folder")
    refused(tmp_path / "missing", "there is no such file or folder")
    refused(write("a.xlsx", "x"), "files ending in '.xlsx' are not known", ".csv", ".parquet")
    refused(write("a.json", '{"a": 1, "b": 2}'), "leave out holds='labels'", holds="labels")
    fifo = tmp_path / "a.csv"
    os.mkfifo(fifo)
    refused(fifo, "neither a regular file nor a folder")
    with pytest.raises(CountsError, match="holds='both'"):
        read(fifo, holds="both")


def test_unreadable_file(write, monkeypatch):
    path = write("a.csv", "class,count\ncat,3\n")

    def denied(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", denied)
    refused(path, "cannot be read (Permission denied)")


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(min_size=1, max_size=200), st.sampled_from([".csv", ".tsv", ".json", ".npy", ".npz", ".parquet", ".txt"])
)
def test_rubbish_never_escapes(tmp_path, rubbish, suffix):
    path = tmp_path / f"rubbish{suffix}"
    path.write_bytes({".npy": b"\x93NUMPY\x01\x00", ".npz": b"PK\x03\x04"}.get(suffix, b"") + rubbish)
    try:
        counts = read(path)
    except PenultimateError as error:
        assert str(error).startswith(str(path))
        assert "\n" not in str(error)
    else:
        assert counts.classes >= 2


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1),
        st.one_of(st.integers(1, 10**6), st.floats(1e-3, 1e9)),
        min_size=2,
        max_size=8,
    )
)
@example({"0": 1, "accuracy": 1, "micro avg": 2})
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_format_tells_the_same(tmp_path, mapping):
    names, values = list(mapping), np.array(list(mapping.values()), dtype=float)
    expected = ClassCounts(mapping)
    quoted = [f'"{name.replace(chr(34), chr(34) * 2)}",{value!r}' for name, value in mapping.items()]
    (tmp_path / "a.csv").write_text("\n".join(["class,count", *quoted]), encoding="utf-8")
    (tmp_path / "a.json").write_text(json.dumps(mapping), encoding="utf-8")
    np.savez(tmp_path / "a.npz", counts=values, classes=np.array(names))
    parquet(tmp_path / "a.parquet", count=values, **{"class": names})
    for name in ("a.csv", "a.json", "a.npz", "a.parquet"):
        assert read(tmp_path / name) == expected


def test_ids_from_0_are_no_counts_whatever_they_are_called(tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("class,count\ncat,2\ndog,0\neel,1\n")
    with pytest.raises(CountsError, match="--holds counts"):
        ClassCounts.read(path)
    assert ClassCounts.read(path, holds="counts").values.tolist() == [2, 0, 1]
    path.write_text("class,count\ncat,3\ndog,2\neel,1\n")
    assert ClassCounts.read(path).values.tolist() == [3, 2, 1]


def test_a_nought_that_may_be_a_header_is_told(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("0\n" + "2\n0\n1\n" * 5)
    counts = ClassCounts.read(path)
    assert counts.values.tolist() == [6, 5, 5]
    assert "line 1, '0', is taken for data, --column 0 if it is the header" in str(counts.origin)
    assert ClassCounts.read(path, column="0").values.tolist() == [5, 5, 5]
