"""The law's own arithmetic: roots by bisection, fading, deaths from both sides, intervals that hold one another."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

import penultimate as pen
from penultimate.minimisers.by_law import follow_law
from penultimate.model.strength_law import GONE, StrengthLaw, Width, log_level

SIGMA = np.array([9.0, 5.0, 2.0])


def law_of(power, growth=(0.5, 0.8), end=0, knots=(1e-2, 4e-2)) -> StrengthLaw:
    """Two knots, the first audited, the third direction without a C of its own."""
    own = tuple((0.2, -0.3, 0.0) for _ in knots)
    levels = (0.1, 0.5)[: len(knots)]
    widths = Width(0.15, 0.2), Width(0.1, 0.4)
    law = StrengthLaw(100.0, power, knots[:1], knots, levels, growth, tuple(SIGMA), own, (True, True, False), *widths)
    return law.at_end(end)


def price(law, decay) -> np.ndarray:
    """C of the three directions between the knots and above them, as the law states it."""
    x = np.log(decay / 1e-2)
    inside = 0.1 + 0.4 * x / np.log(4.0) if decay <= 4e-2 else 0.5 + law.growth[1] * (x - np.log(4.0))
    return np.exp(inside + np.array([0.2, -0.3, 0.0]))


@pytest.mark.parametrize("power", [0.45, 2 / 3, 0.9, 1.0, 1.4])
@pytest.mark.parametrize("decay", [1e-2, 2e-2, 7e-2, 0.3])
def test_strengths_are_the_larger_root_and_fade_where_it_ends(power, decay):
    law = law_of(power)
    found = law.strength(SIGMA, np.array([decay]), 100.0)[0]
    for sigma, c, strength in zip(SIGMA, price(law, decay), found, strict=True):

        def excess(x, sigma=sigma, c=c):
            return x + c * x ** (power - 1.0) - sigma

        grid = np.linspace(GONE * sigma, sigma, 20001)
        below = np.flatnonzero(excess(grid) <= 0.0)
        if below.size == 0:
            bounds = (GONE * sigma, sigma)
            last = minimize_scalar(lambda x, s=sigma: -(s - x) * x ** (1.0 - power), bounds=bounds, method="bounded")
            fading = last.x * (-last.fun / c) ** 4
            assert strength == pytest.approx(fading if fading >= GONE * sigma else 0.0, rel=1e-3)
        else:
            assert strength == pytest.approx(brentq(excess, grid[below[-1]], sigma), rel=1e-9)


@given(st.floats(0.4, 1.5), st.floats(0.1, 1.5), st.floats(0.1, 1.5), st.sampled_from([-1, 0, 1]), st.booleans())
@settings(max_examples=40)
def test_a_direction_lives_just_below_its_critical_decay_and_not_above(power, below, above, end, one_knot):
    law = law_of(power, (below, above), end, (1e-2,) if one_knot else (1e-2, 4e-2))
    for scale in (1.0, 37.0):
        critical = law.critical(SIGMA * scale, 100.0)
        sides = law.strength(SIGMA * scale, np.outer([1 - 1e-9, 1 + 1e-9], critical).ravel(), 100.0).reshape(2, 3, 3)
        alive = np.diagonal(sides, axis1=1, axis2=2)
        assert np.all(alive[0] > 0) and np.all(alive[1] == 0)
        np.testing.assert_allclose(alive[0], GONE * SIGMA * scale, rtol=1e-3)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_intervals_hold_the_law_and_widen_away_from_the_audit(power):
    decays = np.geomspace(1e-4, 1.0, 41)
    low, middle, high = (law_of(power, end=end).strength(SIGMA, decays, 100.0) for end in (1, 0, -1))
    assert np.all(low <= middle) and np.all(middle <= high) and np.all(np.diff(middle, axis=0) <= 1e-12)
    worst, best = (law_of(power, end=end).critical(SIGMA, 100.0) for end in (1, -1))
    assert np.all(worst < law_of(power).critical(SIGMA, 100.0)) and np.all(best > law_of(power).critical(SIGMA, 100.0))


@given(st.floats(0.4, 1.5), st.floats(0.02, 0.99))
def test_what_a_direction_must_have_paid_gives_back_its_strength(power, share):
    sigma, strength = np.array([7.0]), np.array([7.0 * share])
    level = float(log_level(sigma, strength, sigma - strength, power)[0])
    none = Width(0.0, 0.0)
    law = StrengthLaw(100.0, power, (1e-2,), (1e-2,), (level,), (1.0, 1.0), (), ((),), (), none, none)
    expected = strength[0] if share > GONE * (1 + 1e-6) else 0.0
    if abs(share - GONE) > 1e-6:
        assert law.strength(sigma, np.array([1e-2]), 100.0)[0, 0] == pytest.approx(expected, rel=1e-4)


def test_shares_of_sigma_stay_when_all_counts_are_multiplied():
    law = replace(law_of(0.6), sigma=(), own=((), ()), learnt=())
    small, large = law.strength(SIGMA, np.array([3e-2]), 100.0), law.strength(3 * SIGMA, np.array([3e-2]), 900.0)
    np.testing.assert_allclose(large, 3 * small, rtol=1e-12)


def test_the_common_level_its_threshold_and_its_decay_are_one_law():
    law = law_of(0.7)
    for decay in (2e-3, 2e-2, 0.5):
        sigma = law.threshold(decay, 250.0)
        assert law.critical(np.array([sigma]), 250.0)[0] == pytest.approx(decay)
        assert law.decay_of(law.level(decay, 250.0), 250.0) == pytest.approx(decay)


def test_without_scatter_one_layer_and_the_root_of_the_decay_it_is_the_model():
    """L = 1: θ = N √(λ_H λ), so C = θ, p = 1 and e = 1/2; strengths below a tenth of σ are not told from zero."""
    counts, feature_decay = pen.ClassCounts([60, 30, 10, 4]), 2e-4
    model = pen.forecast(counts, 0.05, feature_decay=feature_decay)
    level = float(np.log(100.0 * np.sqrt(feature_decay * 1e-2) * 1.04))
    none = Width(0.0, 0.0)
    law = StrengthLaw(104.0, 1.0, (1e-2,), (1e-2,), (level,), (0.5, 0.5), (), ((),), (), none, none)
    solution = follow_law(counts, model.problem, law)
    expected = model.solution.strength
    np.testing.assert_allclose(solution.strength, np.where(expected >= GONE * model.solution.sigma, expected, 0.0))
    assert solution.outcome is pen.Outcome.LAW and not solution.converged and np.isnan(solution.objective)
