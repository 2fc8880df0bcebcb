"""A loss is the same however it is given: by name, as an object, or with weights that are all alike."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.report.forecast.record import record
from penultimate.report.forecast.words import verdict

COUNTS = pen.ClassCounts([600, 300, 300, 12, 9])
PLAIN = {"mse": pen.losses.SquaredError(), "ce": pen.losses.CrossEntropy()}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("bias", ["free", "none", 0.2])
def test_an_object_and_its_name_make_one_problem(name, bias):
    by_name, by_object = (pen.Problem.from_decays(1e-2, bias=bias, loss=loss) for loss in (name, PLAIN[name]))
    assert by_name == by_object
    one, other = (pen.forecast(COUNTS, problem=problem) for problem in (by_name, by_object))
    assert one.solution.method == other.solution.method
    assert record(one, "all") == record(other, "all")
    assert verdict(one) == verdict(other)


def test_a_timeline_is_that_of_the_name():
    by_name, by_object = (
        pen.forecast(COUNTS, 1e-2, loss=loss, feature_ratio=1.0).timeline(lr=0.1) for loss in ("mse", PLAIN["mse"])
    )
    np.testing.assert_array_equal(by_name.strength, by_object.strength)


@pytest.mark.parametrize("weight", [1.0, 7.0])
def test_equal_weights_are_no_weights(weight):
    """Weights are scaled to the mean 1, so equal ones are plain squared error, solved in closed form."""
    weighted = pen.losses.SquaredError("mine", np.full(5, weight))
    ours, plain = (pen.forecast(COUNTS, 1e-2, loss=loss, feature_ratio=1.0) for loss in (weighted, "mse"))
    assert ours.solution.method == "closed form"
    assert ours.problem.is_plain_squared_error
    np.testing.assert_array_equal(ours.critical_weight_decay, plain.critical_weight_decay)
    np.testing.assert_array_equal(ours.timeline(lr=0.1).strength, plain.timeline(lr=0.1).strength)
    assert not pen.Problem.from_decays(loss=pen.losses.SquaredError(weights=[1, 2])).is_plain_squared_error


def test_equal_weights_must_be_as_many_as_classes():
    with pytest.raises(pen.ProblemError, match="3 weights of the loss for 5 classes"):
        pen.forecast(COUNTS, loss=pen.losses.SquaredError(weights=[1, 1, 1]), feature_ratio=1.0)


def test_a_comparison_does_not_take_one_loss_twice():
    with pytest.raises(pen.ProblemError, match="same name: mse, mse"):
        pen.compare_losses(COUNTS, ["mse", pen.losses.SquaredError()], feature_ratio=1.0)


@pytest.mark.parametrize("loss", [None, 1.0, b"mse", ["mse"], pen.losses.SquaredError])
def test_what_is_no_loss_is_refused(loss):
    with pytest.raises(pen.ProblemError, match="a loss is a name"):
        pen.forecast(COUNTS, loss=loss, feature_ratio=1.0)
