"""Certified solutions: against an interior-point method, descent on factors, closed forms, and laws."""

import signal
import threading

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from threadpoolctl import threadpool_limits

import penultimate as pen
from convex_oracles import LOSSES, DenseProblem, dense_matrix
from penultimate.losses import CrossEntropy, resolve
from penultimate.minimisers.convex.solving import solve as convex
from penultimate.threads import workers

COUNTS = [60, 30, 30, 9, 9, 2]


def solve(counts, decay, loss, bias="free", **limits):
    problem = pen.Problem.from_decays(decay, loss=loss, bias=bias)
    return pen.minimise(pen.ClassCounts(counts), problem, **limits)


def numerically(counts, decay, loss, bias="free", **limits):
    """By the solver for any convex loss, where squared error has a closed form too."""
    problem = pen.Problem.from_decays(decay, loss=loss, bias=bias)
    return convex(pen.ClassCounts(counts), problem, **limits)


def mu_of(solution):
    return solution.problem.kappa(solution.counts.samples)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("bias", "decay"), [("free", 5e-2), ("none", 5e-2), (0.1, 5e-2), ("free", 0.3)])
def test_an_interior_point_method_finds_the_same_minimum(name, bias, decay):
    """The dense problem class by class in cvxpy; ours must be no higher, and its own value must hold there."""
    counts = pen.ClassCounts(COUNTS)
    loss = resolve(name, counts)
    solution = numerically(COUNTS, decay, loss, bias)
    dense = DenseProblem(COUNTS, loss, mu_of(solution), bias)
    peer = dense.cvxpy()
    assert solution.converged
    assert solution.objective == pytest.approx(peer, rel=2e-6)
    assert solution.objective <= peer * (1 + 1e-8)
    a, b = dense_matrix(solution)
    assert dense.value(a, b) == pytest.approx(solution.objective, rel=1e-7)


@pytest.mark.parametrize("name", LOSSES)
def test_the_certificate_holds_on_the_dense_problem(name):
    """‖G‖₂ ≤ μ and ⟨−G, A⟩ = μ‖A‖_* with K × K matrices, from the geometry alone."""
    counts = pen.ClassCounts(COUNTS)
    loss = resolve(name, counts)
    solution = numerically(COUNTS, 5e-2, loss, gap=1e-10)
    dense = DenseProblem(COUNTS, loss, mu_of(solution), "free")
    a, b = dense_matrix(solution)
    slope, to_bias = dense.slope(a, b)
    assert np.linalg.norm(slope, 2) == pytest.approx(dense.mu, rel=1e-6)
    assert -np.sum(slope * a) == pytest.approx(dense.mu * np.linalg.norm(a, "nuc"), rel=1e-6)
    assert np.abs(to_bias).max() < 1e-8
    assert solution.certificate.spectral == pytest.approx(1, abs=1e-8)
    assert solution.certificate.alignment == pytest.approx(1, abs=1e-8)


@pytest.mark.parametrize("name", ["ce", "weighted:inverse", "vs:0.2:1", "smooth:0.2"])
def test_descent_on_the_factors_never_gets_below(name):
    """Factors W, H̄ and the bias, descended from random starts with numerical gradients of the dense objective."""
    n = np.array([12.0, 5.0, 2.0])
    loss = resolve(name, pen.ClassCounts(n))
    solution = solve(n, 5e-2, loss)
    mu = mu_of(solution)
    dense = DenseProblem(n, loss, 0.0, "free")

    def objective(flat):
        w, r, b = flat[:9].reshape(3, 3), flat[9:18].reshape(3, 3), flat[18:]
        return dense.value(w @ r.T, b) + mu / 2 * (np.sum(w**2) + np.sum(r**2))

    rng = np.random.default_rng(0)
    ends = [minimize(objective, rng.standard_normal(21), method="BFGS", options={"gtol": 1e-7}).fun for _ in range(3)]
    assert min(ends) >= solution.objective * (1 - 1e-9)
    assert min(ends) <= solution.objective * (1 + 1e-6)


