"""Several labels a sample: against descent on all factors, class counts, sums written out, and a table of bad input."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize

import penultimate as pen
from command import run
from penultimate.minimisers import label_solution
from penultimate.model.strength_law import StrengthLaw, Width
from penultimate.spectrum import scatter_spectrum

RNG = np.random.default_rng(5)
SETS = (RNG.random((24, 5)) < [0.6, 0.4, 0.3, 0.2, 0.15]).astype(float)
SETS[:, 4] = np.where(RNG.random(24) < 0.5, SETS[:, 3], SETS[:, 4])
TARGETS = {"sets": SETS, "soft": 0.8 * SETS + 0.1, "real": RNG.normal(size=(24, 5)) @ RNG.normal(size=(5, 5))}
BIG = (np.random.default_rng(2).random((400, 12)) < np.geomspace(0.5, 0.01, 12)).astype(int)


def descent(Y, problem, seed):
    """Best of a few runs of L-BFGS on every factor, one feature a sample: weights, features, bias and value."""
    samples, K = Y.shape
    rng = np.random.default_rng(seed)
    width = problem.width or K
    shapes = [(width, width)] * (problem.layers - 1) + [(K, width), (width, samples)]
    decays = [*problem.weight_decay, problem.resolved_feature_decay(samples)]
    sizes = np.cumsum([0, *(a * b for a, b in shapes), K])

    def parts(x):
        return [x[sizes[i] : sizes[i + 1]].reshape(s) for i, s in enumerate(shapes)], x[sizes[-2] :]

    def value(x):
        factors, b = parts(x)
        b = b if problem.bias != "none" else np.zeros(K)
        partial = [factors[-1]]
        for weight in factors[:-1]:
            partial.append(weight @ partial[-1])
        residual = partial[-1] + b[:, None] - Y.T
        total = (residual**2).sum() / (2 * samples)
        total += sum(0.5 * d * (f**2).sum() for d, f in zip(decays, factors, strict=True))
        pull, gradients = residual / samples, []
        for i in reversed(range(problem.layers)):
            gradients.append(pull @ partial[i].T + decays[i] * factors[i])
            pull = factors[i].T @ pull
        grads = [*reversed(gradients), pull + decays[-1] * factors[-1]]
        slope = residual.sum(axis=1) / samples
        if isinstance(problem.bias, float):
            total += 0.5 * problem.bias * (b**2).sum()
            slope = slope + problem.bias * b
        return total, np.concatenate([*(g.ravel() for g in grads), slope if problem.bias != "none" else 0 * slope])

    options = {"maxiter": 20000, "maxfun": 40000, "ftol": 0.0, "gtol": 1e-13, "maxcor": 20}
    runs = [
        minimize(value, rng.normal(size=sizes[-1]) * 1.5, jac=True, method="L-BFGS-B", options=options)
        for _ in range(1 if problem.layers == 1 and not problem.width else 4)
    ]
    best = min(runs, key=lambda run: run.fun)
    return *parts(best.x), best.fun


@pytest.mark.parametrize("kind", TARGETS)
@pytest.mark.parametrize(
    ("layers", "bias", "width"),
    [(1, "free", None), (1, "none", None), (1, 0.2, None), (1, "free", 2), (2, "free", None)],
)
def test_the_minimiser_is_that_of_descent_on_all_factors(kind, layers, bias, width):
    Y = TARGETS[kind]
    decay = 0.03 * (Y.std() / SETS.std()) if layers == 1 else 0.005
    forecast = pen.forecast(pen.LabelScatter.from_targets(Y), decay, layers=layers, bias=bias, width=width)
    factors, b, value = descent(Y, forecast.problem, 3)
    assert value >= forecast.solution.objective * (1 - 1e-9)
    assert value == pytest.approx(forecast.solution.objective, rel=1e-9)
    geometry, head, features = forecast.geometry, factors[-2], factors[-1]
    gram = head @ head.T
    assert np.abs(gram - geometry.head_gram).max() <= 1e-6 * np.abs(gram).max()
    gram = features.T @ features
    assert np.abs(gram - geometry.feature_gram(Y)).max() <= 1e-6 * np.abs(gram).max()
    if bias != "none":
        assert geometry.bias == pytest.approx(b, abs=1e-6)


@pytest.mark.parametrize("bias", ["free", "none", 0.05])
@pytest.mark.parametrize(("layers", "width"), [(1, None), (2, None), (1, 3)])
def test_one_label_a_sample_is_todays_forecast(bias, layers, width):
    counts = [50.0, 20.0, 20.0, 7.0, 3.0]
    decay = 0.05 if layers == 1 else 1e-3
    known = pen.forecast(counts, decay, bias=bias, layers=layers, width=width, feature_ratio=1.0)
    close = 1e-12 if isinstance(bias, str) else 1e-7
    one_hot = np.eye(5)[np.repeat(np.arange(5), np.array(counts, dtype=int))]
    for targets in (pen.LabelScatter.from_counts(counts), pen.LabelScatter.from_labels(one_hot)):
        found = pen.forecast(targets, decay, bias=bias, layers=layers, width=width)
        assert found.survivors == known.survivors and found.directions == known.directions
        assert found.threshold == pytest.approx(known.threshold, rel=1e-12)
        assert found.solution.objective == pytest.approx(known.solution.objective, rel=1e-12)
        assert found.retained == pytest.approx(known.retained, abs=close)
        assert found.geometry.bias == pytest.approx(known.geometry.bias, abs=close)
        logits = known.geometry.factors(d=6).logits
        if width is None:
            assert found.geometry.scores(np.eye(5)) == pytest.approx(logits, abs=close)
        for mine, theirs in zip(
            found.geometry.nearest(np.arange(5)), known.geometry.nearest(np.arange(5)), strict=True
        ):
            if isinstance(bias, str) and bias == "free":
                assert mine == pytest.approx(theirs, abs=1e-9, nan_ok=True) or width == 3


@pytest.mark.parametrize("bias", ["free", "none", 0.1])
@pytest.mark.parametrize("kind", ["sets", "soft"])
def test_figures_of_labels_are_those_of_the_scores_of_all_samples(bias, kind):
    Y = BIG * 1.0 if kind == "sets" else 0.7 * BIG + 0.2
    forecast = pen.forecast(pen.LabelScatter.from_labels(Y), 0.1, bias=bias)
    scores = forecast.geometry.scores(Y)
    on, off = (scores * Y).sum(0) / Y.sum(0), (scores * (1 - Y)).sum(0) / (1 - Y).sum(0)
    slope = [np.cov(s, y)[0, 1] / y.var(ddof=1) for s, y in zip(scores.T, Y.T, strict=True)]
    assert forecast.score_on == pytest.approx(on) and forecast.score_off == pytest.approx(off)
    assert forecast.lift == pytest.approx(slope)
    if kind == "sets":
        assert forecast.lift == pytest.approx(on - off)
    assert np.array_equal(forecast.answered, on > 0.5)
    assert 0 < forecast.never_answered < 12 and forecast.worst_labels(1)[0] == on.argmin()


def test_features_are_a_sum_of_one_vector_a_label_and_equal_sets_coincide():
    geometry = pen.forecast(pen.LabelScatter.from_labels(BIG), 0.02).geometry
    rows = np.zeros((4, 12))
    rows[1, 0] = rows[2, 1] = rows[3, :2] = 1
    gram = geometry.feature_gram(rows)
    beyond = np.array([1.0, -1.0, -1.0, 1.0])  # h({a, b}) − h({a}) − h({b}) + h({})
    assert beyond @ gram @ beyond <= 1e-12 * gram.max()
    v = gram[1, 1] - gram[1, 0] - gram[0, 1] + gram[0, 0]
    assert v == pytest.approx(geometry.label_gram[0, 0])


def test_samples_to_keep_and_to_answer_are_those_of_an_uncorrelated_label():
    """Two labels that occur as if by chance: the numbers at which forecasts turn, not the formula again."""
    samples = 10_000

    def forecast(n):
        both = 2500 * n / samples
        targets = pen.LabelScatter.from_second_moment([[2500, both], [both, n]], [2500, n], samples)
        return pen.forecast(targets, 0.05)

    keep, answer = forecast(100).to_keep[1], forecast(100).to_answer[1]
    assert keep == pytest.approx(25, rel=0.01) and answer == pytest.approx(100, rel=0.01)
    assert [forecast(n).retained[1] > 0.5 for n in (keep * 0.99, keep * 1.01)] == [False, True]
    assert [bool(forecast(n).answered[1]) for n in (answer * 0.99, answer * 1.01)] == [False, True]


def test_the_largest_decays_are_where_forecasts_turn():
    targets = pen.LabelScatter.from_labels(BIG)
    for layers in (1, 2):
        found = pen.forecast(targets, 0.02, layers=layers)
        for decay, holds in (
            (found.largest_safe_weight_decay, lambda f: f.survivors == f.directions),
            (found.largest_answering_weight_decay, lambda f: f.never_answered == 0),
        ):
            both = [holds(pen.forecast(targets, decay * factor, layers=layers)) for factor in (0.999, 1.001)]
            assert both == [True, False]
        for row in found.by_ratio:
            there = pen.forecast(targets, 0.02, layers=layers, feature_ratio=row.ratio)
            assert row.survivors == there.survivors and row.answered == 12 - there.never_answered
            assert row.to_keep == pytest.approx(there.to_keep[0]) and row.to_answer == pytest.approx(there.to_answer[0])


def test_labels_that_are_one_and_labels_that_no_head_tells_apart_are_named():
    Y = np.column_stack([BIG, BIG[:, 1], 1 - BIG[:, 2]])
    names = [*(f"label {k}" for k in range(12)), "again", "not 2"]
    forecast = pen.forecast(pen.LabelScatter.from_labels(Y, names), 0.02)
    assert [tuple(pair) for pair in forecast.one_label_twice] == [(1, 12, 1.0), (2, 13, -1.0)]
    assert "One label in two columns, equal in every sample: label 1 and again." in forecast.verdict
    assert "Each the other's opposite in every sample: label 2 and not 2." in forecast.verdict
    # At this decay one direction is left, along which all scores move together.
    some = pen.forecast(pen.LabelScatter.from_labels(BIG), 0.02)
    one = pen.forecast(some.targets, float(np.sqrt(some.critical_weight_decay[0] * some.critical_weight_decay[1])))
    assert one.survivors == 1 and one.alike and "no head can tell apart" in one.verdict


def test_above_so_many_labels_the_leading_directions_are_found(monkeypatch):
    targets = pen.LabelScatter.from_labels((np.random.default_rng(0).random((900, 150)) < 0.05).astype(int))
    whole = pen.forecast(targets, 0.2)
    monkeypatch.setattr(scatter_spectrum, "MOST_DENSE", 100)
    some = pen.forecast(targets, 0.2)
    assert some.directions is None and not some.solution.is_lower_bound
    assert some.survivors == whole.survivors and some.solution.objective == pytest.approx(whole.solution.objective)
    assert some.score_on == pytest.approx(whole.score_on)
    monkeypatch.setattr(scatter_spectrum, "_RANKS", (3, 4))
    few = pen.forecast(targets, 1e-3)
    assert few.solution.is_lower_bound and few.solution.objective is None and "at least 4 directions" in few.verdict
    assert few.to_dict()["solution"]["at_least"] is True
    # Of directions that were not found nothing is claimed: labels are taken alone, close to what they are.
    assert few.never_answered == 0 and few.labels_with("lost") == 0 and "each label taken alone" in few.verdict
    theta, spread = few.threshold, np.sqrt(targets.variance)
    np.testing.assert_allclose(few.lift, 1 - theta / spread, rtol=1e-12)
    np.testing.assert_allclose(few.score_on, targets.mean + (1 - targets.mean) * few.lift, rtol=1e-12)
    np.testing.assert_allclose(few.score_on, pen.forecast(targets, 1e-3).score_on, atol=0.01)
    assert np.array_equal(pen.forecast(targets, 1e-3, bias="none").answered, np.ones(150, dtype=bool))
    assert pen.forecast(targets, 1e-3, layers=2).status.tolist() == ["own"] * 150


def test_labels_that_never_change_and_samples_without_labels_are_said():
    Y = np.column_stack([BIG[:, :3], np.zeros(400), np.ones(400)])
    forecast = pen.forecast(pen.LabelScatter.from_labels(Y), 0.01)
    assert forecast.status[3:].tolist() == ["unseen", "always"] and np.isnan(forecast.retained[3:]).all()
    assert "1 label is on in no sample" in forecast.verdict and "1 label never changes" in forecast.verdict
    rows = pen.forecast(pen.LabelScatter.from_labels([["a", "a"], ["b"], []] * 5), 0.01)
    assert "5 samples have no label." in rows.verdict and "5 samples name a label twice" in rows.verdict
    assert pen.forecast(pen.LabelScatter.from_labels(BIG[:, :1]), 0.01).directions == 1


def test_real_targets_have_strengths_and_no_threshold():
    forecast = pen.forecast(pen.LabelScatter.from_targets(TARGETS["real"]), 0.05)
    record = forecast.to_dict("all")
    assert record["solution"]["never_answered"] is None and record["labels"][0]["answered"] is None
    assert "answered" not in forecast.verdict and "labels" not in forecast.charts
    assert "Labels are soft" in pen.forecast(pen.LabelScatter.from_labels(TARGETS["soft"]), 0.05).verdict


def test_scores_of_a_label_set_by_name():
    forecast = pen.forecast(pen.LabelScatter.from_labels([["cat", "pet"], ["dog", "pet"], [], ["cat"]] * 9), 0.02)
    assert forecast.scores(["pet", "cat"]) == pytest.approx(forecast.geometry.scores([[1, 0, 1]])[0])
    with pytest.raises(pen.ProblemError, match="'eel' is none of the 3 labels"):
        forecast.scores(["eel"])


def test_what_cannot_be_forecast_is_one_error():
    with pytest.raises(pen.ProblemError, match="at least two"):
        pen.forecast(pen.LabelScatter.from_labels([["a", "b"]]))
    with pytest.raises(pen.ProblemError, match="every label is the same in all samples"):
        pen.forecast(pen.LabelScatter.from_labels([["a"], ["a"]]))
    with pytest.raises(pen.ProblemError, match="hardly changes beside it"):
        pen.forecast(pen.LabelScatter.from_targets(BIG * 1.0 + 1e9))
    with pytest.raises(pen.ProblemError, match="the loss la:1 is for one label a sample"):
        pen.forecast(pen.LabelScatter.from_labels(BIG), loss="la:1")
    with pytest.raises(pen.CountsError, match="several labels a sample as pen"):
        pen.forecast(BIG)
    none = Width(0.0, 0.0)
    law = StrengthLaw(100.0, 1.0, (1e-2,), (1e-2,), (0.0,), (1.0, 1.0), (), ((),), (), none, none)
    with pytest.raises(pen.ProblemError, match="the law of a trained network is for one label a sample"):
        pen.forecast(pen.LabelScatter.from_labels(BIG), problem=replace(pen.Problem.from_decays(0.02), law=law))


def test_a_regularised_bias_needs_all_directions(monkeypatch):
    monkeypatch.setattr(label_solution, "MOST_DENSE", 10)
    with pytest.raises(pen.ProblemError, match="a regularised bias needs all directions of 12 labels"):
        pen.forecast(pen.LabelScatter.from_labels(BIG), 0.02, bias=0.1)


def test_a_forecast_is_of_the_sums_as_they_were():
    targets = pen.LabelScatter.from_labels(BIG)
    forecast = pen.forecast(targets, 0.02)
    targets.update(BIG)
    assert forecast.targets.samples == 400 and targets.samples == 800


def test_the_command_reads_what_needs_no_word_and_says_how(tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "y.npy", BIG)
    status, out, err = run(monkeypatch, capsys, "forecast", tmp_path / "y.npy", "--weight-decay", "0.02", "--json", "-")
    record = json.loads(out)
    known = pen.forecast(pen.LabelScatter.from_labels(BIG), 0.02)
    assert status == 0 and "an array of shape (400, 12): 12 labels, 400 samples" in err
    assert record["solution"]["survivors"] == known.survivors and record["verdict"] == known.verdict
    keys = {"label", "samples", "retained", "lift", "score_on", "answered", "to_keep", "to_answer"}
    assert keys <= record["labels"][0].keys()


def test_the_command_takes_a_separator_and_columns_of_indicators(tmp_path, monkeypatch, capsys):
    rows = [";".join(f"tag {k}" for k in np.flatnonzero(row)) for row in BIG]
    (tmp_path / "tags.csv").write_text("id,tags\n" + "".join(f"{i},{row}\n" for i, row in enumerate(rows)))
    status, out, _ = run(monkeypatch, capsys, "forecast", tmp_path / "tags.csv", "--separator", ";")
    assert status == 0 and "never answered" in out
    status, _, err = run(monkeypatch, capsys, "forecast", tmp_path / "tags.csv")
    assert status == 2 and err.count("\n") == 1
    (tmp_path / "sets.csv").write_text("id,tags\n" + "".join(f"f{i}.png,t{i};u{i % 7}\n" for i in range(9)))
    status, _, err = run(monkeypatch, capsys, "forecast", tmp_path / "sets.csv")
    assert status == 2 and "--separator ';'" in err
    (tmp_path / "named.csv").write_text("id,label\n" + "".join(f"f{i}.png,t{i % 3};u{i % 3}\n" for i in range(9)))
    status, _, err = run(monkeypatch, capsys, "forecast", tmp_path / "named.csv", "--holds", "labels")
    assert status == 0 and "more than half of the labels hold ';'" in err
    (tmp_path / "wide.csv").write_text("a,b\n" + "".join(f"{r[0]},{r[1]}\n" for r in BIG))
    status, _, err = run(monkeypatch, capsys, "forecast", tmp_path / "wide.csv")
    assert status == 2 and "--holds label-sets" in err
    assert run(monkeypatch, capsys, "forecast", tmp_path / "wide.csv", "--holds", "label-sets")[0] == 0
    for more, words in (
        (("--separator", ";", "--holds", "counts"), "leave --holds out"),
        (("--separator", ";", "--calibrate", "x.json"), "--calibrate is for one label a sample"),
    ):
        status, _, err = run(monkeypatch, capsys, "forecast", tmp_path / "tags.csv", *more)
        assert status == 2 and words in err and err.count("\n") <= 2
