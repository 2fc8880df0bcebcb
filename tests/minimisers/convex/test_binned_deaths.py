"""Deaths read off bins, against those that are followed count by count."""

from functools import cache

import numpy as np

import penultimate as pen
from penultimate.advice.decay import advise_decay
from penultimate.forecasts import critical_decays
from penultimate.minimisers.convex import binned_deaths as module
from penultimate.minimisers.convex.binned_deaths import binned_deaths, expected_solutions

COUNTS = pen.ClassCounts([*np.unique(np.floor(np.geomspace(2000, 1, 30))), 5, 5, 40])
PROBLEM = pen.Problem.from_decays(1e-3, loss="ce")


@cache
def followed():
    return pen.Forecast(pen.minimise(COUNTS, PROBLEM))


def test_they_are_those_that_following_finds(monkeypatch):
    solved, solve = [], module.sigma_on_bins
    monkeypatch.setattr(module, "sigma_on_bins", lambda *problem: solved.append(problem) or solve(*problem))
    exact = np.sort(np.repeat(followed().critical_weight_decay, followed().solution.multiplicity))[::-1]
    found = binned_deaths(COUNTS, PROBLEM, np.arange(COUNTS.seen - 1))
    np.testing.assert_allclose(found.decay, exact, rtol=0.02)
    assert np.all((found.bracket[:, 0] <= exact * 1.01) & (exact <= found.bracket[:, 1] * 1.01))
    assert len(solved) <= np.ceil(expected_solutions(COUNTS, PROBLEM)) <= 1.5 * len(solved)


def test_a_forecast_of_many_counts_knows_all_of_them(monkeypatch):
    exact, first = followed().critical_weight_decay, followed().largest_safe_weight_decay
    for name, at in (("ALL_DEATHS", 8), ("_FIRST_DEATH", 16)):
        monkeypatch.setattr(critical_decays, name, at)
    many = pen.Forecast(pen.minimise(COUNTS, PROBLEM))
    np.testing.assert_allclose(many.critical_weight_decay, exact, rtol=0.02)
    assert many.largest_safe_weight_decay == many.critical_weight_decay.min()
    assert abs(many.largest_safe_weight_decay / first - 1) < 0.01
    assert "without a proof" in many.critical_note
    closed = many.geometry.svd.inside_index[many.counts.multiplicity > 1]
    shares = many.counts.distinct[many.counts.multiplicity > 1] / many.counts.samples
    np.testing.assert_allclose(many.critical_weight_decay[closed], np.sqrt(shares), rtol=1e-12)  # c = 1: Nμ = λ√N


def test_the_largest_safe_decay_is_marked_as_an_estimate_and_advice_keeps_clear_of_it(monkeypatch):
    for name, at in (("ALL_DEATHS", 8), ("_FIRST_DEATH", 16)):
        monkeypatch.setattr(critical_decays, name, at)
    many = pen.forecast(COUNTS, 0.1, loss="ce", feature_ratio=1)
    assert many.is_safe_decay_estimated and not followed().is_safe_decay_estimated
    assert "below about 0.0" in many.verdict
    advice = advise_decay(many)
    assert advice.below == many.directions > advice.above