@pytest.mark.parametrize("bias", ["free", "none", 0.05])
@pytest.mark.parametrize("decay", [1e-3, 3e-2, 0.4, 2.0])
def test_squared_error_has_its_closed_form(bias, decay):
    closed, numerical = solve(COUNTS, decay, "mse", bias), numerically(COUNTS, decay, "mse", bias)
    assert numerical.objective == pytest.approx(closed.objective, rel=1e-8)
    strengths = [np.sort(np.repeat(found.strength, found.multiplicity))[::-1] for found in (numerical, closed)]
    np.testing.assert_allclose(strengths[0], strengths[1][: strengths[0].size], atol=1e-5)
    np.testing.assert_allclose(numerical.geometry.bias, closed.geometry.bias, atol=1e-6)
    if bias == "free":
        np.testing.assert_allclose(numerical.sigma, closed.sigma, rtol=1e-8)
        np.testing.assert_allclose(numerical.geometry.mean_gram.dense(), closed.geometry.mean_gram.dense(), atol=1e-7)


@pytest.mark.parametrize("decay", [1e-4, 1e-2, 0.3])
@pytest.mark.parametrize("loss", ["ce", "la:1", "cdt:0.3", "ldam:0.5", "smooth:0.1", "mse:inverse"])
def test_balanced_counts_end_on_a_simplex_etf(decay, loss):
    solution = solve([20] * 7, decay, loss)
    etf = (7 * np.eye(7) - 1) / 6
    np.testing.assert_allclose(solution.geometry.mean_gram.normalised(range(7)), etf, atol=1e-9)
    np.testing.assert_allclose(solution.geometry.head_gram.normalised(range(7)), etf, atol=1e-9)
    margin = solution.geometry.margins
    np.testing.assert_allclose(margin, margin[0], rtol=1e-9)


def test_balanced_cross_entropy_is_a_scalar_problem():
    """All logits t apart from the own one: minimise log(1 + (K−1)e^{−t}) + μ (K−1) √n t, n the count (by hand)."""
    each, classes = 20, 7
    solution = solve([each] * classes, 1e-2, "ce", gap=1e-12)
    mu = mu_of(solution)
    # d/dt: (K−1)/(e^t + K−1) = μ (K−1) √n
    apart = np.log(1 / (mu * np.sqrt(each)) - (classes - 1))
    np.testing.assert_allclose(solution.geometry.margins, apart, rtol=1e-6)
    expected = np.log1p((classes - 1) * np.exp(-apart)) + mu * (classes - 1) * np.sqrt(each) * apart
    assert solution.objective == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("n", [COUNTS, [100, 1], [40, 40, 4, 4, 4]], ids=str)
def test_cross_entropy_collapses_where_squared_error_does(n):
    """With a free bias all features vanish at μ = σ_1(Ŷ)/N exactly (docs/theory §5)."""
    counts = pen.ClassCounts(n)
    critical = pen.LabelSpectrum(counts).sigma[0] / np.sqrt(counts.samples)  # as a weight decay, c = 1
    above, below = (solve(n, critical * factor, "ce") for factor in (1 + 1e-6, 1 - 1e-6))
    assert above.outcome is pen.Outcome.COLLAPSED
    assert above.survivors == 0
    np.testing.assert_allclose(
        above.geometry.bias - above.geometry.bias.mean(), np.log(n) - np.log(n).mean(), atol=1e-7
    )
    assert below.survivors >= 1


def _away_from_seli(n, decay, bias, labels):
    """Largest difference of a cosine from those of the factors of `labels`, whose SVD is UΣVᵀ: UΣUᵀ and VΣVᵀ."""
    left, x, right = np.linalg.svd(labels)
    geometry = solve(n, decay, "ce", bias, gap=1e-6).geometry
    off = 0.0
    for gram, side in ((geometry.head_gram, left), (geometry.mean_gram, right.T)):
        expected = (side * x) @ side.T
        norm = np.sqrt(np.diagonal(expected))
        off = max(off, np.abs(gram.normalised(range(len(n))) - expected / np.outer(norm, norm)).max())
    return off


@pytest.mark.parametrize("bias", ["none", "free"])
def test_no_decay_is_the_seli_geometry(bias):
    """As μ → 0: SELI (2208.05512) without bias, with a free one its centred form (I − 11ᵀ/K) Ŷ; slowly, by log μ."""
    n = np.array([100.0, 100.0, 10.0, 10.0])
    centred = np.eye(4) - np.outer(n, np.ones(4)) / n.sum() if bias == "free" else np.eye(4)
    labels = (np.eye(4) - 1 / 4) @ centred @ np.diag(np.sqrt(n))
    off = [_away_from_seli(n, decay, bias, labels) for decay in (1e-3, 1e-6, 1e-9)]
    assert off[0] > 1.3 * off[1] > 1.6 * off[2]
    assert off[2] < 0.06


