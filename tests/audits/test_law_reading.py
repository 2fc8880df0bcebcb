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


def planted(decay: float, power: float = 0.7, growth: float = 0.8, share: float = 0.6, spread: float = 0.0) -> Run:
    """A run that obeys a law, with twelve directions."""
    sigma = np.geomspace(40.0, 3.0, 12)
    level = 0.6 * (decay / 1e-3) ** growth * np.exp(spread * np.cos(np.arange(12)))
    t = np.zeros(12)
    for i in range(12):
        grid = np.linspace(1e-3, 1.0, 200001) * sigma[i]
        alive = np.flatnonzero(grid + level[i] * grid ** (power - 1) <= sigma[i])
        t[i] = grid[alive[-1]] if alive.size else 1e-3 * sigma[i]
    pull = sigma - t
    columns = (sigma, np.ones(12), t, np.where(t > 0.01 * sigma, 0.9, 0.1), pull, share * pull, 0.01 * pull)
    return Run(decay, 5000.0, *(tuple(column.tolist()) for column in columns))


def test_power_and_level_of_a_planted_law_are_read_off_one_run():
    run = planted(1e-3)
    law = read_law((run,))
    assert run.power == pytest.approx(0.7, abs=1e-3) and law.power == pytest.approx(0.85, abs=1e-3)
    assert law.decay_share == pytest.approx(0.6)
    np.testing.assert_allclose(law.strength(np.array(run.sigma), np.array([1e-3]), 5000.0)[0], run.strength, rtol=0.02)
    assert law.growth == (pytest.approx(1 - 0.4**2), 1.0)  # beyond a hundred times the decay it is theory's
    assert law.knots == pytest.approx((1e-3, 1e-1)) and law.rise == pytest.approx(law.growth[0])
    assert law.levels[1] - law.levels[0] == pytest.approx((1 - 0.4**2) * np.log(100))


def test_two_runs_say_how_a_planted_law_grows():
    one, other, third = planted(1e-3, spread=0.2), planted(4e-3, spread=0.2), planted(1.6e-2, spread=0.2)
    law = read_law((other, one))
    sigma = np.array(one.sigma)
    assert law.audited == (1e-3, 4e-3)
    for run in (one, other):
        alive = np.array(run.strength) > 0.5 * sigma
        found = law.strength(sigma, np.array([run.decay]), 5000.0)[0]
        np.testing.assert_allclose(found[alive], np.array(run.strength)[alive], rtol=0.08)
    # What two runs say of growth holds up to a hundred times the upper one, and theory's 1 beyond.
    assert law.knots == pytest.approx((1e-3, 4e-3, 0.4)) and law.growth[1] == 1.0
    assert law.rise == pytest.approx((0.8 + 1 - 0.4**2) / 2, abs=0.1)
    found = law.strength(sigma, np.array([third.decay]), 5000.0)[0]
    assert np.mean((found > 0) == (np.array(third.strength) > 0.1 * sigma)) > 0.8


def test_where_decay_takes_little_the_rest_stays_as_it_is():
    law = read_law((planted(1e-3, share=0.02),))
    assert law.knots[-2] == pytest.approx(1e-3 * 0.3 / 0.7 * 0.98 / 0.02)
    # What decay does not take stays 0.98 of what was lost at the audited decay, and decay's part grows with it.
    for knot, level in zip(law.knots[:-1], law.levels[:-1], strict=True):
        assert level - law.levels[0] == pytest.approx(np.log(0.98 + 0.02 * knot / 1e-3))
    assert law.growth[0] == 0.05 < law.growth[1]


def test_where_decay_takes_all_scatter_slows_nothing():
    """A slope above zero is scatter's doing only as far as scatter takes part."""
    rising = {share: planted(1e-3, power=1.4, share=share) for share in (0.5, 1.0)}
    assert all(run.power > 1.25 for run in rising.values())
    slowed, whole = (read_law((rising[share],)) for share in (0.5, 1.0))
    assert whole.growth == (1.0, 1.0) and slowed.growth[0] == pytest.approx(0.75 * (1 - 0.75 * 0.75))


def test_a_weak_direction_on_which_head_and_means_agree_keeps_its_own():
    """Two directions at a sixth of σ, of one the network's own strength and of the other chance."""
    run = planted(8e-3)
    sigma, strength, cosine = (np.array(part) for part in (run.sigma, run.strength, run.cosine))
    strength[-2:], cosine[-2:] = sigma[-2:] / 6, (0.9, 0.1)
    law = read_law((replace(run, strength=tuple(strength), cosine=tuple(cosine), pull=tuple(sigma - strength)),))
    exact = np.log((sigma - strength) * strength ** (1 - law.power)) - law.levels[0]
    last_root = (1 - law.power) / (2 - law.power)
    assert law.power < 1 and last_root < 1 / 6
    assert law.own[0][-2] == pytest.approx(0.8 * exact[-2]) and law.own[0][-1] == pytest.approx(0.0)
    assert not any(law.learnt[-2:])


def test_a_direction_seen_dead_is_dead_at_that_decay():
    run = planted(1.6e-2)
    gone = np.array(run.strength) < 0.1 * np.array(run.sigma)
    found = read_law((run,)).strength(np.array(run.sigma), np.array([run.decay]), 5000.0)[0]
    assert gone.any() and not gone.all() and np.array_equal(found == 0, gone)


def test_a_budget_that_does_not_close_falls_back_and_says_so():
    run = replace(planted(1e-3), unsettled=tuple(0.8 * np.array(planted(1e-3).pull)))
    law = read_law((run,))
    assert law.decay_share is None and law.growth == (0.6, 1.0)
    calibration = replace(pen.audit("cnn-mse").calibration, runs=(run,), samples=5000.0)
    verdict = calibration.forecast(pen.ClassCounts([4000, 900, 100])).verdict
    assert "its budget does not close, so what is lost is taken to grow at a usual rate, like λ^0.60" in verdict
    assert law.to_dict()["growth"] == pytest.approx([0.6, 0.6])


def test_words_say_from_where_on_the_law_is_a_guess(tmp_path):
    """The bundled network's run says p > 1: slow growth within its reach, and no more than theory beyond."""
    calibration, counts = pen.audit("cnn-mse").calibration, pen.datasets.counts("fashion-mnist-lt")
    assert calibration.law.rise == pytest.approx(0.15) and calibration.law.growth[1] == 1.0
    guess = "Above a weight decay of 0.05, 100 times the audited one, it is a guess."
    found = calibration.forecast(counts)
    found.report(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert guess in found.verdict and "<td>survives</td>" in page and "λ^0.15" in page and "λ^1.00" not in page
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
