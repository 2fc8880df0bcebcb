"""The law of strengths: on the solvable network by descent, read off planted runs, and what is refused."""

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from scipy.optimize import minimize

import penultimate as pen
from penultimate.audits.alignment import align
from penultimate.audits.calibration import Calibration
from penultimate.audits.last_layer import LastLayer
from penultimate.audits.law_reading import Run, read_law
from penultimate.features.head import Head
from penultimate.model.strength_law import Paths

COUNTS = pen.ClassCounts([60, 30, 12, 6])
# Means and scatter of the inputs along each direction of the label matrix.
MEANS, SCATTER = np.array([3.0, 2.0, 2.5]), np.array([0.02, 0.05, 0.03])


def descended(depth: int, decay: float, start: list[np.ndarray]) -> list[np.ndarray]:
    """Weights of a linear network on Gaussian classes, by L-BFGS on all of its layers."""
    svd, samples = pen.LabelSpectrum(COUNTS), COUNTS.samples
    right, left = svd.vectors("right"), svd.vectors("left")
    inputs = np.sqrt(samples) * np.diag(MEANS) @ right.T  # X̄ D, one row a direction
    target = left @ np.diag(svd.sigma) @ right.T
    noise = np.diag(SCATTER)
    shapes = [weight.shape for weight in start]
    ends = np.cumsum([weight.size for weight in start])[:-1]

    def parts(flat):
        return [piece.reshape(shape) for piece, shape in zip(np.split(flat, ends), shapes, strict=True)]

    def loss(flat):
        layers = parts(flat)
        before = [np.eye(3)]
        for layer in layers:
            before.append(layer @ before[-1])
        product = before[-1]
        residual = product @ inputs - target
        value = np.sum(residual**2) / (2 * samples) + np.trace(product @ noise @ product.T) / 2
        slope = residual @ inputs.T / samples + product @ noise
        gradients, after = [], np.eye(4)
        for place in reversed(range(depth)):
            gradients.insert(0, after.T @ slope @ before[place].T + decay * layers[place])
            after = after @ layers[place]
        return value + decay / 2 * flat @ flat, np.concatenate([one.ravel() for one in gradients])

    flat = np.concatenate([weight.ravel() for weight in start])
    found = minimize(loss, flat, jac=True, method="L-BFGS-B", options={"maxiter": 5000, "ftol": 1e-16, "gtol": 1e-11})
    return parts(found.x)


def begun(depth: int, seed: int = 0) -> list[np.ndarray]:
    """Layers near those that fit the labels, in random frames, with noise."""
    rng, svd = np.random.default_rng(seed), pen.LabelSpectrum(COUNTS)
    gain = (svd.sigma / (np.sqrt(COUNTS.samples) * MEANS)) ** (1 / depth)
    frames = [np.eye(3), *(np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(depth - 1)), svd.vectors("left")]
    exact = [after @ np.diag(gain) @ before.T for before, after in pairwise(frames)]
    return [weight + 0.02 * rng.normal(size=weight.shape) for weight in exact]


def measured(layers: list[np.ndarray], decay: float) -> Run:
    """What an audit sees of it: the features are what all layers but the last make."""
    svd = pen.LabelSpectrum(COUNTS)
    body = np.linalg.multi_dot([*reversed(layers[:-1]), np.eye(3)])
    inputs = np.sqrt(COUNTS.samples) * (MEANS[:, None] * svd.vectors("right").T) / np.sqrt(COUNTS.values)
    layer = LastLayer(COUNTS, (body @ inputs).T, Head((layers[-1],), np.zeros(4)), body @ np.diag(SCATTER) @ body.T)
    return Run.from_alignment(align(layer, svd, decay), COUNTS.samples, (decay,))


@pytest.mark.parametrize("depth", [2, 3])
def test_a_linear_network_on_gaussian_classes_obeys_the_law(depth):
    """σ = t(1 + ν) + Nλ a^{−p} t^{p−1}, p = 2/D, and its budget closes with these two parts (docs/theory §15)."""
    decay, samples = 0.01, COUNTS.samples
    run = measured(descended(depth, decay, begun(depth)), decay)
    sigma, t, p = np.array(run.sigma), np.array(run.strength), 2 / depth
    scale = np.sqrt(samples) * MEANS
    to_noise, to_decay = samples * SCATTER / scale**2 * t, samples * decay * scale**-p * t ** (p - 1)
    np.testing.assert_allclose(sigma, t + to_noise + to_decay, rtol=1e-6)
    np.testing.assert_allclose(run.to_decay, to_decay, rtol=1e-4)
    np.testing.assert_allclose(run.unsettled, 0.0, atol=1e-5)
    if depth == 2:
        np.testing.assert_allclose(t, (sigma - samples * decay / scale) / (1 + SCATTER / MEANS**2), rtol=1e-6)


