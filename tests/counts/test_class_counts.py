"""ClassCounts: what it refuses, how it groups, and where counts come from."""

import math
import pickle
import tracemalloc
from collections import Counter
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penultimate.counts import ClassCounts
from penultimate.counts.checks import as_floats
from penultimate.counts.class_names import NumberedNames, as_names
from penultimate.counts.long_tails import long_tail
from penultimate.errors import CountsError

BAD_VALUES = {
    "negative": ([3, -1, 2], "class 1 has count -1, which is negative"),
    "nan": ([3, math.nan], "class 1 has count nan, which is not a number"),
    "infinite": ([math.inf, 3], "class 0 has count inf, which is infinite"),
    "minus-infinite": ([-math.inf, 3], "class 0 has count -inf, which is negative"),
    "all-zero": ([0, 0, 0], "no class has samples (all 3 counts are zero)"),
    "one-class": ([5], "only one class has samples, class 0"),
    "one-seen": ([0, 5, 0], "only one class has samples, class 1"),
    "none": ([], "there are no classes"),
    "text": ([3, "many"], "class 1 has count 'many' of type str"),
    "text-array": (np.array(["3", "4"]), "counts are of type <U1, not numbers"),
    "one-text": ("34", "counts are of type str"),
    "boolean": ([3, True], "class 1 has count True of type bool"),
    "numpy-boolean": ([3, np.True_], "class 1 has count True of type bool"),
    "boolean-array": (np.array([True, True]), "counts are of type bool, not numbers"),
    "complex": (np.array([1j, 2]), "counts are of type complex128"),
    "object": ([3, None], "class 1 has count None of type NoneType"),
    "object-array": (np.array([3, None], dtype=object), "class 1 has count None of type NoneType"),
    "masked": (np.ma.masked_array([3, 1, 4], [0, 1, 0]), "masked entries in counts"),
    "nested": ([[1, 2], [3, 4]], "class 0 has count [1, 2] of type list"),
    "two-dimensional": (np.ones((2, 3)), "counts have shape (2, 3)"),
    "scalar-array": (np.array(3), "counts have shape ()"),
    "set": ({3, 4}, "counts are of type set"),
    "too-large": ([3, 1e101], "class 1 has count 1e+101, which is above 1e+100"),
    "too-small": ([3, 1e-101], "class 1 has count 1e-101, which is below 1e-100"),
    "too-many-digits": ([3, 10**400], "class 1 has a count above 1e+100"),
    "too-large-fraction": ([3, Fraction(10**400)], "class 1 has a count above 1e+100"),
    "overflowing-sum": ([1e100, 1e100], "the counts sum to more than 1e+100"),
    "long-double": (np.array([3, "1e400"], dtype=np.longdouble), "class 1 has count inf"),
}

BAD_NAMES = {
    "duplicate": (["cat", "dog", "cat"], "class name 'cat' is given twice (indices 0 and 2)"),
    "duplicate-number": (["1", "cat", 1], "class name '1' is given twice"),
    "too-few": (["cat", "dog"], "2 names for 3 counts"),
    "too-many": (["cat", "dog", "eel", "yak"], "4 names for 3 counts"),
    "boolean": (["cat", True, "eel"], "the name of class 1 is True, of type bool"),
    "one-text": ("abc", "names is one text"),
}

counts_lists = st.lists(
    st.one_of(st.integers(0, 40), st.integers(0, 10**12), st.floats(1e-6, 1e9)), min_size=2, max_size=40
).filter(lambda values: sum(value > 0 for value in values) >= 2)


@pytest.mark.parametrize(("values", "message"), BAD_VALUES.values(), ids=BAD_VALUES)
def test_bad_values(values, message):
    with pytest.raises(CountsError) as caught:
        ClassCounts(values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("names", "message"), BAD_NAMES.values(), ids=BAD_NAMES)
def test_bad_names(names, message):
    with pytest.raises(CountsError) as caught:
        ClassCounts([3, 2, 1], names)
    assert message in str(caught.value)


# The annotations forbid these, and are checked while the tests run; the errors are for those who do not check theirs.


