"""Pieces of statistics by ranges of classes: merged in any tree they are the statistic of all samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.features.passes import class_ranges
from penultimate.features.passes.tasks import tree
from penultimate.features.sources import ArraySource

CLASSES, DIMENSION = 23, 3


def samples(seed, number, offset=0.0):
    rng = np.random.default_rng(seed)
    labels = rng.choice(np.arange(0, CLASSES, 2), number)  # every other class has none
    return rng.normal(size=(number, DIMENSION)) + labels[:, None] + offset, labels


def pieces(features, labels, cuts, bounds):
    found, before = [], 0
    for rows in np.split(np.arange(labels.size), cuts):
        found.append(
            class_ranges.pieces_of(ArraySource(features[rows], labels[rows]), bounds, "refuse", before, "features")
        )
        before += rows.size
    return found


def assert_is(statistics, features, labels, rtol=1e-12):
    whole = pen.FeatureStatistics.from_features(features, labels, CLASSES)
    np.testing.assert_array_equal(statistics.counts, whole.counts)
    assert (statistics.rows, statistics.dropped) == (whole.rows, 0)
    np.testing.assert_allclose(statistics.means, whole.means, rtol=rtol)
    np.testing.assert_allclose(statistics.spreads, whole.spreads, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(statistics.within_scatter, whole.within_scatter, rtol=1e-9, atol=1e-8)


@given(
    st.integers(0, 10**6),
    st.lists(st.integers(1, 199), max_size=9, unique=True).map(sorted),
    st.integers(1, 30),
    st.sampled_from([0.0, 1e6]),
    st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_pieces_of_any_shards_and_ranges_are_one_statistic(seed, cuts, size, offset, freeze):
    features, labels = samples(seed, 200, offset)
    bounds = np.append(np.arange(0, CLASSES, size), CLASSES)
    tasks = pieces(features, labels, cuts, bounds)
    ranges = [tree([task[number] for task in tasks], class_ranges.merged) for number in range(bounds.size - 1)]
    ready = map(class_ranges.frozen, ranges) if freeze else ranges
    found = pen.FeatureStatistics.from_arrays(class_ranges.whole_of(ready, CLASSES, DIMENSION))
    if freeze:
        found.freeze()
    assert_is(found, features, labels)


def test_a_statistic_is_split_and_put_together_again():
    """As an audit that goes on from a checkpoint does."""
    features, labels = samples(1, 300)
    bounds = np.array([0, 9, 10, CLASSES])
    first, second = pieces(features, labels, [120], bounds)
    half = class_ranges.whole_of(first, CLASSES, DIMENSION)
    again = [class_ranges.merged(*two) for two in zip(class_ranges.split(half, bounds), second, strict=True)]
    straight = [class_ranges.merged(*two) for two in zip(first, second, strict=True)]
    found, wanted = (class_ranges.whole_of(ranges, CLASSES, DIMENSION) for ranges in (again, straight))
    for name, array in wanted.items():
        np.testing.assert_array_equal(array, found[name], err_msg=name)
    assert_is(pen.FeatureStatistics.from_arrays(found), features, labels)


def test_merging_leaves_pieces_alone():
    features, labels = samples(2, 60)
    both = [task[0] for task in pieces(features, labels, [20], np.array([0, CLASSES]))]
    kept = [{name: array.copy() for name, array in piece.items()} for piece in both]
    class_ranges.merged(*both)
    for piece, copy in zip(both, kept, strict=True):
        for name, array in copy.items():
            np.testing.assert_array_equal(piece[name], array)


def test_a_task_holds_no_table_of_all_classes():
    """A million classes of which it meets three."""
    source = ArraySource(np.eye(4, 8), np.array([7, 999_999, 7, 123_456]))
    bounds = class_ranges.bounds_of(10**6, 8)
    assert (
        sum(
            array.nbytes
            for piece in class_ranges.pieces_of(source, bounds, "refuse", 0, "features")
            for array in piece.values()
        )
        < 2000
    )


@pytest.mark.parametrize(("classes", "dimension"), [(2, 1), (256_000, 1024), (10_000_000, 16_384), (3, 10**9)])
def test_ranges_make_up_all_classes(classes, dimension):
    bounds = class_ranges.bounds_of(classes, dimension)
    sizes = np.diff(bounds)
    assert (bounds[0], bounds[-1]) == (0, classes) and sizes.min() > 0
    assert sizes.max() == 1 or 2 * sizes.max() * dimension <= class_ranges.RANGE


@pytest.mark.parametrize("label", [-1, CLASSES])
def test_a_label_out_of_range_is_refused(label):
    with pytest.raises(pen.FeaturesError, match=rf"row 1 has {label}, outside 0 … {CLASSES - 1}"):
        pieces(np.eye(2, DIMENSION), np.array([0, label]), [], np.array([0, CLASSES]))
