"""What is known to be too much is refused before any work is done."""

import numpy as np
import pytest

import penultimate as pen
from command import run
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


MANY = pen.ClassCounts(np.arange(1.0, 20_001))


@pytest.mark.parametrize("loss", ["cdt:0.3", "vs:0.2:1", "ldam:0.5", "smooth:0.1", "mse:inverse"])
def test_more_distinct_counts_than_are_solved_one_by_one_are_refused_at_once(loss):
    with pytest.raises(pen.ProblemError, match=r"20,000 distinct counts with the loss .* at most 4,096 are solved"):
        pen.forecast(MANY, 1e-3, loss=loss)


def test_so_are_they_with_a_regularised_bias_or_a_tiny_gap_and_along_a_path():
    with pytest.raises(pen.ProblemError, match="'mse' and a regularised bias would take about 156 hours and 130"):
        pen.forecast(MANY, 1e-3, bias=0.1)
    with pytest.raises(pen.ProblemError, match="to a gap above 1e-5"):
        pen.minimise(MANY, pen.Problem.from_decays(1e-3, loss="ce"), gap=1e-6)
    with pytest.raises(pen.ProblemError, match="at most 4,096"):
        pen.solution_path(MANY, pen.Problem.from_decays(1e-3, loss="ce"), points=3)


def test_the_command_refuses_before_it_says_how_long_it_takes(monkeypatch, capsys, tmp_path):
    np.save(tmp_path / "counts.npy", MANY.values)
    arguments = ("forecast", tmp_path / "counts.npy", "--holds", "counts", "--loss", "smooth:0.1")
    code, out, err = run(monkeypatch, capsys, *arguments)
    assert code == 2 and out == "" and "at most 4,096 are solved" in err and "Ctrl-C" not in err
