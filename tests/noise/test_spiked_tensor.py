"""The law of one direction in noise against closed forms, the fixed point it was derived from, and simulation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.noise.rank_one import best_rank_one

SpikedTensor = pen.noise.SpikedTensor
SHAPES = st.lists(st.integers(2, 3000), min_size=2, max_size=5)


@pytest.mark.parametrize("beta", [1.2, 1.5, 3.0, 20.0])
def test_cubic_tensors_have_the_closed_form_of_the_paper(beta):
    """Seddik, Guillaud and Couillet, Corollary 3."""
    scale = math.sqrt(90)
    root = math.sqrt(3) * math.sqrt((3 * beta**2 - 4) ** 3) / beta
    norm = math.sqrt(beta**2 / 2 + 2 + root / 18)
    alignment = (math.sqrt(9 * beta**2 - 12 + root) + math.sqrt(9 * beta**2 + 36 + root)) / (6 * math.sqrt(2) * beta)
    seen = SpikedTensor((30, 30, 30)).seen(beta * scale)
    assert seen.norm == pytest.approx(norm * scale, rel=1e-12)
    np.testing.assert_allclose(seen.alignments, alignment, rtol=1e-12)
    assert seen.error == pytest.approx(alignment**-3, rel=1e-11)


@pytest.mark.parametrize(
    ("order", "threshold", "edge"),
    [(2, math.sqrt(0.5), math.sqrt(2)), (3, 2 / math.sqrt(3), 2 * math.sqrt(2 / 3)), (4, 1.2990381056766580, 3**0.5)],
)
def test_the_threshold_of_equal_sizes_is_known(order, threshold, edge):
    law = SpikedTensor([40] * order)
    assert law.threshold == pytest.approx(threshold * math.sqrt(40 * order), rel=1e-12)
    assert law.edge == pytest.approx(edge * math.sqrt(40 * order), rel=1e-12)


@settings(max_examples=30)
@given(st.integers(2, 5000), st.integers(2, 5000), st.floats(1.001, 1e6))
def test_a_matrix_is_that_of_benaych_georges_and_nadakuditi(rows, columns, share):
    law = SpikedTensor((rows, columns))
    assert law.threshold == pytest.approx((rows * columns) ** 0.25, rel=1e-13)
    assert law.edge == pytest.approx(math.sqrt(rows) + math.sqrt(columns), rel=1e-13)
    square = (share * law.threshold) ** 2
    seen = law.seen(share * law.threshold)
    assert seen.norm**2 == pytest.approx((square + rows) * (square + columns) / square, rel=1e-12)
    above = rows * columns * (share**4 - 1)
    wanted = [above / (square * (square + size)) for size in (rows, columns)]
    np.testing.assert_allclose(seen.alignments**2, wanted, rtol=1e-9)


@settings(max_examples=30)
@given(SHAPES, st.floats(1.01, 30.0))
def test_it_solves_the_fixed_point_of_the_paper(shape, share):
    """g_i² − (g + λ) g_i = c_i and λ + g = β Π q_i, in the paper's units."""
    law, whole = SpikedTensor(shape), sum(shape)
    seen = law.seen(share * law.threshold)
    c, norm, beta = np.array(shape) / whole, seen.norm / math.sqrt(whole), share * law.threshold / math.sqrt(whole)
    g = -np.sqrt(c * (1 - seen.alignments**2))
    assert norm + g.sum() == pytest.approx(beta * np.prod(seen.alignments), rel=1e-6)
    np.testing.assert_allclose(g**2 - (g.sum() + norm) * g, c, rtol=1e-6)


@settings(max_examples=30)
@given(SHAPES, st.floats(1.001, 1e5))
def test_a_norm_leads_back_to_its_strength(shape, share):
    law = SpikedTensor(shape)
    strength = share * law.threshold
    back = law.behind(law.seen(strength).norm)
    assert back.strength == pytest.approx(strength, rel=1e-9)
    assert np.all((back.alignments >= 0) & (back.alignments <= 1))


