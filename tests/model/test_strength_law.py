"""The law's own arithmetic: paths by bisection, deaths from both sides, cases that are solved, intervals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.minimisers.by_law import follow_law
from penultimate.model.strength_law import GONE, Paths, StrengthLaw, Width

SIGMA, SHARE, EXPONENT = np.array([9.0, 5.0, 2.0]), np.array([0.9, 0.6, 0.3]), np.array([0.3, 0.6, 1.0])
PLACE = np.log(1e-2)


def law_of(power, end=0, below=(0.2, 0.6, 0.9), scatter=0.0) -> StrengthLaw:
    """The first two directions with a path of their own, all through one audited weight decay."""
    own = {"sigma": tuple(SIGMA), "place": (PLACE,) * 3, "share": tuple(SHARE), "exponent": tuple(EXPONENT)}
    widths = {"own_width": Width(0.3, 0.1), "common_width": Width(0.4, 0.5)}
    own |= {"below": below, "learnt": (True, True, False)}
    return StrengthLaw(100.0, power, (1e-2,), (0.7, 0.5, -1.0), scatter, **own, **widths).at_end(end)


def decay_at(share, i, power, scatter, below=(0.2, 0.6, 0.9)) -> float:
    """λ at which a direction has this share, by the law as it is stated: exact, in one line."""
    e, weaker = EXPONENT[i] if share <= SHARE[i] else below[i], SHARE[i] / share
    z = ((1 / share - 1) / (1 / SHARE[i] - 1) - (1 - e) * weaker**scatter) / e
    return 1e-2 * z * weaker ** (power - 2)


@given(st.floats(0.3, 1.9), st.floats(0.0, 1.0), st.floats(0.12, 0.97), st.integers(0, 2))
@settings(max_examples=60)
def test_a_direction_has_the_share_at_the_decay_that_the_law_says(power, scatter, share, i):
    """Shares that need more weight decay than weaker ones do are not on the path: training follows it down."""
    shares = np.r_[share, share * 1.001, np.linspace(share, 0.999, 400)[1:]]
    decays = np.array([decay_at(one, i, power, scatter) for one in shares])
    # Above the plateau of scatter no weight decay is small enough; next to its end a path is steep.
    steep = decays[1] > decays[0] * (1 - 1e-4)
    if decays[0] <= 0.0 or steep or decays.max() > decays[0] or (share > SHARE[i] and decays[0] > 1e-2):
        return
    found = law_of(power, scatter=scatter).strength(SIGMA, decays[:1], 100.0)[0, i] / SIGMA[i]
    assert found == pytest.approx(share, rel=1e-9)


@given(st.floats(0.3, 1.9), st.floats(0.0, 1.0), st.sampled_from([-1, 0, 1]))
@settings(max_examples=30)
def test_a_direction_lives_just_below_its_critical_decay_and_not_above(power, scatter, end):
    law = law_of(power, end, scatter=scatter)
    for scale in (1.0, 37.0):
        critical = law.critical(SIGMA * scale, 100.0)
        sides = law.strength(SIGMA * scale, np.outer([1 - 1e-9, 1 + 1e-9], critical).ravel(), 100.0).reshape(2, 3, 3)
        alive = np.diagonal(sides, axis1=1, axis2=2)
        assert np.all(alive[0] >= GONE * SIGMA * scale * (1 - 1e-9)) and np.all(alive[1] == 0)


@pytest.mark.parametrize(("depth", "noise"), [(2, 0.0), (2, 0.3), (3, 0.0)])
def test_it_is_the_linear_network_where_scatter_stays(depth, noise):
    """σ = t(1 + ν) + C t^{p−1} with C ∝ λ (docs/theory §15.2): o = ν + z, the law with e = decay's share and q = 0."""
    power, c = 2 / depth, 0.15
    # The larger root of y (1 + ν) + c x y^{p−1} = 1 by bisection from above, at x times the audited weight decay.
    growth = np.array([0.3, 1.0, 1.6])
    y = np.empty(3)
    for k, x in enumerate(growth):
        grid = np.linspace(0.05, 1.0, 400_001)
        y[k] = grid[np.flatnonzero(grid * (1 + noise) + c * x * grid ** (power - 1) <= 1)[-1]]
    decay = c * y[1] ** (power - 2)
    exponent = np.full(1, decay / (decay + noise))
    paths = Paths(power, 0.0, np.zeros(1), y[1:2], exponent, exponent)
    np.testing.assert_allclose(paths.at(np.log(growth)[:, None])[:, 0], y, rtol=1e-5)
    if depth == 3 and noise == 0.0:  # it ends where both roots meet
        least = (1 - power) / (2 - power)
        np.testing.assert_allclose(np.exp(paths.death), (1 - least) * least ** (1 - power) / c, rtol=1e-4)


