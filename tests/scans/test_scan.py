"""Scans of planted heads: what is planted is found, nothing else is, and the figures do not depend on how rows lie."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate.scans.groups import Kind
from scans_planted import planted, trained


@pytest.mark.parametrize("noise", [0.0, 1e-4, 0.02, 0.2, 0.4])
@pytest.mark.parametrize("drift", [0.0, 0.5, 1.5])
def test_what_is_planted_is_found_and_nothing_else(noise, drift):
    rows, which = planted(noise=noise, drift=drift)
    found = pen.scan(rows)
    [group] = found.groups
    assert set(group.rows) <= set(which) <= {*group.rows, *group.nearly} and group.rows.size >= 0.96 * which.size
    assert group.noise == pytest.approx(
        noise * np.sqrt(np.square(trained(600, 48, 0)).sum(1).mean()), rel=0.15, abs=1e-6
    )


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("classes", "dimension"), [(100, 40), (600, 48), (1000, 200), (3000, 8)])
def test_trained_rows_alone_have_no_group(classes, dimension, seed):
    found = pen.scan(trained(classes, dimension, seed))
    assert found.groups == () and found.duplicates == () and found.runaway.size == 0


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_a_layer_that_was_never_trained_says_nothing_wrong(distribution):
    rng = np.random.default_rng(0)
    draw = rng.normal if distribution == "normal" else lambda size: rng.uniform(-1, 1, size)
    assert pen.scan(0.02 * draw(size=(800, 64))).groups == ()


@settings(max_examples=8)
@given(st.integers(0, 10**6), st.sampled_from([1e-6, 1.0, 1e6]))
def test_groups_do_not_depend_on_order_rotation_or_units(seed, unit):
    rng = np.random.default_rng(seed)
    rows, which = planted(seed=seed % 50)
    turn, order = np.linalg.qr(rng.normal(size=(48, 48)))[0], rng.permutation(len(rows))
    found = pen.scan(unit * (rows @ turn)[order])
    members = order[found.untrained]
    assert set(members) <= set(which) and members.size >= 0.96 * which.size


def test_two_groups_are_told_apart_and_seeds_agree():
    rows, first = planted(classes=1500, members=60, noise=0.05)
    rng = np.random.default_rng(5)
    second = rng.choice(np.setdiff1d(np.arange(1500), first), 50, replace=False)
    rows[second] = -0.7 * rows[first[0]] + 0.02 * rng.normal(size=(50, 48))
    for seed in range(3):
        groups = sorted(pen.scan(rows, seed=seed).groups, key=lambda group: -group.rows.size)
        assert [sorted(group.rows.tolist()) for group in groups] == [first.tolist(), sorted(second.tolist())]


def test_kinds():
    rows, which = planted(noise=0.1)
    assert pen.scan(rows).groups[0].kind is Kind.INITIAL
    rows[which] = rows[which[0]]
    same = pen.scan(rows)
    assert same.groups[0].kind is Kind.EQUAL_AS_STORED
    assert [group.tolist() for group in same.duplicates] == [which.tolist()]
    rows[which] = 1e-9 * np.random.default_rng(1).normal(size=(which.size, 48))
    assert pen.scan(rows).groups[0].kind is Kind.NEAR_ZERO
    rows[which] = 0.0
    zero = pen.scan(rows)
    np.testing.assert_array_equal(zero.zero, which)
    assert zero.groups[0].kind is Kind.NEAR_ZERO and zero.duplicates == ()


@pytest.mark.parametrize("noise", [0.0, 1e-5, 1e-3])
@pytest.mark.parametrize("members", [320, 500, 560])
def test_most_of_a_head_may_be_one_vector(members, noise):
    rows, which = planted(members=members, noise=noise)
    found = pen.scan(rows)
    assert set(found.untrained) <= set(which) and found.untrained.size >= 0.96 * members
    rows[which] = 0.0
    zero = pen.scan(rows)
    np.testing.assert_array_equal(zero.untrained, which)
    assert zero.groups[0].kind is Kind.NEAR_ZERO


@pytest.mark.parametrize("outliers", [5, 20, 60])
def test_a_crowd_with_outliers_is_not_one_vector(outliers):
    rows = trained(800, 32, 3) + 3.0
    rows[:outliers] *= 60
    assert pen.scan(rows).untrained.size == 0


def test_a_small_group_is_found_beside_a_large_one():
    rows, most = planted(members=400, noise=0.0)
    few = np.setdiff1d(np.arange(600), most)[:30]
    rows[few] = -rows[most[0]] + 0.01 * np.random.default_rng(1).normal(size=(30, 48))
    assert [group.rows.size for group in pen.scan(rows).groups] == [400, 30]


def test_noise_about_zero_that_has_shrunk_is_near_zero():
    """Inputs that never occurred, under decay alone: no drift, and less noise than any library starts with."""
    rng = np.random.default_rng(0)
    rows = trained(800, 64, 2)
    rows[:60] = 0.002 * rng.normal(size=(60, 64))
    [group] = pen.scan(rows).groups
    assert group.kind is Kind.NEAR_ZERO and set(group.rows) <= set(range(60)) and group.rows.size >= 57


def test_a_cloud_around_a_group_is_its_halo_and_not_untrained():
    """Rows around one vector, in a cloud nearly as wide as all others: seen a little, so not among the untrained."""
    rng = np.random.default_rng(0)
    rows = 4 * trained(4000, 48, 0)
    centre = rows[0].copy()
    rows[:300] = centre + 1e-5 * rng.normal(size=(300, 48))
    rows[300:1800] = centre + 0.8 * rng.normal(size=(1500, 48))
    found = pen.scan(rows)
    np.testing.assert_array_equal(found.untrained, np.arange(300))
    halo = found.groups[1]
    assert halo.kind is Kind.HALO and set(halo.rows) <= set(range(300, 1800)) and halo.rows.size >= 0.96 * 1500
    assert "rows form a halo around them" in found.verdict


def test_another_crowd_of_lengths_is_no_runaway():
    rows = trained(800, 32, 3)
    rows[:300] *= 60
    assert pen.scan(rows).runaway.size == 0


def test_rows_that_agree_to_rounding_are_counted():
    rows, which = planted(members=60, noise=1e-4)
    rows[which[:40]] = rows[which[0]]
    [group] = pen.scan(rows).groups
    assert (group.rows.size, group.equal) == (60, 40)
    assert "40 of these rows agree to rounding." in pen.scan(rows).verdict


def test_half_precision_is_compared_within_its_rounding():
    rows, which = planted(noise=1e-5)
    found = pen.scan(rows.astype(np.float16))
    np.testing.assert_array_equal(found.untrained, which)
    assert found.groups[0].kind is Kind.EQUAL_AS_STORED and found.rounding == 5e-4


def test_runaway_rows_are_named_and_long_tails_are_not():
    rows = trained(800, 32, 3)
    assert pen.scan(rows * np.random.default_rng(0).lognormal(0, 0.5, (800, 1))).runaway.size == 0
    rows[[5, 9, 700, *range(20, 32)]] *= 60
    np.testing.assert_array_equal(np.sort(pen.scan(rows).runaway), np.sort([5, 9, 700, *range(20, 32)]))


def test_damaged_rows_are_left_out_and_named():
    rows, which = planted()
    rows[which[0], 3], rows[which[1], 0] = np.nan, np.inf
    found = pen.scan(rows)
    np.testing.assert_array_equal(found.damaged, which[:2])
    np.testing.assert_array_equal(found.untrained, which[2:])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_scan_does_not_depend_on_the_unit_or_says_that_it_must(dtype):
    weight = np.random.default_rng(0).normal(size=(300, 20))
    weight[:20] = weight[0]
    whole = pen.scan(weight)
    for scale in (2.0**-40, 2.0**40):
        assert pen.scan((weight * scale).astype(dtype)).untrained.tolist() == whole.untrained.tolist()
    for scale in (1e-46, 1e-25, 1e25, 1e39)[0 if dtype is np.float64 else 1 : 4 if dtype is np.float64 else 3]:
        with pytest.raises(pen.FeaturesError, match="multiply the layer by one number"):
            pen.scan((weight * scale).astype(dtype))


def test_few_rows_are_looked_at_for_copies_alone():
    rows = trained(20, 8, 0)
    rows[[3, 7]] = rows[1]
    rows[5] = 0
    found = pen.scan(rows)
    assert found.groups == () and [group.tolist() for group in found.duplicates] == [[1, 3, 7]]
    assert found.zero.tolist() == [5]


def test_a_head_brings_bias_and_names():
    rows, which = planted()
    names = tuple(f"token {i}" for i in range(600))
    found = pen.scan(pen.Head((rows,), np.arange(600.0), names))
    assert found.name(int(which[0])) == f"token {which[0]}" and found.bias[7] == 7.0


@pytest.mark.parametrize(
    ("weight", "more", "match"),
    [
        (np.zeros((5, 4), dtype=int), {}, "int64 of shape"),
        (np.zeros(5), {}, r"shape \(5,\)"),
        (np.zeros((5, 1)), {}, "d ≥ 2"),
        (np.zeros((0, 4)), {}, r"shape \(0, 4\)"),
        (np.ones((5, 4)), {"names": list("abcdef")}, "6 names for 5 rows"),
        (np.ones((5, 4)), {"bias": [1.0]}, "bias has shape"),
        (pen.Head((np.ones((4, 3)), np.ones((5, 4)))), {}, "2 layers"),
        (np.ones((5, 4)), {"rounding": -1.0}, "rounding must be positive"),
        (np.ones((5, 4)), {"seed": "a"}, "the seed must be a number"),
    ],
)
def test_bad_input(weight, more, match):
    with pytest.raises(pen.PenultimateError, match=match):
        pen.scan(weight, **more)


def test_rows_of_zeros_are_not_said_to_have_been_seen():
    verdict = pen.scan(np.zeros((300, 32))).verdict
    assert "every class whose row is not zero was seen" in verdict and "300 rows are all zeros" in verdict
