from functools import cache

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.optimize import minimize
from scipy.special import softmax

import penultimate as pen
from penultimate.cli import cli
from penultimate.errors import PenultimateError
from penultimate.probabilities.calibrating import calibrated, fit_calibration
from penultimate.probabilities.mixing import most_likely_mix


@cache
def bundled():
    source = pen.datasets.features("cnn-ce-test")
    batches = list(source.batches())
    features, labels = (np.concatenate(part) for part in zip(*((b.features, b.labels) for b in batches), strict=True))
    return softmax(source.head.logits(features).astype(np.float64), axis=1), labels


def mixed(seed, known=1000, now=1000, flat=False):
    """Known samples in one mix and others ten to one, none in both; and the mix that these were drawn from."""
    p, labels = bundled()
    rng = np.random.default_rng(seed)
    shares = 10.0 ** (-rng.permutation(10) / 9)
    shares = np.full(10, 0.1) if flat else shares / shares.sum()
    order = rng.permutation(len(labels))
    pools = [[half[labels[half] == k] for k in range(10)] for half in (order[:5000], order[5000:])]

    def draw(pool, mix, size):
        return np.concatenate(
            [
                rng.choice(own, count, replace=count > len(own))
                for own, count in zip(pool, rng.multinomial(size, mix), strict=True)
            ]
        )

    held, current = draw(pools[0], np.full(10, 0.1), known), draw(pools[1], shares, now)
    return (p[held], labels[held]), p[current], np.bincount(labels[current], minlength=10) / now, shares


def distance(one, other):
    return 0.5 * np.abs(one - other).sum()


def test_the_most_likely_mix_is_that_of_a_general_optimiser():
    rng = np.random.default_rng(0)
    ratios, weights = rng.dirichlet([1, 1, 1, 1], size=60) * 4, rng.random((1, 60))

    def minus_log_likelihood(logs):
        return -float(weights[0] @ np.log(ratios @ softmax(logs)))

    best = softmax(minimize(minus_log_likelihood, np.zeros(4), tol=1e-12).x)
    np.testing.assert_allclose(most_likely_mix(ratios, weights, np.full((1, 4), 0.25), 1e-10)[0], best, atol=1e-5)


def test_a_perfect_model_is_counted():
    labels = np.repeat([0, 1, 2], [70, 20, 10])
    found = pen.class_shares(0.9999 * np.eye(3)[labels] + 1e-4 / 3, trained_on="balanced")
    np.testing.assert_allclose(found.shares, [0.7, 0.2, 0.1], atol=1e-3)


def test_nearer_than_counting_by_half_and_intervals_hold():
    """Ten-to-one shifts of a bundled network, which is not calibrated."""
    ours, counting, held = [], [], []
    for seed in range(8):
        valid, current, there, shares = mixed(seed)
        found = pen.class_shares(current, valid=valid)
        ours.append(distance(found.shares, there)), counting.append(distance(found.counted, there))
        held.append((found.intervals[:, 0] <= shares) & (shares <= found.intervals[:, 1]))
        assert found.changed and found.shares.sum() == pytest.approx(1.0)
    assert np.mean(ours) < 0.5 * np.mean(counting)
    assert 0.78 < np.mean(held) <= 1.0  # 90 % promised; 80 intervals, ten at a time not independent


def test_a_mix_that_has_not_changed_is_said_so():
    changed = [
        pen.class_shares(mixed(seed, flat=True)[1], valid=mixed(seed, flat=True)[0]).changed for seed in range(12)
    ]
    assert sum(changed) <= 3  # 5 % are to be expected
    valid, current, _, _ = mixed(0, flat=True)
    found = pen.class_shares(current, valid=valid)
    assert found.changed or "has not changed as far as 1,000 samples can tell" in found.verdict


def test_a_list_of_probabilities_and_classes_is_a_pair_too():
    known, classes = [[0.8, 0.2], [0.7, 0.3], [0.1, 0.9]] * 10, [0, 0, 1] * 10
    values = [[0.9, 0.1], [0.2, 0.8]] * 5
    one, other = (pen.class_shares(values, valid=pair) for pair in ((known, classes), [np.array(known), classes]))
    np.testing.assert_array_equal(one.shares, other.shares)


def test_names_decide_and_not_positions():
    valid, current, _, _ = mixed(3)
    names, turned = list("abcdefghij"), np.random.default_rng(0).permutation(10)

    class Frame:
        def __init__(self, values, columns):
            self.values, self.columns = values, columns

        def __array__(self, dtype=None, copy=None):
            return self.values

    one = pen.class_shares(Frame(current, names), valid=(Frame(valid[0], names), np.array(names)[valid[1]]))
    other = pen.class_shares(
        Frame(current, names),
        valid=(Frame(valid[0][:, turned], [names[k] for k in turned]), np.array(names)[valid[1]]),
    )
    np.testing.assert_allclose(one.shares, other.shares, atol=1e-6)


