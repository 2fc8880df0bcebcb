"""Classes without samples: one more output in every softmax, against plain descent on rows, features and bias."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

import penultimate as pen
from penultimate.losses import resolve
from penultimate.minimisers.convex import lift
from penultimate.minimisers.convex.binned import solve_binned
from penultimate.minimisers.convex.bins import make_bins
from penultimate.minimisers.convex.newton import judge, run
from penultimate.minimisers.convex.solving import build, limits, solve
from penultimate.minimisers.factored import solve_factored

COUNTS = [40, 0, 25, 25, 3, 0, 0]
PROBLEMS = [
    ("ce", "none"),
    ("ce", 0.05),
    ("smooth:0.1", "free"),
    ("weighted:inverse", "none"),
    ("la:1", 0.05),
    ("vs:0.3:1", "none"),
    ("ldam:0.5", "none"),
]


def descend(counts, problem):
    """The objective as training writes it, every class with a row, by L-BFGS; its value, rows and bias."""
    n, classes, seen = counts.values, counts.classes, np.flatnonzero(counts.values)
    loss = resolve(problem.loss, counts)
    ones, zeros = np.ones(classes), np.zeros(classes)
    fill = {"scales": ones, "offsets": zeros, "margins": zeros, "weights": ones}
    scale, offset, margin, weight = (loss.vectors.get(name, plain) for name, plain in fill.items())
    share = weight[seen] * n[seen] / (weight @ n)
    decay, feature_decay = problem.weight_decay[0], problem.resolved_feature_decay(counts.samples)
    every = np.arange(seen.size)
    target = np.full((seen.size, classes), loss.smoothing / classes)
    target[every, seen] += 1.0 - loss.smoothing

    def value(flat):
        rows, features, bias = np.split(flat, [classes * classes, classes * (classes + seen.size)])
        rows, features = rows.reshape(classes, -1), features.reshape(seen.size, -1)
        logits = (features @ rows.T + (0.0 if problem.bias == "none" else bias)) * scale + offset
        logits[every, seen] -= margin[seen]
        top = logits.max(axis=1, keepdims=True)
        p = np.exp(logits - top)
        total = p.sum(axis=1, keepdims=True)
        out = share @ (top[:, 0] + np.log(total[:, 0]) - np.sum(target * logits, axis=1))
        out += decay / 2 * np.sum(rows**2) + feature_decay / 2 * n[seen] @ np.sum(features**2, axis=1)
        slope = share[:, None] * (p / total - target) * scale
        to_rows = slope.T @ features + decay * rows
        to_features = slope @ rows + feature_decay * n[seen, None] * features
        to_bias = np.zeros(classes) if problem.bias == "none" else slope.sum(axis=0)
        if not isinstance(problem.bias, str):
            out += problem.bias / 2 * bias @ bias
            to_bias = to_bias + problem.bias * bias
        return out, np.concatenate([to_rows.ravel(), to_features.ravel(), to_bias])

    start = 0.7 * np.random.default_rng(0).standard_normal(classes * (classes + seen.size + 1))
    start[-classes:] = 0.0
    options = {"maxiter": 20_000, "maxfun": 40_000, "ftol": 1e-16, "gtol": 1e-12, "maxcor": 30}
    found = minimize(value, start, jac=True, method="L-BFGS-B", options=options)
    return found.fun, found.x[: classes * classes].reshape(classes, -1), found.x[-classes:]


@pytest.mark.parametrize(("loss", "bias"), PROBLEMS)
def test_the_minimiser_is_that_of_descent(loss, bias):
    counts, problem = pen.ClassCounts(COUNTS), pen.Problem.from_decays(1e-2, loss=loss, bias=bias)
    solution = pen.minimise(counts, problem)
    value, rows, bias = descend(counts, problem)
    geometry = solution.geometry
    assert solution.converged
    assert solution.objective == pytest.approx(value, rel=1e-9)
    norms = np.linalg.norm(rows, axis=1)
    np.testing.assert_allclose(geometry.unseen_norms, norms[counts.unseen], atol=1e-5)
    np.testing.assert_allclose(geometry.head_norms[counts.values > 0], norms[counts.values > 0], atol=1e-5)
    if problem.bias != "none":
        np.testing.assert_allclose(geometry.bias - geometry.bias.mean(), bias - bias.mean(), atol=1e-5)


def test_a_hundred_unseen_classes_are_one_row_of_a_hundred_times_the_decay():
    """Written as one output with offset log 100 and its row's decay a hundredfold, descended as it stands."""
    seen, many = np.array([40.0, 25.0, 3.0]), 100
    problem = pen.Problem.from_decays(5e-3, loss="ce", bias="none")
    solution = pen.minimise(pen.ClassCounts([*seen, *[0] * many]), problem)
    share, feature_decay = seen / seen.sum(), problem.resolved_feature_decay(seen.sum())
    decay = np.array([5e-3, 5e-3, 5e-3, 5e-3 * many])

    def value(flat):
        rows, features = flat[:16].reshape(4, 4), flat[16:].reshape(3, 4)
        logits = features @ rows.T + np.array([0.0, 0.0, 0.0, np.log(many)])
        loss = share @ (np.log(np.exp(logits).sum(axis=1)) - np.diagonal(logits))
        return loss + decay @ np.sum(rows**2, axis=1) / 2 + feature_decay / 2 * seen @ np.sum(features**2, axis=1)

    found = minimize(value, np.random.default_rng(0).standard_normal(28), options={"gtol": 1e-9})
    assert solution.objective == pytest.approx(found.fun, rel=1e-8)
    np.testing.assert_allclose(solution.geometry.unseen_norms, np.linalg.norm(found.x[12:16]), atol=1e-4)


