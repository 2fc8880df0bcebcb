"""The goal for a consistent loss against population losses minimised freely, and the samples that weights leave."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

import penultimate as pen
from penultimate.advice import loss as loss_advice
from penultimate.advice.families import SOFTMAX, SQUARED
from penultimate.advice.figures import Figures
from penultimate.advice.goals import Goal
from penultimate.advice.loss import advise_loss
from penultimate.advice.status import Reason, Status
from penultimate.losses import CrossEntropy, SquaredError, resolve
from penultimate.losses.consistency import effective_share, is_consistent
from penultimate.report.advice.loss_words import loss_words

SIX = pen.ClassCounts([400, 200, 90, 40, 20, 10])
FOUR = pen.ClassCounts([1000, 200, 40, 5])
N = FOUR.values
BIASED, GENTLE = np.log(N / N.sum()), N**-0.3
LOSSES = {
    "la:1": True,
    "vs:0:1": True,
    "weighted:inverse": True,
    "weighted:power:1": True,
    "mse:inverse": True,
    "weights 0.3 and offsets 0.7": True,
    "doubled scales": True,
    "smoothed weights": True,
    "ce": False,
    "mse": False,
    "smooth": False,
    "la:0.5": False,
    "la:2": False,
    "weighted:power:0.5": False,
    "mse:power:0.5": False,
    "cdt:0.3": False,
    "vs:0.3:1": False,
    "ldam:4": False,
    "smoothed offsets": False,
}
OWN = {
    "weights 0.3 and offsets 0.7": CrossEntropy(weights=GENTLE, offsets=0.7 * BIASED),
    "doubled scales": CrossEntropy(scales=[2.0] * 4, offsets=BIASED),
    "smoothed weights": CrossEntropy(weights=1.0 / N, smoothing=0.3),
    "smoothed offsets": CrossEntropy(offsets=BIASED, smoothing=0.3),
}


def written_out(loss, scores):
    """The loss of one input for each label, and its slopes, from its formula."""
    own = np.eye(scores.size)  # a row a label
    weights = loss.vectors.get("weights", np.ones(scores.size))
    if isinstance(loss, SquaredError):
        return weights * 0.5 * np.sum((scores - own) ** 2, axis=1), weights[:, None] * (scores - own)
    scales = loss.vectors.get("scales", 1.0)
    v = scores * scales + loss.vectors.get("offsets", 0.0)
    v = v - own * loss.vectors.get("margins", np.zeros(scores.size))
    wanted = (1.0 - loss.smoothing) * own + loss.smoothing / scores.size
    total = np.logaddexp.reduce(v, axis=1)
    slopes = weights[:, None] * (np.exp(v - total[:, None]) - wanted) * scales
    return weights * (total - np.sum(wanted * v, axis=1)), slopes


def best_scores(loss, posterior):
    """The scores of least mean loss at an input, proven stationary by the package's own derivatives."""
    scale = posterior @ loss.vectors.get("weights", np.ones(posterior.size))

    def mean(scores):
        values, slopes = written_out(loss, scores)
        return posterior @ values / scale, posterior @ slopes / scale

    found = minimize(mean, np.zeros(posterior.size), jac=True, tol=1e-12)
    slopes = loss.slopes(np.tile(found.x, (posterior.size, 1)), np.arange(posterior.size), FOUR)
    assert np.abs(posterior @ slopes).max() < 1e-3 * (posterior @ np.abs(slopes)).max()
    return found.x


@pytest.mark.parametrize(("name", "consistent"), LOSSES.items())
def test_least_population_loss_decides_by_the_balanced_posterior(name, consistent):
    """Twelve problems of three inputs: scores are free at each, and only the argmax is compared."""
    loss = resolve(OWN.get(name, name), FOUR)
    rng = np.random.default_rng(11)
    agree = []
    for _ in range(12):
        given_class = rng.dirichlet(np.ones(3), size=4).T
        for likelihood in given_class:
            joint = likelihood * N / N.sum()
            if np.sort(likelihood)[-1] - np.sort(likelihood)[-2] < 0.02:
                continue  # a tie to within what the minimiser can tell
            agree.append(np.argmax(best_scores(loss, joint / joint.sum())) == np.argmax(likelihood))
    assert len(agree) > 25
    assert is_consistent(loss, FOUR) is consistent
    assert all(agree) if consistent else not all(agree)


