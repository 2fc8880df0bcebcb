"""Directions of class means above chance, and classes that are merged, apart or undecided: planted and real ones."""

from functools import cache

import numpy as np
import pytest
from scipy import stats

import penultimate as pen
from penultimate.features.passes.scatters import Scatters
from penultimate.noise.nearest_classes import GAP, _enough, _shift, equal_means


def judged(features, labels, own=True):
    statistics = pen.FeatureStatistics.from_features(features, labels)
    directions = pen.noise.class_directions(statistics)
    scatters = Scatters(statistics, directions.basis)
    scatters.update(features, labels)
    return directions, scatters.sums if own else None


def pairs_of(features, labels, own=True):
    return pen.noise.class_pairs(*judged(features, labels, own))


def planted_pairs(gap, samples, classes=60, width=40, rank=6, seed=0, spread=0.3):
    """Classes 2k and 2k + 1 are so many standard deviations apart, along directions that many classes share."""
    rng = np.random.default_rng(seed)
    axes = np.linalg.qr(rng.standard_normal((width, rank)))[0]
    size = np.repeat(np.exp(spread * rng.standard_normal(classes // 2)), 2)
    means, way = 6 * rng.standard_normal((classes, rank)), rng.standard_normal((classes // 2, rank))
    way /= np.linalg.norm(way, axis=1)[:, None]
    means[1::2] = means[::2] + gap * size[::2, None] * way
    labels = np.repeat(np.arange(classes), samples)
    return (means @ axes.T)[labels] + size[labels, None] * rng.standard_normal((labels.size, width)), labels


def standings(pairs):
    """How many of the planted pairs are merged, apart, undecided."""
    own = (pairs.pairs[:, 0] % 2 == 0) & (pairs.pairs[:, 1] == pairs.pairs[:, 0] + 1)
    return tuple(int(np.count_nonzero(of[own])) for of in (pairs.merged, pairs.apart, pairs.undecided))


@pytest.mark.parametrize(("gap", "samples", "wanted"), [(0.0, 60, 0), (4.0, 60, 1), (0.0, 8, 2), (6.0, 8, 1)])
def test_planted_pairs_are_merged_apart_or_undecided(gap, samples, wanted):
    found = standings(pairs_of(*planted_pairs(gap, samples)))
    assert sum(found) >= 26 and found[wanted] >= 0.93 * sum(found)


def test_merged_with_many_samples_means_closer_than_what_matters_not_equal():
    """Half a standard deviation apart beyond doubt, and yet a rule between the two errs on 40 %."""
    pairs = pairs_of(*planted_pairs(0.5, 600))
    merged, apart, undecided = standings(pairs)
    assert merged >= 28 and apart + undecided <= 2
    assert np.median(pairs.gap) == pytest.approx(0.5, abs=0.06)
    assert np.median(pairs.error) == pytest.approx(stats.norm.cdf(-0.25), abs=0.02)
    assert (pairs.p_value[pairs.merged] < 0.01).mean() > 0.9


def test_so_many_samples_do():
    undecided = pairs_of(*planted_pairs(0.0, 10))
    assert standings(undecided)[2] >= 28
    enough = int(np.nanmedian(undecided.enough))
    assert enough > 10 and standings(pairs_of(*planted_pairs(0.0, 2 * enough, seed=1)))[2] <= 2


def test_the_least_gap_is_seen_with_the_power_that_is_said():
    least = float(np.median(pairs_of(*planted_pairs(0.0, 40, spread=0.0)).min_gap))
    seen = [pairs_of(*planted_pairs(least, 40, seed=seed, spread=0.0)) for seed in range(1, 5)]
    rate = np.mean([np.mean(pairs.p_value[: len(pairs.pairs)] * 1.0 <= 0.01) for pairs in seen])
    assert rate == pytest.approx(0.8, abs=0.12)


def test_a_gap_in_a_direction_of_its_own_is_never_merged():
    """Three standard deviations in a direction that no other class uses may hide below the edge."""
    features, labels = planted_pairs(0.0, 30, classes=200, width=100)
    rng = np.random.default_rng(3)
    ways = np.linalg.qr(rng.standard_normal((100, 100)))[0]
    size = np.repeat(np.exp(0.3 * np.random.default_rng(0).standard_normal(100)), 2)
    features = features + np.where(labels % 2 == 1, 3.0, 0.0)[:, None] * size[labels, None] * ways[labels // 2]
    assert standings(pairs_of(features, labels))[0] == 0


@cache
def cut(network, sizes, draws):
    """p-values of pairs of parts of real classes, cut at random: of one class, of two, and of two smallest parts."""
    source = pen.datasets.features(network)
    batches = list(source.batches())
    whole = np.concatenate([np.asarray(batch[0], dtype=np.float64) for batch in batches])
    classes, one, two, smallest, counts = np.concatenate([batch[1] for batch in batches]), [], [], [], []
    for draw in range(draws):
        rng, chosen, labels, of, size = np.random.default_rng(draw), [], [], [], []
        for k in range(10):
            places, start = rng.permutation(np.flatnonzero(classes == k)), 0
            for samples in sizes:
                chosen.append(places[start : start + samples])
                labels += [len(of)] * samples
                of.append(k)
                size.append(samples)
                start += samples
        directions, scatters = judged(whole[np.concatenate(chosen)], np.array(labels))
        counts.append(directions.count)
        pairs = np.column_stack(np.triu_indices(len(of), 1))
        test = equal_means(directions, directions.basis, pairs, scatters)
        p_value = stats.f.sf(test.ratio, test.rank, test.second)
        same = np.array(of)[pairs[:, 0]] == np.array(of)[pairs[:, 1]]
        least = (np.array(size)[pairs] == sizes[-1]).all(axis=1)
        for values, which in ((one, same), (two, ~same), (smallest, ~same & least)):
            values.extend(p_value[which])
    return np.array(one), np.array(two), np.array(smallest), counts


@pytest.mark.parametrize("network", ["cnn-mse-test", "cnn-ce-test"])
def test_parts_of_real_classes_are_the_same_and_classes_are_not(network):
    """Size at 5 % at most 0.05, power at 1 % 0.95 on average with five samples of either; true rank 9."""
    one, two, smallest, counts = cut(network, (40, 20, 10, 5), 6)
    assert np.mean(one < 0.05) <= 0.05 and np.mean(two < 0.01) >= 0.95 and np.mean(smallest < 0.01) >= 0.92
    assert np.mean(counts) == pytest.approx(9, abs=0.35)


def test_directions_of_class_means_are_counted():
    features, labels = planted_pairs(4.0, 30)
    directions, _ = judged(features, labels)
    assert directions.count == 6 and directions.strengths[0] == pytest.approx(directions.singular_values[0], rel=0.1)
    noise = np.random.default_rng(0).normal(size=(1200, 40))
    alone = pen.noise.class_directions(pen.FeatureStatistics.from_features(noise, np.arange(1200) % 60))
    assert alone.count == 0
    # Without a direction all are looked at, and equal means are found equal.
    many = np.random.default_rng(1).normal(size=(9000, 40))
    pairs = pairs_of(many, np.arange(9000) % 60)
    assert pairs.directions == 0 and pairs.merged.mean() > 0.9 and not pairs.apart.any()


def test_classes_of_one_sample_and_without_any():
    features, labels = planted_pairs(4.0, 30)
    kept = (labels >= 2) | (np.arange(labels.size) % 30 == 0)
    labels = labels + (labels > 10)  # class 11 has no samples
    pairs = pairs_of(features[kept], labels[kept])
    assert not (pairs.pairs == 11).any() and np.isfinite(pairs.gap).all()


def test_collapsed_features_and_dead_columns():
    means = np.array([[0.0, 0, 0, 0], [1, 0, 0, 0], [0, 2, 0, 0], [0, 2, 0, 0]])
    labels = np.repeat(np.arange(4), 60)
    pairs = pairs_of(means[labels], labels)
    merged = pairs.pairs[pairs.merged].tolist()
    assert merged == [[2, 3]] and pairs.apart.sum() == len(pairs.pairs) - 1
    wide, own = planted_pairs(4.0, 60)
    plain, dead = pairs_of(wide, own), pairs_of(np.hstack([wide, np.zeros((len(wide), 7))]), own)
    assert plain.pairs.tolist() == dead.pairs.tolist() and plain.gap == pytest.approx(dead.gap)


def test_what_cannot_be_told_has_a_name():
    rng = np.random.default_rng(0)
    few = pen.noise.class_directions(pen.FeatureStatistics.from_features(rng.normal(size=(30, 40)), np.arange(30) % 3))
    assert few.outcome.name == "TOO_FEW_SAMPLES" and few.count is None
    assert not len(pen.noise.class_pairs(few).pairs)
    small = pen.noise.class_directions(
        pen.FeatureStatistics.from_features(rng.normal(size=(300, 4)), np.arange(300) % 3)
    )
    assert small.outcome.name == "FEW" and small.count is None and len(pen.noise.class_pairs(small).pairs)


def test_rotations_scales_and_offsets_change_nothing():
    features, labels = planted_pairs(2.0, 20, classes=30, width=25)
    turn = np.linalg.qr(np.random.default_rng(1).standard_normal((25, 25)))[0]
    one, other = pairs_of(features, labels), pairs_of(1e3 * features @ turn + 1e5, labels)
    assert one.pairs.tolist() == other.pairs.tolist()
    np.testing.assert_allclose(one.gap, other.gap, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(one.p_value, other.p_value, rtol=1e-3, atol=1e-12)


def test_the_gap_that_is_asked_for_makes_a_rule_err_on_a_quarter():
    assert stats.norm.cdf(-GAP / 2) == pytest.approx(0.25)


def test_scatters_of_another_shape_are_refused():
    directions, _ = judged(*planted_pairs(2.0, 20, classes=30, width=25))
    with pytest.raises(pen.ProblemError, match="one of each class"):
        pen.noise.class_pairs(directions, np.zeros((30, 2, 2)))


def test_the_samples_asked_for_do_not_depend_on_the_other_pairs():
    # Pairs of few and of many samples, none decided: the search ends for one long before it ends for the other.
    rng = np.random.default_rng(5)
    counts = np.array([3, 3, 4, 40, 45, 50, 6, 7])
    labels = np.repeat(np.arange(8), counts)
    features = rng.normal(size=(labels.size, 4)) + 0.5 * rng.normal(size=(8, 4))[labels]
    directions = pen.noise.class_directions(pen.FeatureStatistics.from_features(features, labels))
    pairs = np.array([[0, 1], [3, 4], [5, 6], [2, 7]])
    together = _enough(directions, pairs, 4, 3, own=False)
    alone = [_enough(directions, pairs[[place]], 4, 3, own=False)[0] for place in range(4)]
    assert together.tolist() == alone and np.unique(together).size > 1


def test_many_degrees_of_freedom_are_read_off_between_some():
    second = np.geomspace(2.0, 1e6, 1500)
    of_some = second[::50]
    np.testing.assert_allclose(_shift(6, second, 1e-4)[::50], _shift(6, of_some, 1e-4), rtol=1e-4)
    # The definition: the power of the test at its critical value.
    missed = stats.ncf.cdf(stats.f.isf(1e-4, 6, of_some), 6, of_some, _shift(6, of_some, 1e-4))
    np.testing.assert_allclose(missed, 0.2, rtol=1e-6)
