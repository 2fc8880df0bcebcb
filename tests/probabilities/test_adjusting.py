import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import penultimate as pen
from penultimate.cli import cli
from penultimate.errors import PenultimateError

ROWS = arrays(np.float64, (6, 3), elements=st.floats(0.01, 1)).map(lambda a: a / a.sum(axis=1, keepdims=True))
MIX = arrays(np.float64, 3, elements=st.floats(1, 100))


@settings(max_examples=50)
@given(ROWS, MIX, MIX)
def test_there_and_back_is_where_it_began(values, one, other):
    there = pen.adjust(values, trained_on=one, used_on=other)
    np.testing.assert_allclose(pen.adjust(there, trained_on=other, used_on=one), values, rtol=1e-9)
    np.testing.assert_allclose(there.sum(axis=1), 1.0)
    np.testing.assert_allclose(pen.adjust(values, trained_on=one, used_on=one * 7), values, rtol=1e-9)


def test_it_is_the_rule_of_bayes():
    """Two normal classes: the posterior of one mix becomes that of another."""
    x = np.linspace(-3, 4, 29)
    likely = np.exp(-0.5 * (x[:, None] - [0.0, 1.5]) ** 2)

    def posterior(mix):
        joint = likely * mix
        return joint / joint.sum(axis=1, keepdims=True)

    adjusted = pen.adjust(posterior([0.9, 0.1]), trained_on=[900, 100], used_on=[0.3, 0.7])
    np.testing.assert_allclose(adjusted, posterior([0.3, 0.7]), rtol=1e-12)


def test_weights_of_the_loss_are_undone():
    values, counts = np.array([[0.5, 0.5], [0.2, 0.8]]), np.array([900, 100])
    undone = pen.adjust(values, trained_on=counts, used_on=counts, weights=1 / counts)
    np.testing.assert_allclose(undone, pen.adjust(values, trained_on="balanced", used_on=counts))


def test_names_decide_and_not_positions():
    values = [[0.9, 0.1]]
    by_name = pen.adjust(values, names=["cat", "dog"], trained_on={"dog": 1, "cat": 9}, used_on="balanced")
    np.testing.assert_allclose(by_name, pen.adjust(values, trained_on=[9, 1], used_on="balanced"))
    with pytest.raises(PenultimateError, match="different classes"):
        pen.adjust(values, names=["cat", "dog"], trained_on={"cow": 1, "cat": 9}, used_on="balanced")


def test_weights_by_name_are_taken_by_name():
    values, by_name = [[0.9, 0.1]], {"dog": 5, "cat": 2}
    found = pen.adjust(values, names=["cat", "dog"], trained_on=[9, 1], used_on="balanced", weights=by_name)
    np.testing.assert_allclose(found, pen.adjust(values, trained_on=[9, 1], used_on="balanced", weights=[2, 5]))


def test_mixes_that_name_classes_in_different_orders_are_put_in_one_where_the_columns_have_no_names():
    values = [[0.9, 0.1], [0.3, 0.7]]
    found = pen.adjust(values, trained_on={"dog": 9, "cat": 1}, used_on={"cat": 5, "dog": 3})
    np.testing.assert_allclose(found, pen.adjust(values, trained_on=[9, 1], used_on=[3, 5]))


def test_a_class_that_does_not_occur_any_more_gets_nothing():
    found = pen.adjust([[0.5, 0.3, 0.2]], trained_on=[5, 3, 2], used_on=[5, 0, 5])
    assert found[0, 1] == 0.0 and found[0].sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "how", "says"),
    [
        ([[0.5, 0.4]], {}, "row 0 sum to 0.9"),
        ([0.5, 0.4], {}, "one column"),
        ([[0.5, 0.5]], {"used_on": [1, 2, 3]}, "classes"),
        ([[0.4, 0.3, 0.3]], {"trained_on": [0, 5, 5]}, "class '0' has probabilities and no share in trained_on"),
        ([[1, 0, 0]], {"trained_on": [1, 1, 1], "used_on": [0, 5, 5]}, "row 0 has all its probability"),
        ([[0.5, 0.5]], {"used_on": [0.5, 0.7]}, "sum to 1.2"),
        ([[0.5, 0.5]], {"used_on": [-1, 2]}, "-1"),
        ([[0.5, 0.5]], {"weights": [1, 0]}, "one positive number for each of 2"),
        ([[0.5, 0.5]], {"weights": [1, np.nan]}, "one positive number"),
        ([[0.5, 0.5]], {"weights": np.ma.masked_array([1, 2], [0, 1])}, "masked entries in weights"),
        ([[0.5, 0.5]], {"weights": {"cat": 1, "dog": 2}}, "weights name classes, and the classes have no names"),
        ([[0.5, 0.5]], {"weights": {"cat": 1, "cow": 2}, "names": ["cat", "dog"]}, "'cow' only in weights"),
        ([[0.5, 0.5]], {"names": "ab"}, "names is one text"),
        ([[0.5, 0.5]], {"trained_on": np.ma.masked_array([9, 1], [0, 1])}, "masked entries in counts"),
    ],
)
def test_bad_input_is_one_clear_error(values, how, says):
    with pytest.raises(PenultimateError, match=says):
        pen.adjust(values, **{"trained_on": [9, 1], "used_on": "balanced", **how})


def test_the_command_writes_what_the_function_returns(tmp_path):
    values = np.random.default_rng(0).dirichlet([1, 2, 3], size=40)
    np.save(tmp_path / "p.npy", values)
    (tmp_path / "counts.csv").write_text("class,count\n0,60\n1,30\n2,10\n")
    call = ["adjust", str(tmp_path / "p.npy"), "--trained-on", str(tmp_path / "counts.csv"), "--used-on", "balanced"]
    done = CliRunner().invoke(cli, [*call, "--out", str(tmp_path / "q.npy")], catch_exceptions=False)
    assert done.exit_code == 0 and "the answer changes for" in done.stderr
    np.testing.assert_allclose(
        np.load(tmp_path / "q.npy"), pen.adjust(values, trained_on=[60, 30, 10], used_on="balanced")
    )


def test_the_command_says_in_which_order_columns_without_names_were_taken(tmp_path):
    values = np.random.default_rng(0).dirichlet([1, 2, 3], size=40)
    np.save(tmp_path / "p.npy", values)
    (tmp_path / "counts.csv").write_text("class,count\ndog,60\ncat,30\nnewt,10\n")
    out = tmp_path / "out.npy"
    given = [str(tmp_path / "p.npy"), "--trained-on", str(tmp_path / "counts.csv"), "--used-on", "balanced"]
    said = CliRunner().invoke(cli, ["adjust", *given, "--out", str(out)])
    assert said.exit_code == 0, said.output
    assert "0 is taken as 'dog', 1 as 'cat', 2 as 'newt', in the order of trained_on" in said.output
    np.testing.assert_array_equal(np.load(out), pen.adjust(values, trained_on=[60, 30, 10], used_on="balanced"))