def test_training_follows_a_strength_down_to_where_its_root_ends():
    """Three layers, decay raised step by step: the direction that dies first lives until both roots meet."""
    p, scale, samples = 2 / 3, np.sqrt(COUNTS.samples) * MEANS, COUNTS.samples
    sigma, noise = pen.LabelSpectrum(COUNTS).sigma, 1 + SCATTER / MEANS**2
    # x (1 + ν) + C x^{p−1} has its least value where both roots meet.
    edge = (1 - p) / (2 - p) * sigma / noise
    critical = (sigma - edge * noise) * edge ** (1 - p) * scale**p / samples
    first = int(np.argmin(critical))
    layers = begun(3)
    for factor in (0.5, 0.9, 0.98):
        layers = descended(3, factor * critical[first], layers)
    assert measured(layers, 1.0).strength[first] > 0.25 * sigma[first]
    layers = descended(3, 1.05 * critical[first], [layer + 1e-3 for layer in layers])
    assert measured(layers, 1.0).strength[first] < 0.01 * sigma[first]


def planted(decay: float, share: float = 0.6) -> Run:
    """A run of twelve directions on paths of the law: at λ = 10^−3 each has lost 1.2.

    The share that decay takes of what is lost is as given there, and grows with the weight decay as the law says.
    """
    sigma = np.geomspace(40.0, 3.0, 12)
    start = 1 - 1.2 / sigma
    e = np.full(12, share)
    paths = Paths(0.85, 0.5, np.full(12, np.log(1e-3)), start, e, e)
    t = sigma * np.maximum(paths.at(np.full((1, 12), np.log(decay)))[0], 1e-3)
    pull = sigma - t
    columns = (sigma, np.ones(12), t, np.where(t > 0.01 * sigma, 0.9, 0.1), pull, share * pull, 0.01 * pull)
    return Run(decay, 1, 5000.0, *(tuple(column.tolist()) for column in columns))


def test_a_planted_law_is_read_off_one_run():
    run, later = planted(1e-3), planted(4e-3)
    law = read_law((run,))
    assert (law.power, law.scatter) == (0.85, 0.5) and law.decay_share == pytest.approx(0.6)
    assert law.rise == pytest.approx(0.6)
    for one in (run, later):
        found = law.strength(np.array(run.sigma), np.array([one.decay]), 5000.0)[0]
        np.testing.assert_allclose(found, np.where(np.array(one.strength) > 1, one.strength, 0.0), rtol=1e-9, atol=1e-9)
    assert all(law.learnt) and law.exponent == law.below


def test_two_runs_are_both_met_and_the_later_one_says_what_comes():
    one, other = planted(1e-3), planted(4e-3, share=0.3)
    law, sigma = read_law((other, one)), np.array(one.sigma)
    assert law.audited == (1e-3, 4e-3)
    met = law.strength(sigma, np.array([one.decay, other.decay]), 5000.0)
    for found, run in zip(met, (one, other), strict=True):
        steep = np.array(law.below) == 1.0
        np.testing.assert_allclose(found[~steep], np.array(run.strength)[~steep], rtol=1e-6)
    assert np.mean(np.array(law.below) < 1.0) > 0.5 and np.all(np.array(law.below) >= 1e-3)
    assert law.rise == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("layers", "slope", "share", "frozen"), [(1, 0.0, 0.5, 0), (1, 0.3, 0.0, 1), (2, 0.3, 0.5, 0.75), (1, 0.3, 1.0, 0)]
)
def test_scatter_that_rises_with_strength_is_that_of_frozen_features(layers, slope, share, frozen):
    """Then p goes towards that of one layer, 2, and q to 0, the less so the more decay takes."""
    t = np.array(planted(1e-3).strength)
    pull = 0.2 * t[0] * (t / t[0]) ** slope
    changes = {"sigma": t + pull, "pull": pull, "to_decay": share * pull, "unsettled": np.zeros(12)}
    run = replace(planted(1e-3), **{name: tuple(column.tolist()) for name, column in changes.items()}, layers=layers)
    law = read_law((run,))
    assert run.slope == pytest.approx(slope, abs=1e-12) and law.scatter == pytest.approx(0.5 * (1 - frozen))
    assert law.power == pytest.approx(1.7 / (layers + 1) + frozen)