def test_what_annotations_forbid():
    with pytest.raises(CountsError, match="counts are of type int: give a sequence"):
        as_floats(7, None)
    with pytest.raises(CountsError, match="the name of class 1 is None, of type NoneType"):
        as_names(["cat", None, "eel"])
    with pytest.raises(CountsError, match="choose one of exponential, step, zipf"):
        long_tail(10, 100, 10, "pareto")


@pytest.mark.parametrize("bad", [-1, math.nan, math.inf, 1e200, 10**400, "x", True, None])
def test_culprit_is_named(bad):
    with pytest.raises(CountsError, match=r"class 'eel' \(index 2\) has"):
        ClassCounts({"cat": 3, "dog": 2, "eel": bad})


def test_mapping_with_names():
    with pytest.raises(CountsError, match="leave names out"):
        ClassCounts({"cat": 3, "dog": 2}, names=["cat", "dog"])


def test_attributes():
    counts = ClassCounts([7, 0, 3, 7, 2.5, 0])
    assert (counts.classes, counts.seen, counts.samples) == (6, 4, 19.5)
    assert (counts.largest, counts.smallest, counts.ratio) == (7, 2.5, 2.8)
    assert counts.distinct.tolist() == [7, 3, 2.5]
    assert counts.multiplicity.tolist() == [2, 1, 1]
    assert counts.group.tolist() == [0, -1, 1, 0, 2, -1]
    assert counts.unseen.tolist() == [1, 5]
    assert counts.representatives.tolist() == [[0, 3], [2, -1], [4, -1]]
    assert not counts.is_integral
    assert [a.dtype for a in (counts.values, counts.distinct, counts.multiplicity, counts.group)] == [
        np.float64,
        np.float64,
        np.int64,
        np.int32,
    ]


def test_immutable():
    given = np.array([3.0, 2.0, 0.0])
    counts = ClassCounts(given)
    given[0] = 99
    assert counts.values[0] == 3
    for name in ("values", "distinct", "multiplicity", "group", "representatives", "unseen"):
        assert not getattr(counts, name).flags.writeable
    with pytest.raises(AttributeError):
        counts.values = given


def test_negative_zero_is_zero():
    assert not np.signbit(ClassCounts([3, 2, -0.0]).values).any()


def test_equality_and_hash():
    counts = ClassCounts([3, 2])
    assert counts == ClassCounts({"0": 3.0, "1": 2.0})
    assert hash(counts) == hash(ClassCounts({"0": 3, "1": 2}))
    assert counts != ClassCounts([3, 1])
    assert counts != ClassCounts({"a": 3, "b": 2})
    assert counts != [3, 2]


def test_pickle_stays_immutable():
    counts = pickle.loads(pickle.dumps(ClassCounts({"a": 3, "b": 2})))
    assert counts == ClassCounts({"a": 3, "b": 2})
    assert not counts.values.flags.writeable


def test_repr_and_dict():
    counts = ClassCounts({"cat": 100, "dog": 40, "eel": 40, "yak": 0})
    assert repr(counts) == (
        "ClassCounts(4 classes, 180 samples, largest 100, smallest 40, ratio 2.5:1, 2 distinct, 1 unseen)"
    )
    expected = {
        "classes": 4,
        "samples": 180,
        "largest": 100,
        "smallest": 40,
        "ratio": 2.5,
        "distinct": 2,
        "unseen": 1,
    }
    assert counts.to_dict() == expected
    assert [type(value) for value in counts.to_dict().values()] == [int, int, int, int, float, int, int]


def test_sum_of_whole_counts_is_exact():
    assert ClassCounts([2**52, 1, 1, 1]).samples == 2**52 + 3


def test_values_of_many_kinds():
    for values in ((3, 2), [3.0, 2], np.array([3, 2], dtype=np.uint8), Counter(a=3, b=2).values(), [Fraction(3), 2]):
        assert ClassCounts(values).values.tolist() == [3, 2]


def test_numbered_names():
    names = ClassCounts([3, 2, 1]).names
    assert isinstance(names, NumberedNames)
    assert (len(names), names[0], names[-1], names[1:]) == (3, "0", "2", ("1", "2"))
    assert list(names) == ["0", "1", "2"]
    assert names == ("0", "1", "2")
    assert ("0", "1", "2") == names
    assert hash(names) == hash(("0", "1", "2"))
    assert names != ("0", "1")
    assert names != 3
    assert names.index("2") == 2
    assert [name in names for name in ("2", "02", "3", "-1", "x", 2)] == [True, False, False, False, False, False]
    assert repr(names) == "NumberedNames(3)"
    assert isinstance(ClassCounts([3, 2], range(2)).names, NumberedNames)
    with pytest.raises(IndexError):
        names[3]


