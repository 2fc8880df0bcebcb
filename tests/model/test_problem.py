"""Decays, conventions, calibration, and every problem that cannot be."""

import math

import numpy as np
import pytest

import penultimate as pen


@pytest.mark.parametrize("decay", [0.0, -1e-3, math.nan, math.inf])
@pytest.mark.parametrize("field", ["weight_decay", "feature_decay", "feature_ratio", "bias"])
def test_decays_must_be_positive_and_finite(field, decay):
    with pytest.raises(pen.ProblemError, match="must be positive and finite"):
        pen.Problem.of(**{field: decay})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": 0}, "at least one linear layer"),
        ({"weight_decay": []}, "at least one linear layer"),
        ({"weight_decay": [1e-3, 1e-3], "layers": 3}, "2 weight decays for 3 layers"),
        ({"width": 0}, "width must be at least 1"),
        ({"bias": "sometimes"}, "unknown bias 'sometimes'"),
        ({"loss": "hinge"}, "unknown loss 'hinge'"),
    ],
    ids=["no-layers", "no-decays", "decays-do-not-fit", "no-width", "unknown-bias", "unknown-loss"],
)
def test_impossible_problems_are_refused(arguments, message):
    with pytest.raises(pen.ProblemError, match=message) as caught:
        pen.Problem.of(**arguments)
    assert isinstance(caught.value, ValueError)


def test_one_decay_serves_every_layer():
    assert pen.Problem.of(1e-3, layers=3).weight_decay == (1e-3, 1e-3, 1e-3)
    assert pen.Problem.of([1e-3, 2e-3]).layers == 2
    assert pen.Problem.of(np.float32(0.5)).weight_decay == (0.5,)


def test_feature_decay_defaults_to_the_balanced_ratio():
    problem = pen.Problem.of(1e-3, feature_ratio=26.0)
    assert problem.resolved_feature_decay(1000.0) == pytest.approx(26e-6)
    assert pen.Problem.of(1e-3, feature_decay=5.0).resolved_feature_decay(1000.0) == 5.0


def test_kappa_survives_decays_whose_product_underflows():
    problem = pen.Problem.of([1e-120, 1e-120, 1e-120], feature_decay=1e-120)
    assert problem.kappa(10.0) == pytest.approx(1e-120, rel=1e-12)


@pytest.mark.parametrize(("loss", "scale"), [("MSELoss", 5.0), ("half_squared_error", 1.0)])
def test_torch_conventions(loss, scale):
    """Gradient of PyTorch's loss plus (w/2)‖W‖² is proportional to that of the model with the translated decay."""
    rng = np.random.default_rng(0)
    samples, classes, d, decay = 30, 10, 4, 3e-3
    features, head = rng.standard_normal((samples, d)), rng.standard_normal((classes, d))
    labels = np.eye(classes)[rng.integers(0, classes, samples)]
    residual = features @ head.T - labels
    # d/dW of mean((WH − Y)²) over all entries, or of half the sum over classes, mean over samples
    factor = 2.0 / (samples * classes) if loss == "MSELoss" else 1.0 / samples
    torch_gradient = factor * residual.T @ features + decay * head
    translated = pen.Problem.from_torch(decay, loss=loss, classes=classes).weight_decay[0]
    model_gradient = residual.T @ features / samples + translated * head
    np.testing.assert_allclose(torch_gradient * scale, model_gradient)


def test_torch_losses():
    with pytest.raises(pen.ProblemError, match="unknown PyTorch loss"):
        pen.Problem.from_torch(1e-3, loss="NLLLoss", classes=10)
    problem = pen.Problem.from_torch(1e-3, loss="CrossEntropyLoss", classes=10)
    assert (problem.loss, problem.weight_decay) == ("ce", (1e-3,))


def test_calibration_recovers_the_decay_of_a_minimiser():
    counts = pen.ClassCounts([6, 4, 3])
    for layers in (1, 2):
        truth = pen.Problem.of(2e-2, layers=layers, feature_decay=7e-4)
        factors = pen.minimise(counts, truth).geometry.factors(d=5)
        features = np.repeat(factors.means, [6, 4, 3], axis=0)
        measured = pen.Problem.from_head(features, list(factors.weights), weight_decay=2e-2)
        assert measured.feature_decay == pytest.approx(7e-4, rel=1e-12)
        assert measured.feature_decay_source == "measured by norms"
        assert measured.layers == layers


def test_calibration_does_not_depend_on_an_offset():
    rng = np.random.default_rng(1)
    features, head = rng.standard_normal((50, 3)), rng.standard_normal((4, 3))
    plain = pen.Problem.from_head(features, head)
    shifted = pen.Problem.from_head(features + 1e4, head)
    assert shifted.feature_decay == pytest.approx(plain.feature_decay, rel=1e-9)
    assert pen.Problem.from_head(features + 1e4, head, bias="none").feature_decay < plain.feature_decay


@pytest.mark.parametrize(
    ("features", "head", "message"),
    [
        (np.ones((5, 3)), np.ones((2, 4)), "do not fit"),
        (np.ones((5, 3)), np.ones((2, 3)), "constant"),
        (np.arange(6.0).reshape(2, 3), np.full((2, 3), np.nan), "NaN or infinite"),
        (np.arange(6.0).reshape(2, 3), np.zeros((2, 3)), "constant"),
    ],
    ids=["shapes", "constant-features", "nan", "zero-head"],
)
def test_calibration_refuses_what_says_nothing(features, head, message):
    with pytest.raises(pen.ProblemError, match=message):
        pen.Problem.from_head(features, head)


def test_source_is_named():
    assert pen.Problem.of().feature_decay_source == "assumed ratio c = 1"
    assert pen.Problem.of(feature_ratio=26.0).feature_decay_source == "ratio c = 26"
    assert pen.Problem.of(feature_decay=1e-6).feature_decay_source == "given"
