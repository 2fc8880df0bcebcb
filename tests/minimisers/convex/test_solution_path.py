"""Families over weight decay: the same solutions as one at a time."""

import numpy as np
import pytest

import penultimate as pen

COUNTS = [60, 30, 30, 9, 9, 2]


def test_a_path_is_its_solutions():
    counts, decays = pen.ClassCounts(COUNTS), np.array([0.3, 1e-3, 2e-2])
    family = pen.solution_path(counts, pen.Problem.from_decays(1e-2, loss="cdt:0.3"), decays)
    np.testing.assert_array_equal(family.weight_decay, np.sort(decays))
    for decay, solution, strength in zip(family.weight_decay, family.solutions, family.strength, strict=True):
        alone = pen.minimise(counts, pen.Problem.from_decays(float(decay), loss="cdt:0.3"))
        assert solution.converged
        assert solution.objective == pytest.approx(alone.objective, rel=1e-7)
        np.testing.assert_allclose(
            np.sort(np.repeat(strength, family.multiplicity)),
            np.sort(np.repeat(alone.strength, alone.multiplicity)),
            atol=1e-3,
        )
    assert np.all(np.diff(family.survivors) <= 0)


def test_a_fixed_feature_decay_makes_mu_the_root_of_the_decay():
    counts = pen.ClassCounts([60, 30, 10])
    free = pen.solution_path(counts, pen.Problem.from_decays(1e-2, loss="ce"), points=2).deaths
    fixed = pen.solution_path(counts, pen.Problem.from_decays(1e-2, loss="ce", feature_decay=1e-4), points=2).deaths
    # μ = λ/√N, or √(λ · 1e-4).
    for one, other in zip(free, fixed, strict=True):
        assert other.weight_decay == pytest.approx((one.weight_decay / 10) ** 2 / 1e-4, rel=1e-5)


@pytest.mark.parametrize(
    "problem", [pen.Problem.from_decays(layers=2, loss="ce"), pen.Problem.from_decays(width=2, loss="ce")]
)
def test_what_has_no_path(problem):
    with pytest.raises(pen.ProblemError, match="one layer and no width"):
        pen.solution_path(pen.ClassCounts([3, 2, 1]), problem)
