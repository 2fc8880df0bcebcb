"""Decays, conventions, calibration, and every problem that cannot be."""

import math

import numpy as np
import pytest

import penultimate as pen


@pytest.mark.parametrize("decay", [0.0, -1e-3, math.nan, math.inf])
@pytest.mark.parametrize("field", ["weight_decay", "feature_decay", "feature_ratio", "bias"])
def test_decays_must_be_positive_and_finite(field, decay):
    with pytest.raises(pen.ProblemError, match="must be positive and finite"):
        pen.Problem.from_decays(**{field: decay})


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
        pen.Problem.from_decays(**arguments)
    assert isinstance(caught.value, ValueError)


def test_one_decay_serves_every_layer():
    assert pen.Problem.from_decays(1e-3, layers=3).weight_decay == (1e-3, 1e-3, 1e-3)
    assert pen.Problem.from_decays([1e-3, 2e-3]).layers == 2
    assert pen.Problem.from_decays(np.float32(0.5)).weight_decay == (0.5,)


def test_feature_decay_defaults_to_the_balanced_ratio():
    problem = pen.Problem.from_decays(1e-3, feature_ratio=26.0)
    assert problem.resolved_feature_decay(1000.0) == pytest.approx(26e-6)
    assert pen.Problem.from_decays(1e-3, feature_decay=5.0).resolved_feature_decay(1000.0) == 5.0


def test_kappa_survives_decays_whose_product_underflows():
    problem = pen.Problem.from_decays([1e-120, 1e-120, 1e-120], feature_decay=1e-120)
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


def test_source_is_named():
    assert pen.Problem.from_decays().feature_decay_source == "ratio c = 1"
    assert pen.Problem.from_decays(feature_ratio=26.0).feature_decay_source == "ratio c = 26"
    assert pen.Problem.from_decays(feature_decay=1e-6).feature_decay_source == "given"
