"""Audits with other losses than squared error: ideal networks come out ideal, a real one near its own forecast."""

import json

import numpy as np
import pytest

import penultimate as pen
from penultimate.against_forecast import network_objective, total_strength
from penultimate.alignment import LastLayer

COUNTS = pen.ClassCounts([60, 30, 30, 10])


def ideal(loss, decay=2e-2, feature_decay=3e-4, bias="free"):
    problem = pen.Problem.of(decay, loss=loss, feature_decay=feature_decay, bias=bias)
    solution = pen.minimise(COUNTS, problem, gap=1e-11)
    factors = solution.geometry.factors(d=5)
    labels = np.repeat(np.arange(4), COUNTS.values.astype(int))
    head = pen.Head(factors.weights, factors.bias if bias == "free" else None)
    return factors.means[labels], labels, head, solution


@pytest.mark.parametrize("loss", ["ce", "weighted:inverse", "cdt:0.2", "smooth:0.1", "mse:inverse"])
def test_a_minimiser_is_its_own_forecast(loss):
    features, labels, head, _ = ideal(loss)
    audit = pen.audit(features, labels, head=head, weight_decay=2e-2, loss=loss)
    layer = audit.layer
    assert layer.calibration.by_norms == pytest.approx(3e-4, rel=1e-5)
    assert layer.calibration.by_strengths[1] == pytest.approx(3e-4, rel=5e-3)
    assert layer.product_cosine == pytest.approx(1, abs=1e-5)
    assert layer.gram_cosines == pytest.approx((1, 1), abs=1e-4)
    assert layer.excess == pytest.approx(0, abs=1e-7)
    assert layer.bias_error < 1e-2
    assert layer.fits_loss
    np.testing.assert_allclose(layer.alignment.strength, layer.forecast_strength, rtol=1e-2)
    assert f"the minimiser of its own loss ({loss})" in audit.verdict
    assert "squared error" not in audit.verdict
    record = json.loads(json.dumps(audit.to_dict(), allow_nan=False))
    assert record["alignment"]["fits_loss"] is True
    assert record["calibration"]["loss"] == loss


def test_the_networks_objective_is_written_out():
    """Loss and decays sample by sample, for a head and features that are no minimiser."""
    rng = np.random.default_rng(0)
    means, weight, bias = rng.standard_normal((4, 3)), rng.standard_normal((4, 3)), rng.standard_normal(4)
    layer = LastLayer(COUNTS, means, pen.Head((weight,), bias), None)
    problem = pen.Problem.of(2e-2, loss="ce", feature_decay=1e-3)
    n = COUNTS.values
    centred = means - n @ means / n.sum()
    value = 0.0
    for k in range(4):
        logits = weight @ means[k] + bias
        value += n[k] / n.sum() * (np.log(np.exp(logits).sum()) - logits[k])
    value += 1e-2 * np.sum(weight**2) + 5e-4 * np.sum(n[:, None] * centred**2)
    assert network_objective(layer, problem) == pytest.approx(value, rel=1e-12)
    assert total_strength(layer) == pytest.approx(np.linalg.norm(weight @ centred.T * np.sqrt(n), "nuc"), rel=1e-12)


def test_the_bundled_cross_entropy_network():
    """Figures of the docs: Gram matrices near their forecast's, the objective a quarter above the minimum."""
    audit = pen.audit("cnn-ce", weight_decay=5e-4, loss="ce")
    layer = audit.layer
    assert layer.fits_loss
    assert layer.gram_cosines == pytest.approx((0.922, 0.961), abs=2e-3)
    assert layer.product_cosine == pytest.approx(0.989, abs=1e-3)
    assert layer.excess == pytest.approx(0.234, abs=5e-3)
    measured, expected = layer.layer.head.product, layer.forecast.geometry.head_norms
    assert np.corrcoef(np.linalg.norm(measured, axis=1), expected)[0, 1] > 0.9
    assert np.isnan(layer.alignment.budget.decay).all()
    assert not layer.weaker.any()


def test_another_loss_is_noticed():
    """A head that points elsewhere than any minimiser of cross-entropy."""
    rng = np.random.default_rng(1)
    labels = np.repeat(np.arange(4), [60, 30, 30, 10])
    features = rng.standard_normal((130, 6)) + rng.standard_normal((4, 6))[labels]
    audit = pen.audit(features, labels, head=pen.Head((rng.standard_normal((4, 6)),), np.zeros(4)), loss="ce")
    assert not audit.layer.fits_loss
    assert "trained with another loss, or not to the end" in audit.verdict


def test_several_layers_are_refused():
    features, labels, _, _ = ideal("ce")
    head = pen.Head((np.eye(5), np.ones((4, 5))), np.zeros(4))
    with pytest.raises(pen.ProblemError, match="needs a head of one layer, got 2"):
        pen.audit(features, labels, head=head, loss="ce")


def test_calibrations_of_such_audits_forecast():
    audit = pen.audit("cnn-ce", weight_decay=5e-4, loss="ce")
    forecast = audit.calibration.forecast(audit.counts, (5e-2,))
    assert forecast.problem.loss == "ce"
    assert forecast.band is None or forecast.band[0].survivors == forecast.band[1].survivors


def test_the_page_names_the_loss_and_draws_its_forecast(tmp_path):
    path = tmp_path / "audit.html"
    audit = pen.audit("cnn-ce", weight_decay=5e-4, loss="ce")
    audit.report(path)
    page = path.read_text(encoding="utf-8")
    assert "the minimiser of its own loss (ce)" in page and "by total strength" in page
    assert "squared error leaves" not in page and "lower quartile" not in page
