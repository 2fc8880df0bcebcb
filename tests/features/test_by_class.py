"""Statistics by NumPy, as small problems have them, beside the compiled loops: the same sums to rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from penultimate import kernels
from penultimate.features.by_class import ByClass
from penultimate.features.passes.deciding import Deciding
from penultimate.features.passes.observed import ObservedEntries
from penultimate.features.passes.replicates import Replicates, deal


def both(made):
    """What is made by NumPy, and by the compiled loops."""
    found = []
    for few in (1000, -1):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(kernels, "FEW_CLASSES", few)
            found.append(made())
    return found


SETTINGS = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 10**6),
        "classes": st.integers(2, 12),
        "dimension": st.integers(1, 7),
        "sizes": st.lists(st.integers(0, 60), min_size=1, max_size=4),
        "dtype": st.sampled_from(["float16", "float32", "float64"]),
        "offset": st.sampled_from([0.0, 300.0]),
        "weighted": st.booleans(),
    }
)


def batches(seed, classes, dimension, sizes, dtype, offset, weighted):
    rng = np.random.default_rng(seed)
    for size in sizes:
        features = (offset + rng.normal(size=(size, dimension))).astype(dtype)
        weights = rng.uniform(0.0, 2.0, size) if weighted else None
        yield features, rng.integers(0, classes, size), weights


@settings(max_examples=30)
@given(SETTINGS, st.booleans())
def test_statistics_are_those_of_the_compiled_loops(given, per_class):
    def made():
        statistics = pen.FeatureStatistics(given["classes"], given["dimension"], per_class=per_class)
        for features, labels, weights in batches(**given):
            statistics.update(features, labels, weights)
        return statistics

    one, other = both(made)
    tolerance = {"rtol": 1e-12, "atol": 1e-12} if given["dtype"] == "float64" else {"rtol": 1e-5, "atol": 1e-4}
    np.testing.assert_allclose(one.counts, other.counts, rtol=1e-13)
    np.testing.assert_allclose(one.means, other.means, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(one.spreads, other.spreads, rtol=1e-11, atol=1e-9)
    np.testing.assert_allclose(one.within_scatter, other.within_scatter, **tolerance)


@settings(max_examples=20)
@given(SETTINGS)
def test_decisions_are_those_of_the_compiled_loops(given):
    given = given | {"weighted": False}
    rng = np.random.default_rng(given["seed"])
    head = pen.Head((rng.normal(size=(given["classes"], given["dimension"])),), rng.normal(size=given["classes"]))
    statistics = pen.FeatureStatistics(given["classes"], given["dimension"])
    for features, labels, _ in batches(**given):
        statistics.update(features, labels)

    def made():
        deciding = Deciding(statistics, head)
        for features, labels, _ in batches(**given):
            deciding.update(features, labels)
        return deciding.decisions

    one, other = both(made)
    # Rows of half precision may tie to the last digit of single precision.
    apart = np.abs(one.confusion - other.confusion).sum()
    assert apart <= (2 if given["dtype"] == "float16" else 0)


@settings(max_examples=20)
@given(SETTINGS, st.integers(1, 3), st.floats(0.0, 0.9))
def test_entries_that_are_there_are_those_of_the_compiled_loop(given, parts, share):
    def made():
        entries = ObservedEntries(given["classes"], given["dimension"], parts)
        gaps = np.random.default_rng(given["seed"] + 1)
        for features, labels, _ in batches(**given):
            features[gaps.random(features.shape) < share] = np.nan
            entries.update(features, labels)
        return entries

    one, other = both(made)
    assert (one.rows, one.whole_rows) == (other.rows, other.whole_rows)
    for name, array in one.arrays().items():
        np.testing.assert_allclose(array, other.arrays()[name], rtol=1e-12, atol=1e-10, err_msg=name)


@given(st.lists(st.integers(0, 4), max_size=40), st.integers(1, 5))
def test_parts_are_dealt_one_a_sample_in_turn(labels, parts):
    before, dealt, turn = np.arange(5), np.zeros(5, dtype=np.int64), np.arange(5)
    expected = []
    for label in labels:
        expected.append(turn[label] % parts)
        turn[label] += 1
    own = np.array(labels, dtype=np.int64)
    split = len(labels) // 2
    found = [deal(some, before, dealt, parts) for some in (own[:split], own[split:])]
    assert np.concatenate(found).tolist() == expected
    assert dealt.tolist() == np.bincount(own, minlength=5).tolist()


@given(st.lists(st.integers(0, 9), max_size=30))
def test_rows_stand_together_by_class(labels):
    own, rows = np.array(labels, dtype=np.int64), np.arange(2 * len(labels), dtype=np.float32).reshape(-1, 2)
    by_class = ByClass.of(own)
    assert by_class.classes.tolist() == sorted(set(labels))
    assert by_class.places().tolist() == [labels[:i].count(label) for i, label in enumerate(labels)]
    for k, sums in zip(by_class.classes, by_class.sums(rows), strict=True):
        np.testing.assert_array_equal(sums, rows[own == k].sum(axis=0))


@pytest.mark.parametrize("parts", [1, 4])
def test_all_parts_together_decide_how_large_the_problem_is(parts, monkeypatch):
    """A part of a jackknife has few samples where the whole has many."""
    seen = []
    monkeypatch.setattr(kernels.Kernel, "at", lambda self, **size: seen.append(size["samples"]) or self)
    replicates = Replicates(2, 1, parts)
    for _ in range(2):
        replicates.update(np.zeros((400, 1)), np.arange(400) % 2)
    assert set(seen) == {400, 800}


@pytest.mark.parametrize("per_class", [False, True])
def test_merged_statistics_are_those_of_the_compiled_loop(per_class):
    """Classes that one has, the other, both and neither."""

    def made():
        parts = []
        for first, seed in ((0, 1), (4, 2)):
            own = np.random.default_rng(seed)
            labels = first + own.integers(0, 7, 60)
            part = pen.FeatureStatistics(13, 3, per_class=per_class)
            part.update(1e4 + own.normal(size=(60, 3)), labels)
            parts.append(part)
        return parts[0].merge(parts[1])

    one, other = both(made)
    for name, array in one.arrays().items():
        np.testing.assert_allclose(array, other.arrays()[name], rtol=1e-12, atol=1e-9, err_msg=name)
