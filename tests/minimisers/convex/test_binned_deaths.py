"""Deaths read off bins, against those that are followed count by count."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.advice.decay import advise_decay
from penultimate.forecasts import critical_decays
from penultimate.minimisers.convex.binned_deaths import binned_deaths, first_binned_death

COUNTS = pen.ClassCounts([*np.unique(np.floor(np.geomspace(1000, 2, 18))), 5, 5, 40])
PROBLEM = pen.Problem.from_decays(1e-3, loss="ce")


@pytest.fixture(scope="module")
def followed():
    return pen.Forecast(pen.minimise(COUNTS, PROBLEM))


@pytest.fixture(scope="module")
def many():
    """The same counts, as if they were more than are followed one by one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(critical_decays, "ALL_DEATHS", 8)
        patch.setattr(critical_decays, "_FIRST_DEATH", 12)
        found = pen.forecast(COUNTS, 0.1, loss="ce", feature_ratio=1)
        assert found.verdict and found.critical_weight_decay.size and found.critical_note
        yield found


def test_they_are_those_that_following_finds(followed):
    exact = np.sort(np.repeat(followed.critical_weight_decay, followed.solution.multiplicity))[::-1]
    found = binned_deaths(COUNTS, PROBLEM, np.arange(COUNTS.seen - 1))
    np.testing.assert_allclose(found.decay, exact, rtol=0.02)
    assert np.all((found.bracket[:, 0] <= exact * 1.01) & (exact <= found.bracket[:, 1] * 1.01))
    first = first_binned_death(COUNTS, PROBLEM, COUNTS.seen - 2)
    assert first.decay[0] == pytest.approx(exact[-1], rel=0.01)
    assert first.bracket[0, 0] <= exact[-1] <= first.bracket[0, 1] <= 1.4 * first.bracket[0, 0]


def test_without_a_bias_they_are_less_near_but_for_the_first():
    """Singular values of dead directions then move with the decay: theirs at the smallest dead decay says less."""
    problem = pen.Problem.from_decays(1e-3, loss="ce", bias="none")
    forecast = pen.Forecast(pen.minimise(COUNTS, problem))
    exact = np.sort(np.repeat(forecast.critical_weight_decay, forecast.solution.multiplicity))[::-1]
    found = binned_deaths(COUNTS, problem, np.arange(exact.size))
    np.testing.assert_allclose(found.decay, exact, rtol=0.09)
    assert np.all((found.bracket[:, 0] <= exact * 1.02) & (exact <= found.bracket[:, 1] * 1.02))
    first = first_binned_death(COUNTS, problem, exact.size - 1)
    assert first.decay[0] == pytest.approx(exact[-1], rel=0.01)


def test_a_forecast_of_many_counts_knows_all_of_them(followed, many):
    exact, first = followed.critical_weight_decay, followed.largest_safe_weight_decay
    np.testing.assert_allclose(np.sort(many.critical_weight_decay), np.sort(exact), rtol=0.02)
    assert many.largest_safe_weight_decay == many.critical_weight_decay.min()
    assert abs(many.largest_safe_weight_decay / first - 1) < 0.01
    assert "without a proof" in many.critical_note
    closed = many.geometry.svd.inside_index[many.counts.multiplicity > 1]
    shares = many.counts.distinct[many.counts.multiplicity > 1] / many.counts.samples
    np.testing.assert_allclose(many.critical_weight_decay[closed], np.sqrt(shares), rtol=1e-12)  # c = 1: Nμ = λ√N


def test_the_largest_safe_decay_is_marked_as_an_estimate_and_advice_keeps_clear_of_it(followed, many):
    assert many.is_safe_decay_estimated and not followed.is_safe_decay_estimated
    assert "below about 0.0" in many.verdict
    advice = advise_decay(many)
    assert advice.below == many.directions > advice.above
