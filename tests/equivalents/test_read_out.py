"""How likely a score is the largest, against integrals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import norm

from penultimate.equivalents.read_out import _count, class_means, first_places, gaussian_confusion, roots
from penultimate.kernels import Kernel


def test_two_scores_are_one_integral():
    mean, scale = np.array([[0.3, 0.0], [0.0, 1.0]]), np.array([[0.5], [2.0]])
    likely = first_places(mean, scale, [np.eye(2)], seed=0)
    exact = norm.cdf((mean[:, 0] - mean[:, 1]) / np.sqrt(2 * scale[:, 0]))
    assert likely.sum(axis=1) == pytest.approx(1.0) and likely[:, 0] == pytest.approx(exact, abs=0.05)


def test_many_samples_average_the_draws():
    mean = np.tile([0.5, 0.0, -0.5], (5000, 1))
    likely = first_places(mean, np.ones((5000, 1)), [np.eye(3)], seed=0).mean(axis=0)
    exact = [
        quad(lambda x, k=k: norm.pdf(x - mean[0, k]) * np.prod(norm.cdf(x - np.delete(mean[0], k))), -9, 9)[0]
        for k in range(3)
    ]
    assert likely == pytest.approx(exact, abs=0.01)


def test_gaussian_classes_against_the_integral():
    mean, covariance = (
        np.array([[1.0, 0.0], [0.2, 0.3]]),
        np.array([[[1.0, 0.5], [0.5, 2.0]], [[1.0, 0.0], [0.0, 1.0]]]),
    )
    difference = np.array([1.0, -1.0])
    exact = norm.cdf(mean @ difference / np.sqrt(np.einsum("i,kij,j->k", difference, covariance, difference)))
    assert gaussian_confusion(mean, covariance, seed=0)[:, 0] == pytest.approx(exact, abs=0.01)


def test_roots_and_means():
    covariance = np.cov(np.random.default_rng(0).normal(size=(3, 9)))[None]
    assert roots(covariance)[0] @ roots(covariance)[0] == pytest.approx(covariance[0])
    means = class_means(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), np.array([0, 0, 2]), 3)
    assert means.tolist()[0] == [0.5, 0.5] and np.isnan(means[1]).all() and means[2].tolist() == [1.0, 0.0]


@settings(max_examples=20)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(2, 6), st.integers(0, 99))
def test_first_places_are_counted_one_by_one(rows, pairs, answers, seed):
    rng = np.random.default_rng(seed)
    mean, noise = rng.integers(-2, 3, (rows, answers)), rng.integers(-2, 3, (rows, pairs, answers))  # with many ties
    expected = np.ones((rows, answers), dtype=np.float32)
    for i in range(rows):
        for sign in (1, -1):
            for t in range(pairs):
                expected[i, np.argmax(mean[i] + sign * noise[i, t])] += 1
    for count in (_count, _count.at(classes=answers)):
        wins = np.ones((2 * rows, answers), dtype=np.float32)
        count(mean.astype(np.float32), noise.astype(np.float32), wins[::2])
        np.testing.assert_array_equal(wins[::2], expected)
        np.testing.assert_array_equal(wins[1::2], 1)
    assert isinstance(_count, Kernel) and not isinstance(_count.at(classes=answers), Kernel)