# Grouping


@given(counts_lists)
def test_groups_rebuild_values(values):
    counts = ClassCounts(values)
    seen = counts.group >= 0
    assert np.array_equal(counts.distinct[counts.group[seen]], counts.values[seen])
    assert not counts.values[~seen].any()
    assert (np.diff(counts.distinct) < 0).all()
    assert (counts.distinct > 0).all()
    assert counts.multiplicity.sum() == counts.seen == seen.sum()
    assert np.array_equal(np.bincount(counts.group[seen]), counts.multiplicity)
    assert counts.samples == pytest.approx(math.fsum(values), rel=1e-15)


@given(counts_lists)
def test_representatives_are_the_first_two(values):
    counts = ClassCounts(values)
    for index, pair in enumerate(counts.representatives.tolist()):
        members = np.flatnonzero(counts.group == index).tolist()
        assert pair == [*members, -1][:2]


@given(counts_lists, st.randoms())
def test_permuting_classes_permutes_groups(values, random):
    order = list(range(len(values)))
    random.shuffle(order)
    counts, permuted = ClassCounts(values), ClassCounts([values[index] for index in order])
    assert np.array_equal(permuted.distinct, counts.distinct)
    assert np.array_equal(permuted.multiplicity, counts.multiplicity)
    assert np.array_equal(permuted.group, counts.group[order])


@pytest.mark.parametrize("scale", [1, 0.5, 1e6], ids=["table", "search", "large"])
def test_grouping_routes_agree(scale):
    whole = np.random.default_rng(0).integers(0, 500, 20_000)
    counts, scaled = ClassCounts(whole), ClassCounts(whole * scale)
    assert np.array_equal(scaled.group, counts.group)
    assert np.array_equal(scaled.multiplicity, counts.multiplicity)
    assert np.array_equal(scaled.distinct, counts.distinct * scale)


def test_all_counts_distinct():
    values = np.random.default_rng(0).permutation(np.arange(100_000)) + 0.5
    counts = ClassCounts(values)
    assert counts.distinct.size == 100_000
    assert np.array_equal(counts.distinct[counts.group], values)


