"""Sinkhorn divergences by positive features, against the whole kernel in logarithms and what is known of them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

import penultimate as pen
from penultimate.features.metrics.sinkhorn import Proposals, divergences
from seeds import SEED

divergence = pen.metrics.sinkhorn_divergence


def oracle(one, other, scale):
    """Dense, log-domain; the dual value of cost |x − y|² with ε KL(P ‖ a ⊗ b)."""

    def transport(a, b):
        cost = np.sum((a[:, None] - b[None]) ** 2, axis=2)
        f, g = np.zeros(len(a)), np.zeros(len(b))
        for _ in range(150):
            f = -scale * (logsumexp((g - cost) / scale, axis=1) - np.log(len(b)))
            g = -scale * (logsumexp((f[:, None] - cost) / scale, axis=0) - np.log(len(a)))
        return f.mean() + g.mean()

    return transport(one, other) - 0.5 * (transport(one, one) + transport(other, other))


def clouds(points=120, width=12, seed=SEED):
    rng = np.random.default_rng(seed)
    root = np.sqrt(1.0 / np.arange(1, width + 1))
    one, other = (rng.normal(size=(points, width)) * root for _ in range(2))
    return one, 1.2 * other + 0.3


def within(one, other):
    return one.var(axis=0).sum() + other.var(axis=0).sum()


@pytest.mark.parametrize(("epsilon", "features", "off"), [(1.0, 500, 0.02), (0.3, 2000, 0.12), (3.0, 200, 0.02)])
def test_it_is_near_the_whole_kernel(epsilon, features, off):
    one, other = clouds()
    exact = oracle(one, other, epsilon * within(one, other))
    found = np.mean([divergence(one, other, epsilon, features=features, seed=seed) for seed in range(4)])
    assert found == pytest.approx(exact, rel=off)


def test_features_are_those_of_the_kernel_in_the_mean():
    one, other = clouds(30, 3)
    way = Proposals.of(np.cov(one.T) + np.cov(other.T), 5.0)
    drawn = np.random.default_rng(SEED).normal(size=(100_000, 3))
    logs = [way.logs(side, drawn) + way.common(side)[:, None] for side in (one, other)]
    kernel = np.exp(logs[0]) @ np.exp(logs[1]).T / len(drawn)
    np.testing.assert_allclose(kernel, np.exp(-np.sum((one[:, None] - other) ** 2, axis=2) / 5.0), rtol=0.15)


def test_proposals_have_the_least_second_moment():
    """Of ``(s + 1)²/(4 s) e^{2 m²/(ε s)·2}`` at the mean sample, s = 4 q − 1, by trying others."""
    values, scale = np.array([0.3, 2.0]), 1.7
    q = Proposals.of(np.diag(values), scale)._q

    def size(q):
        s = 4 * q - 1
        return 0.5 * np.log((s + 1) ** 2 / (4 * s)) + 2 * values / (scale * s)

    for factor in (0.99, 1.01):
        assert (size(q) < size((4 * q - 1) * factor / 4 + 0.25)).all()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000), st.floats(0.3, 5.0), st.floats(1e-3, 1e3))
def test_shifts_scale_and_order_of_sides(seed, epsilon, scale):
    one, other = clouds(40, 4, seed)
    step = np.random.default_rng(seed).normal(size=4)
    found = divergence(one, other, epsilon)
    gap = one.mean(axis=0) - other.mean(axis=0)
    moved = divergence(one + step, other, epsilon)
    assert moved - found == pytest.approx(np.sum((gap + step) ** 2) - gap @ gap, abs=1e-10)
    assert divergence(one, one, epsilon) == pytest.approx(0, abs=1e-6 * within(one, one))
    assert divergence(scale * one, scale * other, epsilon) == pytest.approx(scale**2 * found, rel=1e-6)
    assert divergence(other, one, epsilon) == pytest.approx(found, rel=1e-5, abs=1e-6)


def test_many_pairs_of_weights_are_one_by_one():
    one, other = clouds(20, 3)
    z = np.concatenate([one, other])
    kernel = np.exp(-np.sum((z[:, None] - z) ** 2, axis=2) / 4.0)
    inside = np.zeros((40, 2))
    inside[:20, 0], inside[::2, 1] = 1 / 20, 1 / 20
    found = 4.0 * divergences(lambda v: kernel @ v, inside, (inside == 0) / 20)
    for column, side in enumerate((np.arange(20), np.arange(0, 40, 2))):
        rest = np.setdiff1d(np.arange(40), side)
        assert found[column] == pytest.approx(oracle(z[side], z[rest], 4.0), rel=1e-6)


def test_more_columns_than_samples_cost_no_more_and_change_nothing():
    one, other = clouds(15, 40)
    found = np.mean([divergence(one, other, seed=seed, features=2000) for seed in range(4)])
    assert found == pytest.approx(oracle(one, other, within(one, other)), rel=0.02)


def test_samples_that_do_not_vary_are_as_far_apart_as_their_means():
    assert divergence(np.zeros((3, 2)), np.full((4, 2), 2.0)) == pytest.approx(8.0)


BAD = {
    "one sample": ((np.zeros((1, 2)), np.zeros((3, 2))), {}, "two samples"),
    "other widths": ((np.zeros((3, 2)), np.zeros((3, 4))), {}, "shape"),
    "NaN": ((np.full((3, 2), np.nan), np.zeros((3, 2))), {}, "NaN"),
    "no epsilon": (clouds(), {"epsilon": 0.0}, "epsilon=0"),
    "not a number": (clouds(), {"epsilon": np.nan}, "epsilon=nan"),
    "no features": (clouds(), {"features": 0}, "features=0"),
    "far too little": (clouds(), {"epsilon": 1e-7}, "give 0.3 or more"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_has_no_divergence_is_one_clear_error(case):
    sides, given, message = BAD[case]
    with pytest.raises(pen.PenultimateError, match=message):
        divergence(*sides, **given)
