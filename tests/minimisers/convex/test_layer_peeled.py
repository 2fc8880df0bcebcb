"""Minority collapse as published: Fang, He, Long and Su 2021 (PNAS, arXiv 2101.12699), K = 10, half the classes large.

Their model has no bias and bounds mean squared norms, ``Σ‖w_k‖²/K ≤ E_W`` and ``Σ‖h_k‖²/K ≤ E_H`` with every class mean
counting once. So the classes get one sample each here and the samples become weights; the two bounds amount to one on
the nuclear norm, ``‖Z̄‖_* ≤ K √(E_W E_H)``, and its multiplier is μ. The published figures are
met at E_W E_H = 5, which was found by trying products: the text of the paper was not at hand.
"""

import numpy as np
import pytest
from scipy.optimize import brentq

import penultimate as pen
from penultimate.losses import CrossEntropy

K, NORM = 10, 10 * np.sqrt(1.0 * 5.0)


def layer_peeled(ratio):
    counts, loss = pen.ClassCounts(np.ones(K)), CrossEntropy.weighted(np.repeat([float(ratio), 1.0], K // 2))

    def solution(log_mu):
        mu = float(np.exp(log_mu))
        return pen.minimise(counts, pen.Problem.from_decays(mu, feature_decay=mu, loss=loss, bias="none"))

    def excess(log_mu):
        found = solution(log_mu)
        return found.multiplicity @ found.strength - NORM

    return solution(brentq(excess, np.log(1e-6), np.log(0.3), xtol=1e-10))


@pytest.mark.parametrize(("ratio", "cosine"), [(1, -1 / 9), (10, 0.517), (100, 1.0)])
def test_cosines_of_minority_classifiers(ratio, cosine):
    solution = layer_peeled(ratio)
    assert solution.converged
    assert solution.multiplicity @ solution.strength == pytest.approx(NORM, rel=1e-7)
    minority = solution.geometry.head_gram.normalised(range(K // 2, K))
    np.testing.assert_allclose(minority[0, 1:], cosine, atol=6e-4)