def test_every_family_is_consistent_at_its_noted_strength_and_at_no_other():
    for family in (*SOFTMAX, *SQUARED):
        for strength in (0.0, 0.3, 0.9, 1.1, family.strongest):
            assert not is_consistent(family.loss(strength), FOUR)
        if family.consistent is not None:
            named, by_pattern = family.loss(family.consistent), family.pattern.format(s=family.consistent)
            assert named == family.known_as and is_consistent(by_pattern, FOUR)
            for what, vector in resolve(by_pattern, FOUR).vectors.items():
                known = resolve(named, FOUR).vectors[what]
                np.testing.assert_allclose(known / known[0], vector / vector[0], rtol=1e-12)


def test_classes_without_samples_take_no_part():
    counts = pen.ClassCounts([90, 0, 10])
    assert is_consistent("weighted:inverse", counts) and is_consistent("la:1", counts)
    assert effective_share("weighted:inverse", counts) == pytest.approx(0.36)
    assert is_consistent("ce", pen.ClassCounts([50, 50, 0])) and is_consistent("ce", pen.ClassCounts([104, 100]))
    assert not is_consistent("ce", pen.ClassCounts([106, 100]))


@given(st.lists(st.tuples(st.integers(1, 300), st.floats(1e-3, 1e3)), min_size=2, max_size=8))
def test_effective_share_is_that_of_explicit_sample_weights(classes):
    values, weights = (np.array(part) for part in zip(*classes, strict=True))
    counts = pen.ClassCounts(values)
    for loss in (CrossEntropy.weighted(weights), SquaredError(weights=weights)):
        each = np.repeat(weights, values)
        assert effective_share(loss, counts) == pytest.approx(each.sum() ** 2 / (each.size * (each**2).sum()))
    assert effective_share(CrossEntropy(offsets=weights), counts) == 1.0


@pytest.mark.parametrize(
    "loss", ["la:1", "weighted:inverse", "weighted:power:1", "vs:0:1", "mse:inverse", "mse:power:1"]
)
def test_a_consistent_loss_is_kept_though_it_turns_margins_round(loss):
    now = pen.forecast(SIX, 2e-2, loss=loss, feature_ratio=1.0)
    assert now.over_corrects is not loss.startswith("mse")
    advice = advise_loss(now, Goal.CONSISTENT)
    assert (advice.status, advice.chosen, advice.after, advice.options) == (Status.KEEP, None, None, ())
    text, cost = loss_words(advice)
    assert ("largest class then has a smaller margin" in text) is now.over_corrects and cost == ""
    assert ("It gives every sample the same weight" in text) is (loss in ("la:1", "vs:0:1"))
    assert ("Logit adjustment ('la:1')" in text) is loss.startswith("weighted")


@pytest.mark.parametrize("loss", ["ce", "la:0.5", "la:2", "weighted:power:0.5", "cdt:0.1", "ldam:1", "smooth"])
def test_any_other_loss_gives_way_to_logit_adjustment(loss):
    now = pen.forecast(SIX, 2e-2, loss=loss, feature_ratio=1.0)
    advice = advise_loss(now, Goal.CONSISTENT)
    assert (advice.status, advice.reason, advice.chosen) == (Status.CHANGE, None, "la:1")
    assert [(option.loss, option.met) for option in advice.options] == [("la:1", True), ("weighted:inverse", True)]
    assert advice.after.over_corrects and advice.missing is None
    assert advice.effective_samples == (effective_share(loss, SIX), 1.0)
    assert advice.options[1].effective_samples == pytest.approx(36 / (760 * np.sum(1 / SIX.values)))
    text, _ = loss_words(advice)
    assert ("changes nothing but the bias" in text) == (loss in ("ce", "la:0.5", "la:2"))
    assert "Do not adjust the logits after training as well" in text and "is no objection" in text
    plain, then = (
        Figures.from_forecast(pen.forecast(SIX, 2e-2, loss="ce", feature_ratio=1.0)),
        Figures.from_forecast(advice.after),
    )
    ratios = [figures.many_margin / figures.strength for figures in (then, plain)]
    assert advice.many_cost == pytest.approx(1 - ratios[0] / ratios[1]) and advice.many_cost > 0
    assert advice.after.solution.certificate.relative_gap < 1e-8