def test_a_million_classes_take_memory_of_order_k():
    values = np.random.default_rng(0).integers(1, 2_000, 1_000_000)
    tracemalloc.start()
    counts = ClassCounts(values)
    assert counts.representatives.shape == (1999, 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64 * values.size


# Labels


@given(st.lists(st.integers(-5, 50), min_size=2).filter(lambda labels: len(set(labels)) > 1))
def test_labels_are_counted_as_by_unique(labels):
    distinct, expected = np.unique(labels, return_counts=True)
    for given_labels in (labels, np.array(labels, dtype=np.int8), np.array(labels).astype(str)):
        counts = ClassCounts.from_labels(given_labels)
        named = dict(zip(counts.names, counts.values, strict=True))
        assert named == dict(zip(map(str, distinct.tolist()), expected, strict=True))


def test_labels_with_classes():
    assert ClassCounts.from_labels([0, 2, 2], 4).values.tolist() == [1, 0, 2, 0]
    assert ClassCounts.from_labels(["0", "2"], 4).values.tolist() == [1, 0, 1, 0]
    named = ClassCounts.from_labels(["dog", "cat", "dog"], ["dog", "eel", "cat"])
    assert named == ClassCounts({"dog": 2, "eel": 0, "cat": 1})
    assert ClassCounts.from_labels([0, 1, 1], ["cat", "dog"]) == ClassCounts({"cat": 1, "dog": 2})
    assert ClassCounts.from_labels([7, 5, 7], [5, 6, 7]) == ClassCounts({"5": 1, "6": 0, "7": 2})
    assert ClassCounts.from_labels([7, 5, 7], ["7", "5"]) == ClassCounts([2, 1], names=["7", "5"])


def test_labels_far_apart_take_no_table():
    counts = ClassCounts.from_labels([10**15, 3, 10**15])
    assert counts == ClassCounts({"3": 1, str(10**15): 2})


BAD_LABELS = {
    "float": (np.array([0.0, 1.5]), None, "label 1.5 at position 1 is no whole number"),
    "float-list": ([0, 1.5], None, "label 1.5 at position 1 is of type float"),
    "boolean-list": ([0, 1, True], None, "label True at position 2 is of type bool"),
    "missing": (["cat", None], None, "label None at position 1"),
    "missing-number": (np.array([0.0, np.nan]), None, "label nan at position 1 is no label"),
    "mixed": (["cat", 3], None, "some labels are whole numbers and some are text"),
    "one-hot": (np.eye(3, dtype=int), None, "labels.argmax(1)"),
    "none": ([], None, "there are no labels"),
    "text": ("abc", None, "labels are of type str"),
    "number": (3, None, "labels are of type int"),
    "huge": ([2**70, 1], None, "beyond 64 bits"),
    "one-class": ([1, 1], None, "only one class has samples"),
    "outside": ([0, 1, 3, 3], 3, "label 3 (samples: 2) is outside 0 … 2"),
    "below": ([0, 1, -1], 3, "label -1 (samples: 1) is outside 0 … 2"),
    "unknown": (["cat", "dog", "eel"], ["cat", "dog"], "label 'eel' (samples: 1) is none of the 2 classes"),
    "unknown-number": ([5, 6, 9], [5, 6], "label '9' (samples: 1) is none of the 2 classes"),
    "text-for-numbers": (["cat", "1"], 2, "label 'cat' (samples: 1) is none of the 2 classes"),
    "duplicate-classes": (["cat", "dog"], ["cat", "dog", "cat"], "'cat' is given twice"),
    "no-classes": ([0, 1], 0, "outside"),
}


@pytest.mark.parametrize(("labels", "classes", "message"), BAD_LABELS.values(), ids=BAD_LABELS)
def test_bad_labels(labels, classes, message):
    with pytest.raises(CountsError) as caught:
        ClassCounts.from_labels(labels, classes)
    assert message in str(caught.value)


class OnDevice:
    def __array__(self, dtype=None, copy=None):
        raise TypeError("can't convert cuda:0 device type tensor to numpy.\nUse Tensor.cpu()")


class Exchanged:
    """Speaks DLPack only."""

    def __init__(self, array):
        self.array = array

    def __dlpack__(self, **options):
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self):
        return self.array.__dlpack_device__()


def test_tensors():
    with pytest.raises(CountsError, match="move them to the CPU first") as caught:
        ClassCounts.from_labels(OnDevice())
    assert "\n" not in str(caught.value)
    assert ClassCounts.from_labels(Exchanged(np.array([0, 1, 1]))).values.tolist() == [1, 2]


# Data sets


class Table:
    """As Hugging Face's Dataset looks from outside."""

    def __init__(self, features, **columns):
        self.features, self.columns = features, columns

    @property
    def column_names(self):
        return list(self.columns)

    def __getitem__(self, name):
        return self.columns[name]


CLASS_LABEL = SimpleNamespace(names=["cat", "dog", "eel"])
VALUE = SimpleNamespace(dtype="int64")


def test_torchvision():
    dataset = SimpleNamespace(targets=[0, 1, 1], classes=["cat", "dog", "eel"])
    assert ClassCounts.from_dataset(dataset) == ClassCounts({"cat": 1, "dog": 2, "eel": 0})
    assert ClassCounts.from_dataset(SimpleNamespace(labels=np.array([0, 1, 1]))).values.tolist() == [1, 2]
    assert ClassCounts.from_dataset(dataset, classes=2).names == ("0", "1")


def test_folders_named_by_numbers_keep_their_order():
    dataset = SimpleNamespace(targets=[0, 1, 2, 2], classes=["1", "10", "2"])
    assert ClassCounts.from_dataset(dataset) == ClassCounts([1, 1, 2], names=["1", "10", "2"])


