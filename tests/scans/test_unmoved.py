import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penultimate.scans.unmoved import find_unmoved


def trained(rows=400, unmoved=40, dimension=32, factor=0.8, drift=1.0, moved=1.0, seed=0, contracted=0.0):
    """Rows at a start and later: all shrunk and moved alike, most of them moved by samples too."""
    rng = np.random.default_rng(seed)
    start = rng.normal(size=(rows, dimension))
    common = rng.normal(size=dimension)
    now = factor * start + drift * common
    now -= contracted * np.outer(start @ common, common) / (common @ common)
    which = np.sort(rng.permutation(rows)[:unmoved])
    samples = moved * rng.normal(size=(rows, dimension)) * rng.uniform(0.5, 2, (rows, 1))
    samples[which] = 0.0
    return start, now + samples, which


def look(start, now):
    return find_unmoved(start, now, 1e-6, np.random.default_rng(0))


@settings(max_examples=8, deadline=None)
@given(st.sampled_from([0.0, 0.3, 0.8, 1.0]), st.sampled_from([0.0, 3.0]), st.integers(10, 150), st.integers(0, 9))
def test_rows_that_share_one_path_are_found_whatever_it_is(factor, drift, unmoved, seed):
    start, now, which = trained(rows=200, factor=factor, drift=drift, unmoved=unmoved, seed=seed)
    found = look(start, now)
    assert sorted(found.rows.tolist()) == which.tolist() and not set(found.nearly) & set(which)
    assert found.factor == pytest.approx(factor, abs=1e-6) and found.noise < 1e-3 < found.outside


def test_the_drift_is_how_far_they_moved_together():
    start, now, which = trained(factor=1.0, drift=2.0)
    shift = (now - start)[which[0]]
    assert look(start, now).drift == pytest.approx(np.linalg.norm(shift), rel=1e-6)


def test_what_the_loss_contracts_is_the_tail_of_the_group():
    """Along the direction that all features share, initial noise shrinks faster: the residual has one direction."""
    start, now, which = trained(contracted=0.1, moved=2.0)
    found = look(start, now)
    assert set(found.rows) <= set(which) and found.rows.size >= 0.9 * which.size
    assert set(found.rows) | set(found.nearly) >= set(which)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("moved", [0.1, 1.0, 5.0])
def test_where_samples_moved_all_rows_none_is_named(moved, seed):
    start, now, _ = trained(unmoved=0, moved=moved, seed=seed)
    found = look(start, now)
    assert found.rows.size == found.nearly.size == 0 and np.isnan(found.factor)


def test_before_the_first_step_all_rows_are_unmoved():
    start = np.random.default_rng(0).normal(size=(100, 8))
    found = look(start, start)
    assert found.rows.tolist() == list(range(100)) and (found.factor, found.drift) == (1.0, 0.0)


def test_the_nearest_come_first_and_numbers_can_be_those_of_a_larger_head():
    start, now, which = trained(contracted=0.05, moved=2.0)
    found = look(start, now)
    larger = found.among(np.arange(400) * 2)
    np.testing.assert_array_equal(larger.rows, 2 * found.rows)
    assert set(found.rows) <= set(which) and "\n" not in repr(found)


def test_the_same_start_and_end_give_the_same_answer():
    start, now, _ = trained(contracted=0.05)
    np.testing.assert_array_equal(look(start, now).rows, look(start, now).rows)
