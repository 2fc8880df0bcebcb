"""Gram matrices as divided differences against the products of the vectors themselves."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.spectrum.quotient import DenseQuotient

WEIGHTED_CLUSTER = [1000.0 * (1 + k * 2.0**-50) for k in range(12)] + [7.0, 3.0, 7.0]
INTEGERS = list(np.random.default_rng(0).integers(1, 400, 120))


@pytest.mark.parametrize("rows", ["left", "right"])
@pytest.mark.parametrize("columns", ["left", "right"])
@pytest.mark.parametrize("values", [INTEGERS, WEIGHTED_CLUSTER], ids=["integers", "ulp-cluster"])
def test_loewner_form_equals_the_products_of_vectors(values, rows, columns):
    quotient = pen.LabelSpectrum(pen.ClassCounts(values)).quotient
    every = np.arange(quotient.sigma.size)
    phi = np.random.default_rng(1).uniform(0, 2, every.size)
    phi[every.size // 2 :] = 0.0
    dense = (quotient.vectors(rows, every) * phi) @ quotient.vectors(columns, every).T
    gram = quotient.gram(phi, rows, columns)
    groups = np.arange(dense.shape[0])
    scale = np.abs(dense).max()
    np.testing.assert_allclose(gram.diagonal, np.diagonal(dense), atol=1e-12 * scale)
    np.testing.assert_allclose(gram.block(groups, groups), dense, atol=1e-9 * scale)
    np.testing.assert_allclose(gram.block(groups[3:5], groups[:4]), dense[3:5, :4], atol=1e-9 * scale)
    np.testing.assert_allclose(gram.transposed.block(groups[:4], groups[3:5]), dense[3:5, :4].T, atol=1e-9 * scale)


def test_every_quotient_applies_its_vectors():
    rng = np.random.default_rng(2)
    left, sigma, right = np.linalg.svd(rng.standard_normal((5, 5)))
    counts = pen.ClassCounts([9, 7, 7, 4, 2, 1])
    quotients = [
        DenseQuotient(left, sigma, right.T),
        pen.LabelSpectrum(counts).quotient,
        pen.LabelSpectrum(counts, centred=False).quotient,
        pen.frames.seli(counts).svd.quotient,
    ]
    for quotient in quotients:
        q = quotient.sigma.size
        x, y = rng.standard_normal(q), rng.standard_normal(5)
        for side in ("left", "right"):
            vectors = quotient.vectors(side, np.arange(q))
            np.testing.assert_allclose(vectors.T @ vectors, np.eye(q), atol=1e-13)
            np.testing.assert_allclose(quotient.apply(side, x), vectors @ x, atol=1e-12)
            np.testing.assert_allclose(quotient.apply_transpose(side, y), vectors.T @ y, atol=1e-12)