def test_subset_of_subset():
    whole = SimpleNamespace(targets=np.array([0, 1, 1, 2, 0]), classes=["cat", "dog", "eel"])
    part = SimpleNamespace(dataset=whole, indices=[0, 1, 2, 4], targets="of the whole set, not of this part")
    assert ClassCounts.from_dataset(part).values.tolist() == [2, 2, 0]
    assert ClassCounts.from_dataset(SimpleNamespace(dataset=part, indices=np.array([0, 1, 2]))).values.tolist() == [
        1,
        2,
        0,
    ]
    whole.targets = whole.targets.tolist()
    assert ClassCounts.from_dataset(part).values.tolist() == [2, 2, 0]


def test_hugging_face():
    table = Table({"image": VALUE, "label": CLASS_LABEL, "id": VALUE}, image=[], label=[0, 1, 1], id=[7, 7, 9])
    assert ClassCounts.from_dataset(table) == ClassCounts({"cat": 1, "dog": 2, "eel": 0})
    assert ClassCounts.from_dataset(table, column="id") == ClassCounts({"7": 2, "9": 1})


BAD_DATASETS = {
    "nothing": (SimpleNamespace(), None, "looked for targets or labels (torchvision), features and column_names"),
    "several": (
        Table({"a": CLASS_LABEL, "b": CLASS_LABEL, "c": VALUE}),
        None,
        "columns a, b are all of type ClassLabel",
    ),
    "no-label": (Table({"a": VALUE, "c": VALUE}), None, "column=, one of a, c"),
    "no-column": (Table({"a": VALUE, "c": VALUE}), "b", "no column 'b': choose one of a, c"),
    "unlabelled": (Table({"a": CLASS_LABEL}, a=[-1, -1]), None, "label -1 (samples: 2) is outside 0 … 2"),
}


@pytest.mark.parametrize(("dataset", "column", "message"), BAD_DATASETS.values(), ids=BAD_DATASETS)
def test_bad_datasets(dataset, column, message):
    with pytest.raises(CountsError) as caught:
        ClassCounts.from_dataset(dataset, column=column)
    assert message in str(caught.value)


# Long tails and bands


@pytest.mark.parametrize("ratio", [10, 20, 50, 100, 200])
@pytest.mark.parametrize(("classes", "largest"), [(10, 5000), (100, 500), (10, 6000)])
def test_exponential_as_in_the_literature(classes, largest, ratio):
    literature = [int(largest * (1 / ratio) ** (k / (classes - 1.0))) for k in range(classes)]
    assert ClassCounts.long_tailed(classes, largest, ratio).values.tolist() == literature


def test_step_and_zipf():
    assert ClassCounts.long_tailed(5, 500, 100, "step").values.tolist() == [500, 500, 5, 5, 5]
    zipf = ClassCounts.long_tailed(10, 1000, 10, "zipf").values
    assert zipf.tolist() == [1000 // k for k in range(1, 11)]


@given(st.integers(2, 50), st.integers(1, 1000), st.integers(1, 1000), st.sampled_from(["exponential", "step", "zipf"]))
def test_long_tails_reach_their_ratio(classes, smallest, ratio, profile):
    counts = ClassCounts.long_tailed(classes, smallest * ratio, ratio, profile)
    assert (counts.largest, counts.smallest) == (smallest * ratio, smallest)
    assert (np.diff(counts.values) <= 0).all()
    assert counts.is_integral


BAD_TAILS = {
    "classes": ((1, 100, 10), "classes=1"),
    "ratio": ((10, 100, 0.5), "ratio=0.5"),
    "nan": ((10, 100, math.nan), "ratio=nan"),
    "too-few": ((10, 50, 100), "less than one sample"),
    "infinite": ((10, math.inf, 100), "largest=inf"),
}


@pytest.mark.parametrize(("arguments", "message"), BAD_TAILS.values(), ids=BAD_TAILS)
def test_bad_tails(arguments, message):
    with pytest.raises(CountsError) as caught:
        ClassCounts.long_tailed(*arguments)
    assert message in str(caught.value)


def test_bands():
    counts = ClassCounts([101, 100, 20, 19.9, 0])
    assert counts.bands().tolist() == ["many", "medium", "medium", "few", "unseen"]
    assert counts.bands(many=50, few=50).tolist() == ["many", "many", "few", "few", "unseen"]
    with pytest.raises(CountsError, match="few=200 exceeds many=100"):
        counts.bands(few=200)
