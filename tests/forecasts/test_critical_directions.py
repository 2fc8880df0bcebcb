"""A critical weight decay belongs to the direction that dies there, also where singular values cross on the way."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.minimisers.convex.deaths import find_deaths


def test_a_problem_that_decouples_says_exactly_who_dies_when():
    """Weighted squared error without a bias: each class by itself, dead from λ = N/(K √(n_k N)) on."""
    counts = pen.ClassCounts([7, 1])
    found = pen.forecast(counts, 1e-3, loss="mse:inverse", bias="none", feature_ratio=1.0)
    expected = 8 / (2 * np.sqrt(8 * np.array([7.0, 1.0])))
    owner = np.abs(found.geometry.svd.vectors("right")).argmax(axis=0)
    np.testing.assert_allclose(found.critical_weight_decay, expected[owner], rtol=1e-6)
    assert found.solution.sigma[0] > found.solution.sigma[1] and owner.tolist() == [0, 1]


def test_weights_kill_the_head_first():
    found = pen.forecast(pen.ClassCounts([88, 67, 2, 1]), 1e-3, loss="weighted:inverse", feature_ratio=1.0)
    assert np.all(np.diff(found.critical_weight_decay) > 0) and np.all(np.diff(found.solution.sigma) < 0)
    just_above = pen.forecast(found.counts, 0.4, loss="weighted:inverse", feature_ratio=1.0)
    assert just_above.status.tolist() == ["lost", "lost", "own", "own"]


def dying(counts, decay, loss, bias):
    """Right vector of what is alive just below a decay and dead just above, from two solutions."""
    below, above = (
        pen.forecast(counts, decay * side, loss=loss, bias=bias, feature_ratio=1.0).solution
        for side in (1 - 1e-3, 1 + 1e-3)
    )
    lost = [below.survivors - 1] if below.survivors == above.survivors + 1 else []
    return below.geometry.svd.vectors("right", np.array(lost)) if lost else None


CASES = [
    ([88, 67, 2, 1], "weighted:inverse", "free"),
    ([300, 40, 11, 2], "mse:inverse", "free"),
    ([300, 40, 11, 2], "mse:inverse", "none"),
    ([2685, 1579, 434, 31], "weighted:inverse", "free"),
    ([1236, 62, 4, 1], "weighted:inverse", "free"),
    ([500, 100, 30, 4], "ce", "free"),
    ([225, 107, 11, 5], "cdt:0.3", "none"),
    ([225, 107, 11, 5], "la:1", "none"),
    ([60, 30, 10], "weighted:inverse", 0.1),
]


@pytest.mark.parametrize(("n", "loss", "bias"), CASES)
def test_what_dies_at_a_critical_decay_is_the_direction_that_has_it(n, loss, bias):
    counts = pen.ClassCounts(n)
    found = pen.forecast(counts, 1e-3, loss=loss, bias=bias, feature_ratio=1.0)
    here = found.geometry.svd.vectors("right")
    checked = 0
    for index, decay in enumerate(found.critical_weight_decay):
        vector = dying(counts, decay, loss, bias)
        if vector is None:
            continue
        overlap = np.square(here.T @ vector)[:, 0]
        assert overlap.max() < 0.6 or overlap.argmax() == index, (decay, overlap)
        checked += int(overlap.max() >= 0.6)
    assert checked >= len(n) // 2


def test_strengths_over_decay_follow_the_direction_too():
    counts = pen.ClassCounts([88, 67, 2, 1])
    found = pen.forecast(counts, 1e-3, loss="weighted:inverse", feature_ratio=1.0)
    critical = found.critical_weight_decay
    for index, decay in enumerate(critical):
        below, above = found.strengths_at([decay * 0.99, decay * 1.01])
        assert below[index] > 0 and above[index] == 0
        assert np.all(above[critical > decay] > 0)


@pytest.mark.parametrize(
    ("n", "loss", "decay"),
    [
        ([9, 9, 21, 21, 208, 9897, 9897, 16, 16], "cdt:0.3", 0.165063),
        ([225, 107, 11, 5, 2], "cdt:0.3", 0.195539),
        ([5863, 3, 5972, 2, 5662], "cdt:0.3", 0.012262),
        ([1, 1, 678, 1273, 685], "ce", 0.18998),
    ],
)
def test_brackets_close_where_a_dead_direction_grows_almost_with_the_threshold(n, loss, decay):
    """Guesses from the dead side all fall just short here: the brackets stayed open, the first figure 21 % off."""
    counts, problem = pen.ClassCounts(n), pen.Problem.from_decays(1e-3, loss=loss, bias="none")
    deaths = find_deaths(counts, problem)
    assert all(death.bracket[1] <= death.bracket[0] * (1 + 1e-6) for death in deaths)
    nearest = min((death.weight_decay for death in deaths), key=lambda known: abs(known - decay))
    sides = (problem.scaled(nearest * side / 1e-3) for side in (0.9999, 1.0001))
    below, above = (pen.minimise(counts, side, gap=1e-11) for side in sides)
    assert below.survivors > above.survivors
    assert nearest == pytest.approx(decay, rel=1e-4)
    found = pen.forecast(counts, problem=problem)
    assert found.critical_note == ""


def test_a_bracket_that_is_not_closed_is_said(monkeypatch):
    monkeypatch.setattr("penultimate.minimisers.convex.deaths._SOLUTIONS", 1)
    found = pen.forecast(pen.ClassCounts([60, 30, 10]), 1e-3, loss="ce", feature_ratio=1.0)
    assert "critical_bracket says between what" in found.critical_note
