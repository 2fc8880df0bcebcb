"""What a forecast says, checked against solving the changed problem again."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import penultimate as pen
from penultimate.forecasts.status import LOST, OWN

LONG_TAIL = pen.ClassCounts.long_tailed(10, largest=6000, ratio=100)
counts_lists = st.lists(st.integers(1, 400), min_size=2, max_size=15)


def survives(counts: pen.ClassCounts, decay: float, index: int, **arguments) -> bool:
    solution = pen.forecast(counts, decay, **arguments).solution
    return bool(solution.surviving[index] > 0)


@given(
    counts_lists,
    st.integers(1, 3),
    st.sampled_from(["free", "none"]),
    st.one_of(st.none(), st.floats(1e-7, 1e-3)),
)
def test_directions_die_at_their_critical_weight_decay(n, layers, bias, feature_decay):
    counts = pen.ClassCounts(n)
    arguments = {"layers": layers, "bias": bias, "feature_decay": feature_decay}
    forecast = pen.forecast(counts, 1e-2, **arguments)
    for index, critical in enumerate(forecast.critical_weight_decay):
        assert survives(counts, critical * (1 - 1e-9), index, **arguments)
        assert not survives(counts, critical * (1 + 1e-9), index, **arguments)
    assert forecast.largest_safe_weight_decay == forecast.critical_weight_decay[-1]


@given(counts_lists, st.integers(1, 3), st.one_of(st.none(), st.floats(1e-6, 1e-2)), st.floats(1e-3, 0.5))
def test_samples_to_gain_are_the_fewest_that_lift_a_class_above_the_threshold(n, layers, feature_decay, decay):
    counts = pen.ClassCounts(n)
    arguments = {"layers": layers, "feature_decay": feature_decay}
    forecast = pen.forecast(counts, decay, **arguments)

    def stands(gain: float) -> bool:
        more = np.array(n, dtype=float)
        more[0] += gain
        return pen.forecast(pen.ClassCounts(more), decay, **arguments).samples_needed < more[0]

    gain = forecast.group_samples_to_gain[counts.group[0]]
    if math.isinf(gain):
        assert not any(stands(g) for g in np.geomspace(1, 1e9, 40))
    elif gain == 0:
        assert stands(0)
    elif gain < 1e12:
        assert stands(gain * (1 + 1e-9))
        assert not stands(gain - 1 - gain * 1e-9)


def test_answers_by_ratio_are_forecasts_with_that_ratio():
    forecast = pen.forecast(LONG_TAIL, 2e-2, layers=2, width=7, feature_ratio=1.0)
    assert [row.ratio for row in forecast.by_ratio] == [0.01, 0.1, 1.0, 10.0, 100.0]
    for row in forecast.by_ratio:
        again = pen.forecast(LONG_TAIL, 2e-2, layers=2, width=7, feature_ratio=row.ratio)
        assert row.samples_needed == pytest.approx(again.samples_needed, rel=1e-12)
        assert row.survivors == again.survivors
        assert row.classes_below == np.sum(LONG_TAIL.values <= again.samples_needed)
        assert row.largest_safe_weight_decay is None  # the width takes two directions whatever the decay
    for row in pen.forecast(LONG_TAIL, 2e-2, feature_ratio=1.0).by_ratio:
        again = pen.forecast(LONG_TAIL, 2e-2, feature_ratio=row.ratio)
        assert row.largest_safe_weight_decay == pytest.approx(again.largest_safe_weight_decay, rel=1e-12)


def test_a_known_feature_decay_needs_no_ratio():
    assert pen.forecast(LONG_TAIL, feature_decay=1e-6).by_ratio == ()


def test_strengths_at_other_decays_are_those_of_other_forecasts():
    for arguments in ({}, {"layers": 3}, {"feature_decay": 1e-6}, {"bias": "none"}):
        forecast = pen.forecast(LONG_TAIL, 1e-3, **arguments)
        decays = np.array([1e-4, 1e-2, 0.2])
        for decay, row in zip(decays, forecast.strengths_at(decays), strict=True):
            np.testing.assert_allclose(row, pen.forecast(LONG_TAIL, decay, **arguments).solution.strength, rtol=1e-9)


def test_status_follows_what_is_retained():
    forecast = pen.forecast(LONG_TAIL, 0.15, feature_ratio=1.0)
    retained, status = forecast.retained, forecast.status
    assert set(status) == {"own", "shared", "lost"}
    np.testing.assert_array_equal(status == "own", retained >= OWN)
    np.testing.assert_array_equal(status == "lost", retained < LOST)
    assert sum(forecast.classes_with(s) for s in ("own", "shared", "lost")) == 10
    assert forecast.smallest_surviving_count == LONG_TAIL.values[status == "own"].min()


def test_head_classes_survive_longer_than_tail_classes():
    for decay in (1e-3, 5e-2, 0.1, 0.3):
        assert np.all(np.diff(pen.forecast(LONG_TAIL, decay, feature_ratio=1.0).retained) <= 1e-12)


def test_all_is_lost_beyond_the_last_critical_decay():
    forecast = pen.forecast(LONG_TAIL, 1.0, feature_ratio=1.0)
    assert forecast.survivors == 0
    assert forecast.smallest_surviving_count is None
    assert not forecast.retained.any()
    assert "no class keeps a direction" in forecast.verdict


def test_width_below_the_number_of_classes():
    forecast = pen.forecast(LONG_TAIL, 1e-4, width=4, feature_ratio=1.0)
    assert forecast.survivors == 4
    assert forecast.largest_safe_weight_decay is None
    assert np.isnan(forecast.critical_weight_decay[4:]).all()
    assert np.isfinite(forecast.critical_weight_decay[:4]).all()
    assert "at least 9 wide" in forecast.verdict


@pytest.mark.parametrize("layers", [1, 2])
def test_a_hardly_regularised_bias_forecasts_what_a_free_one_does(layers):
    for decay in (5e-4, 0.1):
        free = pen.forecast(LONG_TAIL, decay, layers=layers, feature_ratio=1.0)
        almost = pen.forecast(LONG_TAIL, decay, layers=layers, bias=1e-7, feature_ratio=1.0)
        np.testing.assert_allclose(almost.retained, free.retained, atol=1e-4)
        np.testing.assert_array_equal(almost.status, free.status)
        assert [row.survivors for row in almost.by_ratio] == [row.survivors for row in free.by_ratio]


def test_negative_margins_count_the_classes_whose_mean_is_answered_with_another():
    forecast = pen.forecast(LONG_TAIL, 0.1, feature_ratio=1.0)
    factors = forecast.geometry.factors(10)
    answers = (factors.means @ factors.product.T + factors.bias).argmax(axis=1)
    assert forecast.negative_margins == np.sum(answers != np.arange(10)) > 0
    assert f"{forecast.negative_margins} classes are assigned to another even at their own mean" in forecast.verdict


def test_regularised_bias_has_no_closed_critical_decays():
    forecast = pen.forecast(LONG_TAIL, 1e-3, bias=1e-3, feature_ratio=1.0)
    assert not forecast.has_critical_weight_decays
    assert np.isnan(forecast.critical_weight_decay).all()
    assert forecast.largest_safe_weight_decay is None
    json.dumps(forecast.to_dict("all"), allow_nan=False)


def test_worst_classes_come_in_order_and_leave_out_the_unseen():
    counts = pen.ClassCounts([500, 3, 0, 3, 90, 2])
    forecast = pen.forecast(counts, 0.3, feature_ratio=1.0)
    np.testing.assert_array_equal(forecast.worst_classes(3), [5, 1, 3])
    np.testing.assert_array_equal(forecast.worst_classes(100), [5, 1, 3, 4, 0])
    assert forecast.worst_classes(0).size == 0
    np.testing.assert_array_equal(forecast.worst_groups(2), [5, 1])


def test_a_million_classes_are_forecast_by_their_groups():
    counts = pen.ClassCounts(np.tile([500.0, 40.0, 3.0, 1.0], 250_000))
    forecast = pen.forecast(counts, 1e-4, feature_ratio=2.0)
    assert forecast.samples_needed == pytest.approx(2.0 * counts.samples * 1e-8)
    assert forecast.survivors == pen.LabelSpectrum(counts).count_above(forecast.threshold) == 749_999
    assert len(forecast.to_dict(5)["classes"]) == 5


RECORD_KEYS = {
    "counts": {"classes", "samples", "largest", "smallest", "ratio", "distinct", "unseen"},
    "problem": {"loss", "layers", "weight_decay", "feature_decay", "feature_decay_source", "bias", "width"},
    "solution": {"method", "status", "objective", "gap", "survivors", "threshold", "smallest_surviving_count"},
}


def test_record_has_the_promised_keys_and_only_json():
    counts = pen.ClassCounts({"a": 600, "b": 0, "c": 20, "d": 20, "e": 3})
    record = pen.forecast(counts, 0.1, feature_ratio=1.0).to_dict("all")
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    for part, keys in RECORD_KEYS.items():
        assert keys <= set(record[part])
    assert {"sigma", "multiplicity", "strength", "survives", "critical_weight_decay"} <= set(record["spectrum"][0])
    unseen = record["classes"][1]
    assert unseen["class"] == "b"
    assert unseen["status"] == "unseen"
    figures = ("retained", "mean_norm", "head_norm", "margin", "nearest", "nearest_cosine", "samples_to_gain")
    assert all(unseen[key] is None for key in figures)
    assert record["bias"] == [600 / 643, 0.0, 20 / 643, 20 / 643, 3 / 643]
    assert record["classes"][2]["nearest"] in ("d", "e")
    assert "bias" not in pen.forecast(counts, 0.1, feature_ratio=1.0).to_dict(2)
    assert [c["class"] for c in pen.forecast(counts, 0.1, feature_ratio=1.0).to_dict(2)["classes"]] == ["e", "c"]
    assert pen.forecast(counts, 0.1, feature_ratio=1.0).to_dict("none")["classes"] == []


def test_verdict_names_the_numbers():
    text = pen.forecast(LONG_TAIL, 0.1, feature_ratio=1.0).verdict
    needed = LONG_TAIL.samples * 0.1**2
    assert f"about {needed:.0f} samples" in text
    assert "c = 1 was given" in text
    assert "all 10 classes keep" in pen.forecast(LONG_TAIL, 5e-4, feature_ratio=1.0).verdict
    assert str(pen.forecast(LONG_TAIL, 0.1, feature_ratio=1.0)) == text
    assert "2 classes have no samples" in pen.forecast(pen.ClassCounts([5, 4, 0, 0]), 1e-3, feature_ratio=1.0).verdict
    assert "1 class has no samples" in pen.forecast(pen.ClassCounts([5, 4, 0]), 1e-3, feature_ratio=1.0).verdict


def test_unknown_losses_are_refused():
    with pytest.raises(pen.ProblemError, match="unknown loss 'hinge'"):
        pen.forecast(LONG_TAIL, loss="hinge", feature_ratio=1.0)


def test_a_width_that_binds_says_which_classes_have_the_directions():
    narrow = pen.forecast(pen.datasets.counts("lvis"), 1e-6, feature_ratio=1, width=64)
    assert (
        "A width of 64 holds no more directions: with squared error the most frequent classes have them"
        in narrow.verdict
    )
    few = pen.forecast(pen.ClassCounts([60, 30, 20, 10]), 1e-3, loss="ce", feature_ratio=1, width=2)
    assert "most frequent classes have them" not in few.verdict
