"""Deaths of directions: against closed forms, and against solutions made alone on both sides."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from convex_oracles import LOSSES
from penultimate.minimisers.convex.deaths import closed_deaths, find_deaths, first_death
from penultimate.minimisers.convex.family import Family

COUNTS = [60, 30, 30, 9, 9, 2]


def alive_at(counts, problem, death, decay):
    """Whether a direction lives in a solution that is made from nothing else."""
    solution = pen.minimise(counts, problem.scaled(decay / problem.weight_decay[0]), gap=1e-11)
    svd = solution.geometry.svd
    return solution.strength[(svd.mixed_index if death.kind == "mixed" else svd.inside_index)[death.index]] > 0


def check(counts, problem, deaths, bracket):
    for death in deaths:
        low, high = death.bracket
        assert low <= death.weight_decay <= high <= low * (1 + bracket)
        # A closed form is bracketed by rounding alone, which a solution cannot tell.
        low, high = min(low, death.weight_decay * (1 - 3e-7)), max(high, death.weight_decay * (1 + 3e-7))
        assert alive_at(counts, problem, death, low), death
        assert not alive_at(counts, problem, death, high), death


@pytest.mark.parametrize("bracket", [1e-6, 1e-2])
def test_squared_error_dies_where_its_closed_form_says(bracket):
    """The search knows nothing of the closed form: the numerical solver has to find σ_i/√N."""
    counts = pen.ClassCounts([*COUNTS, *range(100, 400, 60)])
    deaths = find_deaths(counts, pen.Problem.from_decays(1e-2, loss="mse"), bracket)
    found = np.repeat([death.weight_decay for death in deaths], [death.multiplicity for death in deaths])
    spectrum = pen.LabelSpectrum(counts)
    expected = np.repeat(spectrum.sigma, spectrum.multiplicity) / np.sqrt(counts.samples)
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    low, high = np.array([death.bracket for death in deaths]).T
    distinct = spectrum.sigma / np.sqrt(counts.samples)
    assert np.all((low * (1 - 1e-7) < distinct) & (distinct < high * (1 + 1e-7)))


def test_what_dies_in_closed_form():
    """Cross-entropy: everything at σ_1(Ŷ)/N, directions inside a group at √c/N, as μ."""
    counts = pen.ClassCounts(COUNTS)
    closed = closed_deaths(counts, pen.Problem.from_decays(1e-2, loss="ce"))
    expected = [pen.LabelSpectrum(counts).sigma[0], np.sqrt(30), np.sqrt(9)]
    assert [death.weight_decay for death in closed] == pytest.approx(np.array(expected) / np.sqrt(140), rel=1e-12)
    assert [death.kind for death in closed] == ["mixed", "inside", "inside"]


def test_margins_leave_no_closed_form_inside_groups():
    counts, problem = pen.ClassCounts(COUNTS), pen.Problem.from_decays(1e-2, loss="ldam:2")
    assert [death.kind for death in closed_deaths(counts, problem)] == ["mixed"]
    check(counts, problem, find_deaths(counts, problem, 1e-6), 1e-6)


def test_equal_counts_die_together():
    counts = pen.ClassCounts([10] * 7)
    (death,) = find_deaths(counts, pen.Problem.from_decays(1e-2, loss="ce"))
    assert (death.kind, death.multiplicity) == ("inside", 6)
    assert death.weight_decay == pytest.approx(np.sqrt(10 / 70), rel=1e-12)


def test_solutions_made_alone_agree_on_both_sides(monkeypatch):
    """And few are needed: fewer than three for each direction with a loose bracket, five with a close one."""
    counts, problem = (
        pen.ClassCounts([*np.geomspace(3000, 20, 16).round(), 20, 20]),
        pen.Problem.from_decays(1e-2, loss="ce"),
    )
    solved, solve = [], Family.solve
    monkeypatch.setattr(Family, "solve", lambda self, mu, gap: solved.append(mu) or solve(self, mu, gap))
    close, after = find_deaths(counts, problem, 1e-6), len(solved)
    loose = find_deaths(counts, problem, 2e-2)
    assert sum(death.multiplicity for death in close) == counts.seen - 1
    assert after < 5 * 16
    assert len(solved) - after < 3 * 16
    check(counts, problem, close[::3], 1e-6)
    check(counts, problem, loose[::3], 2e-2)
    # A loose bracket still guesses well.
    decays = [[death.weight_decay for death in deaths] for deaths in (loose, close)]
    np.testing.assert_allclose(*decays, rtol=2e-3)


def test_the_first_death_is_remembered_for_every_decay():
    counts = pen.ClassCounts([60, 30, 10])
    for options in ({"feature_ratio": 2.0}, {"feature_decay": 1e-3}, {"like": "perceptron"}):
        near, far = (pen.forecast(counts, decay, loss="ce", **options) for decay in (1e-3, 0.02))
        alone = first_death(counts, far.problem)
        assert alone is not None
        for forecast in (near, far):
            assert forecast.largest_safe_weight_decay == pytest.approx(alone.weight_decay, rel=1e-12)


def test_the_first_death_alone_is_the_last_of_all():
    for n in ([900, 300, 100, 30], [900, 300, 10, 10, 10]):
        for loss in ("ce", "weighted:inverse", "ldam:2"):
            counts, problem = pen.ClassCounts(n), pen.Problem.from_decays(1e-2, loss=loss)
            alone, last = first_death(counts, problem), find_deaths(counts, problem)[-1]
            assert (alone.kind, alone.index, alone.multiplicity) == (last.kind, last.index, last.multiplicity)
            assert alone.weight_decay == pytest.approx(last.weight_decay, rel=1e-6)


UNSEEN = [110, 4, 740, 13, 3, 2, 5, 6, 141, 64, 6748, 6555, 1535, 486, 2399, 5689, 1, 0, 28]


@pytest.mark.parametrize("loss", ["ce", "la:1"])
@pytest.mark.parametrize("counts", [UNSEEN, [486, 2399, 5689, 1, 0, 28], [740, 110, 13, 3, 0, 0]], ids=len)
def test_a_direction_that_hardly_ever_lives_does_not_hide_the_first_to_die(counts, loss):
    """Without a bias the row of an unseen class has a direction, which may die at next to nothing."""
    options = {"loss": loss, "bias": "none", "feature_ratio": 0.114}
    critical = pen.forecast(counts, 0.03587, **options).critical_weight_decay
    critical = critical[np.isfinite(critical)]
    between = np.sqrt(critical[1:] * critical[:-1])
    for decay in between[:: 1 + between.size // 5]:
        alive = pen.minimise(pen.ClassCounts(counts), pen.Problem.from_decays(decay, **options)).survivors
        assert alive == np.sum(critical > decay)


def test_a_fixed_feature_decay_makes_mu_the_root_of_the_decay():
    counts = pen.ClassCounts([60, 30, 10])
    free = find_deaths(counts, pen.Problem.from_decays(1e-2, loss="ce"))
    fixed = find_deaths(counts, pen.Problem.from_decays(1e-2, loss="ce", feature_decay=1e-4))
    # μ = λ/√N, or √(λ · 1e-4).
    for one, other in zip(free, fixed, strict=True):
        assert other.weight_decay == pytest.approx((one.weight_decay / 10) ** 2 / 1e-4, rel=1e-5)


@given(
    st.lists(st.integers(1, 2000), min_size=2, max_size=6),
    st.sampled_from(LOSSES),
    st.sampled_from(["free", "none", 0.1]),
    st.sampled_from([1e-6, 1e-3, 3e-2]),
)
@settings(max_examples=15)
def test_every_bracket_holds(n, loss, bias, bracket):
    counts, problem = pen.ClassCounts(n), pen.Problem.from_decays(1e-2, loss=loss, bias=bias)
    check(counts, problem, find_deaths(counts, problem, bracket), bracket)


@given(st.integers(0, 30), st.sampled_from(LOSSES), st.floats(-1.5, -0.1), st.sampled_from([1e-2, 1e-4, 1e-6]))
@settings(max_examples=20)
def test_a_gap_bounds_how_far_the_gradient_is_off(seed, loss, exponent, gap):
    """‖G − G*‖ ≤ √(2 L ε): with L, at a loosely solved point, the gradient of a closely solved one."""
    counts = pen.ClassCounts(np.random.default_rng(seed).integers(1, 500, 5))
    problem = pen.Problem.from_decays(1e-2, loss=loss)
    runs = []
    for asked in (gap, 1e-12):
        family = Family(counts, problem)
        runs.append(family.solve(family.mu_of(family.collapse) * 10**exponent, asked))
    model = runs[0].point.model
    points = [replace(run.point.unknowns, bias=run.bias) for run in runs]
    slopes = [model.adjoint(model.loss.at(model.logits(point)).slope)[0] for point in points]
    bound = sum(np.sqrt(2 * model.loss.bound / counts.samples * run.certificate.gap) for run in runs)
    assert np.linalg.norm(slopes[0] - slopes[1]) <= bound * (1 + 1e-9) + 1e-15
