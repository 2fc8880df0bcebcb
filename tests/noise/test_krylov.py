"""Randomised singular vectors against exact ones: the certificate holds, always."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.noise.krylov import Krylov
from penultimate.noise.oriented import Oriented
from studies.certificates import measured


def test_no_sine_exceeds_its_certificate():
    """A few hundred of the 10,000 of studies/randomised_svd.py: spectra, shapes, precisions, targets, scaled rows."""
    found = [measured(seed) for seed in range(250)]
    assert all(one.holds for one in found)
    assert sum(one.says_something for one in found) > 240


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("shape", [(1400, 1100), (1050, 1500)])
def test_a_large_matrix_to_the_target_in_few_reads(shape, dtype):
    rng = np.random.default_rng(0)
    signal = rng.standard_normal((shape[0], 4)) @ (rng.standard_normal((4, shape[1])) * [[6.0], [5.0], [4.0], [3.0]])
    matrix = (signal + rng.standard_normal(shape)).astype(dtype)
    found = pen.noise.leading(matrix, 4, target=1e-4)
    u, s, vt = np.linalg.svd(matrix.astype(np.float64), full_matrices=False)
    for own, exact in ((found.left, u[:, :4]), (found.right, vt[:4].T)):
        off = own - exact @ (exact.T @ own)
        assert np.linalg.norm(off, axis=0).max() < 1e-4
    np.testing.assert_allclose(found.singular_values, s[:4], rtol=1e-6)
    assert found.sine.max() <= 1e-4 and found.reads <= 8 and found.next_at_most > s[4]


def test_an_estimate_of_each_row_is_about_what_it_is_off_by():
    rng = np.random.default_rng(1)
    rows = np.exp(rng.standard_normal((300, 1)))
    matrix = rng.standard_normal((300, 90)) + 3 * rows * rng.standard_normal((300, 2)) @ rng.standard_normal((2, 90))
    krylov = Krylov(Oriented(matrix, np.ones(300)), 2, 0)
    found = krylov.certified(2, 0.05)
    exact = np.linalg.svd(matrix)[0][:, :2]
    turn, _, back = np.linalg.svd(found.left.T @ exact)
    off = np.linalg.norm(found.left - exact @ (turn @ back).T, axis=1)
    assert np.mean(off <= found.row_error) > 0.9 and found.row_error.max() < 5 * off.max()


def test_small_matrices_are_exact():
    rng = np.random.default_rng(2)
    matrix = rng.standard_normal((60, 40))
    found = pen.noise.leading(matrix, 3)
    _, s, vt = np.linalg.svd(matrix)
    np.testing.assert_allclose(np.abs(np.diag(found.right.T @ vt[:3].T)), 1.0, atol=1e-10)
    np.testing.assert_allclose(found.singular_values, s[:3], rtol=1e-10)
    assert found.sine.max() < 1e-10


def test_rows_centred_and_scaled_on_the_way_are_those_of_the_matrix_written_out():
    rng = np.random.default_rng(3)
    for shape in ((50, 30), (30, 50)):
        matrix, scale = rng.standard_normal(shape), rng.uniform(0.5, 2, shape[0])
        shift, mean = rng.standard_normal(shape[0]), rng.standard_normal(shape[1])
        whole = (matrix - np.outer(shift, mean)) * scale[:, None]
        tall = whole if shape[0] >= shape[1] else whole.T
        ours, vectors = Oriented(matrix, scale, shift, mean), rng.standard_normal((30, 3))
        np.testing.assert_allclose(ours.squared(vectors), tall.T @ (tall @ vectors), rtol=1e-10)
        np.testing.assert_allclose(ours.times(vectors), tall @ vectors, rtol=1e-10)
        np.testing.assert_allclose(ours.gram(), tall.T @ tall, rtol=1e-10, atol=1e-10)
        assert ours.reads == 3


@pytest.mark.parametrize(
    ("matrix", "rank", "target", "message"),
    [
        (np.ones(3), 1, 1e-3, "is no matrix"),
        (np.full((30, 30), np.nan), 1, 1e-3, "NaN or infinity"),
        (np.ones((30, 30), dtype=complex), 1, 1e-3, "real numbers"),
        (np.ones((30, 20)), 20, 1e-3, "from 1 to 19"),
        (np.ones((30, 20)), 2, 0.0, "is a sine"),
    ],
)
def test_what_cannot_be_decomposed_is_refused(matrix, rank, target, message):
    with pytest.raises(pen.ProblemError, match=message):
        pen.noise.leading(matrix, rank, target=target)
