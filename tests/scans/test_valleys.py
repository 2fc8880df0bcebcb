"""Valleys: none in densities with one mode, found where two clouds are apart, whatever the units."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penultimate.scans.valleys import find_valleys


@pytest.mark.parametrize("dimension", [1, 2, 5, 60, 1000])
def test_a_single_cloud_has_no_valley(dimension):
    found = [
        len(find_valleys(0.5 * np.log(np.random.default_rng(seed).chisquare(dimension, 3000)), 1e-2))
        for seed in range(40)
    ]
    assert sum(found) == 0  # the bound is loose: far fewer than one in a hundred


def test_a_uniform_stretch_and_a_power_law_have_no_valley():
    rng = np.random.default_rng(0)
    assert find_valleys(np.log(rng.uniform(size=5000)), 1e-3) == []
    assert find_valleys(np.log(rng.pareto(1.0, 5000) + 1.0), 1e-3) == []


@given(st.integers(0, 2**32 - 1), st.integers(15, 400), st.floats(1e-4, 0.05), st.floats(-20, 20))
def test_two_clouds_have_one_in_any_units(seed, members, ratio, shift):
    rng = np.random.default_rng(seed)
    near, far = np.log(ratio) + 0.5 * np.log(rng.chisquare(40, members)), 0.5 * np.log(rng.chisquare(40, 2000))
    x = rng.permutation(np.concatenate([near, far])) + shift
    best = max(find_valleys(x, 1e-3), key=lambda valley: valley.evidence)
    # The largest of few members may lie in the valley: a tenth of them, or two. Of clouds nearer than these, as near as
    # a fifth, more do in one case of ten.
    inside = max(members // 10, 2)
    assert np.sort(near)[-1 - inside] + shift <= best.left < best.right <= np.quantile(far, 0.1) + shift
    assert members - inside <= np.sum(x <= best.left) <= members


def test_three_clouds_have_two_left_to_right():
    rng = np.random.default_rng(1)
    x = np.concatenate([scale + 0.5 * np.log(rng.chisquare(50, 300)) for scale in (-8.0, -4.0, 0.0)])
    first, second = find_valleys(x, 1e-3)
    assert first.right <= second.left
    assert [round(np.mean(x <= valley.left), 2) for valley in (first, second)] == [0.33, 0.67]


@pytest.mark.parametrize("x", [np.zeros(100), np.zeros(0), np.array([1.0, 2.0, 3.0])])
def test_equal_or_few_distances_have_none(x):
    assert find_valleys(x, 1e-3) == []