def test_a_free_bias_swallows_logit_adjustment():
    """Offsets move the bias and nothing else, so the training geometry is that of plain cross-entropy."""
    plain, adjusted = solve(COUNTS, 3e-2, "ce"), solve(COUNTS, 3e-2, "la:1")
    assert adjusted.objective == pytest.approx(plain.objective, rel=1e-9)
    np.testing.assert_allclose(adjusted.geometry.logits.dense(), plain.geometry.logits.dense(), atol=1e-5)
    moved = plain.geometry.bias - adjusted.geometry.bias - np.log(COUNTS)
    np.testing.assert_allclose(moved, moved[0], atol=1e-6)
    bound = [solve(COUNTS, 3e-2, loss, "none").objective for loss in ("ce", "la:1")]
    assert abs(bound[0] / bound[1] - 1) > 1e-3


@given(st.permutations(range(6)))
@settings(max_examples=8)
def test_permuting_classes_permutes_the_solution(order):
    order = list(order)
    weights = np.array([1.0, 2.0, 2.0, 1.0, 3.0, 1.0])
    plain = solve(COUNTS, 3e-2, CrossEntropy.weighted(weights), gap=1e-12)
    turned = solve(np.array(COUNTS)[order], 3e-2, CrossEntropy.weighted(weights[order]), gap=1e-12)
    assert turned.objective == pytest.approx(plain.objective, rel=1e-11)
    np.testing.assert_allclose(turned.geometry.mean_norms, plain.geometry.mean_norms[order], rtol=1e-5)


def test_scaling_counts_with_the_ratio_fixed_changes_nothing():
    plain, scaled = solve(COUNTS, 3e-2, "ce", gap=1e-11), solve(1000 * np.array(COUNTS), 3e-2, "ce", gap=1e-11)
    assert scaled.objective == pytest.approx(plain.objective, rel=1e-10)
    np.testing.assert_allclose(scaled.geometry.mean_norms, plain.geometry.mean_norms, rtol=1e-5)


@pytest.mark.parametrize("loss", ["ce", "weighted:inverse", "cdt:0.3", "mse:inverse"])
def test_groups_save_work_and_change_nothing(loss):
    """The same counts with every class its own group (split by its index)."""
    from penultimate.minimisers.convex.model import ConvexModel
    from penultimate.minimisers.convex.newton import Limits, run

    counts = pen.ClassCounts([40, 40, 40, 7, 7])
    alone = counts.split(np.arange(5))
    assert alone.distinct.size == 5
    ends = [run(ConvexModel(c, resolve(loss, c).grouped(c), 3e-3, "free"), Limits(gap=1e-11)) for c in (counts, alone)]
    assert ends[0].certificate.primal == pytest.approx(ends[1].certificate.primal, rel=1e-10)
    inside, whole = ends[0].point.unknowns.inside, ends[1].point.unknowns.matrix
    np.testing.assert_allclose(whole[0, 0] - whole[1, 0], inside[0], rtol=1e-5)


def test_weights_that_differ_within_a_count_split_the_group():
    counts = pen.ClassCounts([40, 40, 40, 7])
    solution = pen.minimise(counts, pen.Problem.from_decays(3e-2, loss=CrossEntropy.weighted([1.0, 1.0, 4.0, 1.0])))
    assert solution.counts.distinct.tolist() == [40, 40, 40, 7] or solution.counts.distinct.size == 3
    norms = solution.geometry.mean_norms
    assert norms[0] == pytest.approx(norms[1], rel=1e-12)
    assert abs(norms[2] - norms[0]) > 1e-2


