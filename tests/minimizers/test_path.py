"""Families over weight decay: deaths against closed forms, from both sides, and the same solutions as one at a time."""

import numpy as np
import pytest

import penultimate as pen

COUNTS = [60, 30, 30, 9, 9, 2]


def test_squared_error_dies_where_its_closed_form_says():
    """With unit weights given as a vector, so that the numerical solver has to find σ_i/√N."""
    counts = pen.ClassCounts(COUNTS)
    deaths = pen.path(counts, pen.Problem.of(1e-2, loss=pen.losses.SquaredError()), points=2).deaths
    found = np.repeat([death.weight_decay for death in deaths], [death.multiplicity for death in deaths])
    spectrum = pen.LabelSpectrum(counts)
    expected = np.repeat(spectrum.sigma, spectrum.multiplicity) / np.sqrt(counts.samples)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_deaths_of_cross_entropy():
    """The last at σ_1(Ŷ)/√N exactly, those inside a group at √c/√N exactly, and each proved from both sides."""
    counts = pen.ClassCounts(COUNTS)
    problem = pen.Problem.of(1e-2, loss="ce")
    deaths = pen.path(counts, problem, points=2).deaths
    assert deaths[0].weight_decay == pytest.approx(pen.LabelSpectrum(counts).sigma[0] / np.sqrt(140), rel=1e-6)
    inside = {counts.distinct[d.index]: d.weight_decay for d in deaths if d.kind == "inside"}
    assert inside == {30: pytest.approx(np.sqrt(30 / 140), rel=1e-6), 9: pytest.approx(np.sqrt(9 / 140), rel=1e-6)}
    alive = counts.seen - 1
    for death in deaths:
        low, high = death.bracket
        assert high / low - 1 < 1e-6
        assert low < death.weight_decay < high
        for end, expected in ((high, alive - death.multiplicity), (low, alive)):
            problem_at = problem.scaled(end / 1e-2)
            others = sum(d.multiplicity for d in deaths if d.weight_decay > death.weight_decay)
            kept = pen.minimise(counts, problem_at, gap=1e-11).survivors
            assert kept == others + (death.multiplicity if end == low else 0), (death, expected)


def test_a_path_is_its_solutions():
    counts, decays = pen.ClassCounts(COUNTS), np.array([0.3, 1e-3, 2e-2])
    family = pen.path(counts, pen.Problem.of(1e-2, loss="cdt:0.3"), decays)
    np.testing.assert_array_equal(family.weight_decay, np.sort(decays))
    for decay, solution, strength in zip(family.weight_decay, family.solutions, family.strength, strict=True):
        alone = pen.minimise(counts, pen.Problem.of(float(decay), loss="cdt:0.3"))
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
    free = pen.path(counts, pen.Problem.of(1e-2, loss="ce"), points=2).deaths
    fixed = pen.path(counts, pen.Problem.of(1e-2, loss="ce", feature_decay=1e-4), points=2).deaths
    # μ = λ/√N, or √(λ · 1e-4).
    for one, other in zip(free, fixed, strict=True):
        assert other.weight_decay == pytest.approx((one.weight_decay / 10) ** 2 / 1e-4, rel=1e-5)


@pytest.mark.parametrize("problem", [pen.Problem.of(layers=2, loss="ce"), pen.Problem.of(width=2, loss="ce")])
def test_what_has_no_path(problem):
    with pytest.raises(pen.ProblemError, match="one layer and no width"):
        pen.path(pen.ClassCounts([3, 2, 1]), problem)
