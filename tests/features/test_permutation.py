"""Labels in another order than the head's: told from heads that are merely bad."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array

import penultimate as pen
from penultimate.features.permutation import permuted


def confusion(name):
    source = pen.datasets.features(name)
    head = source.head or pen.datasets.features(name.removesuffix("-test")).head
    table = np.zeros((10, 10), dtype=int)
    for batch in source.batches():
        np.add.at(table, (batch.labels, head.predict(batch.features)), 1)
    return table


@pytest.mark.parametrize("name", ["cnn-ce-test", "cnn-mse-test", "cnn-mse"])
def test_no_subset_of_classes_of_a_long_tailed_network_looks_permuted(name):
    table = confusion(name)
    for size in (0, 1, 2, 5, 8):
        for dropped in combinations(range(10), size):
            fewer = table.copy()
            fewer[list(dropped)] = 0
            assert permuted(fewer) is None, dropped


@given(st.integers(0, 10**6), st.integers(2, 30), st.sampled_from([0.5, 0.7, 1.0]), st.integers(15, 200))
def test_a_planted_order_is_found(seed, classes, accuracy, samples):
    rng = np.random.default_rng(seed)
    meaning = rng.permutation(classes)
    labels = np.repeat(np.arange(classes), samples)
    wrong = rng.random(labels.size) > accuracy
    answers = np.where(wrong, rng.integers(0, classes, labels.size), meaning[labels])
    table = coo_array((np.ones(labels.size), (labels, answers)), shape=(classes, classes))
    found = permuted(table)
    if np.array_equal(meaning, np.arange(classes)):
        assert found is None
    elif samples * accuracy > 40 and classes > 3:
        np.testing.assert_array_equal(found.meaning, meaning)
        rows, columns = linear_sum_assignment(table.toarray(), maximize=True)
        assert found.would_be == pytest.approx(table.toarray()[rows, columns].sum() / labels.size)
        assert found.accuracy == pytest.approx(np.mean(answers == labels))


@given(st.integers(0, 10**6), st.integers(2, 40), st.integers(1, 200))
def test_guesses_are_not_taken_for_an_order(seed, classes, samples):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), samples)
    table = np.zeros((classes, classes), dtype=int)
    np.add.at(table, (labels, rng.integers(0, classes, labels.size)), 1)
    assert permuted(table) is None


def test_a_set_encoded_without_a_class_that_it_lacks():
    rng = np.random.default_rng(0)
    true = np.repeat([0, 1, 3, 4, 5], 60)
    answers = np.where(rng.random(true.size) < 0.8, true, rng.integers(0, 6, true.size))
    table = np.zeros((6, 6), dtype=int)
    np.add.at(table, (np.searchsorted([0, 1, 3, 4, 5], true), answers), 1)
    found = permuted(table)
    assert found.meaning.tolist()[:5] == [0, 1, 3, 4, 5]
    assert found.moved.tolist()[:3] == [2, 3, 4]
    assert found.would_be == pytest.approx(np.mean(answers == true))


def test_no_samples_and_a_head_that_answers_one_class():
    assert permuted(np.zeros((4, 4), dtype=int)) is None
    table = np.zeros((4, 4), dtype=int)
    table[:, 2] = 50
    assert permuted(table) is None