def test_margins_and_factors_hold_the_outputs_of_unseen_classes():
    geometry = pen.minimise(pen.ClassCounts(COUNTS), pen.Problem.from_decays(1e-2, loss="ce", bias="none")).geometry
    logits = geometry.factors(7).logits
    for k in np.flatnonzero(geometry.counts.values):
        others = np.delete(logits[k], k)
        assert geometry.margins[k] == pytest.approx(logits[k, k] - others.max(), abs=1e-9)
    left = geometry.svd.vectors("left")
    np.testing.assert_allclose(left.T @ left, np.eye(geometry.svd.rank), atol=1e-10)
    ones = np.random.default_rng(0).standard_normal(geometry.svd.rank)
    np.testing.assert_allclose(geometry.svd.U @ ones, left @ ones, atol=1e-12)
    np.testing.assert_allclose(geometry.svd.U.T @ (left @ ones), ones, atol=1e-12)
    np.testing.assert_allclose(geometry.svd.project("left", left), np.eye(geometry.svd.rank), atol=1e-10)


@pytest.mark.parametrize("bias", ["none", 0.05])
def test_bins_have_them_too(bias):
    n = np.geomspace(3000, 2, 80) * np.exp(0.4 * np.random.default_rng(1).random(80))
    counts, problem = pen.ClassCounts([*n, *[0] * 300]), pen.Problem.from_decays(1e-2, loss="ce", bias=bias)
    exact, quick = solve(counts, problem, gap=1e-5), solve_binned(counts, problem, gap=1e-3)
    assert quick.outcome is pen.Outcome.BRACKETED
    assert quick.objective - quick.gap <= exact.objective <= quick.objective
    assert exact.objective > solve(pen.ClassCounts(n), problem).objective * 1.01
    for name in ("unseen_norms", "head_norms", "margins", "bias"):
        one, other = (np.nan_to_num(getattr(solution.geometry, name)) for solution in (quick, exact))
        assert np.linalg.norm(one - other) <= 0.01 * np.linalg.norm(other)


