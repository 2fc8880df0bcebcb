"""The descent that checks the closed form is itself checked: its gradient, and its errors."""

import numpy as np
import pytest
from scipy.optimize import check_grad

import penultimate as pen
from penultimate.minimisers.descent import _Parameters, descend, objective_and_gradient


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bias", ["free", "none", 0.3])
def test_gradient_equals_finite_differences(layers, bias):
    problem = pen.Problem.from_decays([0.1, 0.2, 0.3][:layers], bias=bias, feature_decay=0.05)
    labels = np.array([0, 0, 0, 1, 2, 2])
    drawn = _Parameters.draw(np.random.default_rng(0), layers, 4, 3, labels.size)
    free = drawn.flat.size - (3 if bias == "none" else 0)  # without a bias its coordinates are held at zero

    def value(flat):
        return objective_and_gradient(drawn.like(np.append(flat, drawn.flat[free:])), labels, problem)[0]

    def gradient(flat):
        return objective_and_gradient(drawn.like(np.append(flat, drawn.flat[free:])), labels, problem)[1].flat[:free]

    scale = np.linalg.norm(gradient(drawn.flat[:free]))
    assert check_grad(value, gradient, drawn.flat[:free], seed=0) < 1e-6 * scale


def test_value_is_the_models_objective():
    """Written out sample by sample, with Python's own sums."""
    problem = pen.Problem.from_decays([0.1, 0.2], bias=0.3, feature_decay=0.05)
    labels = [0, 1, 1]
    p = _Parameters.draw(np.random.default_rng(1), 2, 2, 2, 3)
    p = _Parameters(p.weights, p.features, np.array([0.5, -0.25]))
    data = 0.0
    for feature, label in zip(p.features, labels, strict=True):
        output = p.weights[1] @ (p.weights[0] @ feature) + p.bias
        data += sum((output[k] - (k == label)) ** 2 for k in range(2)) / (2 * 3)
    decays = 0.05 * (p.weights[0] ** 2).sum() + 0.1 * (p.weights[1] ** 2).sum()
    decays += 0.025 * (p.features**2).sum() + 0.15 * (p.bias**2).sum()
    assert objective_and_gradient(p, np.array(labels), problem)[0] == pytest.approx(data + decays, rel=1e-14)


def test_features_collapse_to_their_class_means():
    found = descend(pen.ClassCounts([9, 6, 3]), pen.Problem.from_decays(2e-2), starts=1)
    assert found.within_class_spread < 1e-8
    assert found.features.shape == (18, 3)


def test_fractions_of_a_sample_are_refused():
    with pytest.raises(pen.CountsError, match="whole counts"):
        descend(pen.ClassCounts([1.5, 2.0]), pen.Problem.from_decays())
