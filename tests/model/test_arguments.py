"""Every wrong type and every extreme value of an argument is one ProblemError that names it."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen

COUNTS = pen.ClassCounts([60, 30, 10])
NO_NUMBERS = [None, "0.1", "free?", b"1", True, [], {}, ..., 1j, math.nan, math.inf, -math.inf, np.array([1, 2])]
NO_POSITIVES = [*NO_NUMBERS, 0, -1.0, 1e-308, 1e160, 5e-324, 1e300]


@pytest.mark.parametrize("value", NO_POSITIVES, ids=repr)
@pytest.mark.parametrize("loss", ["mse", "ce"])
def test_no_weight_decay(value, loss):
    if isinstance(value, np.ndarray):
        value = [1e-2, value]
    with pytest.raises(pen.ProblemError, match="weight decay"):
        pen.forecast(COUNTS, value, loss=loss, feature_ratio=1.0)


@pytest.mark.parametrize("value", NO_POSITIVES[1:], ids=repr)
def test_no_feature_decay_ratio_or_bias(value):
    for name in ("feature_decay", "feature_ratio"):
        with pytest.raises(pen.ProblemError, match=name.replace("_", " ")):
            pen.forecast(COUNTS, **{name: value})
    with pytest.raises(pen.ProblemError, match="bias"):
        pen.forecast(COUNTS, bias=value, feature_ratio=1.0)


@pytest.mark.parametrize("value", [*NO_POSITIVES[1:], 1.5, 2.5], ids=repr)
def test_no_width_and_no_layers(value):
    with pytest.raises(pen.ProblemError, match="width"):
        pen.forecast(COUNTS, width=value, feature_ratio=1.0)
    with pytest.raises(pen.ProblemError, match="layers"):
        pen.forecast(COUNTS, layers=value, feature_ratio=1.0)


def test_none_is_no_bias():
    with pytest.raises(pen.ProblemError, match="unknown bias None"):
        pen.forecast(COUNTS, bias=None, feature_ratio=1.0)


@pytest.mark.parametrize("layers", [3, 10**9])
def test_decays_and_layers_must_agree(layers):
    with pytest.raises(pen.ProblemError, match=f"for {layers:,} layers"):
        pen.Problem.from_decays([1e-3, 1e-2] if layers == 3 else 1e-3, layers=layers)


@pytest.mark.usefixtures("own_checks")
def test_numbers_of_any_kind_are_numbers():
    expected = pen.Problem((0.5,), width=3)
    for half in (0.5, np.float32(0.5), np.array(0.5), np.array([0.5]), [0.5], (np.float64(0.5),)):
        assert pen.Problem.from_decays(half, width=np.int64(3)) == expected
        assert pen.Problem(half, width=3.0) == expected
    assert isinstance(pen.Problem.from_decays(np.float32(1)).weight_decay[0], float)


@pytest.mark.parametrize(
    "wrong",
    [
        *({"points": value} for value in [0, -1, None, "9", 2.5, math.nan]),
        *({"steps": value} for value in [0, None, "9", math.inf, True]),
        *({"lr": value} for value in [0, None, "9", math.nan, -1.0]),
        *({"momentum": value} for value in [1.0, -0.1, None, "0.9", math.nan]),
        *({"start": value} for value in [0, None, "9", math.inf]),
    ],
    ids=repr,
)
def test_no_timeline(wrong):
    with pytest.raises(pen.ProblemError):
        pen.forecast(COUNTS, feature_ratio=1.0).timeline(**{"lr": 0.1, **wrong})


@pytest.mark.parametrize("loss", ["mse", "ce"])
@pytest.mark.parametrize(
    "wrong",
    [
        *({"gap": value} for value in [0, -1, "1e-8", math.nan]),
        *({"steps": value} for value in [0, 1.5, None, "9", math.nan]),
        *({"seconds": value} for value in [0, -1, "9", math.nan]),
    ],
    ids=repr,
)
def test_no_limits(wrong, loss):
    with pytest.raises(pen.ProblemError):
        pen.minimise(COUNTS, pen.Problem.from_decays(1e-2, loss=loss), **wrong)


@pytest.mark.parametrize("value", [*NO_POSITIVES[1:], [], "abc"], ids=repr)
def test_no_decays_of_a_path_or_a_sweep(value):
    with pytest.raises(pen.ProblemError, match="weight decay"):
        pen.solution_path(COUNTS, pen.Problem.from_decays(1e-2, loss="ce"), [1e-2, value])
    with pytest.raises(pen.ProblemError, match="weight decay"):
        pen.forecast(COUNTS, feature_ratio=1.0).strengths_at([1e-2, value])


@pytest.mark.parametrize("classes", [None, 2.5, math.nan, "10", 0])
def test_no_number_of_classes(classes):
    with pytest.raises(pen.ProblemError, match="number of classes"):
        pen.Problem.from_torch(1e-4, loss="MSELoss", classes=classes)


EXPONENTS = st.floats(-149, 149)


@settings(max_examples=60)
@given(
    st.floats(-149, 149), st.floats(-149, 149), st.integers(1, 4), st.sampled_from(["free", "none"]), st.floats(1, 1e9)
)
def test_whatever_is_accepted_is_forecast(decay, feature, layers, bias, most):
    """Within the range the closed form has an answer, and it can be written down."""
    counts = pen.ClassCounts([most, 1.0, 0.5 * most])
    found = pen.forecast(counts, 10.0**decay, layers=layers, bias=bias, feature_decay=10.0**feature)
    assert 0 <= found.survivors <= found.directions
    assert math.isfinite(found.solution.objective)
    found.to_dict()


@pytest.mark.parametrize("decay", [1e-149, 1e-60, 1e-30, 1e30, 1e149])
@pytest.mark.parametrize("loss", ["ce", "la:1", "mse:inverse"])
@pytest.mark.parametrize("bias", ["free", "none"])
def test_extreme_decays_with_other_losses_are_answered_honestly(decay, loss, bias):
    solution = pen.minimise(COUNTS, pen.Problem.from_decays(decay, loss=loss, bias=bias))
    assert math.isfinite(solution.objective) and solution.gap >= 0
    if decay >= 1:
        assert solution.outcome is pen.Outcome.COLLAPSED
