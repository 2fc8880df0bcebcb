"""The law of a head's scores against heads that are fitted on samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaussian_classes import Mixture, answers, fitted_head, recalls
from penultimate.equivalents import Population, ScoreLaw
from penultimate.errors import FeaturesError, ProblemError

# Counts from ten a class, away from N ≈ d, as the law is promised for.
MIXTURES = [
    (4, 50, (100, 100, 100, 10), 0.1, "balanced"),
    (5, 100, (60, 60, 60, 60, 15), 0.01, None),
    (7, 200, (40, 80, 20, 10, 60, 60, 10), 0.05, "balanced"),
    (4, 100, (400, 100, 50, 20), 1e-3, None),
    (5, 60, (15, 15, 15, 15, 15), 0.3, None),
    (3, 40, (200, 20, 20), 1e-2, "balanced"),
]


def simulated(mixture, counts, weight_decay, class_weight, heads, seed=1):
    rng = np.random.default_rng(seed)
    n = np.array(counts)
    weights = n.sum() / (n.size * n) if class_weight == "balanced" else None
    fresh, own = mixture.draw([2000] * n.size, rng)
    found = []
    for _ in range(heads):
        features, labels = mixture.draw(counts, rng)
        found.append(recalls(answers(fitted_head(features, labels, np.eye(n.size), weight_decay, weights), fresh), own))
    return np.mean(found, axis=0), fresh, own


@pytest.mark.parametrize(("classes", "dimension", "counts", "weight_decay", "class_weight"), MIXTURES)
def test_recalls_of_gaussian_mixtures(classes, dimension, counts, weight_decay, class_weight):
    mixture = Mixture.random(classes, dimension, seed=dimension)
    measured, fresh, own = simulated(mixture, counts, weight_decay, class_weight, heads=40)
    law = ScoreLaw(mixture.population, counts, weight_decay, class_weight)
    assert np.abs(law.class_recalls() - measured).mean() < 0.015
    assert np.abs(law.recalls(fresh, own) - measured).mean() < 0.015


def test_double_descent_is_in_the_law():
    """Accuracy falls to where samples are as many as features, and rises again, as it is measured to."""
    mixture = Mixture.random(4, 60, seed=3, apart=3.0)
    sizes, forecast, measured = (6, 15, 40), [], []
    for each in sizes:
        measured.append(simulated(mixture, [each] * 4, 1e-4, None, heads=40)[0].mean())
        forecast.append(ScoreLaw(mixture.population, [each] * 4, 1e-4).class_recalls().mean())
    assert measured[1] < min(measured[0], measured[2]) - 0.05
    assert forecast[1] < min(forecast[0], forecast[2]) - 0.05
    assert np.abs(np.subtract(forecast, measured)).max() < 0.05


def test_scores_of_a_class_have_the_mean_and_covariance_of_the_law():
    mixture = Mixture.random(3, 60, seed=5)
    counts, rng = (60, 40, 20), np.random.default_rng(2)
    drawn = [[] for _ in counts]
    for _ in range(300):
        head = fitted_head(*mixture.draw(counts, rng), np.eye(3), 0.05)
        fresh, own = mixture.draw([20] * 3, rng)
        for k in range(3):
            drawn[k].append(answers(head, fresh[own == k]))
    mean, covariance = ScoreLaw(mixture.population, counts, 0.05).class_scores()
    for k in range(3):
        seen = np.concatenate(drawn[k])
        assert np.abs(seen.mean(axis=0) - mean[k]).max() < 0.02
        assert np.linalg.norm(np.cov(seen.T) - covariance[k]) < 0.1 * np.linalg.norm(covariance[k])


def test_a_regression_is_one_class():
    """Bias and variance of ridge regression in any dimension: Cheng and Montanari 2022, arXiv 2210.08571."""
    width, samples, ridge, noise = 400, 150, 0.02, 0.3
    values = np.arange(1.0, width + 1) ** -1.2
    slope = np.random.default_rng(0).normal(size=width)
    moment, cross = np.diag(values), (values * slope)[None, None]
    target = np.array([[[slope @ (values * slope) + noise]]])
    law = ScoreLaw(
        Population(np.zeros((1, width)), moment[None], np.zeros((1, 1)), cross=cross, target_covariances=target),
        [samples],
        ridge,
        bias=False,
    )
    kappa = ridge * (1.0 + law.delta[0])
    # n − nλ/κ = tr Σ(Σ + κ)⁻¹ for the penalty nλ
    assert samples - samples * ridge / kappa == pytest.approx(np.sum(values / (values + kappa)), rel=1e-9)
    second = np.sum((values / (values + kappa)) ** 2) / samples
    bias = kappa**2 * np.sum(slope**2 * values / (values + kappa) ** 2) / (1.0 - second)
    variance = noise * second / (1.0 - second)
    error = np.sum(values * (law.weight[0] - slope) ** 2) + law.class_noise()[0, 0, 0]
    assert error == pytest.approx(bias + variance, rel=1e-9)


def test_with_many_samples_the_head_is_that_of_the_population():
    mixture, n = Mixture.random(3, 20, seed=1), np.array([5e7, 2e7, 1e7])
    law = ScoreLaw(mixture.population, n, 0.1, "balanced")
    held = mixture.population.extended
    moments = held.covariances + held.means[:, :, None] * held.means[:, None]
    system = moments.mean(axis=0) + np.diag([0.1] * 20 + [0.0])
    assert np.hstack([law.weight, law.offset[:, None]]) == pytest.approx(
        np.linalg.solve(system, held.means.T / 3).T, abs=1e-5
    )
    assert law.noise(mixture.means).max() < 1e-5


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), shift=st.floats(-30, 30), factor=st.floats(0.1, 10))
def test_what_cannot_matter_does_not(seed, shift, factor):
    """Rotations, an offset of all features, a unit of length, the order of the classes, the split into two moments."""
    rng, mixture, counts = np.random.default_rng(seed), Mixture.random(3, 12, seed), np.array([40, 20, 9])
    first, rows = mixture.population, rng.normal(size=(5, 12))
    law = ScoreLaw(first, counts, 0.1)
    turn, order = np.linalg.qr(rng.normal(size=(12, 12)))[0], rng.permutation(3)
    means = factor * (first.means @ turn.T + shift)
    moved = Population(means[order], factor**2 * (turn @ first.covariances @ turn.T)[order])
    other = ScoreLaw(moved, counts[order], 0.1 * factor**2)
    assert other.delta == pytest.approx(law.delta[order], rel=1e-6)
    there = factor * (rows @ turn.T + shift)
    assert other.mean_scores(there) == pytest.approx(law.mean_scores(rows)[:, order], abs=1e-6)
    assert other.noise(there) == pytest.approx(law.noise(rows)[:, order], rel=1e-5, abs=1e-9)


def test_shared_covariances_are_those_of_each():
    mixture = Mixture.random(1, 15, seed=4)
    means, shared = np.random.default_rng(0).normal(size=(6, 15)), mixture.population.covariances
    counts, rows = np.arange(20, 80, 10), np.random.default_rng(1).normal(size=(7, 15))
    one = ScoreLaw(Population(means, shared, groups=np.zeros(6, dtype=int)), counts, 0.1)
    own = ScoreLaw(Population(means, np.repeat(shared, 6, axis=0)), counts, 0.1)
    assert one.delta == pytest.approx(own.delta) and one.coupling == pytest.approx(own.coupling)
    assert one.noise(rows) == pytest.approx(own.noise(rows))
    assert one.class_scores().covariance == pytest.approx(own.class_scores().covariance)
    assert one.class_noise(own.population) == pytest.approx(own.class_noise(one.population))
    assert own.class_noise(own.population) == pytest.approx(own.class_noise())
    assert one.probabilities(rows) == pytest.approx(own.probabilities(rows), abs=0.1)


def test_beyond_a_hundred_classes_neighbours_in_variance_share():
    rng = np.random.default_rng(0)
    sizes = rng.permutation(np.repeat([1.0, 2.0], 100))
    population = Population.from_classes([size * rng.normal(size=(9, 4)) for size in sizes])
    assert population.covariances.shape == (100, 4, 4) and population.classes == 200
    assert np.bincount(population.groups).tolist() == [2] * 100
    traces = population.covariances.trace(axis1=1, axis2=2)
    assert (np.diff(traces) > 0).all()


def test_one_class_fewer_samples_than_a_covariance_needs():
    with pytest.raises(FeaturesError, match="class 1 has 1 samples"):
        Population.from_features(np.eye(3), [0, 0, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"counts": [5, 0]}, "2 positive numbers"),
        ({"counts": [5, np.nan]}, "2 positive numbers"),
        ({"counts": [5, 5, 5]}, "2 positive numbers"),
        ({"weight_decay": 0.0}, "must be positive"),
        ({"weight_decay": np.inf}, "must be positive"),
        ({"weight_decay": 1e-300, "counts": [2, 2]}, "larger one|larger weight decay"),
        ({"class_weight": "even"}, "'balanced'"),
        ({"class_weight": [1.0, -1.0]}, "2 positive numbers"),
    ],
)
def test_a_law_that_cannot_be_is_one_error(change, message):
    population = Population(np.eye(2, 20), np.stack([np.eye(20)] * 2))
    with pytest.raises(ProblemError, match=message):
        ScoreLaw(population, **{"counts": [30, 30], "weight_decay": 0.1, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"means": np.eye(3, 20)},
        {"means": np.full((2, 20), np.nan)},
        {"covariances": np.zeros((2, 20, 19))},
        {"covariances": np.eye(20)},
        {"groups": [0, 2]},
        {"targets": np.eye(3)},
        {"cross": np.zeros((2, 3, 20))},
    ],
)
def test_a_population_that_cannot_be_is_one_error(change):
    with pytest.raises(FeaturesError):
        Population(**{"means": np.eye(2, 20), "covariances": np.stack([np.eye(20)] * 2), **change})


def test_samples_of_another_width_are_one_error():
    law = ScoreLaw(Population(np.eye(2, 5), np.stack([np.eye(5)] * 2)), [9, 9], 0.1)
    for ask in (law.noise, law.mean_scores, law.probabilities):
        with pytest.raises(FeaturesError, match=r"expected \(samples, 5\)"):
            ask(np.eye(4))
    with pytest.raises(FeaturesError, match="offsets"):
        law.class_recalls(offsets=[1.0])
