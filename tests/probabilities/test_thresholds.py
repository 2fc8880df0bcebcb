import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

import penultimate as pen
from frames import Frame
from penultimate.cli import cli
from penultimate.errors import PenultimateError

PROBABILITIES = arrays(np.float64, st.tuples(st.integers(2, 30), st.integers(1, 4)), elements=st.floats(0.01, 0.99))


def expected(column, answers):
    """F1 with every count at its expectation."""
    return 2 * column[answers].sum() / (answers.sum() + column.sum()) if answers.any() else 0.0


@settings(max_examples=60)
@given(PROBABILITIES)
def test_no_other_threshold_promises_more(values):
    found = pen.expected_f_thresholds(values)
    for k, column in enumerate(values.T):
        every = [expected(column, column >= threshold) for threshold in np.unique(column)]
        assert found.expected_f[k] == pytest.approx(max(every), rel=1e-12)
        assert expected(column, column >= found.values[k] - 1e-12) == pytest.approx(max(every), rel=1e-9)
        assert found.values[k] == pytest.approx(found.expected_f[k] / 2) and found.values[k] <= 0.5
        assert found.expected_f_at_half[k] == pytest.approx(expected(column, column >= 0.5), abs=1e-12)
        assert found.expected_f[k] >= found.expected_f_at_half[k] - 1e-12


@settings(max_examples=20)
@given(PROBABILITIES, st.randoms(use_true_random=False))
def test_neither_the_order_of_samples_nor_that_of_labels_matters(values, rng):
    rows, columns = list(range(values.shape[0])), list(range(values.shape[1]))
    rng.shuffle(rows), rng.shuffle(columns)
    one, other = pen.expected_f_thresholds(values), pen.expected_f_thresholds(values[rows][:, columns])
    np.testing.assert_allclose(one.values[columns], other.values, rtol=1e-12)


def test_calibrated_probabilities_keep_what_the_thresholds_promise():
    rng = np.random.default_rng(5)
    held, fresh = (rng.beta(0.4, [2.0, 8.0, 40.0], size=(20_000, 3)) for _ in range(2))
    truth = rng.random(fresh.shape) < fresh
    found = pen.expected_f_thresholds(held)
    measured = f1_score(truth, found.predict(fresh), average=None)
    np.testing.assert_allclose(measured, found.expected_f, atol=0.04)
    for factor in (0.4, 2.5):
        assert f1_score(truth, fresh >= factor * found.values, average="macro") < measured.mean()


def test_labels_measure_and_choose_nothing():
    rng = np.random.default_rng(0)
    values = rng.beta(1, 6, size=(400, 3))
    truth = rng.random(values.shape) < values
    found, alone = pen.expected_f_thresholds(values, truth), pen.expected_f_thresholds(values)
    np.testing.assert_array_equal(found.values, alone.values)
    np.testing.assert_allclose(found.measured_f, f1_score(truth, values >= found.values, average=None))
    np.testing.assert_allclose(
        found.measured_f_at_half, f1_score(truth, values >= 0.5, average=None, zero_division=0.0)
    )
    assert alone.measured_f is None and not found.off.any() and "Against the labels" in found.verdict


def test_probabilities_that_are_not_calibrated_are_named():
    rng = np.random.default_rng(1)
    values = rng.beta(1, 6, size=(2000, 3))
    truth = rng.random(values.shape) < values * [1.0, 0.3, 1.0]
    found = pen.expected_f_thresholds(values, truth, names=["cat", "dog", "newt"])
    assert found.off.tolist() == [False, True, False]
    assert "not calibrated for dog (" in found.verdict
    assert [row["calibrated"] for row in found.to_dict()["labels"]] == [True, False, True]


def test_a_small_batch_is_warned_of():
    values = np.random.default_rng(2).beta(1, 200, size=(100, 4))
    found = pen.expected_f_thresholds(values)
    assert found.few.all() and "All labels have fewer than 5 expected positives among these 100" in found.verdict


def test_a_label_that_nobody_can_have_is_never_answered():
    found = pen.expected_f_thresholds([[0.0, 0.4], [0.0, 0.7]])
    assert found.values[0] == 0.5 and found.answered[0] == 0 and found.expected_f[0] == 0.0


def test_probabilities_of_one_label_a_sample_are_told():
    values = np.random.default_rng(3).dirichlet(np.ones(4), size=50)
    assert "Every row sums to one" in pen.expected_f_thresholds(values).verdict
    assert not pen.expected_f_thresholds(values * 0.9).one_label


