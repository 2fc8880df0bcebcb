"""The different label sets that occur: against NumPy's, in any cut, and beyond their limit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.targets import distinct_sets


def gathered(sets):
    order = np.lexsort(sets.rows.toarray().T)
    return sets.rows.toarray()[order], sets.times[order]


def unique(rows, weights):
    found, which = np.unique(rows, axis=0, return_inverse=True)
    order = np.lexsort(found.T)
    return found[order], np.bincount(which.ravel(), weights=weights)[order]


@settings(max_examples=20)
@given(
    rows=st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 3), min_size=2, max_size=12),
    cut=st.integers(1, 11),
    soft=st.booleans(),
)
def test_they_are_those_of_numpy_in_any_cut(rows, cut, soft):
    rows = np.array(rows) if soft else np.array(rows).round()
    weights = np.arange(1.0, len(rows) + 1)
    cut = min(cut, len(rows) - 1)
    whole = pen.LabelScatter.from_labels(rows, weights=weights)
    parts = [pen.LabelScatter.from_labels(rows[part], weights=weights[part]) for part in (slice(cut), slice(cut, None))]
    for targets in (whole, parts[0] + parts[1]):
        for found, expected in zip(gathered(targets.sets), unique(rows, weights), strict=True):
            assert np.array_equal(found, expected)


def test_names_in_another_order_are_the_same_sets():
    one = pen.LabelScatter.from_labels([["dog", "cat"], ["cat"]]) + pen.LabelScatter.from_labels([["ant"], ["cat"]])
    assert sorted(one.sets.times.tolist()) == [1.0, 1.0, 2.0] and one.sets.rows.shape == (3, 3)


def test_of_class_counts_there_is_one_for_each_class_that_has_samples():
    sets = pen.LabelScatter.from_counts([3, 0, 2]).sets
    assert sets.rows.toarray().tolist() == [[1, 0, 0], [0, 0, 1]] and sets.times.tolist() == [3, 2]


def test_they_are_not_kept_where_they_are_no_sets_or_too_many(monkeypatch):
    assert pen.LabelScatter.from_targets(np.eye(3) * 2.5).sets is None
    assert pen.LabelScatter.from_second_moment([[5, 2], [2, 3]], [5, 3], samples=9).sets is None
    monkeypatch.setattr(distinct_sets, "MOST_SETS", 5)
    rows = np.array([[int(bit) for bit in f"{k:03b}"] for k in range(8)])
    assert pen.LabelScatter.from_labels(rows).sets is None
    few = pen.LabelScatter.from_labels(rows[:4])
    assert few.sets.times.size == 4 and few.update(rows[4:]).sets is None and few.update(rows[:1]).sets is None


def test_an_audit_of_too_many_sets_has_the_additive_share_alone(monkeypatch):
    rng = np.random.default_rng(0)
    rows = (rng.random((300, 4)) < 0.5).astype(float)
    features = rows @ rng.normal(size=(4, 6)) + rng.normal(size=(300, 6))
    known = pen.audit_label_sets(features, rows).shares
    monkeypatch.setattr(distinct_sets, "MOST_SETS", 5)
    audit = pen.audit_label_sets(features, rows)
    assert audit.shares.beyond is None and audit.shares.additive == pytest.approx(known.additive, abs=0.01)
    assert "is not known" in audit.verdict
    parts = [pen.LabelStatistics(4, 6).update(features[part], rows[part]) for part in (slice(100), slice(100, None))]
    assert (parts[0] + parts[1]).between_sets is None
