"""Gains at the edges: some classes above, some that can climb, some that never will."""

import numpy as np

from penultimate.forecasts.samples_to_gain import samples_to_gain


def test_classes_that_climb_beside_classes_that_cannot():
    # threshold² = 30 ((100 + g)/100)²: from 29 the bar is caught up with, from 1 it runs away.
    gains = samples_to_gain(np.array([40.0, 29.0, 1.0]), samples=100.0, needed=30.0, power=2.0)
    assert gains[0] == 0
    assert np.isinf(gains[2])
    bar = 30.0 * ((100 + gains[1]) / 100) ** 2
    before = 30.0 * ((100 + gains[1] - 1) / 100) ** 2
    assert 29 + gains[1] > bar
    assert 29 + gains[1] - 1 <= before


def test_a_bar_that_grows_as_fast_as_the_gain_is_never_reached():
    assert np.isinf(samples_to_gain(np.array([10.0]), samples=100.0, needed=100.0, power=1.0)).all()