def test_squared_error_stays_with_squared_error():
    advice = advise_loss(pen.forecast(SIX, 2e-2, feature_ratio=1.0), Goal.CONSISTENT)
    assert [option.loss for option in advice.options] == ["mse:inverse"] == [advice.chosen]
    assert "adjust the logits" not in loss_words(advice)[0]


def test_with_a_free_bias_logit_adjustment_leaves_the_geometry_alone():
    advice = advise_loss(pen.forecast(SIX, 2e-2, loss="ce", feature_ratio=1.0), Goal.CONSISTENT)
    before, after = advice.before.geometry, advice.after.geometry
    for gram in ("mean_gram", "head_gram"):
        one, other = (getattr(geometry, gram).dense() for geometry in (before, after))
        np.testing.assert_allclose(one, other, atol=1e-3 * np.abs(one).max())
        cosines = [g / np.sqrt(np.outer(np.diag(g), np.diag(g))) for g in (one, other)]
        np.testing.assert_allclose(*cosines, atol=1e-3)
    moved = after.bias - before.bias + np.log(SIX.values)
    np.testing.assert_allclose(moved, moved.mean(), atol=1e-3)


def test_without_a_bias_keeping_directions_goes_before_samples():
    advice = advise_loss(
        pen.forecast(pen.ClassCounts([900, 30, 10]), 0.5, loss="ce", bias="none", feature_ratio=1.0), Goal.CONSISTENT
    )
    assert advice.chosen == "weighted:inverse" and advice.after.survivors >= advice.target.plain.survivors
    passed = advice.options[1]
    assert (passed.loss, passed.met, passed.keeps_directions, passed.effective_samples) == ("la:1", False, False, 1.0)
    text, _ = loss_words(advice)
    assert (
        "la:1 makes directions vanish" in text and "nothing but" not in text and "Lower the weight decay first" in text
    )


def test_where_every_consistent_loss_loses_directions_none_is_advised(monkeypatch):
    made = loss_advice.design
    monkeypatch.setattr(loss_advice, "design", lambda *given: replace(made(*given), keeps_directions=False))
    advice = advise_loss(pen.forecast(SIX, 2e-2, feature_ratio=1.0), Goal.CONSISTENT)
    assert (advice.status, advice.chosen) == (Status.OUT_OF_REACH, None)
    assert "Lower the weight decay first" in loss_words(advice)[0]


def test_many_counts_are_compared_coarsely_and_solved_as_they_are(monkeypatch):
    monkeypatch.setattr(loss_advice, "_EXACT", 5)
    monkeypatch.setattr(loss_advice, "_COARSE", 3)
    advice = advise_loss(pen.forecast(SIX, 2e-2, loss="ce", feature_ratio=1.0), Goal.CONSISTENT)
    assert (advice.chosen, advice.searched, advice.after.counts) == ("la:1", 3, SIX)
    assert advice.after.solution.certificate.relative_gap < 1e-8
    monkeypatch.setattr(loss_advice, "_MOST", 5)
    assert advise_loss(pen.forecast(SIX, feature_ratio=1.0), Goal.CONSISTENT).reason is Reason.MANY_COUNTS


@pytest.mark.parametrize("loss", ["ce", "mse"])
def test_it_is_what_the_command_and_the_function_wish_by_default(penultimate, counts_file, loss):
    status, out, _ = penultimate("advise", counts_file, "--loss", loss, "--json", "-")
    record = json.loads(out)["loss"]
    assert (
        status == 0 and record["goal"] == "consistent" and record["loss"] == {"ce": "la:1", "mse": "mse:inverse"}[loss]
    )
    assert record["missing"] == {"before": None, "after": None}
    assert record["effective_samples"]["before"] == 1.0
    assert record["options"][0]["effective_samples"] == pytest.approx(record["effective_samples"]["after"])
    assert record["options"][0]["missing"] is None and record["options"][0]["met"]
    counts = pen.ClassCounts.read(counts_file)
    assert record == json.loads(json.dumps(pen.advise(counts, loss=loss).to_dict()))["loss"]
