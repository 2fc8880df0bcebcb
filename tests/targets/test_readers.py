"""Targets from files of every kind, against the same labels in memory; and files that do not tell."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy import sparse

import penultimate as pen
from penultimate.targets.readers import holds_label_sets

NAMES = ["cat", "dog", "eel", "newt"]
Y = (np.random.default_rng(1).random((40, 4)) < 0.4).astype(int)
SETS = [[NAMES[k] for k in np.flatnonzero(row)] for row in Y]
IDS = [[int(k) for k in np.flatnonzero(row)] for row in Y]


def lines(rows):
    return "\n".join(rows) + "\n"


def parquet(path, **columns):
    pq.write_table(pa.table(columns), path)


def coco():
    annotations = [{"image_id": i, "category_id": k, "bbox": [0]} for i, row in enumerate(IDS) for k in [*row, *row]]
    categories = [{"id": k, "name": name} for k, name in enumerate(NAMES)]
    return {"images": [{"id": i} for i in range(40)], "annotations": annotations, "categories": categories}


def rows(head, row, *sets):
    """Write a table: its header, and one row for each sample."""
    return lambda path: path.write_text(lines([*head, *(row(i, s) for i, s in enumerate(*(sets or (SETS,))))]))


def text(made):
    return lambda path: path.write_text(made)


# Name of the file, how it is written, the separator, and whether it needs no word of the user.
FILES = {
    "csv": ("a.csv", rows(["id,tags"], lambda i, s: f"{i},{';'.join(s)}"), ";", False),
    "trailing": ("a.csv", rows(["id,tags"], lambda i, s: f"{i}, {'; '.join([*s, ''])}"), ";", False),
    "other columns": ("a.csv", rows(["id;tags"], lambda i, s: f"{i};{'|'.join(s)}"), "|", False),
    "quotes": ("a.csv", rows(["id,tags"], lambda i, s: f'{i},"{",".join(s)}"'), ",", False),
    "commas beside semicolons": ("a.csv", rows(["id;tags"], lambda i, s: f"{i};{','.join(s)}"), ",", False),
    "commas alone": ("a.txt", rows(["tags"], lambda i, s: ",".join(s) or ","), ",", False),
    "tsv": ("a.tsv", rows(["id\ttags"], lambda i, s: f"{i}\t{' '.join(s)}"), " ", False),
    "one column": ("a.csv", rows(["tags"], lambda i, s: f'"{";".join(s)}"'), ";", False),
    "no header": ("a.csv", rows([], lambda i, s: f'"{";".join(s)}"'), ";", False),
    "indicators": (
        "a.csv",
        rows(["f,cat,dog,eel,newt"], lambda i, r: f"{i}.png,{','.join(map(str, r))}", Y),
        None,
        False,
    ),
    "json lists": ("a.json", text(json.dumps(SETS)), None, True),
    "json records": ("a.json", text(json.dumps([{"id": 1, "tags": s} for s in SETS])), None, True),
    "json lines": ("a.jsonl", rows([], lambda i, s: json.dumps(s)), None, True),
    "records in lines": ("a.jsonl", rows([], lambda i, s: json.dumps({"id": i, "labels": s})), None, True),
    "coco": ("a.json", text(json.dumps(coco())), None, False),
    "npy": ("a.npy", lambda p: np.save(p, Y), None, True),
    "npz": ("a.npz", lambda p: np.savez(p, X=np.ones((40, 3)), y=Y, classes=NAMES), None, True),
    "sparse": ("a.npz", lambda p: sparse.save_npz(p, sparse.csr_matrix(Y)), None, True),
    "sparse by column": ("a.npz", lambda p: sparse.save_npz(p, sparse.csc_array(Y)), None, True),
    "parquet": ("a.parquet", lambda p: parquet(p, id=range(40), tags=SETS), None, True),
    "parquet texts": ("a.parquet", lambda p: parquet(p, id=range(40), tags=[";".join(s) for s in SETS]), ";", False),
}


@pytest.mark.parametrize("kind", FILES)
def test_every_file_gives_the_same_sums(kind, tmp_path):
    name, write, separator, certain = FILES[kind]
    write(tmp_path / name)
    found = pen.LabelScatter.read(tmp_path / name, separator=separator)
    assert np.array_equal(found.second_moment.toarray(), Y.T @ Y), found.origin
    assert found.samples == 40 and found.unlabelled == sum(not row for row in SETS)
    assert list(found.names) == (["0", "1", "2", "3"] if name == "a.npy" or "sparse" in kind else NAMES)
    assert holds_label_sets(tmp_path / name) is certain


def test_yolo_labels_are_those_of_each_image(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "classes.txt").write_text("\n".join(NAMES))
    for i, row in enumerate(IDS):
        (tmp_path / "labels" / f"{i}.txt").write_text("".join(f"{k} 0.5 0.5 0.1 0.1\n" for k in [*row, *row]))
    found = pen.LabelScatter.read(tmp_path)
    assert np.array_equal(found.second_moment.toarray(), Y.T @ Y) and list(found.names) == NAMES


def test_a_column_asked_for_is_the_one_of_that_very_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Tags,tags\na;b,c;d\na,c\n")
    for column, names in (("tags", ["c", "d"]), ("Tags", ["a", "b"]), ("2", ["c", "d"])):
        assert list(pen.LabelScatter.read(path, column, separator=";").names) == names


def test_only_rows_for_training_count_where_a_column_says_so(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("tags,split\na;b,train\na,test\nb;c,train\n,train\n")
    assert pen.LabelScatter.read(path, separator=";").positives.tolist() == [1.0, 2.0, 1.0]


def test_files_with_one_label_a_sample_are_not_taken_for_label_sets(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[0], [1], [1]]))
    np.savez(tmp_path / "b.npz", X=np.ones((3, 5)), y=[0, 1, 1])
    (tmp_path / "c.json").write_text('[["cat", 100], ["dog", 40]]')
    (tmp_path / "d.json").write_text('[["cat"], ["dog"]]')
    parquet(tmp_path / "e.parquet", label=[["cat"], ["dog"], ["cat"]])
    (tmp_path / "f.json").write_text('[{"label": "cat", "bbox": [0.5, 1]}, {"label": "dog", "bbox": []}]')
    assert [path.name for path in sorted(tmp_path.iterdir()) if holds_label_sets(path)] == []


BAD = {
    "no header for certain": ("a.csv", "rarity\na;b\na;b\n", ";", "may be a header or a label that occurs once"),
    "two columns": ("a.csv", "p,q\na;b,c;d\na;c,c;d\n", ";", "several columns may hold label sets"),
    "no column": ("a.csv", "p,q\na,b\nb,a\n", ";", "no column holds label sets with ';'"),
    "no separator": ("a.csv", "id,tags\n1,a;b\n2,c\n", None, "say what stands between them with --separator"),
    "ragged": ("a.csv", "id,tags\n1,a;b\n2,a;b,c\n", ";", "has 3 fields, the first row has 2"),
    "a text in JSON": ("a.json", '["a;b", "c"]', None, "record 1 holds the text 'a;b'"),
    "a number in JSON": ("a.json", "[[1], 3]", None, "record 2 holds 3: give a list"),
    "no list in JSON": ("a.json", '{"a": 3}', None, "holds no list of label sets"),
    "cut short": ("a.json", "[[1], ", None, "is no JSON"),
    "lines": ("a.jsonl", '["a"]\n["b"\n', None, "line 2 is no JSON"),
    "which entry": ("a.jsonl", '{"p": ["a"], "q": ["b"]}\n', None, "which entry holds the labels"),
    "an indicator": ("a.csv", "f,a,b\n" + "x.png,0,1\n" * 6000 + "x.png,0,z\n", None, "row 6001 has 'z'"),
    "beyond one": ("a.csv", "f,a,b\n" + "x.png,0,1\n" * 6000 + "x.png,0,2\n", None, "row 6001 has '2'"),
    "not there": (
        "a.csv",
        "id,tags\n1,a;b\n",
        ";",
        "there is no column 'labels': choose one of 'id'",
        "labels",
    ),
    "empty": ("a.csv", "\n", ";", "the file is empty"),
    "numbers without names": ("a.csv", "0,1\n1,0\n", None, "no columns of 0 and 1 stand below names of labels"),
    "a record without": ("a.json", '[{"tags": ["a"]}, {"id": 2}]', None, "record 2 has no 'tags': give every sample"),
    "no such entry": (
        "a.jsonl",
        '{"tags": ["a"]}\n',
        None,
        "there is no entry 'labels': choose one of 'tags'",
        "labels",
    ),
    "half COCO": (
        "a.json",
        '{"annotations": [{"image_id": 1}], "images": [], "categories": []}',
        None,
        "no COCO",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_does_not_tell_is_one_error_with_its_name(case, tmp_path):
    name, text, separator, words, *column = BAD[case]
    (tmp_path / name).write_text(text)
    with pytest.raises(pen.FileError, match=words) as caught:
        pen.LabelScatter.read(tmp_path / name, *column, separator=separator)
    assert str(tmp_path / name) in str(caught.value)


BINARY = {
    "no matrix": ("a.npz", lambda p: np.savez(p, X=np.ones((4, 3)), Z=np.ones((4, 3))), "no array of shape"),
    "diagonals": ("a.npz", lambda p: sparse.save_npz(p, sparse.dia_matrix(Y)), "is stored as 'dia'"),
    "no lists": ("a.parquet", lambda p: parquet(p, id=range(3), tag=["a", "b", "c"]), "no column holds lists"),
    "a vector": ("a.npy", lambda p: np.save(p, np.arange(4)), r"the array has shape \(4,\)"),
    "folders of classes": ("a", lambda p: (p / "cat").mkdir(parents=True), "the folder holds no YOLO labels"),
}


@pytest.mark.parametrize("case", BINARY)
def test_a_file_without_targets_is_one_error(case, tmp_path):
    name, write, words = BINARY[case]
    write(tmp_path / name)
    with pytest.raises(pen.FileError, match=words) as caught:
        pen.LabelScatter.read(tmp_path / name)
    assert str(tmp_path / name) in str(caught.value)


def test_a_damaged_matrix_is_one_error(tmp_path):
    sparse.save_npz(tmp_path / "a.npz", sparse.csr_matrix(Y), compressed=False)
    held = dict(np.load(tmp_path / "a.npz"))
    np.savez(tmp_path / "b.npz", **{**held, "indices": held["indices"] + 9})
    with pytest.raises(pen.FileError, match="damaged"):
        pen.LabelScatter.read(tmp_path / "b.npz")
    np.save(tmp_path / "c.npy", np.array([[1.0, np.nan]]))
    with pytest.raises(pen.CountsError, match="row 0, label 1 is nan"):
        pen.LabelScatter.read(tmp_path / "c.npy")
    parquet(tmp_path / "d.parquet", tags=[["a", "b"], None])
    with pytest.raises(pen.FileError, match="has nothing in row 2"):
        pen.LabelScatter.read(tmp_path / "d.parquet")
    with pytest.raises(pen.CountsError, match="the separator is empty"):
        pen.LabelScatter.read(tmp_path / "d.parquet", separator="")
