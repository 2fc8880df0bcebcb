"""The closed form against an optimiser that knows nothing of it, and its own laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from penultimate.minimisers.descent import descend
from penultimate.minimisers.shrinkage import Shrinkage

COUNTS = [9, 6, 6, 3, 2, 1]
CASES = [
    (layers, bias, decay, width)
    for layers in (1, 2, 3)
    for bias in ("free", "none")
    for decay, width in [(1e-2, None), (4e-2, None), (1e-2, 2), (4e-2, 3)]
]


@pytest.mark.parametrize(("layers", "bias", "decay", "width"), CASES)
def test_descent_on_all_factors_reaches_it_and_never_gets_below(layers, bias, decay, width):
    problem = pen.Problem.from_decays(decay, layers=layers, bias=bias, width=width)
    solution = pen.minimise(pen.ClassCounts(COUNTS), problem)
    reached = descend(pen.ClassCounts(COUNTS), problem, width=width or 7, starts=2 if layers == 1 else 14).objectives
    assert reached[0] >= solution.objective * (1 - 1e-9)
    assert reached[0] <= solution.objective * (1 + 1e-7)


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bias", ["free", "none"])
def test_beyond_the_last_death_everything_collapses(layers, bias):
    problem = pen.Problem.from_decays(0.9, layers=layers, bias=bias)
    counts = pen.ClassCounts(COUNTS)
    solution = pen.minimise(counts, problem)
    assert solution.outcome is pen.Outcome.COLLAPSED
    assert solution.survivors == 0
    assert not solution.geometry.mean_norms.any()
    n, samples = counts.values, counts.samples
    expected = (samples - np.sum(n**2) / samples) / (2 * samples) if bias == "free" else 0.5
    assert solution.objective == pytest.approx(expected, rel=1e-12)
    reached = descend(counts, problem, width=7, starts=3).objectives
    assert reached[0] == pytest.approx(expected, rel=1e-9)


def scalar_cost(x, sigma, samples, kappa, layers):
    return (x - sigma) ** 2 / (2 * samples) + (layers + 1) / 2 * kappa * x ** (2 / (layers + 1))


@given(st.floats(0.01, 50), st.floats(1e-5, 0.5), st.integers(1, 6), st.floats(1, 1e4))
def test_shrinkage_is_the_global_minimum_of_the_scalar_problem(sigma, kappa, layers, samples):
    shrinkage = Shrinkage(samples, kappa, layers)
    x = shrinkage.strength(np.array([sigma]))
    ours = scalar_cost(x[0], sigma, samples, kappa, layers)
    grid = np.concatenate([np.linspace(0, 1.1 * sigma, 20001), np.geomspace(1e-12 * sigma, sigma, 2001)])
    assert ours <= scalar_cost(grid, sigma, samples, kappa, layers).min() * (1 + 1e-12) + 1e-300
    assert x[0] == 0 or x[0] >= shrinkage.smallest_strength * (1 - 1e-12)


@pytest.mark.parametrize("layers", [2, 3, 5])
def test_the_hard_threshold_is_a_tie_and_says_so(layers):
    shrinkage = Shrinkage(100.0, 1e-3, layers)
    sigma = shrinkage.threshold
    absent = scalar_cost(0.0, sigma, 100.0, 1e-3, layers)
    present = scalar_cost(shrinkage.smallest_strength, sigma, 100.0, 1e-3, layers)
    assert present == pytest.approx(absent, rel=1e-12)
    assert shrinkage.tied(np.array([sigma])).all()
    assert shrinkage.strength(np.array([sigma]))[0] == 0.0
    above = shrinkage.strength(np.array([sigma * (1 + 1e-9)]))[0]
    assert above == pytest.approx(shrinkage.smallest_strength, rel=1e-4)


def test_a_tie_is_reported():
    counts = pen.ClassCounts([8, 8])  # σ² = 8
    samples, layers = 16.0, 2
    # Solve σ* = √8 for κ: σ* grows like κ^{(L+1)/(2L)}.
    unit = Shrinkage(samples, 1.0, layers).threshold
    kappa = (np.sqrt(8.0) / unit) ** (2 * layers / (layers + 1))
    problem = pen.Problem.from_decays(kappa, layers=layers, feature_decay=kappa)
    solution = pen.minimise(counts, problem)
    assert solution.tied.tolist() == [True]
    assert solution.outcome is pen.Outcome.TIED


def test_soft_threshold_for_one_layer():
    counts = pen.ClassCounts([60, 30, 10])
    solution = pen.minimise(counts, pen.Problem.from_decays(1e-2, feature_decay=1e-3))
    assert solution.threshold == pytest.approx(100 * np.sqrt(1e-5), rel=1e-13)
    np.testing.assert_allclose(solution.strength, solution.sigma - solution.threshold)


@pytest.mark.parametrize("width", [1, 2, 3])
def test_a_width_keeps_the_largest(width):
    counts = pen.ClassCounts([50, 20, 9, 4, 1])
    solution = pen.minimise(counts, pen.Problem.from_decays(1e-3, width=width))
    assert solution.survivors == width
    assert solution.outcome is pen.Outcome.WIDTH_BINDS
    wide = pen.minimise(counts, pen.Problem.from_decays(1e-3))
    np.testing.assert_array_equal(solution.strength[:width], wide.strength[:width])
    assert not solution.strength[width:].any()


@given(st.permutations(range(6)), st.integers(1, 3), st.sampled_from(["free", "none"]))
def test_permuting_classes_permutes_the_solution(order, layers, bias):
    problem = pen.Problem.from_decays(3e-2, layers=layers, bias=bias)
    n = np.array(COUNTS)
    plain, turned = (pen.minimise(pen.ClassCounts(v), problem) for v in (n, n[list(order)]))
    assert turned.objective == pytest.approx(plain.objective, rel=1e-13)
    np.testing.assert_allclose(turned.geometry.mean_norms, plain.geometry.mean_norms[list(order)], rtol=1e-12)


@given(st.floats(0.01, 1e6), st.integers(1, 3))
def test_scaling_counts_with_the_ratio_fixed_scales_nothing_but_sigma(factor, layers):
    problem = pen.Problem.from_decays(3e-2, layers=layers)
    plain = pen.minimise(pen.ClassCounts(np.array(COUNTS, dtype=float)), problem)
    scaled = pen.minimise(pen.ClassCounts(factor * np.array(COUNTS)), problem)
    assert scaled.objective == pytest.approx(plain.objective, rel=1e-10)
    np.testing.assert_allclose(scaled.geometry.mean_norms, plain.geometry.mean_norms, rtol=1e-9)


@given(st.lists(st.integers(0, 50), min_size=2, max_size=10).filter(lambda n: sum(k > 0 for k in n) >= 2))
def test_more_decay_never_keeps_more(n):
    counts = pen.ClassCounts(n)
    for layers in (1, 2):
        survivors = [
            pen.minimise(counts, pen.Problem.from_decays(w, layers=layers)).survivors for w in np.geomspace(1e-4, 1, 9)
        ]
        assert survivors == sorted(survivors, reverse=True)
