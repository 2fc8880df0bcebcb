"""Answers of least expected cost: by hand, by properties, by names; and costs that are none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import penultimate as pen
from frames import Frame
from penultimate.errors import FileError, ProblemError

SHARES = arrays(np.float64, (5, 3), elements=st.floats(0.01, 1)).map(lambda a: a / a.sum(axis=1, keepdims=True))
COSTS = arrays(np.float64, (3, 3), elements=st.floats(0, 50)).map(lambda a: a * (1 - np.eye(3)))


@settings(max_examples=50)
@given(SHARES, COSTS)
def test_no_other_answer_costs_less(shares, costs):
    answers = pen.decide(shares, costs)
    expected = np.array([[sum(p[k] * costs[k, j] for k in range(3)) for j in range(3)] for p in shares])
    assert np.all(expected[np.arange(5), answers] <= expected.min(axis=1) + 1e-9)


@settings(max_examples=30)
@given(SHARES, st.floats(0.1, 9))
def test_where_all_cost_alike_the_likeliest_is_the_answer(shares, cost):
    answers = pen.decide(shares, cost * (1 - np.eye(3)))
    np.testing.assert_allclose(shares[np.arange(5), answers], shares.max(axis=1))


def test_rows_are_true_classes_and_columns_answers():
    missed = [[0, 1], [20, 0]]
    assert pen.decide([[0.96, 0.04], [0.94, 0.06]], missed).tolist() == [0, 1]  # 0.04 · 20 < 0.96, 0.06 · 20 > 0.94


def test_names_decide_which_is_which(tmp_path):
    shares, names, costs = [[0.94, 0.06]], ["cat", "newt"], np.array([[0, 1], [20, 0]])
    assert pen.decide(shares, costs, names=names).tolist() == [1]
    turned = Frame(costs[::-1, ::-1], ["newt", "cat"], ["newt", "cat"])
    crossed = Frame(costs[::-1], ["newt", "cat"], ["cat", "newt"])
    columns_alone = Frame(costs[::-1, ::-1], range(2), ["newt", "cat"])
    path, plain = tmp_path / "costs.csv", tmp_path / "plain.csv"
    path.write_text("true,newt,cat\nnewt,0,20\ncat,1,0\n")
    plain.write_text("0,1\n20,0\n")
    pandas, indexed = tmp_path / "pandas.csv", tmp_path / "indexed.csv"
    pandas.write_text("0,1\n0,1\n20,0\n")
    indexed.write_text(",0,1\n0,0,1\n1,20,0\n")
    for given_ in (turned, crossed, columns_alone, path, plain, pandas, indexed):
        assert pen.decide(shares, given_, names=names).tolist() == [1]
    np.save(tmp_path / "costs.npy", costs)
    assert pen.decide(shares, tmp_path / "costs.npy").tolist() == [1]


@pytest.mark.parametrize(
    ("costs", "says"),
    [
        ([[0, 1, 1], [1, 0, 1]], r"shape \(2, 3\) for 2 classes: give 2 × 2"),
        ([[0, 1]], "for 2 classes"),
        ([["a", "b"], ["c", "d"]], "the costs are of type <U1, not numbers"),
        ([[0, np.nan], [1, 0]], "NaN or infinity"),
        ([[0, -1], [1, 0]], "where 'cat' is true the right answer costs 0 and 'newt' costs -1"),
        (Frame(1 - np.eye(2), ["cat", "cow"], ["cat", "cow"]), "different classes"),
        (Frame(1 - np.eye(2), ["cat", "cat"], ["cat", "newt"]), "a class twice"),
    ],
)
def test_costs_that_are_none_are_refused(costs, says):
    with pytest.raises(ProblemError, match=says):
        pen.decide([[0.5, 0.5]], costs, names=["cat", "newt"])


def test_names_for_classes_without_any_are_refused():
    with pytest.raises(ProblemError, match="the classes have no names"):
        pen.decide([[0.5, 0.5]], Frame(1 - np.eye(2), ["a", "b"], ["a", "b"]))


def test_what_polars_calls_columns_without_names_are_none():
    costs, columns = [[0, 1], [20, 0]], ["column_0", "column_1"]
    assert pen.decide([[0.9, 0.1], [0.97, 0.03]], Frame(costs, None, columns)).tolist() == [1, 0]


def test_files_that_are_none_are_refused(tmp_path):
    words = tmp_path / "words.csv"
    words.write_text("cat,newt\n0,much\n1,0\n")
    for path, says in ((words, "'much'"), (tmp_path / "nowhere.csv", "no such file")):
        with pytest.raises(FileError, match=says):
            pen.decide([[0.5, 0.5]], path)
