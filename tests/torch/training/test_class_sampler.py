"""What is drawn: its distribution by chi-square, repeats, processes, loaders."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, kstest
from torch.utils.data import DataLoader, TensorDataset

import penultimate as pen

COUNTS = np.array([400, 90, 25, 4, 1])
LABELS = np.random.default_rng(0).permutation(np.repeat(np.arange(5), COUNTS))
ClassSampler = pen.torch.ClassSampler


def drawn(sampler, epoch=0):
    sampler.set_epoch(epoch)
    return np.fromiter(sampler, dtype=np.int64)


def kang(power, epoch=None, epochs=None):
    """Class probabilities of Kang et al. 2020, equations 1 and 2, written out."""
    there = np.array([n**power / sum(m**power for m in COUNTS) for n in COUNTS])
    occurring = COUNTS / COUNTS.sum()
    return there if epoch is None else (1 - epoch / epochs) * occurring + epoch / epochs * there


@pytest.mark.parametrize("power", [1.0, 0.5, 0.0, 0.25])
def test_classes_are_drawn_by_their_power(power):
    indices = drawn(ClassSampler(LABELS, power, num_samples=40_000))
    found = np.bincount(LABELS[indices], minlength=5)
    assert chisquare(found, 40_000 * kang(power)).pvalue > 1e-3
    # And not by another.
    assert chisquare(found, 40_000 * kang(power + 0.1)).pvalue < 1e-6


@pytest.mark.parametrize("epoch", [0, 3, 10, 12])
def test_progressive_sampling_blends(epoch):
    sampler = ClassSampler(LABELS, 0.0, epochs=10, num_samples=40_000)
    expected = 40_000 * kang(0.0, min(epoch, 10), 10)
    assert chisquare(np.bincount(LABELS[drawn(sampler, epoch)], minlength=5), expected).pvalue > 1e-3
    np.testing.assert_allclose(sampler.counts_in(epoch).values, expected)


def test_within_a_class_every_sample_is_as_likely_and_draws_are_independent():
    indices = drawn(ClassSampler(LABELS, 0.0, num_samples=200_000))
    members = np.flatnonzero(LABELS == 0)
    of_class = indices[LABELS[indices] == 0]
    assert chisquare(np.bincount(of_class, minlength=LABELS.size)[members]).pvalue > 1e-3
    # Order tells nothing: the places at which a class was drawn are spread evenly.
    assert kstest(np.flatnonzero(LABELS[indices] == 3) / len(indices), "uniform").pvalue > 1e-3


def test_an_epoch_is_repeated_by_its_number_and_moves_on_by_itself():
    sampler, other = ClassSampler(LABELS, seed=3), ClassSampler(LABELS, seed=4)
    first, second, third = (list(sampler) for _ in range(3))
    assert first != second != third and sampler.epoch == 3
    assert drawn(sampler, 1).tolist() == second and list(sampler) == third
    assert list(ClassSampler(LABELS, seed=3)) == first != list(other)


@pytest.mark.parametrize("replicas", [2, 3])
def test_processes_share_one_draw_without_padding(replicas):
    whole = ClassSampler(LABELS, num_samples=600)
    parts = [ClassSampler(LABELS, num_samples=600, num_replicas=replicas, rank=rank) for rank in range(replicas)]
    passes = [drawn(part, 2) for part in parts]
    assert [len(part) for part in passes] == [len(part) for part in parts] == [600 // replicas] * replicas
    np.testing.assert_array_equal(np.column_stack(passes).ravel(), drawn(whole, 2))


def test_processes_have_equally_many_where_the_number_does_not_divide():
    parts = [ClassSampler(LABELS, num_samples=10, num_replicas=4, rank=rank) for rank in range(4)]
    assert [len(drawn(part)) for part in parts] == [len(part) for part in parts] == [3] * 4


@pytest.mark.parametrize("workers", [0, 2])
def test_a_loader_with_workers_gives_what_is_drawn(workers):
    data = TensorDataset(torch.arange(LABELS.size), torch.as_tensor(LABELS))
    sampler = ClassSampler(LABELS, seed=5)
    loader = DataLoader(data, batch_size=64, sampler=sampler, num_workers=workers)
    passes = [torch.cat([indices for indices, _ in loader]).tolist() for _ in range(2)]
    again = ClassSampler(LABELS, seed=5)
    assert passes == [list(again), list(again)] and len(loader) == -(-LABELS.size // 64)


@pytest.mark.parametrize("given", [LABELS.tolist(), torch.as_tensor(LABELS), [f"class {label}" for label in LABELS]])
def test_labels_of_any_kind(given):
    assert list(ClassSampler(given)) == list(ClassSampler(LABELS))


@pytest.mark.parametrize(
    ("choices", "said"),
    [
        ({"power": float("nan")}, r"the power of a sampler .*must be finite, got nan"),
        ({"epochs": 0}, "epochs must be at least 1, and a whole number; got 0"),
        ({"num_samples": 2.5}, "num_samples must be at least 1, and a whole number; got 2.5"),
        ({"num_replicas": 0}, "num_replicas must be at least 1, and a whole number; got 0"),
        ({"seed": -1}, "the seed must be at least 0"),
        ({"num_replicas": 2, "rank": 2}, "rank 2 is none of 2 processes: give 0 … 1"),
    ],
)
def test_what_cannot_be_is_told(choices, said):
    with pytest.raises(pen.ProblemError, match=said):
        ClassSampler(LABELS, **choices)


def test_epochs_before_the_first_are_none():
    sampler = ClassSampler(LABELS, power=0.0, epochs=5)
    for ask in (sampler.set_epoch, sampler.counts_in):
        with pytest.raises(pen.ProblemError, match="the epoch must be at least 0"):
            ask(-3)


def test_no_power_overflows():
    shares = ClassSampler([0, 1, 1, 2, 2], power=1e6).counts_in(0).values / 5
    assert shares.tolist() == [0.0, 0.5, 0.5]  # the largest two, in the limit


@pytest.mark.parametrize("labels", [[0.5, 1.5], [1, 1, 1], np.eye(3, dtype=int)])
def test_labels_that_are_none_are_told(labels):
    with pytest.raises(pen.CountsError):
        ClassSampler(labels)


NAMES = ["ant", "bee", "cat", "dog", "eel"]


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        (LABELS, 6, [*COUNTS, 0]),  # the last class has no samples
        (LABELS, NAMES, COUNTS),
        (np.array(NAMES)[LABELS], NAMES[::-1], COUNTS[::-1]),
        (LABELS, [4, 3, 2, 1, 0], COUNTS[::-1]),
    ],
)
def test_classes_stand_in_the_order_given_and_each_is_drawn_from_its_own_samples(labels, classes, expected):
    sampler = ClassSampler(labels, 0.0, classes=classes, num_samples=5_000)
    np.testing.assert_array_equal(sampler.counts.values, expected)
    np.testing.assert_allclose(sampler.counts_in(0).values, 1_000 * (np.array(expected) > 0))
    found = np.bincount(LABELS[drawn(sampler)], minlength=5)
    assert chisquare(found, np.full(5, 1_000)).pvalue > 1e-3
