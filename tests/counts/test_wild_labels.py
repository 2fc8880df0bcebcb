"""Labels as people have them in memory: shapes, types, categories, data sets of other libraries."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch

from penultimate.counts import ClassCounts
from penultimate.errors import CountsError

LABELS = [0, 1, 0]
NUMBERED, LETTERS = {"0": 2, "1": 1}, {"a": 2, "b": 1}

RIGHT = {
    "20-column": (np.array([[0], [1], [0]]), NUMBERED),
    "20-row": (np.array([LABELS]), NUMBERED),
    "20-deep": (np.array(LABELS).reshape(3, 1, 1), NUMBERED),
    "20-lists": ([[0], [1], [0]], NUMBERED),
    "22-tensor": (torch.tensor(LABELS), NUMBERED),
    "22-tensor-column": (torch.tensor(LABELS)[:, None], NUMBERED),
    "22-tensors": (list(map(torch.tensor, LABELS)), NUMBERED),
    "22-arrays": (list(map(np.array, LABELS)), NUMBERED),
    "22-numpy-numbers": (list(np.array(LABELS)), NUMBERED),
    "26-bool": (np.array([False, True, False]), NUMBERED),
    "26-bool-list": ([False, np.True_, False], NUMBERED),
    "26-bool-tensor": (torch.tensor([False, True, False]), NUMBERED),
    "26-bytes": ([b"a", b"b", b"a"], LETTERS),
    "26-bytes-array": (np.array([b"a", b"b", b"a"]), LETTERS),
    "26-string-dtype": (np.array(["a", "b", "a"], dtype=np.dtypes.StringDType()), LETTERS),
    "26-object": (np.array(["a", "b", "a"], dtype=object), LETTERS),
    "26-arrow": (pa.array(["a", "b", "a"]), LETTERS),
    "26-string-view": (pa.array(["a", "b", "a"]).cast(pa.string_view()), LETTERS),
    "26-chunked": (pa.chunked_array([["a", "b"], ["a"]]), LETTERS),
    "26-whole-floats": (np.array([0.0, 1.0, 0.0]), NUMBERED),
    "26-float-tensor": (torch.tensor([0.0, 1.0, 0.0]), NUMBERED),
    "19-dictionary": (
        pa.DictionaryArray.from_arrays([1, 2, 1, 0], ["c", "b", "a", "z"]),
        {"c": 1, "b": 2, "a": 1, "z": 0},
    ),
    "19-categories": (
        type("Series", (), {"dtype": SimpleNamespace(categories=[2, 1, 0]), "__iter__": lambda _: iter([2, 1, 2])})(),
        {"2": 2, "1": 1, "0": 0},
    ),
}


@pytest.mark.parametrize(("labels", "right"), RIGHT.values(), ids=RIGHT)
def test_labels(labels, right):
    counts = ClassCounts.from_labels(labels)
    assert list(zip(counts.names, counts.values.tolist(), strict=True)) == list(right.items())


REFUSED = {
    "one-hot": (np.eye(3, dtype=int), "labels.argmax(1)"),
    "probabilities": (np.array([[0.5, 0.5], [0.1, 0.9]]), "labels.argmax(1)"),
    "multi-hot": (np.array([[1, 1, 0], [0, 1, 0]]), "one label a sample"),
    "lists": ([[0, 1], [1], [0]], "one label a sample"),
    "dates": (np.array(["2020", "2021"], dtype="datetime64[Y]"), "neither whole numbers nor text"),
    "missing": (np.array([0.0, np.nan]), "leave such samples out"),
    "missing-text": (["a", None, "a"], "missing"),
    "missing-number": ([1, float("nan"), 1], "missing"),
    "mixed": (np.array(["a", 1], dtype=object), "some are text"),
    "bytes-of-no-text": ([b"\xff", b"a"], "decode them first"),
}


@pytest.mark.parametrize(("labels", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(labels, words):
    with pytest.raises(CountsError) as caught:
        ClassCounts.from_labels(labels)
    assert words in str(caught.value)
    assert "astype" not in str(caught.value)


def test_advice_of_one_hot_rows_works():
    rows = np.eye(3, dtype=int)[[0, 1, 1, 2]]
    assert ClassCounts.from_labels(rows.argmax(1)).values.tolist() == [1, 2, 1]


def test_names_as_tuples_and_names_twice():
    imagenet = SimpleNamespace(targets=[0, 1, 1, 2], classes=[("tench", "Tinca tinca"), ("crane",), ("crane",)])
    assert ClassCounts.from_dataset(imagenet).names == ("tench, Tinca tinca", "crane (1)", "crane (2)")


class Series:
    """As a pandas Series looks from outside."""

    def __init__(self, values, index):
        self.values, self.index, self.ndim = np.array(values), np.array(index), 1

    def to_numpy(self):
        return self.values

    def __iter__(self):
        return iter(self.values)


def test_a_series_is_named_by_its_index():
    assert ClassCounts(Series([9, 3], ["cat", "dog"])) == ClassCounts({"cat": 9, "dog": 3})
    assert ClassCounts(Series([60, 30, 10], [1, 0, 2])).values.tolist() == [30, 60, 10]
    assert ClassCounts(Series([60, 30], [1.0, 0.0])).names == ("0", "1")
    with pytest.raises(CountsError, match="twice"):
        ClassCounts(Series([60, 30], ["a", "a"]))


class Lazy:
    """A column that is fast in one slice only, as those of Hugging Face are."""

    def __init__(self, values):
        self.values = values

    def __getitem__(self, what):
        assert isinstance(what, slice), "rows are read one by one"
        return self.values[what]

    def __iter__(self):
        raise AssertionError("rows are read one by one")


def test_lazy_columns_are_read_in_one_slice():
    table = SimpleNamespace(names=["cat", "dog"])

    class Table(dict):
        features, column_names = {"label": table}, ["label"]

    counts = ClassCounts.from_dataset(Table(label=Lazy(np.arange(1000) % 2)))
    assert counts == ClassCounts({"cat": 500, "dog": 500})


class LazyColumn(Lazy, Sequence):
    """The same with its data set and its name, as `dataset["label"]` gives it."""

    def __init__(self, values, source=None):
        super().__init__(values)
        self.source, self.column_name = source, "label"

    def __len__(self):
        return len(self.values)


def test_a_lazy_column_alone_is_read_in_one_slice():
    assert ClassCounts.from_labels(LazyColumn([0, 1, 1])) == ClassCounts([1, 2])


@pytest.mark.parametrize("alone", [False, True])
def test_of_a_shuffled_set_the_labels_are_gathered_at_once(alone):
    rows = np.random.default_rng(0).permutation(1000)[:300]
    labels = np.arange(1000) % 7 % 2
    dataset = SimpleNamespace(
        features={"label": SimpleNamespace(names=["cat", "dog"])},
        column_names=["label"],
        format={"type": None},
        data=pa.table({"label": pa.chunked_array([labels[:400], labels[400:]])}),
        _indices=pa.table({"indices": pa.chunked_array([rows[:100], rows[100:]])}),
    )
    right = np.bincount(labels[rows]).tolist()
    if alone:
        assert ClassCounts.from_labels(LazyColumn([], dataset)).values.tolist() == right
    else:
        assert ClassCounts.from_dataset(dataset) == ClassCounts({"cat": right[0], "dog": right[1]})


def test_a_mapping_of_splits_is_told():
    with pytest.raises(CountsError, match=r"dataset\['train'\]"):
        ClassCounts.from_dataset({"train": [], "test": []})
