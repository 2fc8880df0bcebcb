"""The laws of everything that a pass fills. A new one brings two builders: an empty one, and the figures it is for."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.features.passes.accumulator import Together
from penultimate.features.passes.answering import Drawn, answers
from penultimate.features.passes.deciding import Deciding
from penultimate.features.passes.replicates import Replicates
from penultimate.features.passes.residuals import Slopes
from penultimate.features.passes.scatters import Scatters

RNG = np.random.default_rng(0)
MEANS = RNG.normal(size=(4, 3))
LABELS = RNG.permutation(np.repeat(np.arange(4), [60, 30, 10, 3]))
FEATURES = 10.0 + MEANS[LABELS] + 0.6 * RNG.normal(size=(LABELS.size, 3))
HEAD = pen.Head((MEANS,), -0.5 * np.sum(MEANS**2, axis=1) - 10 * MEANS.sum(axis=1))
STATISTICS = pen.FeatureStatistics.from_features(FEATURES, LABELS)
COUNTS = pen.ClassCounts(STATISTICS.counts)


def slopes():
    return Slopes(STATISTICS, HEAD, pen.losses.resolve("ce", COUNTS), COUNTS)


def of_statistics(statistics):
    return [statistics.counts, statistics.means, statistics.spreads, statistics.within_scatter, [statistics.rows]]


def of_deciding(deciding):
    decisions = deciding.decisions
    return [decisions.confusion, decisions.agreed, decisions.by_means, [deciding.rows, deciding.certified]]


def of_answers(decisions):
    return [decisions.confusion, decisions.agreed, decisions.by_means]


def of_slopes(one):
    return [one.residuals().of_class, one.residuals().within, [one.rows]]


BUILDERS = {
    "one statistic": (lambda: Replicates(4, 3, 1), lambda one: of_statistics(one.whole)),
    "replicates": (
        lambda: Replicates(4, 3, 3),
        lambda one: [figure for part in [*one.parts, one.whole] for figure in of_statistics(part)],
    ),
    "deciding": (lambda: Deciding(STATISTICS, HEAD), of_deciding),
    "nearest means": (lambda: Deciding(STATISTICS, None), of_deciding),
    "slopes": (slopes, of_slopes),
    "scatters": (lambda: Scatters(STATISTICS, np.eye(3)[:, :2]), lambda one: [one.sums, [one.rows]]),
    "a sample": (lambda: Drawn(STATISTICS), lambda one: of_answers(answers(*one.sample, STATISTICS, HEAD))),
    "together": (
        lambda: Together({"answers": Deciding(STATISTICS, HEAD), "slopes": slopes()}),
        lambda one: of_deciding(one.parts["answers"]) + of_slopes(one.parts["slopes"]),
    ),
}


def filled(accumulator, rows):
    accumulator.update(FEATURES[rows], LABELS[rows])
    return accumulator


def sharded(empty, cuts):
    """One accumulator for each piece of the samples, which knows how many of each class come before."""
    pieces = np.split(np.arange(LABELS.size), sorted(cuts))
    before = [np.bincount(LABELS[: piece[0]] if piece.size else [], minlength=4) for piece in pieces]
    return [filled(empty.fresh(own), piece) for own, piece in zip(before, pieces, strict=True)]


def close(one, other):
    for ours, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9)


cut = st.lists(st.integers(1, LABELS.size - 1), max_size=4, unique=True)


@pytest.mark.parametrize(("make", "figures"), BUILDERS.values(), ids=BUILDERS)
class TestAccumulator:
    @given(cuts=cut, order=st.randoms(use_true_random=False))
    @settings(max_examples=15, deadline=None)
    def test_shards_merged_in_any_order_are_a_single_pass(self, make, figures, cuts, order):
        shards = sharded(make(), cuts)
        order.shuffle(shards)
        merged = make().fresh()
        for shard in shards:
            merged = merged.merge(shard)
        close(figures(merged), figures(filled(make(), slice(None))))

    @given(cuts=cut)
    @settings(max_examples=10, deadline=None)
    def test_batches_are_of_any_size(self, make, figures, cuts):
        one = make()
        for rows in np.split(np.arange(LABELS.size), sorted(cuts)):
            filled(one, rows)
        close(figures(one), figures(filled(make(), slice(None))))

    @given(stop=st.integers(1, LABELS.size - 1))
    @settings(max_examples=10, deadline=None)
    def test_restored_from_its_arrays_it_goes_on_to_the_same_bits(self, make, figures, stop):
        whole = filled(filled(make(), slice(stop)), slice(stop, None))
        kept = {name: array.copy() for name, array in filled(make(), slice(stop)).arrays().items()}
        resumed = make()
        resumed.restore(kept)
        filled(resumed, slice(stop, None))
        for name, array in whole.arrays().items():
            np.testing.assert_array_equal(resumed.arrays()[name], array)
        for ours, theirs in zip(figures(resumed), figures(whole), strict=True):
            np.testing.assert_array_equal(ours, theirs)

    def test_a_fresh_one_is_empty_and_leaves_the_first_alone(self, make, figures):
        first = filled(make(), slice(None))
        before = [np.array(figure) for figure in figures(first)]
        merged = first.fresh().merge(filled(first.fresh(), slice(None)))
        close(figures(merged), before)
        close(figures(first), before)

    def test_merging_leaves_the_other_alone(self, make, figures):
        one, other = sharded(make(), [40])
        kept = {name: array.copy() for name, array in other.arrays().items()}
        one.merge(other)
        for name, array in other.arrays().items():
            np.testing.assert_array_equal(array, kept[name])

    def test_pickled_it_is_the_same(self, make, figures):
        one = filled(make(), slice(50))
        close(figures(filled(pickle.loads(pickle.dumps(one)), slice(50, None))), figures(filled(one, slice(50, None))))

    @pytest.mark.parametrize("row", [0, 5])
    def test_a_batch_that_is_refused_changes_nothing(self, make, figures, row):
        one = filled(make(), slice(60))
        kept = {name: array.copy() for name, array in one.arrays().items()}
        bad = FEATURES[60:70].copy()
        bad[row, 1] = np.nan
        with pytest.raises(pen.FeaturesError, match="NaN or infinity"):
            one.update(bad, LABELS[60:70])
        for name, array in one.arrays().items():
            np.testing.assert_array_equal(array, kept[name])
