"""Cross-entropy on bins of counts: proofs against dense matrices, figures against the solution count by count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.minimisers.convex import lift
from penultimate.minimisers.convex.binned import solve_binned
from penultimate.minimisers.convex.bins import make_bins
from penultimate.minimisers.convex.newton import judge, run
from penultimate.minimisers.convex.solving import build, limits, solve

PROBLEMS = [("ce", "free"), ("ce", "none"), ("ce", 0.05), ("weighted:inverse", "free"), ("la:1", "free")]


def long_tail(seed=0, classes=50):
    """Counts nearly all different, with some that are equal."""
    rng = np.random.default_rng(seed)
    n = np.geomspace(3000, 2, classes) * np.exp(0.2 * rng.random(classes))
    n[5] = n[6] = n[7]
    return pen.ClassCounts(n)


def on_bins(counts, problem, number):
    bins = make_bins(counts, problem, number)
    model = build(bins.binned, bins.problem)
    return bins, model, judge(model, run(model, limits(1e-6, 500, None)).point.unknowns)[0]


def dense_dual(bins, model, between, free):
    """Every class's flow written out, and what the dual asks of it: balance, norm, and the mean entropy."""
    flow = lift._Flow(bins, between, free)
    of, tau = bins.of[bins.counts.group], flow.tau[bins.counts.group]
    taker, giver = (slope[np.ix_(of, of)] for slope in flow.slopes)
    whole = between[np.ix_(of, of)] * (1 + taker * tau[:, None]) * (1 + giver * tau)
    np.fill_diagonal(whole, 0.0)
    out, share = whole.sum(axis=0), bins.share[bins.counts.group]
    norm = np.linalg.norm((np.diag(out) - whole) / np.sqrt(bins.counts.values), 2)
    p = whole / share * min(1.0, model.mu / norm, (share / out).min())
    np.fill_diagonal(p, np.maximum(1.0 - p.sum(axis=0), 0.0))
    assert p.min() >= 0.0
    entropy = -np.sum(share * p * np.log(np.maximum(p, 1e-300)))
    return np.max(np.abs(out - whole.sum(axis=1))), norm, entropy


@given(st.integers(0, 50), st.sampled_from(PROBLEMS), st.floats(-4.0, -0.5), st.integers(8, 40))
@settings(max_examples=8)
def test_the_true_minimum_lies_between_objective_and_bound(seed, kind, exponent, number):
    loss, bias = kind
    counts, problem = long_tail(seed, 30), pen.Problem.from_decays(10.0**exponent, loss=loss, bias=bias)
    bins, model, unknowns = on_bins(counts, problem, number)
    certificate = lift.certify_lifted(bins, model, unknowns)
    true = solve(counts, problem)
    assert certificate.primal >= true.objective - true.gap
    assert certificate.dual <= true.objective
    if number >= 16:
        assert certificate.relative_gap < 0.05


@pytest.mark.parametrize(("loss", "bias"), PROBLEMS)
@pytest.mark.parametrize("decay", [1e-3, 0.1])
def test_the_point_of_the_dual_is_feasible_class_by_class(loss, bias, decay):
    bins, model, unknowns = on_bins(long_tail(), pen.Problem.from_decays(decay, loss=loss, bias=bias), 20)
    certificate = lift.certify_lifted(bins, model, unknowns)
    unbalanced, norm, entropy = dense_dual(bins, model, lift._flow_of(model, unknowns), bias == "free")
    assert certificate.spectral * model.mu == pytest.approx(max(norm, model.mu), rel=3e-3)
    assert certificate.spectral * model.mu >= norm
    if isinstance(bias, str):
        assert certificate.dual <= entropy
        assert certificate.dual == pytest.approx(entropy, rel=1e-3)
    if bias == "free":
        assert unbalanced < 1e-12


def test_scores_of_squared_error_bound_cross_entropy():
    """With every class in a bin of its own: the mean entropy of the closed form's own scores, nothing lifted."""
    counts = long_tail(3, 12)
    n, samples = counts.values, counts.samples
    for decay in (1e-3, 3e-2, 0.2):
        problem = pen.Problem.from_decays(decay, loss="ce")
        squared = pen.minimise(counts, pen.Problem.from_decays(decay, loss="mse"))
        scores = squared.geometry.logits.dense() + squared.geometry.bias[:, None]
        np.testing.assert_allclose(scores.sum(axis=0), 1.0, atol=1e-12)
        assert scores.min() >= 0.0
        entropy = float(n @ -np.sum(scores * np.log(scores), axis=0)) / samples
        true = solve(counts, problem)
        assert true.objective * 0.99 < entropy < true.objective
        bins, model, unknowns = on_bins(counts, problem, 4000)
        assert bins.binned.distinct.size == counts.distinct.size
        assert lift.certify_scores(bins, model, unknowns).dual == pytest.approx(entropy, rel=1e-4)


def test_scores_lift_too():
    counts, problem = long_tail(), pen.Problem.from_decays(3e-2, loss="ce")
    bins, model, unknowns = on_bins(counts, problem, 40)
    dual = lift.certify_scores(bins, model, unknowns).dual
    true = solve(counts, problem).objective
    assert 0.98 * true < dual < true


