"""Names decide which output is which class: in losses, decays and monitors, and where nobody names them it is said."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import penultimate as pen
from penultimate.torch.class_order import contradiction

NAMES = ["newt", "cat", "axolotl"]
BY_NAME = pen.ClassCounts({"axolotl": 10, "cat": 30, "newt": 60})  # as a table in the alphabet's order


def prior(loss):
    """Of a logit-adjusted loss: the class shares that it adds the logarithms of, by output."""
    shares = torch.exp(loss.offsets).numpy()
    return shares / shares.sum()


def test_a_loss_takes_counts_by_the_names_of_its_outputs():
    np.testing.assert_allclose(prior(pen.torch.ClassLoss("la:1", BY_NAME, names=NAMES)), [0.6, 0.3, 0.1], rtol=1e-6)


def test_a_decay_takes_counts_and_target_by_the_names_of_the_heads_rows():
    head, target = nn.Linear(4, 3), pen.ClassCounts({"cat": 1, "newt": 2, "axolotl": 1})
    decay = pen.torch.ClassDecay(head, BY_NAME, 1.0, target=target, names=NAMES)
    np.testing.assert_allclose(decay.decays, [0.6 / 0.5, 0.3 / 0.25, 0.1 / 0.25], rtol=1e-6)


@pytest.mark.parametrize("loss", ["ldam:0.5", "cdt:0.3", "weighted:inverse"])
def test_every_vector_of_a_loss_goes_with_its_class(loss):
    ours = pen.torch.ClassLoss(loss, BY_NAME, names=NAMES)
    direct = pen.torch.ClassLoss(loss, pen.ClassCounts([60, 30, 10]))
    torch.testing.assert_close(ours.state_dict(), direct.state_dict())


@given(st.permutations(range(6)), st.permutations(range(6)))
def test_any_two_orders_meet(first, second):
    words = np.array(["ant", "bee", "cat", "dog", "eel", "fox"])
    values = np.array([320, 160, 80, 40, 20, 10])
    counts = pen.ClassCounts(values[first], names=words[first].tolist())
    loss = pen.torch.ClassLoss("la:1", counts, names=words[second].tolist())
    np.testing.assert_allclose(prior(loss), values[second] / 630, rtol=1e-5)


@given(st.permutations(range(12)))
def test_numbered_classes_go_by_their_numbers_without_a_word(order):
    counts = pen.ClassCounts([100 - 5 * k for k in order], names=[str(k) for k in order])
    expected = np.array([100 - 5 * k for k in range(12)], dtype=float)
    np.testing.assert_allclose(prior(pen.torch.ClassLoss("la:1", counts)), expected / expected.sum(), rtol=1e-5)


def test_ordinary_numbered_use_says_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for counts in (
            pen.ClassCounts([60, 30, 10]),
            [60, 30, 10],
            pen.ClassCounts.from_labels([0, 0, 1, 2]),
            "cifar10-lt",
        ):
            pen.torch.ClassLoss("la:1", counts)


def test_named_counts_without_names_of_the_outputs_are_taken_as_they_stand_and_that_is_said():
    said = r"outputs are taken in the order of the counts, 0, 1, … being 'axolotl', 'cat', 'newt': give names="
    with pytest.warns(UserWarning, match=said) as caught:
        loss = pen.torch.ClassLoss("la:1", BY_NAME)
    assert caught[0].filename == __file__
    np.testing.assert_allclose(prior(loss), [0.1, 0.3, 0.6], rtol=1e-6)
    with pytest.warns(UserWarning, match=said):
        pen.torch.ClassDecay(nn.Linear(4, 3), BY_NAME, 1.0)


@pytest.mark.parametrize(
    ("counts", "names", "error", "said"),
    [
        (
            BY_NAME,
            ["newt", "cat", "dog"],
            pen.FeaturesError,
            "the counts and names= name different classes.*'axolotl'.*'dog'",
        ),
        (BY_NAME, ["newt", "cat"], pen.FeaturesError, "3 classes in the counts and 2 in names="),
        (BY_NAME, ["newt", "cat", "cat"], pen.CountsError, "'cat' is given twice"),
        (
            pen.ClassCounts([60, 30, 10], names=["3", "1", "2"]),
            None,
            pen.CountsError,
            "numbered '3', '1', '2' in this order",
        ),
    ],
)
def test_other_names_and_numbers_in_no_order_are_refused(counts, names, error, said):
    with pytest.raises(error, match=said):
        pen.torch.ClassLoss("la:1", counts, names=names)


def test_a_file_a_mapping_and_a_bundled_name_are_counts_too(counts_file):
    names = ["axolotl", "newt", "dog", "cat"]
    expected = np.array([9, 12, 300, 600]) / 921
    for counts in (counts_file, str(counts_file), {"cat": 600, "dog": 300, "newt": 12, "axolotl": 9}):
        np.testing.assert_allclose(prior(pen.torch.ClassLoss("la:1", counts, names=names)), expected, rtol=1e-6)


# -------------------------------------------------------- samples seen against counts


@pytest.mark.parametrize(
    ("seen", "expected", "said"),
    [
        ([60, 30, 10], [10, 30, 60], True),
        ([59, 30, 10], [100, 300, 600], True),  # of a loader that drops some
        ([60, 30, 10], [60, 30, 10], False),
        ([6, 3, 1], [60, 30, 10], False),
        ([20, 20, 20], [10, 30, 60], False),  # a balanced validation set
        ([50, 45, 5], [10, 30, 60], False),  # other shares in any order
        ([25, 0, 75], [75, 0, 25], True),
        ([0, 0, 0], [75, 0, 25], False),
        ([5, 5, 5], [1, 1, 1], False),
    ],
)
def test_the_same_numbers_in_another_order_are_noticed_and_nothing_else(seen, expected, said):
    text = contradiction(np.array(seen, dtype=float), np.array(expected, dtype=float), ["a", "b", "c"])
    assert (text is not None) is said


@given(st.integers(0, 2**32 - 1), st.integers(2, 60))
def test_samples_drawn_by_the_counts_themselves_never_contradict_them(seed, classes):
    rng = np.random.default_rng(seed)
    counts = pen.ClassCounts.long_tailed(classes, 1000, 100).values
    seen = rng.multinomial(int(rng.integers(50, 5000)), counts / counts.sum()).astype(float)
    assert contradiction(seen, counts, list(map(str, range(classes)))) is None
