"""Bases within groups by NumPy and by the compiled loops, beside dense vectors."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate import kernels


@settings(max_examples=12)
@given(
    st.lists(st.sampled_from([0, 3, 5, 8, 40]), min_size=2, max_size=10).map(lambda counts: [7, 5, *counts]),
    st.integers(0, 99),
)
def test_products_with_the_vectors_are_those_of_dense_ones(counts, seed):
    rng = np.random.default_rng(seed)
    for few in (1000, -1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels, "FEW_CLASSES", few)
            svd = pen.forecast(pen.ClassCounts(counts), feature_ratio=1).geometry.svd
            z, y, rows = rng.normal(size=svd.rank), rng.normal(size=len(counts)), rng.normal(size=(len(counts), 3))
            for side, operator in (("left", svd.U), ("right", svd.V)):
                dense = svd.vectors(side)
                np.testing.assert_allclose(dense.T @ dense, np.eye(svd.rank), atol=1e-12)
                np.testing.assert_allclose(operator @ z, dense @ z, atol=1e-12)
                np.testing.assert_allclose(operator.T @ y, dense.T @ y, atol=1e-12)
                for directions in (0, 1, svd.rank // 2, svd.rank):
                    found = svd.project(side, rows, directions)
                    np.testing.assert_allclose(found, dense[:, :directions].T @ rows, atol=1e-12)
