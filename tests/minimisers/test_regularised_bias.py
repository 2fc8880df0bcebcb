"""A regularised bias: against descent on all factors, its two limits, and its certificate."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.minimisers.descent import descend

COUNTS = [9, 6, 6, 3, 2, 1]


@pytest.mark.parametrize("bias", [1e-3, 0.1, 2.0])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("width", [None, 3])
def test_descent_on_all_factors_reaches_it(bias, layers, width):
    problem = pen.Problem.from_decays(2e-2, layers=layers, bias=bias, width=width)
    solution = pen.minimise(pen.ClassCounts(COUNTS), problem)
    reached = descend(pen.ClassCounts(COUNTS), problem, width=width or 7, starts=2 if layers == 1 else 14).objectives
    assert reached[0] >= solution.objective * (1 - 1e-9)
    assert reached[0] <= solution.objective * (1 + 1e-7)
    proven = layers == 1 and width is None
    assert solution.outcome is (pen.Outcome.OPTIMAL if proven else pen.Outcome.BEST_FOUND)
    assert (solution.gap is not None) == proven
    assert solution.method.startswith("numerical")


def test_the_certificate_bounds_the_error():
    problem = pen.Problem.from_decays(2e-2, bias=5e-4)
    solution = pen.minimise(pen.ClassCounts(COUNTS), problem)
    assert 0 <= solution.gap <= 1e-10 * solution.objective


def test_limits_are_the_free_bias_and_none():
    counts = pen.ClassCounts([60, 30, 10, 10, 3])
    for layers in (1, 2):
        free, none = (
            pen.minimise(counts, pen.Problem.from_decays(2e-2, layers=layers, bias=b)) for b in ("free", "none")
        )
        almost_free = pen.minimise(counts, pen.Problem.from_decays(2e-2, layers=layers, bias=1e-9))
        almost_none = pen.minimise(counts, pen.Problem.from_decays(2e-2, layers=layers, bias=1e9))
        assert almost_free.objective == pytest.approx(free.objective, rel=1e-7)
        assert almost_none.objective == pytest.approx(none.objective, rel=1e-7)
        np.testing.assert_allclose(almost_free.geometry.bias, counts.values / counts.samples, atol=1e-5)
        assert np.abs(almost_none.geometry.bias).max() < 1e-6


def test_equal_counts_have_a_closed_form():
    """With n_k = n the bias is a scalar problem: b = (1/K − x_u/n)/(1 + λ_b), x_u the strength of the ones vector."""
    classes, each, decay, bias = 5, 8, 1e-2, 0.3
    samples = classes * each
    solution = pen.minimise(pen.ClassCounts([each] * classes), pen.Problem.from_decays(decay, bias=bias))
    theta = np.sqrt(samples) * decay
    # Along u the data term is (s²/2N)(x − √n)² with s² = λ_b/(1 + λ_b): soft threshold at θ/s².
    along_ones = max(np.sqrt(each) - theta * (1 + bias) / bias, 0.0)
    within = np.sqrt(each) - theta
    expected = (classes - 1) * (theta**2 / (2 * samples) + theta / samples * within)
    shrink = bias / (1 + bias)
    expected += shrink * (along_ones - np.sqrt(each)) ** 2 / (2 * samples) + theta / samples * along_ones
    assert solution.objective == pytest.approx(expected, rel=1e-10)


def test_collapse_is_named():
    assert (
        pen.minimise(pen.ClassCounts(COUNTS), pen.Problem.from_decays(0.9, bias=0.1)).outcome is pen.Outcome.COLLAPSED
    )
