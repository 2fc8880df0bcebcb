"""The spectrum of scatter that is noise, against Marchenko and Pastur, and against eigenvalues of samples."""

import numpy as np
import pytest

from gaussian_classes import Mixture
from penultimate.equivalents import scatter_density, scatter_edges
from penultimate.errors import FeaturesError, ProblemError


@pytest.mark.parametrize(("width", "samples"), [(40, 160), (60, 90), (80, 40)])
def test_one_white_class_is_marchenko_and_pastur(width, samples):
    share = width / samples
    low, high = (1 - np.sqrt(share)) ** 2, (1 + np.sqrt(share)) ** 2
    lower, upper = scatter_edges(2.5 * np.eye(width)[None], [samples])
    assert upper == pytest.approx(2.5 * high, rel=1e-6)
    assert lower == (pytest.approx(2.5 * low, rel=1e-5) if samples > width else 0.0)
    at = np.linspace(low, high, 9)[1:-1]
    exact = np.sqrt((high - at) * (at - low)) / (2 * np.pi * share * at)
    assert scatter_density(2.5 * np.eye(width)[None], [samples], 2.5 * at) * 2.5 == pytest.approx(exact, rel=1e-2)


def test_several_covariances_against_eigenvalues_of_samples():
    """Histograms of 30 draws; with one pooled covariance the density would be another."""
    mixture, counts, rng = Mixture.random(3, 60, seed=2), np.array([120, 40, 40]), np.random.default_rng(0)
    roots = mixture.roots * np.array([0.5, 1.0, 2.0])[:, None, None]
    covariances = roots @ roots.swapaxes(1, 2)
    drawn = []
    for _ in range(30):
        rows = np.concatenate([rng.normal(size=(n, 60)) @ root.T for n, root in zip(counts, roots, strict=True)])
        drawn.append(np.linalg.eigvalsh(rows.T @ rows / counts.sum()))
    drawn = np.concatenate(drawn)
    edges = np.quantile(drawn, np.linspace(0.02, 0.98, 13))
    middle = (edges[1:] + edges[:-1]) / 2
    measured = np.histogram(drawn, edges)[0] / drawn.size / np.diff(edges)
    assert np.abs(scatter_density(covariances, counts, middle) / measured - 1).mean() < 0.12
    lower, upper = scatter_edges(covariances, counts)
    assert drawn.max() == pytest.approx(upper, rel=0.15) and drawn.min() == pytest.approx(lower, rel=0.15)


def test_a_direction_that_noise_does_not_explain_stands_out():
    rng = np.random.default_rng(0)
    lower, upper = scatter_edges(np.stack([np.eye(40)] * 2), [100, 60])
    rows = rng.normal(size=(160, 40))
    rows[:, 0] *= 4.0
    values = np.linalg.eigvalsh(rows.T @ rows / 160)
    assert (values > 1.1 * upper).sum() == 1 and values[0] > 0.5 * lower


def test_scatter_that_cannot_be_is_one_error():
    with pytest.raises(FeaturesError, match="covariances"):
        scatter_edges(np.eye(3), [5])
    with pytest.raises(ProblemError, match="positive"):
        scatter_edges(np.eye(3)[None], [0])
    with pytest.raises(ProblemError, match="positive eigenvalues"):
        scatter_density(np.eye(3)[None], [5], [-1.0])