def test_a_direction_that_was_not_learnt_dies_where_its_singular_value_says():
    """Of three weak directions one fades by what is left of it, one is chance, and one that lives is kept alive."""
    run = planted(4e-3)
    sigma, strength, cosine = (np.array(part) for part in (run.sigma, run.strength, run.cosine))
    strength[-3:], cosine[-3:] = sigma[-3:] / np.array([20.0, 20.0, 8.0]), (0.9, 0.1, 0.1)
    run = replace(run, strength=tuple(strength), cosine=tuple(cosine), pull=tuple(sigma - strength))
    law = read_law((run,))
    death = np.log(law.critical(sigma, 5000.0))
    _, e, unit = law.usual
    assert not any(law.learnt[-3:]) and all(law.learnt[:-3])
    assert death[-3] == pytest.approx(np.log(4e-3) + 0.3 / e * np.log(0.5))
    usual = unit + (np.log(sigma) - np.log(5000.0) / 2) / e
    assert death[-2] == pytest.approx(min(usual[-2], np.log(4e-3) - 1e-3))
    assert death[-1] == pytest.approx(max(usual[-1], np.log(4e-3) + 1e-3))
    assert unit == pytest.approx(np.median((death - usual + unit)[np.array(run.learnt)]))


def test_a_direction_seen_dead_is_dead_at_that_decay():
    run = planted(8e-3)
    gone = np.array(run.strength) < 0.1 * np.array(run.sigma)
    found = read_law((run,)).strength(np.array(run.sigma), np.array([run.decay]), 5000.0)[0]
    assert gone.any() and not gone.all() and np.array_equal(found == 0, gone)


def test_a_budget_that_does_not_close_falls_back_and_says_so():
    run = replace(planted(1e-3), unsettled=tuple(0.8 * np.array(planted(1e-3).pull)))
    law = read_law((run,))
    assert law.decay_share is None and law.rise == 0.6 and set(law.exponent) == {0.6}
    calibration = replace(pen.audit("cnn-mse").calibration, runs=(run,), samples=5000.0)
    verdict = calibration.forecast(pen.ClassCounts([4000, 900, 100])).verdict
    assert "its budget does not close, so what is lost is taken to grow at a usual rate, like λ^0.60" in verdict
    assert law.to_dict()["growth"] == 0.6


def test_words_say_from_where_on_the_law_is_a_guess(tmp_path):
    calibration, counts = pen.audit("cnn-mse").calibration, pen.datasets.counts("fashion-mnist-lt")
    assert calibration.law.rise == 0.6
    guess = "Above a weight decay of 0.05, 100 times the audited one, it is a guess."
    found = calibration.forecast(counts)
    found.report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert guess in found.verdict and "<td>survives</td>" in page and "λ^0.60" in page
    assert guess in calibration.forecast(counts, (0.1,)).verdict
    near = replace(calibration, runs=(planted(1e-3),), samples=5000.0, weight_decay=(1e-3,))
    assert "is a guess" not in near.forecast(pen.ClassCounts([4000, 900, 100]), (1e-2,)).verdict


def test_a_network_that_learnt_nothing_has_no_law():
    run = planted(1e-3)
    empty = replace(run, strength=(1e-6,) * 12, pull=run.sigma)
    assert read_law((empty,)) is None
    trained = pen.audit("cnn-mse").calibration
    blank = replace(trained, runs=(empty,), by_strengths=None)
    found = blank.forecast(pen.datasets.counts("fashion-mnist-lt"))
    assert found.problem.law is None and "No law could be read off the network" in found.verdict
    with pytest.raises(pen.ProblemError, match="no law can be read off one of the audits"):
        trained.joined(replace(blank, weight_decay=(1e-2,)))


@pytest.fixture(scope="module")
def audit_json(tmp_path_factory):
    path = tmp_path_factory.mktemp("law") / "audit.json"
    path.write_text(json.dumps(pen.audit("cnn-mse").to_dict()))
    return path


def changed(path, place, **changes):
    record = json.loads(path.read_text())
    record["calibration"] |= changes
    for row in record["alignment"]["directions"]:
        row |= {"measured": row["measured"] * 0.9, "lost": row["lost"] + row["measured"] * 0.1}
    other = path.parent / place
    other.write_text(json.dumps(record))
    return other


