"""A reservoir keeps every sample of a class with the same chance, all of a rare class, and no more than it may."""

import numpy as np
import pytest
import torch
from scipy.stats import binom

import penultimate as pen
from seeds import SEED


def stream(reservoir, labels, batch=7):
    """Samples that hold their own number."""
    numbers = np.arange(len(labels), dtype=np.float64)[:, None]
    for start in range(0, len(labels), batch):
        reservoir.update(numbers[start : start + batch], labels[start : start + batch])
    return reservoir


def test_a_rare_class_is_kept_whole_and_a_frequent_one_in_part():
    labels = np.random.default_rng(SEED).permutation(np.repeat([0, 1], [200, 15]))
    reservoir = stream(pen.Reservoir(3, 1, per_class=20), labels)
    assert reservoir.seen.tolist() == [200, 15, 0]
    batch = next(reservoir.source().batches())
    kept = batch.features[:, 0].astype(int)
    assert np.bincount(batch.labels, minlength=3).tolist() == [20, 15, 0]
    assert len(np.unique(kept)) == 35 and (labels[kept] == batch.labels).all()
    np.testing.assert_array_equal(np.sort(kept[batch.labels == 1]), np.flatnonzero(labels == 1))
    assert repr(reservoir) == "Reservoir(35 of 215 samples, 3 classes, width 1)"


@pytest.mark.parametrize("batch", [1, 9, 40])
def test_every_sample_is_kept_with_the_same_chance(batch):
    """Against the binomial law, at one in a million over 40 places."""
    draws, often = 120, np.zeros(40)
    for seed in range(draws):
        kept = next(stream(pen.Reservoir(1, 1, per_class=8, seed=seed), np.zeros(40, int), batch).source().batches())
        often[kept.features[:, 0].astype(int)] += 1
    assert often.sum() == 8 * draws
    low, high = binom.ppf([5e-7 / 40, 1 - 5e-7 / 40], draws, 0.2)
    assert low <= often.min() and often.max() <= high


def test_what_is_kept_is_read_by_an_audit(tmp_path):
    rng, labels = np.random.default_rng(SEED), np.repeat(np.arange(3), [400, 60, 8])
    features = torch.tensor(3 * np.eye(3, 5)[labels] + rng.normal(size=(len(labels), 5)))
    reservoir = pen.Reservoir(3, 5, per_class=50)
    reservoir.update(features, torch.tensor(labels))
    reservoir.save(tmp_path / "log.safetensors")
    audit = pen.audit(tmp_path / "log.safetensors", counts=reservoir.seen)
    assert audit.counts.values.tolist() == [400, 60, 8] and audit.statistics.counts.tolist() == [50, 50, 8]
    assert not pen.drift(tmp_path / "log.safetensors", reservoir.source()).moved.any()


def test_what_cannot_be_kept_is_one_clear_error(tmp_path):
    for settings in ((0, 3, 5), (2, 0, 5), (2, 3, 0), (2.5, 3, 5)):
        with pytest.raises(pen.FeaturesError, match="at least 1"):
            pen.Reservoir(*settings)
    reservoir = pen.Reservoir(2, 3)
    with pytest.raises(pen.FeaturesError, match="empty"):
        reservoir.save(tmp_path / "log.safetensors")
    with pytest.raises(pen.FeaturesError, match="row 1 has 2"):
        reservoir.update(np.ones((2, 3)), np.array([0, 2]))
    with pytest.raises(pen.FeaturesError, match="shape"):
        reservoir.update(np.ones((2, 4)), np.array([0, 1]))
    assert not reservoir.seen.any()