@pytest.mark.parametrize(
    ("values", "labels", "says"),
    [
        ([[0.2, np.nan]], None, "hold nan in row 0, column '1': leave these samples out"),
        ([[0.2, 3.5]], None, "hold 3.5 in row 0, column '1'.*sigmoid"),
        ([[-4.0, 0.5]], None, "hold -4 in row 0, column '0'"),
        ([[0, 1], [1, 0]], None, "every value is 0 or 1: these are answers"),
        (np.zeros((0, 3)), None, "at least one sample"),
        (np.zeros((2, 2, 2)), None, "one row a sample"),
        ([["a", "b"]], None, "of type <U1, not numbers"),
        (np.ma.masked_less([[0.2, 0.3]], 0.25), None, "masked entries"),
        ([[0.2, 0.3], [0.4]], None, "cannot be read as one array"),
        ([[0.2, 0.3]], [[0, 1], [1]], "rows of different lengths"),
        ([[0.2, 0.3]], [[0, 2]], "other values than 0 and 1"),
        ([[0.2, 0.3]], [[0], [1]], "give one row for each"),
        ([[0.2, 0.3]], [1], "labels have shape"),
    ],
)
def test_bad_input_is_one_clear_error(values, labels, says):
    with pytest.raises(PenultimateError, match=says):
        pen.expected_f_thresholds(values, labels)


def test_other_columns_are_refused_where_thresholds_are_used():
    with pytest.raises(PenultimateError, match="3 classes in the probabilities and 2 in the thresholds"):
        pen.expected_f_thresholds([[0.1, 0.4], [0.3, 0.3]]).predict([[0.1, 0.2, 0.3]])
    with pytest.raises(PenultimateError, match="'cow' only in the probabilities, and 'dog' only in the thresholds"):
        pen.expected_f_thresholds([[0.1, 0.4], [0.3, 0.3]], names=["cat", "dog"]).predict(
            Frame([[0.1, 0.2]], None, ["cat", "cow"])
        )


def test_names_decide_which_column_a_threshold_and_a_truth_are_of():
    rng, names, other = np.random.default_rng(0), ["cat", "dog", "newt"], [2, 0, 1]
    values = rng.beta(0.5, [4, 8, 40], size=(300, 3))
    truth = (rng.random((300, 3)) < values).astype(int)
    turned = [names[k] for k in other]
    found = pen.expected_f_thresholds(Frame(values, range(300), names), Frame(truth[:, other], range(300), turned))
    alone = [pen.expected_f_thresholds(values[:, k], truth[:, [k]]) for k in range(3)]
    np.testing.assert_allclose(found.measured_f, [one.measured_f[0] for one in alone])
    answers = found.predict(Frame(values[:, other], range(300), turned))
    np.testing.assert_array_equal(answers, np.column_stack([one.predict(values[:, k]) for k, one in enumerate(alone)]))


def test_tensors_that_training_left_with_a_gradient_and_half_ones_are_read():
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).beta(0.5, [4, 8], size=(300, 2))
    expected = pen.expected_f_thresholds(values).values
    given = torch.tensor(values, requires_grad=True)
    np.testing.assert_allclose(pen.expected_f_thresholds(given).values, expected)
    np.testing.assert_allclose(pen.expected_f_thresholds(given.bfloat16()).values, expected, atol=5e-3)


def test_the_command_writes_thresholds_and_json(tmp_path):
    values = np.random.default_rng(0).beta(1, 6, size=(400, 3))
    np.save(tmp_path / "p.npy", values)
    out, record = tmp_path / "t.npy", tmp_path / "t.json"
    done = CliRunner().invoke(
        cli, ["thresholds", str(tmp_path / "p.npy"), "--out", str(out), "--json", str(record)], catch_exceptions=False
    )
    assert done.exit_code == 0 and "raises the F1 to be expected" in done.stdout
    np.testing.assert_array_equal(np.load(out), pen.expected_f_thresholds(values).values)
    assert '"macro_f1"' in record.read_text()
    with pytest.raises(PenultimateError, match="give a name that ends so"):
        CliRunner().invoke(
            cli, ["thresholds", str(tmp_path / "p.npy"), "--out", str(tmp_path / "t.csv")], catch_exceptions=False
        )