@st.composite
def cases(draw):
    kind = draw(st.sampled_from(["few", "spread", "groups"]))
    if kind == "few":
        n = draw(st.lists(st.integers(1, 6), min_size=2, max_size=12))
    elif kind == "spread":
        n = [float(np.floor(10**e)) + 1 for e in draw(st.lists(st.floats(0, 5), min_size=2, max_size=12))]
    else:
        sizes = draw(st.lists(st.integers(1, 200), min_size=2, max_size=4))
        n = np.repeat([10.0 ** (k + 1) for k in range(len(sizes))], sizes)
    loss = draw(
        st.sampled_from(
            ["ce", "weighted:inverse", "la:2", "cdt:0.3", "vs:0.3:1", "ldam:2", "smooth:0.3", "mse:inverse"]
        )
    )
    bias = draw(st.sampled_from(["free", "none", 1e-4, 0.5]))
    return n, loss, bias, draw(st.floats(-5, 0.5))


def test_a_direction_about_to_die_is_not_given_up_too_early():
    """Steps near a death take off less than a third of the residual each, and still get there."""
    for exponent in (-1e-3, 0.0, 1e-3):
        assert solve([2, 2, 2, 1001], 10**exponent * np.sqrt(1001 / 1007), "mse:inverse", "free").converged


# Stalled before: several hundred classes in groups, and few with ratios of 4,000 to 30,000.
STALLED = [
    (np.repeat([10.0, 100.0, 1e3, 1e4, 1e5], [115, 112, 142, 116, 149]), "free", 6.14e-4),
    (np.repeat([10.0, 100.0, 1e3, 1e4], [80, 80, 80, 80]), "free", 1e-3),
    ([17.0, 30.0, 126.0, 197.0, 56322.0, 64761.0], 0.5, 1.6868e-5),
    ([14.0, 16.0, 105.0, 189.0, 4268.0, 165556.0, 443202.0], "free", 1.3953e-5),
    ([4.0, 561.0, 90815.0], "free", 0.4812),
    ([8.0, 408763.0, 27341.0], 0.5, 1.9816e-5),
]


@pytest.mark.parametrize(("n", "bias", "decay"), STALLED, ids=range(len(STALLED)))
def test_weights_over_five_decades_do_not_stall_it(n, bias, decay):
    assert solve(n, decay, "mse:inverse", bias).converged


def _exact_minimiser(n, mu):
    """Squared error weighted by 1/n, no bias, all directions alive: A = D − μK polar(A) D², in 40 digits."""
    exact = mpmath.mp.clone()
    exact.dps = 40
    k = len(n)
    a = labels = exact.diag([exact.sqrt(count) for count in n])
    for _ in range(12):
        left, _, right = exact.svd_r(a)
        polar = left * right
        a = labels - exact.mpf(mu) * polar * exact.diag([k * count for count in n])
    return exact, a, labels, polar


def test_forty_digits_give_the_same_minimiser_and_the_limit_of_doubles():
    """The exact minimiser, rounded to doubles, has G/μ off by about what an answer that stalls calls attainable."""
    n = [100_000, 300, 1]
    errors, stated = [], []
    for decay in 1e-6 * 10.0 ** -np.array([0.0, 2.8, 2.9, 3.0, 3.1, 3.2]):
        solution = solve(n, decay, "mse:inverse", "none")
        mu = mu_of(solution)
        exact, a, labels, polar = _exact_minimiser(n, mu)
        rounded = np.array(a.tolist(), dtype=float)
        np.testing.assert_allclose(dense_matrix(solution)[0], rounded, atol=1e-12 * np.sqrt(n[0]))
        if decay == 1e-6:
            assert solution.converged
            continue
        assert not solution.converged
        stated.append(float(solution.method.split("about ")[1]))
        assert 1e-8 < solution.certificate.relative_gap < 2 * stated[-1]
        slope = (exact.matrix(rounded.tolist()) - labels) * exact.diag([exact.mpf(1) / (3 * count) for count in n])
        away = slope / exact.mpf(mu) + polar
        errors.append(float(exact.svd_r(away)[1][0]))
    # One rounding may happen to be small; of several the largest is about as stated.
    shares = np.array(errors) / stated
    assert 0.5 < shares.max() < 2.0