def test_the_command_takes_two_audits(penultimate, audit_json):
    other = changed(audit_json, "other.json", weight_decay=[5e-3])
    options = ("--calibrate", audit_json, "--calibrate", other, "--weight-decay", "2e-3")
    status, out, _ = penultimate("forecast", "fashion-mnist-lt", *options, "--json", "-")
    record = json.loads(out)
    assert status == 0 and record["problem"]["law"]["audited_weight_decay"] == [5e-4, 5e-3]
    assert "read off two runs" in record["verdict"] and {row["fate"] for row in record["spectrum"]} == {"survives"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "both audits are of networks trained at weight decay 0.0005"),
        ({"weight_decay": [5e-3], "loss": "ce"}, "the audits differ in their loss (mse and ce)"),
        ({"weight_decay": [5e-3], "samples": 99.0}, "the audits are of other counts"),
        ({"weight_decay": [5e-3, 5e-3]}, "the audits differ in their number of layers (1 and 2)"),
    ],
)
def test_audits_that_do_not_go_together_are_refused(penultimate, audit_json, changes, message):
    other = changed(audit_json, "wrong.json", **changes)
    status, out, err = penultimate("forecast", "fashion-mnist-lt", "--calibrate", audit_json, "--calibrate", other)
    assert status == 2 and out == "" and err.count("\n") == 1 and message in err


def test_three_audits_and_damaged_directions_are_one_error(penultimate, audit_json):
    three = [part for _ in range(3) for part in ("--calibrate", audit_json)]
    status, _, err = penultimate("forecast", "fashion-mnist-lt", *three)
    assert status == 2 and "one audit or two, not 3" in err
    record = json.loads(audit_json.read_text())
    record["alignment"]["directions"][0]["sigma"] = "many"
    path = audit_json.parent / "damaged.json"
    path.write_text(json.dumps(record))
    with pytest.raises(pen.FileError, match="damaged"):
        Calibration.read(path)


def test_an_audit_without_pulls_still_calibrates_by_its_feature_decay(audit_json):
    record = json.loads(audit_json.read_text())
    record["alignment"] = {}
    path = audit_json.parent / "old.json"
    path.write_text(json.dumps({"calibration": record["calibration"]}))
    assert Calibration.read(path).law is None and Calibration.read(audit_json).law is not None
    assert Calibration.read(audit_json) == pen.audit("cnn-mse").calibration


def test_fates_and_intervals_are_those_of_both_ends():
    found = pen.audit("cnn-mse").calibration.forecast(pen.datasets.counts("fashion-mnist-lt"), (5e-2,))
    best, worst = (end.solution.surviving > 0 for end in found.band)
    assert np.array_equal(found.fate == "survives", worst) and np.array_equal(found.fate == "dies", ~best)
    low, high = found.strength_interval.T
    assert np.all((low <= found.solution.strength) & (found.solution.strength <= high))
    low, high = found.critical_interval.T
    assert np.all((low < found.critical_weight_decay) & (found.critical_weight_decay < high))
    rows = found.to_dict()["spectrum"]
    assert [row["fate"] for row in rows] == found.fate.tolist() and rows[0]["strength_interval"][
        0
    ] == found.strength_interval[0, 0]
    assert set(found.group_fate) <= {"survives", "dies", "uncertain"}


def test_the_command_takes_the_audited_weight_decay_where_none_is_given(penultimate, audit_json):
    other = changed(audit_json, "own.json", weight_decay=[5e-3])
    _, out, _ = penultimate("forecast", "fashion-mnist-lt", "--calibrate", other, "--json", "-")
    expected = Calibration.read(other).forecast(pen.datasets.counts("fashion-mnist-lt"))
    assert json.loads(out)["problem"]["weight_decay"] == list(expected.problem.weight_decay) == [5e-3]


@pytest.mark.parametrize("command", [("forecast", "--calibrate"), ("advise", "--audit")])
def test_decays_in_pytorchs_units_are_read_by_the_loss_that_was_audited(penultimate, audit_json, command):
    verb, option = command
    given = (verb, "fashion-mnist-lt", option, audit_json, "--torch-loss", "mse")
    status, out, _ = penultimate(*given, "--weight-decay", "1e-3", "--json", "-")
    assert status == 0 and json.loads(out)["problem"]["weight_decay"] == [pytest.approx(5e-3)]  # times K/2
    status, _, err = penultimate(*given)
    assert status == 2 and "the audited one is taken" in err
    of_entropy = changed(audit_json, "ce.json", loss="ce")
    for torch_loss in ("mse", "bce"):
        options = (option, of_entropy, "--torch-loss", torch_loss, "--weight-decay", "1e-3")
        status, _, err = penultimate(verb, "fashion-mnist-lt", *options)
        assert status == 2 and f"--torch-loss {torch_loss} beside --loss ce" in err
