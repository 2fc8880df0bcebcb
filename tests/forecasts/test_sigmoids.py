"""Sigmoids with weighted positives: against descent on both factors, with every label set as one column."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

import penultimate as pen
from command import run

# Two labels that occur as by chance: a quarter and a twentieth of 400 samples.
ROWS = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
COUNTS = np.array([285.0, 15.0, 95.0, 5.0])
CHANCE = pen.LabelScatter.from_labels(ROWS, weights=COUNTS)
RNG = np.random.default_rng(4)
SETS = np.unique((RNG.random((30, 4)) < [0.5, 0.3, 0.2, 0.1]).astype(float), axis=0)
TIMES = RNG.integers(1, 30, len(SETS)).astype(float)
ANY = pen.LabelScatter.from_labels(SETS, weights=TIMES)
RULES = ["bce", "bce:sqrt", "bce:balanced", "bce:3"]


def descent(rows, times, weights, mu, start=1.0, seed=0):
    """Probabilities at the minimum over W, H and b: columns of equal label sets as one, scaled by √m."""
    samples, K, M = times.sum(), rows.shape[1], len(rows)
    root = np.sqrt(times)
    x0 = np.concatenate([np.random.default_rng(seed).normal(size=K * K + K * M) * start, np.zeros(K)])

    def value(x):
        W, A, b = x[: K * K].reshape(K, K), x[K * K : -K].reshape(K, M), x[-K:]
        Z = (W @ A) / root + b[:, None]
        pull = weights[:, None] * rows.T * (expit(Z) - 1.0) + (1.0 - rows.T) * expit(Z)
        loss = weights[:, None] * rows.T * np.logaddexp(0, -Z) + (1.0 - rows.T) * np.logaddexp(0, Z)
        total = (loss @ times).sum() / samples + 0.5 * mu * ((W**2).sum() + (A**2).sum())
        G = pull * root / samples
        return total, np.concatenate([(G @ A.T + mu * W).ravel(), (W.T @ G + mu * A).ravel(), (pull @ times) / samples])

    options = {"maxiter": 20000, "maxfun": 40000, "ftol": 0.0, "gtol": 1e-12, "maxcor": 30}
    x = minimize(value, x0, jac=True, method="L-BFGS-B", options=options).x
    W, A, b = x[: K * K].reshape(K, K), x[K * K : -K].reshape(K, M), x[-K:]
    return expit((W @ A) / root + b[:, None]), np.linalg.norm(W @ A)


def means(probabilities, rows, times):
    """Mean probability of each label where it is on, and where it is off."""
    on = (probabilities * rows.T) @ times / (rows.T @ times)
    return on, (probabilities * (1 - rows.T)) @ times / ((1 - rows.T) @ times)


@pytest.mark.parametrize("loss", RULES)
@pytest.mark.parametrize("decay", [0.05, 0.15, 0.4])
def test_uncorrelated_labels_have_these_probabilities(loss, decay):
    forecast = pen.forecast(CHANCE, decay, loss=loss)
    weights = forecast.loss.of(CHANCE)
    found, _ = descent(ROWS, COUNTS, weights, forecast.threshold / 400)
    on, off = means(found, ROWS, COUNTS)
    assert forecast.score_on == pytest.approx(on, abs=2e-6) and forecast.score_off == pytest.approx(off, abs=2e-6)
    assert np.array_equal(forecast.answered, on > 0.5)


@pytest.mark.parametrize("loss", [*RULES, "bce:equal"])
def test_all_features_die_where_it_says_whatever_the_labels(loss):
    forecast = pen.forecast(ANY, 0.1, loss=loss)
    weights, at = forecast.loss.of(ANY), forecast.collapse_weight_decay
    for factor, alive in ((0.98, True), (1.02, False)):
        threshold = pen.forecast(ANY, at * factor, loss=loss).threshold
        _, size = descent(SETS, TIMES, weights, threshold / ANY.samples, start=0.5)
        assert (size > 1e-2) == alive, (factor, size)


def test_without_weights_everything_dies_with_squared_error():
    assert pen.forecast(ANY, 0.1, loss="bce").collapse_weight_decay == pytest.approx(
        pen.forecast(ANY, 0.1).critical_weight_decay[0]
    )


def test_the_square_root_answers_all_labels_up_to_one_decay():
    forecast = pen.forecast(CHANCE, 0.1, loss="bce:sqrt")
    limit = forecast.largest_answering_weight_decay
    assert limit == pytest.approx(0.5)  # λ √c < ½
    for factor, answered in ((0.99, [True, True]), (1.01, [False, False])):
        there = pen.forecast(CHANCE, limit * factor, loss="bce:sqrt")
        on, _ = means(descent(ROWS, COUNTS, there.loss.of(CHANCE), there.threshold / 400)[0], ROWS, COUNTS)
        assert (on > 0.5).tolist() == answered == there.answered.tolist()
    balanced = pen.forecast(CHANCE, 1.0, loss="bce:balanced")
    # The frequent label is lost, and the rare one outlives it.
    assert balanced.answered.tolist() == [False, True] and "over-corrects" in balanced.verdict


def test_equal_deaths_are_equal():
    forecast = pen.forecast(CHANCE, 0.1, loss="bce:equal")
    below, above = (
        pen.forecast(CHANCE, forecast.collapse_weight_decay * factor, loss="bce:equal") for factor in (0.999, 1.001)
    )
    assert below.retained == pytest.approx(1.0, abs=1e-12) and above.retained == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("weight", [1.0, 3.0, 0.4])
def test_samples_to_live_and_to_be_answered(weight):
    """The numbers at which forecasts turn, with the weight held."""

    def forecast(n):
        both = 2500 * n / 10_000
        targets = pen.LabelScatter.from_second_moment([[2500, both], [both, n]], [2500, n], 10_000)
        return pen.forecast(targets, 0.1, loss=pen.losses.BinaryCrossEntropy([1.0, weight]))

    keep, answer = forecast(200).to_keep[1], forecast(200).to_answer[1]
    # Without weights retained is a share of variance, with them it is one or zero.
    assert [forecast(n).retained[1] > 0.5 for n in (keep * 0.99, keep * 1.01)] == [False, True]
    assert [bool(forecast(n).answered[1]) for n in (answer * 0.99, answer * 1.01)] == [False, True]
    assert keep == pytest.approx(100 / weight**2, rel=0.1) and answer == pytest.approx(400 / weight**2, rel=0.2)


@pytest.mark.parametrize("loss", RULES[:3])
@pytest.mark.parametrize("decay", [0.05, 0.1, 0.2])
def test_correlated_labels_have_nearly_these_probabilities(loss, decay):
    forecast = pen.forecast(ANY, decay, loss=loss)
    on, _ = means(descent(SETS, TIMES, forecast.loss.of(ANY), forecast.threshold / ANY.samples)[0], SETS, TIMES)
    assert forecast.score_on == pytest.approx(on, abs=0.02)


def test_weights_for_trainers_are_the_rules():
    n = np.array([100.0, 20.0])
    assert pen.class_weights("auto", CHANCE) == pytest.approx(np.sqrt((400 - n) / n))
    assert pen.class_weights("balanced", CHANCE) == pytest.approx((400 - n) / n)
    counts = pen.ClassCounts([60, 30, 10])
    for how, power in (("auto", 1.0), ("inverse", 1.0), ("power:0.5", 0.5)):
        weights = pen.class_weights(how, counts)
        assert weights @ counts.values == pytest.approx(100) and np.ptp(weights * counts.values**power) < 1e-12
    assert pen.class_weights("effective:0.9", counts)[2] > pen.class_weights("effective:0.9", counts)[0]


BAD = {
    "rule": (lambda: pen.class_weights("best", CHANCE), "unknown rule 'best' for pos_weight: say sqrt"),
    "of counts": (lambda: pen.class_weights("sqrt", [60, 30]), "unknown weights 'sqrt' for class counts"),
    "no number": (lambda: pen.class_weights("power:x", [60, 30]), "'weighted:power:x': 'x' is no number"),
    "no text": (lambda: pen.class_weights(3, [60, 30]), "unknown weights 3 for class counts"),
    "no numbers": (lambda: pen.losses.BinaryCrossEntropy(["x"]), "pos_weight of a loss must be numbers"),
    "unseen": (
        lambda: pen.class_weights("auto", pen.LabelScatter.from_labels([["a"], []], names=["a", "b", "c"])),
        "label 'b' is on in no sample, and 1 more: no weight helps it",
    ),
    "always": (lambda: pen.class_weights("sqrt", pen.LabelScatter.from_labels([["a", "b"], ["a"]])), "'a' is on"),
    "real": (lambda: pen.class_weights("sqrt", pen.LabelScatter.from_targets(ROWS * 3.0)), "have no positives"),
    "real loss": (lambda: pen.forecast(pen.LabelScatter.from_targets(ROWS * 3.0), loss="bce"), "say loss='mse'"),
    "negative": (lambda: pen.losses.BinaryCrossEntropy([-1.0]), "pos_weight of a loss must be positive"),
    "word": (lambda: pen.forecast(CHANCE, loss="bce:often"), "unknown loss 'bce:often': for sigmoids say"),
    "nothing": (lambda: pen.forecast(CHANCE, loss="bce:"), "unknown loss 'bce:'"),
    "zero": (lambda: pen.forecast(CHANCE, loss="bce:0"), "must be positive, got 0"),
    "lengths": (lambda: pen.forecast(CHANCE, loss=pen.losses.BinaryCrossEntropy([1, 2, 3])), "3 weights in"),
    "layers": (lambda: pen.forecast(CHANCE, loss="bce", layers=2), "one layer, a free bias and no width"),
    "width": (lambda: pen.forecast(CHANCE, loss="bce", width=1), "one layer, a free bias and no width"),
    "bias": (lambda: pen.forecast(CHANCE, loss="bce", bias="none"), "one layer, a free bias and no width"),
    "counts": (lambda: pen.forecast([60, 30], loss="bce"), "give LabelScatter.from_counts of the class counts"),
    "equal": (
        lambda: pen.class_weights("equal", pen.LabelScatter.from_labels([["a", "b"]] * 60 + [["a"]] * 37 + [[]] * 3)),
        "label 'a' is on in 97% of the samples",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_is_one_error(case):
    make, words = BAD[case]
    with pytest.raises(pen.ProblemError, match=words):
        make()


def test_the_command_says_what_pos_weight_mends_and_how_pytorch_counts(tmp_path, monkeypatch, capsys):
    np.save(tmp_path / "y.npy", np.repeat(ROWS, COUNTS.astype(int), axis=0))
    status, out, _ = run(monkeypatch, capsys, "forecast", tmp_path / "y.npy", "--loss", "bce", "--weight-decay", "0.15")
    text = " ".join(out.split())
    assert (
        status == 0
        and "With pos_weight √((N − n)/n) every label, taken alone, would be answered up to a weight decay of 0.5"
        in text
    )
    assert "BCEWithLogitsLoss averages over them too, and its weight decay w is 2 w here" in text
    forecast = pen.forecast(CHANCE, 0.15, loss="bce")
    torch = ("--loss", "bce", "--torch-loss", "bce", "--weight-decay", "0.075", "--json", "-")
    _, out, _ = run(monkeypatch, capsys, "forecast", tmp_path / "y.npy", *torch)
    assert f'"threshold": {forecast.threshold}' in out
    _, out, _ = run(monkeypatch, capsys, "forecast", "cifar10-lt", "--loss", "bce:sqrt", "--json", "-")
    assert '"loss": "bce:sqrt"' in out
    for more, words in (
        (("--torch-loss", "bce"), "it is for sigmoids, whose loss is bce"),
        (("--loss", "bce:x"), "unknown loss 'bce:x'"),
    ):
        status, _, err = run(monkeypatch, capsys, "forecast", tmp_path / "y.npy", *more)
        assert status == 2 and words in err


@pytest.mark.parametrize("loss", ["bce", "bce:sqrt"])
def test_a_report_of_sigmoids_that_were_not_solved_says_nothing_of_directions(loss, tmp_path):
    table = pen.LabelScatter.from_second_moment(ANY.second_moment, ANY.positives, ANY.samples)
    forecast = pen.forecast(table, 0.3, loss=loss)
    record = forecast.to_dict()
    assert record["solution"]["survivors"] is None and record["problem"]["loss"] == loss
    assert forecast.charts == ("labels",) and "directions survive" not in forecast.verdict
    forecast.report(tmp_path / "page.html")
    assert "Directions that survive" not in (tmp_path / "page.html").read_text()
    dead = pen.forecast(table, 2 * forecast.collapse_weight_decay, loss=loss)
    assert "all features collapse to zero" in dead.verdict and "only zeros" not in dead.verdict