@given(SHAPES)
def test_at_the_threshold_alignments_satisfy_the_identity_and_more_strength_is_seen_better(shape):
    law = SpikedTensor(shape)
    square = law.seen(law.threshold * (1 + 1e-12)).alignments ** 2
    assert np.sum((1 - square) / (2 - square)) == pytest.approx(1.0, abs=1e-4)
    seen = law.seen(law.threshold * np.array([1.01, 1.3, 2.0, 10.0]))
    assert np.all(np.diff(seen.norm) > 0) and np.all(np.diff(seen.alignments, axis=0) > 0)
    assert law.edge <= seen.norm[0] and np.all(np.diff(seen.error) < 0)


def test_below_the_threshold_nothing_is_seen():
    law = SpikedTensor((50, 40, 10))
    for spike in (law.seen([0.0, 0.99 * law.threshold]), law.behind([0.0, 0.99 * law.edge])):
        assert (
            spike.alignments.tolist() == [[0.0] * 3] * 2 and np.isnan(spike.norm).all() and np.isnan(spike.error).all()
        )
    assert law.seen([0.0, 3.0]).strength.tolist() == [0.0, 3.0] and np.isnan(law.behind(1.0).strength)


def test_numbers_of_any_size_keep_their_digits():
    law = SpikedTensor((5, 7, 9, 11))
    assert law.seen(1e100).norm == pytest.approx(1e100) and law.behind(1e100).strength == pytest.approx(1e100)


@pytest.mark.parametrize("shape", [(), (5,), (5, 2.5), (5, 0, 5), ("a", "b")])
def test_shapes_without_a_law_are_refused(shape):
    with pytest.raises(pen.ProblemError, match="give two sizes or more"):
        SpikedTensor(shape)


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf, [1.0, -2.0], 1e101])
def test_numbers_that_are_none_are_refused(value):
    with pytest.raises(pen.ProblemError, match="give numbers from 0"):
        SpikedTensor((5, 5)).seen(value)
    with pytest.raises(pen.ProblemError, match="the norm is"):
        SpikedTensor((5, 5)).behind(value)


def planted(shape, strength, seed):
    rng = np.random.default_rng(seed)
    vectors = [v / np.linalg.norm(v) for v in (rng.standard_normal(size) for size in shape)]
    return strength * np.einsum("i,j,k->ijk", *vectors) + rng.standard_normal(shape), vectors


def test_simulated_tensors_are_as_the_law_says():
    """Alignments within 0.02 where sizes add up to 150, a fifth above the threshold; the norm scatters by 1."""
    shape = (90, 60, 45)
    law = SpikedTensor(shape)
    strength = 1.3 * law.threshold
    norms, alignments = [], []
    for seed in range(24):
        tensor, vectors = planted(shape, strength, seed)
        norm, found = best_rank_one(tensor, vectors)
        norms.append(norm)
        alignments.append([abs(a @ b) for a, b in zip(found, vectors, strict=True)])
    seen = law.seen(strength)
    np.testing.assert_allclose(np.mean(alignments, axis=0), seen.alignments, atol=0.02)
    assert np.mean(norms) == pytest.approx(seen.norm, abs=0.7) and 0.6 < np.std(norms) < 1.5


def test_a_strong_direction_is_found_from_the_unfolding():
    tensor, vectors = planted((40, 30, 8), 30.0, 0)
    norm, found = best_rank_one(tensor)
    assert norm == pytest.approx(best_rank_one(tensor, vectors)[0], rel=1e-6)
    assert min(abs(a @ b) for a, b in zip(found, vectors, strict=True)) > 0.9
    matrix = tensor[:, :, 0]
    assert best_rank_one(matrix)[0] == pytest.approx(np.linalg.norm(matrix, 2), rel=1e-6)


def test_a_tensor_of_zeros_has_norm_zero():
    assert best_rank_one(np.zeros((3, 4, 5)))[0] == 0.0