def test_calibration_makes_the_mean_probability_the_share():
    (p, labels), _, _, _ = mixed(1)
    after = calibrated(p, fit_calibration(p, labels))
    np.testing.assert_allclose(after.mean(axis=0), np.bincount(labels, minlength=10) / len(labels), atol=1e-3)
    own = np.arange(len(labels)), labels
    assert -np.log(after[own]).mean() < -np.log(p[own]).mean()


@pytest.mark.parametrize(
    ("values", "how", "says"),
    [
        ([[0.5, 0.5]] * 3, {}, "give trained_on.* or valid"),
        ([[0.5, 0.5]], {"trained_on": [1, 1]}, "at least two samples"),
        ([[0.5, 0.4]] * 3, {"trained_on": [1, 1]}, "sum to 0.9"),
        ([[0.2, 0.3, 0.5]] * 3, {"trained_on": [1, 0, 1]}, "class '1' has no share in trained_on"),
        ([[0.5, 0.5]] * 3, {"trained_on": [1, 1], "valid": ([[0.5, 0.5]] * 2, [0, 1])}, "give one"),
        ([[0.5, 0.5]] * 3, {"valid": [[0.5, 0.5]] * 2}, "valid has no labels"),
        ([[0.5, 0.5]] * 3, {"valid": ([[0.5, 0.5]] * 2, [0, 0])}, "no sample of class '1'"),
        ([[0.5, 0.5]] * 3, {"valid": ([[0.5, 0.5]] * 2, [0, 7])}, "label 7 is none of the 2 classes"),
        ([[0.5, 0.5]] * 3, {"valid": ([[0.5, 0.5]] * 2, [0])}, "one class for each"),
        ([[0.5, 0.5]] * 3, {"valid": ([[0.5, 0.5]] * 2, [0, None])}, "label None is none of the 2 classes"),
        ([[0.5, 0.5]] * 3, {"valid": ([[0.5, 0.5]] * 2, [0, np.nan])}, "label nan is none of the 2 classes"),
        ([[0.5, 0.5]] * 3, {"valid": ([[0.5, 0.5]] * 2, np.ma.masked_array([0, 1], [0, 1]))}, "masked entries in"),
        ([[0.5, 0.5]] * 3, {"valid": ([[0.2, 0.3, 0.5]] * 3, [0, 1, 2])}, "valid has 3 classes"),
    ],
)
def test_bad_input_is_one_clear_error(values, how, says):
    with pytest.raises(PenultimateError, match=says):
        pen.class_shares(values, **how)


def test_the_command_reads_both_files(tmp_path):
    valid, current, _, _ = mixed(5, known=200, now=200)
    np.save(tmp_path / "now.npy", current)
    np.savez(tmp_path / "valid.npz", p=valid[0], y=valid[1])
    call = ["class-shares", str(tmp_path / "now.npy"), "--valid", str(tmp_path / "valid.npz"), "--json", "-"]
    done = CliRunner().invoke(cli, call, catch_exceptions=False)
    assert done.exit_code == 0 and '"known_samples": 200' in done.stdout


class Frame:
    """As much of a data frame as is asked for: values, and names of columns."""

    def __init__(self, values, columns):
        self.values, self.columns = values, columns

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


NAMES = ["dog", "cat", "newt"]


@pytest.mark.parametrize("side", ["trained_on", "valid"])
def test_columns_without_names_take_those_of_the_other_side_and_say_so(side):
    rng = np.random.default_rng(0)
    now, held, numbers = rng.dirichlet(np.ones(3), 80), rng.dirichlet(np.ones(3), 60), np.arange(60) % 3
    named = {
        "trained_on": dict(zip(NAMES, [5, 3, 2], strict=True)),
        "valid": (Frame(held, NAMES), np.take(NAMES, numbers)),
    }
    numbered = {"trained_on": [5, 3, 2], "valid": (held, numbers)}
    found, plain = (pen.class_shares(now, **{side: other[side]}) for other in (named, numbered))
    assert list(found.names) == NAMES and np.array_equal(plain.shares, found.shares) and plain.notes == ()
    assert "0 is taken as 'dog'" in found.notes[0] and found.notes[0] in found.verdict
    both = pen.class_shares(Frame(now[:, ::-1], NAMES[::-1]), **{side: named[side]})
    assert both.notes == () and np.allclose(both.shares[::-1], found.shares)


def test_known_samples_without_names_are_taken_in_the_order_of_the_others():
    rng = np.random.default_rng(0)
    now, held, numbers = rng.dirichlet(np.ones(3), 80), rng.dirichlet(np.ones(3), 60), np.arange(60) % 3
    found = pen.class_shares(Frame(now, NAMES), valid=(held, numbers))
    assert list(found.names) == NAMES and "of valid came without class names: 0 is taken as 'dog'" in found.notes[0]
