"""What is not convex: against the closed form of squared error, and named for what it is."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.minimisers.factored import solve_factored

COUNTS = [9, 6, 6, 3, 2, 1]


@pytest.mark.parametrize("layers", [2, 3])
@pytest.mark.parametrize("decay", [1e-2, 4e-2])
def test_squared_error_with_layers_reaches_its_closed_form(layers, decay):
    counts = pen.ClassCounts(COUNTS)
    found = solve_factored(counts, pen.Problem.from_decays(decay, layers=layers))
    closed = pen.minimise(counts, pen.Problem.from_decays(decay, layers=layers))
    assert found.objective >= closed.objective * (1 - 1e-9)
    assert found.objective == pytest.approx(closed.objective, rel=1e-6)
    assert found.survivors == closed.survivors
    assert found.outcome is pen.Outcome.BEST_FOUND
    assert not found.converged
    assert found.gap is None


@pytest.mark.parametrize("width", [1, 2, 4])
def test_squared_error_with_a_width_reaches_its_closed_form(width):
    counts = pen.ClassCounts(COUNTS)
    found = solve_factored(counts, pen.Problem.from_decays(1e-2, width=width))
    closed = pen.minimise(counts, pen.Problem.from_decays(1e-2, width=width))
    assert found.objective == pytest.approx(closed.objective, rel=1e-7)
    assert found.survivors == width
    np.testing.assert_allclose(np.sort(found.strength)[-width:], np.sort(closed.strength[:width]), atol=1e-3)


@pytest.mark.parametrize("layers", [1, 2])
def test_the_geometry_is_the_point_that_was_found(layers):
    """Factors from the geometry have the objective that is claimed, loss and decays written out."""
    from convex_oracles import DenseProblem

    counts, problem = pen.ClassCounts([9, 6, 3, 2]), pen.Problem.from_decays(2e-2, layers=layers, width=2, loss="ce")
    solution = pen.minimise(counts, problem)
    factors = solution.geometry.factors(d=4)
    dense = DenseProblem(counts.values, pen.losses.CrossEntropy(), 0.0, "free")
    value = dense.value(factors.product @ factors.means.T * np.sqrt(dense.n), factors.bias)
    value += sum(0.5 * 2e-2 * np.sum(weight**2) for weight in factors.weights)
    value += 0.5 * problem.resolved_feature_decay(20.0) * np.sum(counts.values[:, None] * factors.means**2)
    assert solution.objective == pytest.approx(value, rel=1e-7)


def test_a_width_that_does_not_bind_leaves_the_proof():
    counts = pen.ClassCounts(COUNTS)
    wide = pen.minimise(counts, pen.Problem.from_decays(1e-2, width=5, loss="ce"))
    assert wide.outcome is pen.Outcome.OPTIMAL
    narrow = pen.minimise(counts, pen.Problem.from_decays(1e-2, width=2, loss="ce"))
    assert narrow.outcome is pen.Outcome.BEST_FOUND
    assert narrow.objective - narrow.gap <= wide.objective <= narrow.objective


def test_too_many_classes_are_refused():
    with pytest.raises(pen.ProblemError, match="at most 2,000"):
        pen.minimise(pen.ClassCounts(np.ones(3000)), pen.Problem.from_decays(layers=2, loss="ce"))
