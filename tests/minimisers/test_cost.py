"""What is known to be too much is refused before any work is done."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.minimisers import minimising
from penultimate.minimisers.cost import expected


@pytest.mark.parametrize("bias", ["free", "none"])
def test_many_classes_under_a_width_are_refused_before_solving(monkeypatch, bias):
    def solved(*_, **__):
        raise AssertionError("it was solved first")

    monkeypatch.setattr(minimising, "solve", solved)
    counts = pen.ClassCounts(np.arange(1.0, 13_001))
    with pytest.raises(pen.ProblemError, match=r"13,000 classes.*width of 768.*seconds and [\d.]+ GiB"):
        pen.forecast(counts, 1e-2, loss="ce", width=768, bias=bias, feature_ratio=1.0)


def test_cost_grows_with_distinct_counts_and_not_with_classes():
    few, many = pen.ClassCounts(np.repeat([9.0, 5.0, 2.0], 20_000)), pen.ClassCounts(np.arange(1.0, 2141))
    for loss in ("mse", "ce", "weighted:inverse"):
        problem = pen.Problem.from_decays(1e-3, loss=loss)
        assert expected(few, problem).seconds < 1e-3
        assert expected(few, problem).seconds < expected(many, problem).seconds
    assert expected(many, pen.Problem.from_decays(loss="ldam")).size == pytest.approx(1.4 * 2**30, rel=0.25)  # measured