def test_scatter_with_a_floor_takes_as_weight_decay_does():
    """Scatter of a fixed variance beside means that shrink: γ = r (N λ + β), so o = (z + β')/y (docs/theory §15.4)."""
    decay, floor, y = 0.06, 0.14, 0.8
    exponent = np.full(1, decay / (decay + floor))
    paths = Paths(1.0, 1.0, np.zeros(1), np.full(1, y), exponent, exponent)
    growth = np.array([0.2, 1.0, 5.0, 12.0])
    expected = 1 - decay * growth - floor
    np.testing.assert_allclose(paths.at(np.log(growth)[:, None])[:, 0], np.where(expected < GONE, 0, expected))
    assert np.exp(paths.death[0]) == pytest.approx((0.9 - floor) / decay)


def test_of_ridge_on_frozen_features_the_exponent_is_the_share_that_decay_takes():
    """d log o / d log λ = δ, with all strengths and scatter from ridge regression itself (docs/theory §15.3)."""
    rng = np.random.default_rng(0)
    counts = pen.ClassCounts([50, 20, 8])
    labels = np.repeat(np.arange(3), counts.values.astype(int))
    features = rng.normal(size=(3, 12))[labels] + 0.8 * rng.normal(size=(78, 12))
    targets = np.eye(3)[labels] - counts.values / 78
    inputs = features - features.mean(axis=0)
    svd = pen.LabelSpectrum(counts)
    left, right = svd.vectors("left")[:, 0], svd.vectors("right")[:, 0]
    members = np.eye(3)[labels] / np.sqrt(counts.values)

    def ridge(decay):
        weight = np.linalg.solve(inputs.T @ inputs + 78 * decay * np.eye(12), inputs.T @ targets)
        strength = left @ (members.T @ inputs @ weight).T @ right
        return strength, svd.sigma[0] - strength, weight

    step = 1e-4
    odds = [lost / t for t, lost, _ in map(ridge, 0.3 * np.exp([-step, step]))]
    strength, lost, weight = ridge(0.3)
    share = 78 * 0.3 * np.sum((weight @ left) ** 2) / (strength * lost)
    assert np.diff(np.log(odds))[0] / (2 * step) == pytest.approx(share, rel=1e-6)


@pytest.mark.parametrize("power", [0.5, 1.0])
def test_intervals_hold_the_law_and_widen_away_from_the_audit(power):
    decays = np.geomspace(1e-4, 1.0, 41)
    low, middle, high = (law_of(power, end=end).strength(SIGMA, decays, 100.0) for end in (1, 0, -1))
    assert np.all(low <= middle) and np.all(middle <= high) and np.all(np.diff(middle, axis=0) <= 1e-12)
    worst, best = (law_of(power, end=end).critical(SIGMA, 100.0) for end in (1, -1))
    assert np.all(worst < law_of(power).critical(SIGMA, 100.0)) and np.all(best > law_of(power).critical(SIGMA, 100.0))


@pytest.mark.parametrize("scatter", [0.0, 0.5])
def test_paths_pass_through_two_points(scatter):
    paths = Paths(0.7, scatter, np.log(SIGMA), SHARE, EXPONENT, EXPONENT)
    at, share = np.log(SIGMA / 3), np.array([0.95, 0.8, 0.7])
    below = paths.through(at, share)
    assert np.all(below > 0) and np.all(below < 1.2)
    below = np.minimum(below, 1.0)
    met = replace(paths, below=below).at(at[None, :])[0]
    np.testing.assert_allclose(met[below < 1], share[below < 1], rtol=1e-9)


def test_shares_of_sigma_stay_when_all_counts_are_multiplied():
    law = replace(law_of(0.6), sigma=())
    small, large = law.strength(SIGMA, np.array([3e-2]), 100.0), law.strength(3 * SIGMA, np.array([3e-2]), 900.0)
    np.testing.assert_allclose(large, 3 * small, rtol=1e-12)


@pytest.mark.parametrize("end", [-1, 0, 1])
def test_the_usual_threshold_and_another_losss_pull_are_the_inverse_of_their_decays(end):
    law = replace(law_of(0.7, end), level=-2.0)
    for decay in (2e-3, 2e-2, 0.5):
        sigma = law.threshold(decay, 250.0)
        assert replace(law, sigma=()).critical(np.array([sigma]), 250.0)[0] == pytest.approx(decay)
        assert law.decay_of(law.pull(decay, 250.0), 250.0) == pytest.approx(decay)


def test_a_solution_by_the_law_says_so():
    counts = pen.ClassCounts([60, 30, 10, 4])
    law = StrengthLaw(104.0, 1.0, (1e-2,), (0.5, 0.8, -1.0))
    solution = follow_law(counts, pen.Problem.from_decays(0.05), law)
    np.testing.assert_allclose(solution.strength, law.strength(solution.sigma, np.array([0.05]), 104.0)[0])
    assert solution.outcome is pen.Outcome.LAW and not solution.converged and np.isnan(solution.objective)
    assert np.array_equal(solution.strength > 0, solution.sigma > solution.threshold)