def test_the_bound_on_bins_is_one_class_by_class():
    """Flow, norm and entropies written out for every class, those without samples rows without a column."""
    n = np.geomspace(3000, 2, 40)
    counts, problem = pen.ClassCounts([*n, *[0] * 7]), pen.Problem.from_decays(1e-2, loss="ce", bias="none")
    bins = make_bins(counts, problem, 12)
    model = build(bins.binned, bins.problem)
    unknowns = judge(model, run(model, limits(1e-6, 500, None)).point.unknowns)[0]
    certificate, between = lift.certify_lifted(bins, model, unknowns), lift._flow_of(model, unknowns)
    flow = lift._Flow(bins, between, free=False)
    of, tau = bins.of[bins.counts.group], flow.tau[bins.counts.group]
    taker, giver = (slope[np.ix_(of, of)] for slope in flow.slopes)
    whole = between[np.ix_(of, of)] * (1 + taker * tau[:, None]) * (1 + giver * tau)
    np.fill_diagonal(whole, 0.0)
    assert np.all(whole[:, 40:] == 0.0) and np.all(whole[40:, :40] > 0.0)
    laplacian = (np.diag(whole.sum(axis=0)) - whole)[:, :40] / np.sqrt(n)
    norm = np.linalg.norm(laplacian, 2)
    assert norm <= certificate.spectral * model.mu <= max(norm, model.mu) * 1.003
    share = n / n.sum()
    p = whole[:, :40] / share * min(1.0, model.mu / norm)
    p[np.arange(40), np.arange(40)] = 1.0 - p.sum(axis=0)
    entropy = -float(np.sum(share * p * np.log(p)))
    assert certificate.dual == pytest.approx(entropy, rel=1e-3) and certificate.dual <= entropy
    assert entropy <= solve(counts, problem).objective


def test_factors_agree_with_the_convex_solution():
    counts = pen.ClassCounts(COUNTS)
    for loss, bias in (("ce", "none"), ("smooth:0.2", "free"), ("ce", 0.05)):
        problem = pen.Problem.from_decays(1e-2, loss=loss, bias=bias)
        found, convex = solve_factored(counts, problem), pen.minimise(counts, problem)
        assert found.objective == pytest.approx(convex.objective, rel=1e-8)
        np.testing.assert_allclose(found.geometry.unseen_norms, convex.geometry.unseen_norms, atol=1e-4)


def test_a_direction_lives_below_its_critical_decay_and_not_above():
    counts, problem = pen.ClassCounts(COUNTS), pen.Problem.from_decays(1e-2, loss="ce", bias="none")
    forecast = pen.Forecast(pen.minimise(counts, problem))
    assert forecast.directions == counts.seen
    for low, high in forecast.critical_bracket:
        below, above = (
            pen.minimise(counts, replace(problem, weight_decay=(decay,))).survivors
            for decay in (low * (1 - 1e-5), high * (1 + 1e-5))
        )
        assert below > above


def test_it_takes_no_more_steps_with_them():
    """The one direction that they leave dead once sent the solver to the wrong basis, ten times as slow."""
    n = np.geomspace(3000, 2, 60)
    problem = pen.Problem.from_decays(1e-3, loss="ce", bias="none")
    without, along = (run(build(pen.ClassCounts(c), problem), limits(1e-8, 99, None)) for c in (n, [*n, *[0] * 40]))
    assert along.ended == "converged"
    assert along.products <= 2 * without.products + 20


@pytest.mark.parametrize(
    ("loss", "bias", "words"),
    [
        ("ce", "free", "drives their bias down"),
        ("ce", "none", "they share one row, of length 0.4"),
        ("mse", "free", "their rows are zero"),
    ],
)
def test_it_is_said_what_becomes_of_them(loss, bias, words):
    forecast = pen.forecast(COUNTS, 1e-2, loss=loss, bias=bias, feature_ratio=1)
    assert "3 classes have no samples" in forecast.verdict and words in forecast.verdict
    assert forecast.status.tolist()[1] == "unseen"
    forecast.to_dict("all")
