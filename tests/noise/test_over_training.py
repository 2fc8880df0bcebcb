"""Class means over training against noise of the same samples: sizes, power, and what is planted."""

import numpy as np
import pytest

import penultimate as pen
from penultimate.noise.over_training import MeansOverTraining

COUNTS = (60, 40, 30, 20, 15, 10, 9, 8)
STEPS = 6


def over(seed, signal=None, counts=COUNTS, width=24, memory=0.8):
    """Noise that is no Gaussian, unequal by feature, and remembered from one checkpoint to the next."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    part = np.concatenate([np.arange(count) % 16 for count in counts])
    part_counts = np.zeros((len(counts), 16))
    np.add.at(part_counts, (labels, part), 1.0)
    scale, noise = np.exp(rng.normal(size=width) / 2), rng.normal(size=(len(labels), width))
    means, residuals = [], np.zeros((STEPS, len(counts), 16, width))
    for step in range(STEPS):
        noise = memory * noise + np.sqrt(1 - memory**2) * rng.normal(size=noise.shape)
        rows = np.maximum(noise, -0.5) * scale
        if signal is not None:
            rows = rows + signal[step][labels] * scale
        own = np.array([rows[labels == k].mean(axis=0) for k in range(len(counts))])
        np.add.at(residuals[step], (labels, part), rows - own[labels])
        means.append(own)
    return MeansOverTraining(np.array(counts, float), np.array(means), part_counts, residuals.astype(np.float32))


def rows_of(counts=COUNTS):
    unit = np.sqrt(np.array(counts) / np.sum(counts))
    own = np.eye(len(counts)) - np.outer(unit, unit)
    return own / np.sqrt(np.diag(own))[:, None]


def planted(strengths, which=5, width=24):
    """One class moves along one feature vector, so much at each checkpoint."""
    direction = np.random.default_rng(0).normal(size=width)
    direction /= np.linalg.norm(direction)
    signal = np.zeros((STEPS, len(COUNTS), width))
    signal[:, which] = np.outer(strengths, direction)
    return signal, direction


def test_noise_is_rarely_taken_for_a_direction():
    """At 5 %, over 6 data sets: classes, any checkpoint, and directions across classes."""
    rows = np.vstack([rows_of(), np.linalg.svd(rows_of())[2][:7]])
    found = [over(seed).test(rows, np.arange(15), seed) for seed in range(6)]
    assert np.mean([one.p <= 0.05 for one in found]) <= 0.07
    assert np.mean([one.p_at.min(axis=1) <= 0.05 for one in found]) <= 0.08
    assert np.mean([over(seed).test_free(seed).p <= 0.05 for seed in range(2)]) == 0.0


def test_a_planted_class_is_found_with_its_course_and_the_others_are_not():
    strengths = np.array([0.0, 0.0, 4.0, 5.0, 5.0, 0.0])
    signal, _ = planted(strengths)
    counts = np.array(COUNTS)
    found = over(1, signal).test(rows_of(), np.arange(8), 0)
    assert found.p[5] == pytest.approx(1 / 200) and found.alignment[5] > 0.85
    assert np.all(found.p_at[5, 2:5] <= 0.01) and found.p_at[5, 0] > 0.05 and found.p_at[5, 5] > 0.05
    course = found.profile[5] / np.sqrt(counts[5] * (1 - counts[5] / counts.sum()))
    assert course.max() == course[3:5].max() and np.abs(course[[0, 1, 5]]).max() < 1.2 < course[2]
    # The others see it only through the mean of all.
    assert np.sum(found.p <= 0.01) <= 2


def test_a_direction_of_two_rows_has_one_time_profile():
    signal, _ = planted(np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))
    rows = np.linalg.qr(rows_of()[[4, 5]].T)[0].T
    found = over(2, signal).test(rows, np.array([0, 0]), 0)
    assert found.p.shape == (1,) and found.profile.shape == (1, STEPS) and found.p[0] <= 0.01
    assert np.all(np.diff(found.profile[0]) > -1.5)


def test_the_free_test_finds_a_mixture_of_classes():
    direction = np.random.default_rng(3).normal(size=24)
    mixture = np.array([1, 1, -1, -1, 1, -1, 1, -1])
    signal = np.linspace(0, 2, STEPS)[:, None, None] * mixture[:, None] * direction / np.linalg.norm(direction)
    found = over(3, signal).test_free(0)
    assert found.p == pytest.approx(1 / 200)
    assert np.all(np.sign(found.classes[:4]) * mixture[:4] == np.sign(found.classes[0]))
    assert found.profile[-1] > 4 * abs(found.profile[0]) and np.linalg.norm(found.classes) == pytest.approx(1)


def test_seeds_are_explicit():
    first, again = (over(4).test(rows_of(), np.arange(8), 7).p for _ in range(2))
    np.testing.assert_array_equal(first, again)


def made(means, residuals):
    counts, part_counts = np.array([4.0, 4.0]), np.repeat(np.eye(2, 16).sum(axis=0)[None] * 2, 2, axis=0)
    return MeansOverTraining(counts, means, part_counts, residuals)


def test_features_without_noise_or_number_are_refused():
    means, residuals = np.ones((2, 2, 3)), np.zeros((2, 2, 16, 3), np.float32)
    with pytest.raises(pen.FeaturesError, match="do not scatter within classes"):
        made(means, residuals)
    residuals[:, :, 0], residuals[:, :, 1] = 1.0, -1.0
    assert made(means, residuals).widths == (1, 1)
    means[1, 0] = 2.0
    residuals[1] = 0.0
    with pytest.raises(pen.FeaturesError, match="do not scatter within classes"):
        made(means, residuals)
    means[0, 0, 0] = np.nan
    with pytest.raises(pen.FeaturesError, match="NaN or infinity"):
        made(means, residuals)


def test_a_checkpoint_of_dead_features_has_no_direction():
    means, residuals = np.zeros((2, 2, 3)), np.zeros((2, 2, 16, 3), np.float32)
    residuals[0, :, 0], residuals[0, :, 1] = 1.0, -1.0
    means[0, 0] = 5.0
    found = made(means, residuals).test(np.array([[1.0, -1.0]]) / np.sqrt(2), np.array([0]), 0)
    assert found.profile[0, 1] == 0.0 and found.p_at[0, 1] == 1.0
