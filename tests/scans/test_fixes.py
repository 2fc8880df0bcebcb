"""Heads after a fix: what must not change does not, to rounding; what a tie moves is said."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import penultimate as pen
from scans_planted import planted

ROWS, WHICH = planted()
KEPT = np.setdiff1d(np.arange(600), WHICH)


@cache
def scanned():
    """These rows without a bias."""
    return pen.scan(ROWS)


def softmax(scores):
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


@settings(max_examples=10)
@given(st.integers(0, 10**6), st.booleans(), st.floats(0.1, 30))
def test_mask_and_drop_are_the_softmax_over_trained_classes(seed, with_bias, size):
    rng = np.random.default_rng(seed)
    bias, features = (rng.normal(size=600) if with_bias else None), size * rng.normal(size=(9, 48))
    found = scanned() if bias is None else pen.scan(ROWS, bias=bias)
    scores = features @ ROWS.T + (0 if bias is None else bias)
    expected = softmax(scores[:, KEPT])
    np.testing.assert_allclose(softmax(found.fix("drop").logits(features)), expected, atol=1e-12)
    masked = softmax(found.fix("mask").logits(features))
    np.testing.assert_allclose(masked[:, KEPT], expected, atol=1e-12)
    assert (masked[:, WHICH] == 0).all()
    np.testing.assert_array_equal(found.fix("leave").logits(features), scores)


def test_names_say_which_rows_are_left():
    named = tuple(f"t{i}" for i in range(600))
    assert pen.scan(ROWS, names=named).fix("drop").names == tuple(f"t{i}" for i in KEPT)
    assert scanned().fix("drop").names == tuple(map(str, KEPT))


def test_mean_gives_the_mean_of_trained_rows_and_changes_no_other():
    bias = np.arange(600.0)
    found = pen.scan(ROWS, bias=bias)
    head = found.fix("mean")
    np.testing.assert_allclose(head.weights[0][WHICH], np.tile(ROWS[KEPT].mean(axis=0), (40, 1)))
    np.testing.assert_allclose(head.bias[WHICH], bias[KEPT].mean())
    np.testing.assert_array_equal(head.weights[0][KEPT], ROWS[KEPT])
    np.testing.assert_array_equal(found.weight, ROWS)  # what was scanned stays as it was


def test_other_fixes_and_damaged_heads_are_refused():
    with pytest.raises(pen.FeaturesError, match="no fix 'erase': give one of leave, mask, drop, mean"):
        scanned().fix("erase")
    damaged = ROWS.copy()
    damaged[0, 0] = np.nan
    with pytest.raises(pen.FeaturesError, match="NaN"):
        pen.scan(damaged).fix("mask")


def test_the_command_writes_a_head(tmp_path, penultimate):
    np.savez(tmp_path / "m.npz", **{"wte.weight": ROWS.astype(np.float32)})
    status, out, err = penultimate(
        "scan", str(tmp_path / "m.npz"), "--fix", "drop", "--out", str(tmp_path / "head.npz")
    )
    head = pen.Head.read(tmp_path / "head.npz")
    assert status == 0 and head.classes == KEPT.size and head.names == tuple(map(str, KEPT))
    assert "drop: 40 of 600 rows" in err and "also an embedding of inputs" in err and "40 of 600 classes" in out
    for wrong in (["--fix", "drop"], ["--out", "x.npz"], ["--fix", "drop", "--out", "x", "--all-layers"]):
        status, _, err = penultimate("scan", str(tmp_path / "m.npz"), *wrong)
        assert status == 2 and "--fix" in err