@given(cases())
@settings(max_examples=60)
def test_every_answer_is_certified_or_says_that_it_is_not(case):
    n, loss, bias, exponent = case
    counts = pen.ClassCounts(n)
    collapse = np.sqrt(counts.largest / counts.samples)
    solution = solve(n, 10**exponent * collapse, loss, bias)
    assert solution.converged == (solution.certificate.relative_gap <= 1e-8)
    assert solution.converged, solution.method
    # Terms of order one cancel in the dual, so 1e-15 of rounding is left however small the objective.
    assert solution.certificate.dual <= solution.objective * (1 + 1e-14) + 1e-15
    if counts.classes <= 12:  # the dense objective at the geometry itself
        dense = DenseProblem(counts.values, resolve(loss, counts), mu_of(solution), bias)
        a, b = dense_matrix(solution)
        assert dense.value(a, b) == pytest.approx(solution.objective, rel=1e-6)
        assert dense.value(a, b) >= solution.certificate.dual * (1 - 1e-12)


@given(st.lists(st.floats(-1, 1), min_size=16, max_size=16), st.sampled_from(["free", "none", 0.2]))
@settings(max_examples=40)
def test_the_certificate_is_honest_anywhere(noise, bias):
    """At points far from optimal the dual bound still lies below the known minimum."""
    from penultimate.minimisers.certificate import certify
    from penultimate.minimisers.convex.model import ConvexModel, Unknowns
    from penultimate.minimisers.convex.start import refit_bias

    counts = pen.ClassCounts([30, 9, 9, 2])
    best = solve([30, 9, 9, 2], 3e-2, "vs:0.3:1", bias)
    loss = resolve("vs:0.3:1", counts).grouped(counts)
    model = ConvexModel(counts, loss, mu_of(best), bias)
    x = Unknowns(3 * np.reshape(noise[:9], (3, 3)), 3 * np.array(noise[9:12]), np.zeros(3))
    x = refit_bias(model, x)
    found = certify(counts, loss, model.mu, bias, x.matrix, x.inside, model.group_bias(x.bias))
    assert found.dual <= best.objective * (1 + 1e-8)
    assert found.primal >= best.objective * (1 - 1e-8)


def test_limits_are_flagged():
    few = solve(COUNTS, 3e-2, "ce", steps=1)
    assert few.outcome is pen.Outcome.NOT_CONVERGED
    assert not few.converged
    assert few.gap > 1e-8 * few.objective
    short = solve(COUNTS, 3e-2, "ce", seconds=1e-9)
    assert short.outcome is pen.Outcome.OUT_OF_TIME
    best = solve(COUNTS, 3e-2, "ce").objective
    assert few.objective - few.gap <= best <= few.objective
    tight = solve(COUNTS, 3e-2, "ce", gap=1e-17)
    assert tight.converged == (tight.certificate.relative_gap <= 1e-17)


@pytest.mark.parametrize("limits", [{"gap": 0.0}, {"gap": -1.0}, {"steps": 0}, {"seconds": 0.0}, {"gap": float("nan")}])
def test_limits_that_are_none(limits):
    with pytest.raises(pen.ProblemError, match="limits must be positive"):
        solve(COUNTS, 3e-2, "ce", **limits)


def test_an_interrupt_returns_the_best_point(monkeypatch):
    """A real SIGINT while the third Newton step is solved."""
    from penultimate.minimisers.convex.newton_step import NewtonModel

    calls, solve_step = [], NewtonModel.solve

    def interrupted(self, *arguments):
        calls.append(None)
        if len(calls) == 3:
            signal.raise_signal(signal.SIGINT)
        return solve_step(self, *arguments)

    assert threading.current_thread() is threading.main_thread()
    monkeypatch.setattr(NewtonModel, "solve", interrupted)
    cut = solve(COUNTS, 3e-2, "ce")
    monkeypatch.undo()
    assert len(calls) == 3
    assert cut.outcome is pen.Outcome.INTERRUPTED
    best = solve(COUNTS, 3e-2, "ce").objective
    assert cut.objective - cut.gap <= best < cut.objective


def test_small_problems_are_solved_with_one_thread_of_blas_which_then_has_what_it_had(monkeypatch):
    from penultimate.minimisers.convex import newton

    seen, judge = [], newton.judge
    monkeypatch.setattr(newton, "judge", lambda *given: (seen.append(workers()), judge(*given))[1])
    with threadpool_limits(2, "blas"):
        pen.minimise(pen.ClassCounts([60, 30, 10]), pen.Problem.from_decays(1e-2, loss="ce"))
        assert workers() == 2
    assert set(seen) == {1}
