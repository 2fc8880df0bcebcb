"""The known frames against their defining equations."""

import numpy as np
import pytest

import penultimate as pen


@pytest.mark.parametrize("classes", [2, 5, 40])
def test_simplex_etf(classes):
    frame = pen.frames.simplex_etf(classes)
    expected = (classes * np.eye(classes) - 1) / (classes - 1)
    np.testing.assert_allclose(frame.mean_gram.dense(), expected, atol=1e-13)
    np.testing.assert_allclose(frame.head_gram.dense(), expected, atol=1e-13)


def test_orthogonal_frame():
    np.testing.assert_allclose(pen.frames.orthogonal_frame(7).mean_gram.dense(), np.eye(7), atol=1e-14)


def test_balanced_data_end_on_the_two_frames():
    """Neural collapse of balanced data: an ETF with a bias, an orthogonal frame without, at any decay and depth."""
    counts = pen.ClassCounts([12] * 6)
    for layers in (1, 2, 3):
        for decay in (1e-3, 1e-2):
            with_bias = pen.forecast(counts, decay, layers=layers, feature_ratio=1.0).geometry
            without = pen.forecast(counts, decay, layers=layers, bias="none", feature_ratio=1.0).geometry
            etf = (6 * np.eye(6) - 1) / 5
            np.testing.assert_allclose(with_bias.mean_gram.normalised(range(6)), etf, atol=1e-12)
            np.testing.assert_allclose(without.mean_gram.normalised(range(6)), np.eye(6), atol=1e-12)


def test_general_orthogonal_frame_has_the_published_lengths():
    """2301.00437: without bias the means are orthogonal, w_k h_k √n_k = √n_k − N √(λ_W λ_H)."""
    counts, problem = pen.ClassCounts([60, 30, 10]), pen.Problem.from_decays(1e-2, feature_decay=1e-4, bias="none")
    frame = pen.frames.general_orthogonal_frame(counts, problem)
    strength = np.sqrt(counts.values) - 100 * np.sqrt(1e-6)
    np.testing.assert_allclose(frame.mean_norms**2 * counts.values, strength * np.sqrt(1e-2 / 1e-4), rtol=1e-12)
    np.testing.assert_allclose(frame.head_norms**2, strength * np.sqrt(1e-4 / 1e-2), rtol=1e-12)


def test_general_orthogonal_frame_has_no_bias():
    with pytest.raises(pen.ProblemError, match="no bias"):
        pen.frames.general_orthogonal_frame(pen.ClassCounts([2, 1]), pen.Problem.from_decays())


@pytest.mark.parametrize("n", [[60, 30, 10], [40, 40, 4, 4, 4], list(range(1, 25)), [7, 7, 7]], ids=str)
def test_seli_is_the_decomposition_of_the_encoded_labels(n):
    """2208.05512: W Wᵀ, H̄ᵀH̄ and the logits from the SVD of the K × N matrix (I − 11ᵀ/K) Y, built sample by sample."""
    classes = len(n)
    encoded = np.repeat(np.eye(classes) - 1 / classes, n, axis=1)
    left, sigma, right = np.linalg.svd(encoded, full_matrices=False)
    left, sigma, right = left[:, :-1], sigma[:-1], right[:-1]
    starts = np.cumsum(n) - n
    means = (np.sqrt(sigma)[:, None] * right)[:, starts]
    frame = pen.frames.seli(pen.ClassCounts(n))
    np.testing.assert_allclose(frame.head_gram.dense(), (left * sigma) @ left.T, atol=1e-12)
    np.testing.assert_allclose(frame.mean_gram.dense(), means.T @ means, atol=1e-12)
    np.testing.assert_allclose(frame.logits.dense(), np.eye(classes) - 1 / classes, atol=1e-12)


def test_seli_needs_every_class():
    with pytest.raises(pen.CountsError, match="'1' has no samples"):
        pen.frames.seli(pen.ClassCounts([3, 0, 2]))