@pytest.mark.parametrize(("loss", "bias"), [*PROBLEMS, ("weighted:power:0.5", "free")])
def test_figures_of_classes_are_those_of_a_solution_count_by_count(loss, bias):
    counts, problem = long_tail(classes=130), pen.Problem.from_decays(1e-2, loss=loss, bias=bias)
    quick, exact = solve_binned(counts, problem, gap=1e-3), solve(counts, problem, gap=1e-6)
    assert quick.outcome is pen.Outcome.BRACKETED
    assert not quick.converged
    assert quick.gap <= 1e-3 * quick.objective
    assert quick.objective - quick.gap <= exact.objective <= quick.objective
    assert quick.survivors == exact.survivors
    strengths = [np.repeat(solution.strength, solution.multiplicity) for solution in (quick, exact)]
    figures = [("mean_norms", 0.01), ("head_norms", 0.01), ("margins", 0.01), ("retained", 0.01)]
    for one, other, off in [
        (*strengths, 0.01),
        *((getattr(quick.geometry, name), getattr(exact.geometry, name), off) for name, off in figures),
    ]:
        assert np.linalg.norm(one - other) <= off * np.linalg.norm(other)
    np.testing.assert_allclose(quick.geometry.bias, exact.geometry.bias, atol=0.05)
    # Where a class just dies its nearest turns quickly: as a whole.
    cosines = [solution.geometry.group_nearest[1] for solution in (quick, exact)]
    assert np.sqrt(np.mean((cosines[0] - cosines[1]) ** 2)) < 0.005


def test_many_classes_dead():
    counts, problem = long_tail(classes=120), pen.Problem.from_decays(0.1, loss="ce")
    quick, exact = solve_binned(counts, problem, gap=1e-3), solve(counts, problem, gap=1e-6)
    assert 0.2 * counts.seen < exact.survivors < 0.8 * counts.seen
    assert abs(quick.survivors - exact.survivors) <= 1
    for name in ("mean_norms", "head_norms"):
        one, other = (getattr(solution.geometry, name) for solution in (quick, exact))
        assert np.linalg.norm(one - other) <= 0.02 * np.linalg.norm(other)


@pytest.mark.parametrize("bias", ["free", "none"])
def test_rows_of_classes_without_a_direction_are_short_and_not_zero(bias):
    """As solutions count by count have them to rounding: a row does not die with its direction (docs/theory §5)."""
    counts = pen.ClassCounts.long_tailed(120, 20_000, 20_000, "zipf")
    problem = pen.Problem.from_decays(1e-2, loss="ce", bias=bias)
    true, binned = solve(counts, problem, gap=1e-10), solve_binned(counts, problem, gap=1e-3)
    rows = true.geometry.group_head_norms
    dead = true.geometry.group_retained < 0.1
    assert dead.any() and np.all(rows[dead] > 1e-3) and rows[dead].max() < 0.05 * rows.max()
    np.testing.assert_allclose(binned.geometry.group_head_norms[dead], rows[dead], rtol=0.01)


@pytest.mark.parametrize("decay", [1e-12, 1e-18])
def test_a_tiny_decay_keeps_its_proof(decay):
    """What classes give to others is then below the rounding of what they keep."""
    counts, problem = long_tail(classes=30), pen.Problem.from_decays(decay, loss="ce")
    bins, model, unknowns = on_bins(counts, problem, 60)
    certificate, true = lift.certify_lifted(bins, model, unknowns), solve(counts, problem)
    assert certificate.dual <= true.objective <= certificate.primal * (1 + 1e-8)
    assert 1e-7 < certificate.relative_gap < 0.02


def test_many_distinct_counts_go_to_bins_and_say_so():
    n = np.append(np.floor(1e9 / (np.arange(20_000) + 3.0) ** 1.07) + np.arange(20_000)[::-1], [0.0, 0.0])
    forecast = pen.forecast(pen.ClassCounts(n), loss="ce", weight_decay=1e-3, feature_ratio=1)
    solution = forecast.solution
    assert forecast.counts.distinct.size == 20_000
    assert solution.outcome is pen.Outcome.BRACKETED
    assert solution.certificate.relative_gap <= 1e-3
    assert "bins of the 20,000 distinct counts" in solution.method
    assert "proven" in solution.outcome.value
    assert np.all(np.diff(forecast.retained[:-2] > 0.5) <= 0)  # from the largest count to the smallest
    assert np.isnan(forecast.retained[-2:]).all()
    # As many classes as have more samples than a class of equal ones needs, or one fewer.
    above = forecast.counts.seen - forecast.classes_below
    assert above - 1 <= solution.survivors <= above


def test_a_time_limit_leaves_a_proven_bracket():
    counts = long_tail(classes=700)
    solution = pen.minimise(counts, pen.Problem.from_decays(1e-4, loss="ce"), seconds=1e-3)
    assert solution.outcome is pen.Outcome.OUT_OF_TIME
    assert 0.0 < solution.gap < solution.objective


def test_equal_counts_have_one_bin():
    counts, problem = pen.ClassCounts([7.0] * 30), pen.Problem.from_decays(1e-2, loss="ce")
    quick, exact = solve_binned(counts, problem, gap=1e-3), solve(counts, problem)
    assert quick.objective == pytest.approx(exact.objective, rel=1e-4)
    assert quick.certificate.relative_gap < 2e-4


def test_weights_that_are_no_function_of_the_count_have_bins_of_their_own():
    counts = long_tail(classes=600)
    weights = np.exp(3.0 * np.random.default_rng(0).random(600))
    problem = pen.Problem.from_decays(1e-2, loss=pen.losses.CrossEntropy.weighted(weights))
    bins = make_bins(counts, problem, 16)
    assert 60 < bins.binned.distinct.size < 257
    model = build(bins.binned, bins.problem)
    unknowns = judge(model, run(model, limits(1e-4, 500, None)).point.unknowns)[0]
    certificate = lift.certify_lifted(bins, model, unknowns)
    assert certificate.dual < certificate.primal < np.inf
