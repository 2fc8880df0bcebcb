"""Sums over targets, against sums written out; and everything that cannot be targets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import penultimate as pen
from penultimate.targets import sums

Y = (np.random.default_rng(0).random((50, 5)) < 0.3).astype(int)
SETS = [[int(k) for k in np.flatnonzero(row)] for row in Y]


def by_hand(rows):
    """Co-occurrences, counted pair by pair."""
    out = np.zeros((len(rows[0]),) * 2)
    for row in rows:
        for j, a in enumerate(row):
            for k, b in enumerate(row):
                out[j, k] += a * b
    return out


FORMS = {
    "integers": Y,
    "truth values": Y.astype(bool),
    "fractions": Y * 1.0,
    "sparse": sparse.csr_matrix(Y),
    "sparse by column": sparse.csc_array(Y),
    "sparse with zeros kept": sparse.csr_array((np.array([1.0, 0.0]), [0, 1], [0, 2]), shape=(1, 5)),
    "lists of ids": SETS,
    "sets": [set(row) for row in SETS],
    "arrays of ids": [np.array(row, dtype=int) for row in SETS],
    "a generator": (row for row in SETS),
    "lists of names": [[str(k) for k in row] for row in SETS],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_sums(form):
    rows = [[1, 0, 0, 0, 0]] if form == "sparse with zeros kept" else Y.tolist()
    found = pen.LabelScatter.from_labels(FORMS[form], names=5)
    assert np.array_equal(found.second_moment.toarray(), by_hand(rows))
    assert np.array_equal(found.positives, np.sum(rows, axis=0))
    assert found.unlabelled == sum(not any(row) for row in rows)
    assert found.kind == "sets" and found.samples == len(rows)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sets(st.integers(0, 4)), min_size=2, max_size=12), st.integers(1, 11))
def test_shards_streams_and_the_whole_are_the_same(sets, cut):
    sets = [[f"label {k}" for k in row] for row in [*sets, {0}]]
    whole = pen.LabelScatter.from_labels(sets)
    names = list(whole.names)
    first, second = sets[:cut], sets[cut:]
    if not second:
        return
    parts = [pen.LabelScatter.from_labels(part, names=names) for part in (first, second)]
    streamed = pen.LabelScatter.from_labels(first, names=names).update(second)
    for found in (parts[0] + parts[1], streamed):
        assert np.array_equal(found.second_moment.toarray(), whole.second_moment.toarray())
        assert (found.samples, found.unlabelled) == (whole.samples, whole.unlabelled)
        assert found.positives.tolist() == whole.positives.tolist()


def test_shards_with_other_labels_are_joined_by_name():
    one, other = pen.LabelScatter.from_labels([["b", "a"]]), pen.LabelScatter.from_labels([["c", "a"], ["c"]])
    both = one + other
    assert list(both.names) == ["a", "b", "c"] and both.positives.tolist() == [2.0, 1.0, 2.0]
    assert both.second_moment.toarray().tolist() == [[2, 1, 1], [1, 1, 0], [1, 0, 2]]
    with pytest.raises(pen.CountsError, match="one part has 5 columns, the other 4"):
        pen.LabelScatter.from_labels(Y) + pen.LabelScatter.from_labels(Y[:, :4])


def test_a_weight_is_so_many_equal_samples():
    weights = np.arange(1.0, 51.0)
    repeated = np.repeat(Y, weights.astype(int), axis=0)
    for form in (Y, SETS):
        found = pen.LabelScatter.from_labels(form, names=5, weights=weights)
        assert found.samples == 1275 and np.array_equal(found.second_moment.toarray(), repeated.T @ repeated)
    for bad, words in (([1, 0], "the weight of row 1 is 0"), ([1], "for 2 rows"), ("ab", "weights are no numbers")):
        with pytest.raises(pen.CountsError, match=words):
            pen.LabelScatter.from_labels(Y[:2], weights=bad)


def test_class_counts_are_one_label_a_sample():
    labels = np.repeat(np.arange(3), [6, 3, 1])
    found = pen.LabelScatter.from_counts({"cat": 6, "dog": 3, "eel": 1})
    one_hot = pen.LabelScatter.from_labels(np.eye(3)[labels])
    assert np.array_equal(found.second_moment.toarray(), one_hot.second_moment.toarray())
    assert list(found.names) == ["cat", "dog", "eel"] and found.samples == 10


def test_a_table_of_co_occurrences_is_enough():
    whole = pen.LabelScatter.from_labels(Y)
    found = pen.LabelScatter.from_second_moment(whole.second_moment, whole.positives, 50)
    assert found.kind == "sets" and np.array_equal(found.variance, whole.variance)
    for table, totals, samples, words in (
        ([[2, 1], [0, 2]], [2, 2], 5, "not symmetric"),
        ([[2, 1], [1, 2]], [2, 9], 5, "label 1 sums to 9 over 5 samples"),
        ([[2, np.nan], [1, 2]], [2, 2], 5, "must be finite"),
        ([[2, 1], [1, 2]], [2, 2, 2], 5, r"shape \(2, 2\) for 3 sums"),
        ([[2, 5], [5, 2]], [2, 2], 9, "labels 0 and 1 have 5 together, and 2 and 2 alone"),
        ([[-2, 0], [0, 2]], [0, 2], 9, "label 0 sums to 0 over 9 samples, and its squares to -2"),
        ([[1e150, 0], [0, 2]], [0, 2], 9, "where squares overflow"),
        ([[2, 1], [1]], [2, 2], 5, "are no numbers"),
        ([["a", "b"], ["c", "d"]], [2, 2], 5, "are no numbers"),
        ([[2, 1], [1, 2]], ["a", "b"], 5, "are no numbers"),
        (None, [2, 2], 5, "are no numbers"),
    ):
        with pytest.raises(pen.CountsError, match=words):
            pen.LabelScatter.from_second_moment(table, totals, samples)


@pytest.mark.parametrize(
    ("targets", "words"),
    [
        (5, "of type int"),
        ("abc", "of type str"),
        ([[1.0, 2.0], [3.0]], "several lengths"),
        ([1.0, 2.0], r"shape \(2,\)"),
    ],
)
def test_what_is_no_matrix_is_one_error(targets, words):
    with pytest.raises(pen.CountsError, match=words):
        pen.LabelScatter.from_targets(targets)


def test_more_pairs_than_memory_holds_are_refused(monkeypatch):
    monkeypatch.setattr(sums, "_MOST_ENTRIES", 10)
    with pytest.raises(pen.CountsError, match="5 labels have more than 10 pairs that occur together, over 2 GiB"):
        pen.LabelScatter.from_labels(Y)


def test_soft_labels_and_regression_are_told_apart():
    soft = pen.LabelScatter.from_labels(Y * 0.9)
    assert soft.kind == "soft" and np.allclose(soft.second_moment.toarray(), 0.81 * by_hand(Y.tolist()))
    assert pen.LabelScatter.from_targets(Y * 3.0 - 1.0).kind == "real"
    assert (soft + pen.LabelScatter.from_labels(Y)).kind == "soft"


class Frame:
    """A data frame, as far as it matters here."""

    def __init__(self, values, columns):
        self.values, self.columns, self.ndim, self.shape = np.asarray(values), columns, 2, np.shape(values)

    def to_numpy(self):
        return self.values


def test_a_data_frame_names_its_columns():
    assert list(pen.LabelScatter.from_labels(Frame([[1, 0], [1, 1]], ["cat", "pet"])).names) == ["cat", "pet"]


def test_what_is_said_twice_counts_once():
    found = pen.LabelScatter.from_labels([["cat", "cat ", " dog", ""], ["dog"]])
    assert found.positives.tolist() == [1.0, 2.0] and found.repeated == 1
    assert "One sample" not in repr(found) and list(found.names) == ["cat", "dog"]


BAD = {
    "not a number": (np.array([[1.0, 0.0], [0.0, np.nan]]), "the target of row 1, label 1 is nan: leave out"),
    "infinite": (np.array([[1.0, np.inf]]), "row 0, label 1 is inf"),
    "beyond one": (np.array([[0.0, 1.0], [1.5, 0.0]]), "row 1, label 0 is 1.5.*from_targets and loss='mse'"),
    "beyond squares": (np.array([[1e120, 0.0]]), "row 0, label 0 is beyond 1e[+]100, whose square overflows"),
    "padded ids": (np.array([[3, 7, -1]]), "row 0, label 0 is 3.*ids of labels, padded with −1.*amounts"),
    "a column of ids": (np.array([[3], [0]]), "row 0, label 0 is 3: a single column of whole numbers is the class"),
    "0/1 rows as lists": ([[0, 1, 0], [1, 0, 0]], r"np.array\(rows\) they are one column a label; as lists"),
    "one label a sample": ([0, 1, 1], "row 0 is 0, one label and no list.*ClassCounts.from_labels"),
    "texts": (["a;b", "c"], "row 0 is 'a;b', one label and no list"),
    "one text": ("cat", "labels are of type str"),
    "nothing for a sample": ([["a"], None], "row 1 is None: give a list of labels, an empty one"),
    "fractions in lists": ([[0.5], [1.0]], "row 0 holds 0.5 of type float"),
    "padding in lists": ([[3, -1], [2]], "row 0 holds -1: leave out what pads"),
    "mixed": ([["a"], [3]], "some labels are whole numbers and some are text"),
    "no samples": ([], "there are no samples"),
    "no labels": ([[], []], "none of the 2 samples has a label"),
    "three axes": (np.zeros((2, 2, 2)), "row 0 holds"),
    "texts in an array": (np.array([["a", "b"]]), "targets are of type <U1"),
    "no columns": (np.zeros((3, 0)), r"targets have shape \(3, 0\)"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_label_sets_is_one_error(case):
    labels, words = BAD[case]
    with pytest.raises(pen.CountsError, match=words):
        pen.LabelScatter.from_labels(labels)


def test_names_must_fit():
    with pytest.raises(pen.CountsError, match="2 names for 5 labels"):
        pen.LabelScatter.from_labels(Y, names=["a", "b"])
    with pytest.raises(pen.CountsError, match="label 'eel' is none of the 2 given"):
        pen.LabelScatter.from_labels([["cat"], ["eel"]], names=["cat", "dog"])
    with pytest.raises(pen.CountsError, match=r"names is 2\.5"):
        pen.LabelScatter.from_labels(Y, names=2.5)
    with pytest.raises(pen.CountsError, match="one part has 2 columns, the other 5"):
        pen.LabelScatter.from_labels([["cat"], ["dog"]]).update(Y)
    with pytest.raises(pen.CountsError, match="made by read, from_labels"):
        pen.LabelScatter()


@pytest.mark.parametrize(
    ("labels", "is_so"),
    [([["a"], ["b"], ["a"]], True), ([["a", "b"], [], ["a"]], False), ([["a"], ["b", "a"]], False)],
)
def test_one_label_each_is_told(labels, is_so):
    targets = pen.LabelScatter.from_labels(labels)
    assert targets.one_each == is_so
    assert ("exactly one label" in pen.forecast(targets, weight_decay=1e-3).verdict) == is_so
    features = np.random.default_rng(0).normal(size=(len(labels), 2))
    assert ("exactly one label" in pen.audit_label_sets(features, labels).verdict) == is_so
    assert not pen.LabelScatter.from_targets([[0.5, 0.5], [0.5, 0.5]]).one_each
