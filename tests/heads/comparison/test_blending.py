"""Weights of a logarithmic pool: against another optimiser and what must hold of them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from penultimate.heads.comparison.blending import pool_weights


def several(heads, samples, classes, seed):
    """Scores of heads that know more or less, and labels of every class."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), rng.integers(0, classes, samples - classes)])
    known = rng.uniform(0.0, 2.0, heads)[:, None, None] * np.eye(classes)[labels]
    return known + rng.normal(size=(heads, samples, classes)), labels


def loss(shares, scores, labels, centre):
    """Minus the log posterior, written out sample by sample."""
    of_class = np.bincount(labels)
    weights = np.array([1.0 / (np.count_nonzero(of_class) * of_class[label]) for label in labels])
    chances = log_softmax(np.einsum("j,jnk->nk", shares, scores), axis=1)
    away = shares - np.eye(len(shares))[centre].mean(axis=0)
    fit = -np.sum(weights * chances[np.arange(len(labels)), labels])
    return fit + 0.5 * len(shares) * np.sum(weights**2) * np.sum(away**2)


@given(st.integers(1, 5), st.integers(12, 80), st.integers(2, 4), st.integers(0, 10**6))
def test_weights_are_the_least_of_the_posterior_by_another_optimiser(heads, samples, classes, seed):
    scores, labels = several(heads, samples, classes, seed)
    centre = sorted({seed % heads, seed // 7 % heads})
    found = pool_weights(scores, labels, centre)
    # Unbounded in the logarithm of the weights, from elsewhere.
    other = minimize(lambda logs: loss(np.exp(logs), scores, labels, centre), np.full(heads, -1.0), tol=1e-12)
    assert (found >= 0.0).all()
    assert loss(found, scores, labels, centre) <= other.fun + 1e-7


@given(st.integers(0, 10**6))
def test_order_of_heads_and_shifts_of_scores_do_not_matter(seed):
    scores, labels = several(4, 60, 3, seed)
    order = np.random.default_rng(seed).permutation(4)
    found = pool_weights(scores, labels, [0])
    turned = pool_weights(scores[order], labels, np.flatnonzero(order == 0).tolist())
    np.testing.assert_allclose(turned, found[order], atol=1e-3)
    shifted = scores + np.random.default_rng(seed).normal(size=(4, 60, 1))
    np.testing.assert_allclose(pool_weights(shifted, labels, [0]), found, atol=1e-3)


def test_many_samples_find_the_mixture_and_few_stay_near_the_centre():
    """Two heads that each see half of the evidence, and eight that see none: the posterior is the sum of the two."""
    rng = np.random.default_rng(0)

    def evidence(samples):
        labels = np.arange(samples) % 3
        # Log likelihoods of Gaussians of unit variance around the corners, from looks that are independent.
        shown = np.array([1.0, 1.0, *[0.0] * 8])[:, None, None] * np.eye(3)[labels]
        return shown + rng.normal(size=(10, samples, 3)), labels

    exact = np.array([1.0, 1.0, *[0.0] * 8])
    np.testing.assert_allclose(pool_weights(*evidence(30_000), centre=[0]), exact, atol=0.06)
    centre = np.eye(10)[0]
    away = [np.linalg.norm(pool_weights(*evidence(samples), centre=[0]) - centre) for samples in (3, 3, 3, 300, 300)]
    assert max(away[:3]) < 0.6 < 0.7 < min(away[3:])


def test_rare_classes_count_as_much_as_others():
    """A head that knows only the rare class is believed as one that knows only the frequent one, in balanced terms."""
    labels = np.repeat([0, 1], [900, 100])
    rng = np.random.default_rng(0)
    knows = np.stack([np.where(labels[:, None] == k, 2.0 * np.eye(2)[labels], 0.0) for k in (0, 1)])
    knows = knows + 0.5 * rng.normal(size=knows.shape)
    frequent, rare = pool_weights(knows, labels, centre=[0])
    assert rare == pytest.approx(frequent, rel=0.35)


def test_the_pool_is_the_product_of_probabilities():
    scores, labels = several(3, 50, 4, seed=1)
    shares = pool_weights(scores, labels, [1])
    chances = np.prod(softmax(scores, axis=2) ** shares[:, None, None], axis=0)
    np.testing.assert_allclose(
        chances / chances.sum(axis=1, keepdims=True), softmax(np.einsum("j,jnk->nk", shares, scores), axis=1)
    )


@given(st.integers(1, 6), st.integers(6, 60), st.integers(2, 4), st.integers(0, 10**6))
def test_weights_stray_no_farther_than_the_loss_at_the_centre_pays_for(heads, samples, classes, seed):
    """docs/theory §13.5: ‖a − e‖² ≤ (2M/J) ℓ(e)."""
    scores, labels = several(heads, samples, classes, seed)
    centre = seed % heads
    found = pool_weights(scores, labels, [centre])
    of_class = np.bincount(labels)
    weights = 1.0 / (np.count_nonzero(of_class) * of_class[labels])
    loss_there = -weights @ log_softmax(scores[centre], axis=1)[np.arange(samples), labels]
    reach = 2.0 / (heads * np.sum(weights**2)) * loss_there
    assert np.sum((found - np.eye(heads)[centre]) ** 2) <= reach + 1e-6


def test_with_many_samples_a_factor_and_an_adjustment_are_found():
    """Scores twice as sure as they are right and leaning to frequent classes: two weights mend both."""
    rng = np.random.default_rng(0)
    counts = np.array([1000.0, 100.0, 10.0])
    labels = np.arange(30_000) % 3
    right = 2.0 * np.eye(3)[labels] + rng.normal(size=(30_000, 3)) * np.sqrt(2.0)
    # Log likelihoods of Gaussians of variance 2 about corners at a distance of 2 are these scores.
    told = 2.0 * (right + 0.3 * np.log(counts))
    found = pool_weights(np.stack([told, np.tile(-np.log(counts), (30_000, 1))]), labels, [0])
    np.testing.assert_allclose(found, (0.5, 0.3), atol=0.02)
