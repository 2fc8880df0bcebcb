"""Decay, samples and width against dense singular values of the label matrix, by brute force on both sides."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import penultimate as pen
from oracles import label_matrix
from penultimate.advice.decay import advise_decay
from penultimate.advice.samples import advise_samples, raised_to
from penultimate.advice.status import Reason, Status
from penultimate.advice.width import advise_width
from penultimate.forecasts.samples_to_gain import common_floor

COUNTS = st.lists(st.integers(1, 400), min_size=2, max_size=7)


def alive(counts, decay, layers=1, *, bias="free", feature_decay=None, ratio=1.0) -> int:
    """Directions above the threshold, from a dense SVD and docs/theory §4."""
    n = np.asarray(counts, dtype=float)
    sigma = np.linalg.svd(label_matrix(n, centred=bias == "free"), compute_uv=False)
    sigma = sigma[: n.size - (bias == "free")]
    samples = n.sum()
    lambda_h = ratio * decay / samples if feature_decay is None else feature_decay
    kappa = (lambda_h * decay**layers) ** (1 / (layers + 1))
    p = 2 / (layers + 1)
    tau = samples * kappa * (layers + 1) / 2
    at = samples * kappa
    if layers > 1:
        at = (2 - p) / (2 * (1 - p)) * (2 * tau * (1 - p)) ** (1 / (2 - p))
    return int((sigma > at).sum())


@given(COUNTS, st.integers(1, 3), st.sampled_from(["free", "none"]), st.sampled_from([None, 1e-4]), st.floats(0.1, 50))
@settings(max_examples=30)
def test_below_the_decay_every_direction_lives_and_above_it_one_is_dead(counts, layers, bias, feature_decay, ratio):
    forecast = pen.forecast(
        pen.ClassCounts(counts), 1e-2, layers=layers, bias=bias, feature_decay=feature_decay, feature_ratio=ratio
    )
    advice = advise_decay(forecast)
    assert advice.largest is not None
    settings = {"layers": layers, "bias": bias, "feature_decay": feature_decay, "ratio": ratio}
    assert alive(counts, advice.largest * (1 - 1e-6), **settings) == forecast.directions == advice.below
    # A direction of several equal ones takes all of them with it.
    assert alive(counts, advice.largest * (1 + 1e-6), **settings) < forecast.directions
    assert advice.above < forecast.directions
    dies = alive(counts, 1e-2, **settings) < forecast.directions
    assert (advice.status is Status.CHANGE) == dies
    if dies:
        assert advice.after.survivors == forecast.directions
        assert advice.after.problem.weight_decay[0] < advice.largest


def test_another_loss_by_forecasts_on_both_sides(loss="weighted:inverse"):
    counts = pen.ClassCounts([300, 60, 20])
    advice = advise_decay(pen.forecast(counts, 0.01, loss=loss, feature_ratio=1.0))
    assert (advice.below, advice.above) == (2, 1)
    assert [pen.forecast(counts, f * advice.largest, loss=loss, feature_ratio=1.0).survivors for f in (0.99, 1.01)] == [
        2,
        1,
    ]


@given(COUNTS, st.integers(2, 9))
@settings(max_examples=20)
def test_the_decay_does_not_change_with_the_order_or_the_number_of_all_samples(counts, times):
    one = advise_decay(pen.forecast(pen.ClassCounts(counts), 1e-2, feature_ratio=1.0)).largest
    other = advise_decay(
        pen.forecast(pen.ClassCounts([times * n for n in reversed(counts)]), 1e-2, feature_ratio=1.0)
    ).largest
    assert other == pytest.approx(one, rel=1e-9)


def test_a_width_or_a_regularised_bias_says_why():
    narrow = advise_decay(pen.forecast(pen.ClassCounts([9, 5, 3, 2]), 1e-2, width=2, feature_ratio=1.0))
    assert (narrow.status, narrow.reason, narrow.advised) == (Status.OUT_OF_REACH, Reason.WIDTH, None)
    numeric = advise_decay(pen.forecast(pen.ClassCounts([9, 5, 3, 2]), 1e-2, bias=0.1, feature_ratio=1.0))
    assert (numeric.status, numeric.reason) == (Status.UNKNOWN, Reason.NOT_SEARCHED)


def test_without_a_law_the_quartiles_of_a_network_are_taken_at_their_cautious_end():
    """θ ∝ √λ for one layer and a fixed λ_H, so the decay goes with its inverse."""
    trained = replace(pen.audit("cnn-mse").calibration, runs=())
    counts = pen.datasets.counts("fashion-mnist-lt")
    low, middle, high = trained.by_strengths
    advice = advise_decay(trained.forecast(counts, (1.5,)))
    assert advice.quartiles[0] == pytest.approx(advice.largest * middle / high)
    assert advice.quartiles[1] == pytest.approx(advice.largest * middle / low)
    assert advice.advised == advice.quartiles[0] < 1.5 < advice.largest
    assert advice.status is Status.CHANGE
    assert advice.after.band[1].survivors == 9 > trained.forecast(counts, (1.5,)).band[1].survivors


def test_the_interval_of_a_law_is_taken_at_its_cautious_end():
    trained = pen.audit("cnn-mse").calibration
    counts = pen.datasets.counts("fashion-mnist-lt")
    safe = trained.forecast(counts).band[1].largest_safe_weight_decay
    now = trained.forecast(counts, (1.5 * safe,))
    advice = advise_decay(now)
    assert advice.quartiles == tuple(end.largest_safe_weight_decay for end in reversed(now.band))
    assert advice.advised < advice.largest and advice.below == 9 > advice.above
    assert advice.after.band[1].survivors == 9 > now.band[1].survivors
    samples = advise_samples(now)
    assert samples.before.survivors < 9 and samples.before.problem.law.end == 1


@given(COUNTS, st.floats(0.02, 0.6), st.integers(1, 3), st.sampled_from([None, 1e-4]))
@settings(max_examples=50)
def test_the_floor_lets_every_direction_live_and_a_lower_one_does_not(counts, decay, layers, feature_decay):
    forecast = pen.forecast(
        pen.ClassCounts(counts), decay, layers=layers, feature_decay=feature_decay, feature_ratio=1.0
    )
    advice = advise_samples(forecast)
    settings = {"layers": layers, "feature_decay": feature_decay}
    if advice.status is Status.KEEP:
        assert alive(counts, decay, **settings) == len(counts) - 1
        return
    if advice.status is Status.OUT_OF_REACH:
        floors = np.unique(np.geomspace(min(counts), 1e5, 200).astype(int))
        assert all(alive(np.maximum(counts, f), decay, **settings) < len(counts) - 1 for f in floors)
        return
    raised = np.maximum(counts, advice.floor)
    assert alive(raised, decay, **settings) == len(counts) - 1 == advice.after.survivors
    assert (advice.raised, advice.total) == ((raised > counts).sum(), (raised - counts).sum())
    lower = np.maximum(counts, advice.floor - 1)
    # With one class raised, the last direction mixes it with others and may live a little earlier.
    if (lower > counts).sum() >= 2:
        assert alive(lower, decay, **settings) < len(counts) - 1


@given(COUNTS, st.floats(0.1, 1.5), st.sampled_from([1.0, 1.5, 2.0]))
def test_the_common_floor_is_the_first_whole_number_that_does(counts, part, power):
    n, size = np.unique(counts, return_counts=True)
    n, size = n[::-1].astype(float), size[::-1]
    needed = part * n[0]
    assume(np.abs(needed - n).min() > 1e-6)
    floor = common_floor(n, size, needed, power)

    def stands(f: float) -> bool:
        return f > needed * ((np.maximum(n, f) @ size) / (n @ size)) ** power

    tried = range(int(n[-1]), 5000)
    first = next((f for f in tried if stands(f)), math.inf)
    assert floor == first or (math.isinf(first) and floor >= 5000)


def test_samples_with_cross_entropy_are_held_against_a_forecast():
    counts = pen.ClassCounts([600, 300, 60, 60, 6])
    advice = advise_samples(pen.forecast(counts, 0.12, loss="ce", feature_ratio=1.0))
    assert advice.status is Status.CHANGE and advice.raised == 1
    assert pen.forecast(raised_to(counts, advice.floor), 0.12, loss="ce", feature_ratio=1.0).survivors == 4
    for loss in ("weighted:inverse", "cdt:0.3"):
        moving = advise_samples(pen.forecast(counts, 0.5, loss=loss, feature_ratio=1.0))
        assert (moving.status, moving.reason) == (Status.UNKNOWN, Reason.MOVING_WEIGHTS)


def test_classes_without_samples_gain_none():
    assert raised_to(pen.ClassCounts([9, 0, 2]), 4).values.tolist() == [9, 0, 4]


@given(COUNTS, st.floats(1e-3, 0.3), st.integers(1, 2))
@settings(max_examples=20)
def test_the_width_needed_costs_nothing_and_one_less_does(counts, decay, layers):
    forecast = pen.forecast(pen.ClassCounts(counts), decay, layers=layers, feature_ratio=1.0)
    needed = advise_width(forecast, None).needed
    assert needed == alive(counts, decay, layers)
    assume(needed > 0)
    enough, less = (
        pen.minimise(forecast.counts, pen.Problem.from_decays(decay, layers=layers, width=width)) if width else None
        for width in (needed, needed - 1)
    )
    assert enough.objective == pytest.approx(forecast.solution.objective, rel=1e-12)
    assert enough.survivors == needed
    if less is not None:
        assert less.objective > forecast.solution.objective and less.survivors < needed


def test_what_narrower_layers_keep():
    counts = pen.datasets.counts("fashion-mnist-lt")
    advice = advise_width(pen.forecast(counts, 1e-3, width=5, feature_ratio=1.0), 5)
    assert (advice.status, advice.needed, advice.directions) == (Status.CHANGE, 9, 9)
    assert [one.problem.width for one in advice.narrower] == [6, 4, 2]
    assert [one.survivors for one in advice.narrower] == [6, 4, 2]
    assert advise_width(pen.forecast(counts, 1e-3, feature_ratio=1.0), 64).status is Status.KEEP
    assert advise_width(pen.forecast(counts, 1e-3, feature_ratio=1.0), None).reason is Reason.NO_WIDTH
    assert advise_width(pen.forecast(counts, 1e-2, loss="ce", feature_ratio=1.0), 64).narrower == ()
