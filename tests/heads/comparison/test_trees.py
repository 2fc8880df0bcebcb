"""That trees are named where they do better than any head, and only there."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.heads.comparison import trees

SAID = "Trees do better: gradient boosting on TRAIN has"


def table(samples, seed, stripes):
    """Ten columns, of which one tells two classes in stripes, or as a plane does."""
    rng = np.random.default_rng(seed)
    rows = rng.uniform(size=(samples, 10)).astype(np.float32)
    place = rows[:, 0] * stripes
    return pen.ArraySource(rows, (np.floor(place) % 2 if stripes > 1 else rows[:, 0] > 0.5).astype(int))


def notes(stripes, **given):
    return pen.compare_heads(table(500, 0, stripes), table(160, 1, stripes), **given).notes


def test_trees_are_named_where_a_column_tells_in_stripes():
    told = [note for note in notes(6, linear=False) if note.startswith(SAID)]
    assert len(told) == 1 and "HistGradientBoostingClassifier(class_weight='balanced')" in told[0]


@pytest.mark.parametrize(("bound", "value"), [("MOST", 19), ("WORK", 500 * 20 - 1)])
def test_they_are_not_tried_where_they_would_take_long(bound, value, monkeypatch):
    monkeypatch.setattr(trees, bound, value)
    assert not any(note.startswith(SAID) for note in notes(6, linear=False))


@pytest.mark.parametrize(
    ("stripes", "given"), [(1, {"linear": False}), (6, {}), (6, {"linear": False, "costs": 1.0 - np.eye(2)})]
)
def test_they_are_not_where_a_plane_does_or_a_head_has_to_be_linear_or_costs_decide(stripes, given):
    assert not any(note.startswith(SAID) for note in notes(stripes, **given))
