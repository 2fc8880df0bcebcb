"""The certified minimum over label sets: against descent on both factors, the solver for class counts, closed forms."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, softmax

import penultimate as pen
from command import run
from penultimate.minimisers.convex.newton import Limits
from penultimate.minimisers.label_sets import solution
from penultimate.minimisers.label_sets.solution import lower_bound

RNG = np.random.default_rng(4)
SETS = np.unique((RNG.random((30, 4)) < [0.5, 0.3, 0.2, 0.1]).astype(float), axis=0)
TIMES = RNG.integers(1, 30, len(SETS)).astype(float)
ANY = pen.LabelScatter.from_labels(SETS, weights=TIMES)
SOFT = pen.LabelScatter.from_labels(RNG.dirichlet([2, 1, 0.5], 12), weights=np.arange(1.0, 13.0))
# Two labels that occur as by chance: a quarter and a twentieth of 400 samples.
CHANCE = pen.LabelScatter.from_labels(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), weights=[285.0, 15.0, 95.0, 5.0])


def sigmoids(weights):
    def values(logits, rows):
        right, wrong = weights * rows, 1.0 - rows
        loss = right * np.logaddexp(0, -logits) + wrong * np.logaddexp(0, logits)
        return loss.sum(1), right * (expit(logits) - 1.0) + wrong * expit(logits)

    return values


def pick_all(logits, rows):
    size = rows.sum(1, keepdims=True)
    return -(rows * log_softmax(logits, axis=1)).sum(1), size * softmax(logits, axis=1) - rows


def descent(values, rows, times, samples, mu, seed=0):
    """Value and logits at the minimum over W, H and b, found by L-BFGS; one feature a label set, scaled by √m."""
    (M, K), root = rows.shape, np.sqrt(times)[:, None]
    x0 = np.concatenate([np.random.default_rng(seed).normal(size=K * K + K * M), np.zeros(K)])

    def objective(x):
        W, A, b = x[: K * K].reshape(K, K), x[K * K : -K].reshape(M, K), x[-K:]
        loss, slope = values(A @ W.T / root + b, rows)
        G = slope * root / samples
        total = loss @ times / samples + 0.5 * mu * ((W**2).sum() + (A**2).sum())
        to_bias = slope.T @ times / samples
        return total, np.concatenate([(G.T @ A + mu * W).ravel(), (G @ W + mu * A).ravel(), to_bias])

    options = {"maxiter": 20000, "maxfun": 40000, "ftol": 0.0, "gtol": 1e-13, "maxcor": 40}
    found = minimize(objective, x0, jac=True, method="L-BFGS-B", options=options)
    W, A, b = found.x[: K * K].reshape(K, K), found.x[K * K : -K].reshape(M, K), found.x[-K:]
    return found.fun, A @ W.T / root + b, W


def solved(targets, loss, decay=0.1):
    forecast = pen.forecast(targets, decay, loss=loss)
    sets = forecast.sets
    assert sets.outcome.name == "OPTIMAL" and sets.certificate.relative_gap <= 1e-8
    return forecast, sets


@pytest.mark.parametrize("loss", ["bce", "bce:sqrt", "bce:balanced", "bce:3"])
def test_no_descent_gets_below_it_and_its_logits_are_those_of_descent(loss):
    forecast, sets = solved(ANY, loss)
    order = np.lexsort(sets.sets[::-1])
    rows, times = sets.sets.T[order], sets.model.times[order]
    value, logits, W = descent(sigmoids(forecast.loss.of(ANY)), rows, times, ANY.samples, sets.model.mu)
    assert sets.objective <= value * (1 + 1e-9) and value <= sets.objective * (1 + 1e-9)
    assert sets.logits.T[order] == pytest.approx(logits, abs=1e-6)
    # The balanced head: W here has both decays μ.
    scale = sets.model.mu / forecast.problem.weight_decay[0]
    assert sets.head_gram == pytest.approx(scale * W @ W.T, abs=1e-6 * scale * np.trace(W @ W.T))
    assert forecast.scores(["0", "2"]) == pytest.approx(
        expit(logits[np.flatnonzero((rows == [1, 0, 1, 0]).all(1))[0]]), abs=1e-6
    )


@pytest.mark.parametrize("targets", [ANY, SOFT])
def test_a_softmax_over_several_labels(targets):
    forecast, sets = solved(targets, "ce", decay=0.05)
    rows, times = sets.sets.T, sets.model.times
    value, logits, _ = descent(pick_all, rows, times, targets.samples, sets.model.mu)
    assert sets.objective == pytest.approx(value, rel=1e-9)
    centred = [found - found.mean(1, keepdims=True) for found in (sets.logits.T, logits)]
    assert centred[0] == pytest.approx(centred[1], abs=1e-6)
    on = (rows * rows.sum(1, keepdims=True) * softmax(logits, axis=1) * times[:, None]).sum(0) / (rows.T @ times)
    assert forecast.score_on == pytest.approx(on, abs=1e-6)


def test_of_one_label_a_sample_it_is_the_softmax_over_classes():
    counts = pen.ClassCounts([60, 30, 10, 3])
    _, sets = solved(pen.LabelScatter.from_counts(counts), "ce", decay=0.02)
    problem = pen.Problem.from_decays(0.02, loss="ce", feature_ratio=1.0)
    other = pen.minimise(counts, problem)
    assert sets.objective == pytest.approx(other.objective, rel=1e-8) and sets.survivors == other.survivors
    assert sets.head_gram == pytest.approx(other.geometry.head_gram.block([0, 1, 2, 3], [0, 1, 2, 3]), abs=1e-6)


@pytest.mark.parametrize("loss", ["ce", "bce:sqrt"])
def test_everything_dies_where_it_says(loss):
    at = pen.forecast(ANY, 0.1, loss=loss).collapse_weight_decay
    below, above = (pen.forecast(ANY, at * factor, loss=loss).sets for factor in (0.999, 1.001))
    assert (below.survivors, above.survivors, above.outcome.name) == (1, 0, "COLLAPSED")


def test_retained_is_a_share_of_the_pull():
    """One for labels whose direction lives alone, and what squared error says where probabilities are its scores."""
    forecast, _ = solved(CHANCE, "bce", decay=0.35)
    assert forecast.survivors == 1 and forecast.retained == pytest.approx([1.0, 0.0], abs=1e-6)


@settings(max_examples=10)
@given(
    seed=st.integers(0, 1000), decay=st.sampled_from([0.02, 0.1, 0.3]), loss=st.sampled_from(["bce", "bce:sqrt", "ce"])
)
def test_a_bound_without_solving_lies_below_and_rows_may_come_in_any_order(seed, decay, loss):
    rng = np.random.default_rng(seed)
    rows = (rng.random((40, 5)) < [0.5, 0.4, 0.3, 0.2, 0.15]).astype(float)
    rows[0], rows[1] = 1.0, 0.0
    targets = pen.LabelScatter.from_labels(rows)
    forecast, sets = solved(targets, loss, decay)
    bound = lower_bound(targets, forecast.problem, forecast.loss)
    assert 0.85 * sets.objective < bound <= sets.objective
    mixed = rng.permutation(rows)
    again = pen.LabelScatter.from_labels(mixed[:20]).update(mixed[20:])
    assert pen.forecast(again, decay, loss=loss).sets.objective == pytest.approx(sets.objective, rel=1e-9)


def test_pairs_of_labels_bound_sigmoids_exactly_where_labels_are_uncorrelated():
    table = pen.LabelScatter.from_second_moment(CHANCE.second_moment, CHANCE.positives, CHANCE.samples)
    for loss in ("bce", "bce:3"):
        forecast = pen.forecast(table, 0.1, loss=loss)
        assert forecast.sets is None and forecast.outcome.name == "NOT_SOLVED" and forecast.objective is None
        assert forecast.lower_bound == pytest.approx(pen.forecast(CHANCE, 0.1, loss=loss).objective, rel=1e-8)
        assert "proven to stay above" in forecast.verdict and forecast.to_dict()["solution"]["status"] == "not_solved"
    correlated = pen.LabelScatter.from_second_moment(ANY.second_moment, ANY.positives, ANY.samples)
    assert pen.forecast(correlated, 0.1, loss="bce").lower_bound < pen.forecast(ANY, 0.1, loss="bce").objective


def test_labels_that_never_change_are_left_to_the_bias():
    rows = np.column_stack([SETS, np.zeros(len(SETS)), np.ones(len(SETS))])
    targets = pen.LabelScatter.from_labels(rows, weights=TIMES)
    forecast = pen.forecast(targets, 0.1, loss="bce")
    assert forecast.objective == pytest.approx(pen.forecast(ANY, 0.1, loss="bce").objective, rel=1e-9)
    assert forecast.status[-2:].tolist() == ["unseen", "always"] and np.isnan(forecast.score_on[-2:]).all()
    assert forecast.scores(["0", "2", "5"])[[4, 5]].tolist() == [0.0, 1.0]


def test_what_cannot_be_solved_is_said():
    with pytest.raises(pen.ProblemError, match="no sample has exactly these labels"):
        pen.forecast(ANY, 0.1, loss="bce").scores(["0", "1", "2", "3"])
    table = pen.LabelScatter.from_second_moment(ANY.second_moment, ANY.positives, ANY.samples)
    with pytest.raises(pen.ProblemError, match=r"solved for at most 200,000 .*are not known"):
        pen.forecast(table, 0.1, loss="ce")
    wide = pen.LabelScatter.from_labels([[k] for k in range(500)] * 2)
    with pytest.raises(pen.ProblemError, match="there are 500 labels and 500 different label sets"):
        pen.forecast(wide, 0.1, loss="ce")
    assert pen.forecast(wide, 0.01, loss="bce").outcome.name == "NOT_SOLVED"
    with pytest.raises(pen.ProblemError, match="one layer, a free bias and no width"):
        pen.forecast(ANY, 0.1, loss="ce", bias="none")
    with pytest.raises(pen.ProblemError, match="say loss='mse' for real targets"):
        pen.forecast(pen.LabelScatter.from_targets(RNG.normal(size=(9, 2))), 0.1, loss="ce")
    with pytest.raises(pen.ProblemError, match="over one label"):
        pen.forecast(pen.LabelScatter.from_labels([["cat"], []]), 0.1, loss="ce")


def test_the_command_says_what_was_solved(tmp_path, monkeypatch, capsys):
    path = tmp_path / "tags.csv"
    path.write_text("tags\n" + "cat;pet\n" * 60 + "dog;pet\n" * 30 + "newt\n" * 4 + '""\n' * 6)
    cases = (("bce", "3 of 3 directions survive, and sigmoids"), ("ce", "2 of 2 directions survive, and the softmax"))
    for loss, words in cases:
        options = ("--separator", ";", "--loss", loss, "--weight-decay", 0.02)
        code, out, _ = run(monkeypatch, capsys, "forecast", path, *options)
        assert code == 0 and words in out, out
    assert "have no loss in a softmax" in out


HARD = {
    "one label": pen.LabelScatter.from_labels(np.array([[1], [0], [0]])),
    "complements": pen.LabelScatter.from_labels(np.array([[1, 0], [0, 1], [0, 1]])),
    "one label twice": pen.LabelScatter.from_labels(np.array([[1, 1, 0], [0, 0, 1], [1, 1, 1], [0, 0, 0]])),
    "a long tail": pen.LabelScatter.from_counts([1e6, 1e4, 100, 3]),
    "soft": SOFT,
}


@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("loss", ["bce", "bce:balanced", "ce"])
def test_it_is_solved_at_small_decays_too(name, loss):
    if name == "one label" and loss == "ce":
        return
    for decay in (1e-4, 1e-2):
        solved(HARD[name], loss, decay)


def test_a_solver_that_stops_early_says_so_and_its_bound_holds(monkeypatch):
    best = pen.forecast(ANY, 0.1, loss="bce").objective
    monkeypatch.setattr(solution, "Limits", lambda: Limits(steps=1))
    forecast = pen.forecast(ANY, 0.1, loss="bce")
    assert forecast.outcome.name == "NOT_CONVERGED" and "see gap" in forecast.verdict
    assert forecast.lower_bound < best < forecast.objective
    monkeypatch.setattr(solution, "Limits", lambda: Limits(seconds=0.0))
    assert pen.forecast(ANY, 0.1, loss="bce").outcome.name == "OUT_OF_TIME"


def test_a_label_that_is_always_on_has_no_score_where_it_is_off():
    """Under a softmax it is one of several that share a sample, and trained like any."""
    targets = pen.LabelScatter.from_targets(np.array([[1.0, 1, 1], [1, 0, 0], [1, 0, 1]]))
    forecast = pen.forecast(targets, 0.01, loss="ce", feature_ratio=1.0)
    assert np.isnan(forecast.score_off).tolist() == [True, False, False] and forecast.score_on[0] > 0.9
    rows = forecast.to_dict("all")["labels"]
    assert [row["lift"] is None for row in rows] == [True, False, False] and "nan" not in forecast.verdict
