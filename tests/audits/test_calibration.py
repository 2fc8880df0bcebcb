"""The feature decay by the balance of norms, on minimisers whose decay is known."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.audits.calibration import Calibration


def test_norms_recover_the_decay_of_a_minimiser():
    counts = pen.ClassCounts([6, 4, 3])
    for layers in (1, 2):
        truth = pen.Problem.from_decays(2e-2, layers=layers, feature_decay=7e-4)
        factors = pen.minimise(counts, truth).geometry.factors(d=5)
        features = np.repeat(factors.means, [6, 4, 3], axis=0)
        head = pen.Head(tuple(factors.weights), np.zeros(3))
        measured = Calibration.from_head(features, head, weight_decay=2e-2)
        assert measured.feature_decay == pytest.approx(7e-4, rel=1e-12)
        problem = measured.problem()
        assert (problem.feature_decay_source, problem.layers) == ("measured by norms", layers)


def test_norms_do_not_depend_on_an_offset_that_a_bias_can_take():
    rng = np.random.default_rng(1)
    features, weights = rng.standard_normal((50, 3)), rng.standard_normal((4, 3))
    head, bare = pen.Head((weights,), np.zeros(4)), pen.Head((weights,))
    plain = Calibration.from_head(features, head)
    assert Calibration.from_head(features + 1e4, head).feature_decay == pytest.approx(plain.feature_decay, rel=1e-9)
    assert Calibration.from_head(features + 1e4, bare).feature_decay < plain.feature_decay


@pytest.mark.parametrize(
    ("features", "weights", "message"),
    [
        (np.ones((5, 3)), np.ones((2, 4)), "do not fit"),
        (np.ones((5, 3)), np.ones((2, 3)), "constant"),
        (np.full((2, 3), np.nan), np.ones((2, 3)), "NaN or infinite"),
        (np.arange(6.0).reshape(2, 3), np.zeros((2, 3)), "constant"),
    ],
    ids=["shapes", "constant-features", "nan", "zero-head"],
)
def test_norms_that_say_nothing_are_refused(features, weights, message):
    with pytest.raises(pen.ProblemError, match=message):
        Calibration.from_head(features, pen.Head((weights,), np.zeros(2)))
