"""The floor of advice is the smallest: against every whole number in turn, by dense singular values."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.advice.samples import advise_samples


def all_survive(counts, decay, layers, bias):
    """By singular values of the dense label matrix and the scalar problem on a grid of strengths."""
    n = np.asarray(counts, dtype=float)
    labels = np.diag(np.sqrt(n)) - (np.outer(n, np.sqrt(n)) / n.sum() if bias == "free" else 0.0)
    sigma = np.linalg.svd(labels, compute_uv=False)[: n.size - (bias == "free")].min()
    kappa = (decay ** (layers + 1) / n.sum()) ** (1 / (layers + 1))
    x = np.linspace(0.0, sigma, 20001)
    cost = (x - sigma) ** 2 / (2 * n.sum()) + (layers + 1) / 2 * kappa * x ** (2 / (layers + 1))
    if layers == 1:
        return sigma > n.sum() * kappa
    return bool(cost.argmin() > 0)


def test_two_classes_have_a_closed_form():
    """σ² = 2 n_1 n_2/N beside the threshold² λ² N = 100: twice as many samples were asked for."""
    advice = pen.advise(pen.ClassCounts([10000, 1]), weight_decay=(100 / 10001) ** 0.5, feature_ratio=1.0)
    assert advice.samples.floor == 51


@settings(max_examples=40)
@given(
    st.lists(st.integers(1, 60), min_size=2, max_size=5),
    st.floats(0.05, 0.6),
    st.sampled_from([1, 2]),
    st.sampled_from(["free", "none"]),
)
@example([42, 42, 41, 2, 3, 7, 37], 0.2, 2, "free")
def test_no_smaller_floor_does(counts, decay, layers, bias):
    found = advise_samples(pen.forecast(pen.ClassCounts(counts), decay, layers=layers, bias=bias, feature_ratio=1.0))
    if found.floor is None:
        return
    raised = [np.maximum(counts, floor) for floor in (found.floor, *range(min(counts), int(found.floor)))]
    does = [all_survive(one, decay, layers, bias) for one in raised]
    assert does[0]
    # One that lies on the threshold to rounding may go either way.
    nearly = [all_survive(one, decay * (1 + 1e-3), layers, bias) for one in raised]
    assert not any(nearly[1:])


@pytest.mark.parametrize("decay", [0.2, 0.3, 0.5])
def test_out_of_reach_means_that_no_floor_does(decay):
    counts = [30, 20, 3, 2]
    found = advise_samples(pen.forecast(pen.ClassCounts(counts), decay, feature_ratio=1.0))
    if found.status.name == "OUT_OF_REACH":
        assert not any(all_survive(np.maximum(counts, floor), decay, 1, "free") for floor in range(1, 200))
