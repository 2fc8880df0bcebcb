"""Thresholds and shares of classes: against the loop that people write, and the time that sorting alone takes."""

from collections.abc import Callable

import numpy as np
from sklearn.metrics import precision_recall_curve

import penultimate as pen
from measure import best, console, once, table
from penultimate.probabilities.mixing import most_likely_mix

SAMPLES, LABELS = 2_000, 300
CURRENT, KNOWN, CLASSES = 10_000, 3_000, 10


def by_loop(values: np.ndarray, truth: np.ndarray) -> None:
    """The threshold of largest F1 on known labels, label by label, as tutorials have it."""
    for k in range(LABELS):
        precision, recall, thresholds = precision_recall_curve(truth[:, k], values[:, k])
        total = np.maximum(precision + recall, 1e-12)
        thresholds[int(np.argmax((2 * precision * recall / total)[:-1]))]


def plainly(ratios: np.ndarray) -> None:
    """Expectation maximisation a step at a time, until no share changes by 1e-6."""
    mix, new = np.zeros(CLASSES), np.full(CLASSES, 1 / CLASSES)
    while np.abs(new - mix).max() > 1e-6:
        mix = new
        joint = ratios * mix
        new = (joint / joint.sum(axis=1, keepdims=True)).mean(axis=0)


def posteriors(own: np.ndarray, centres: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Of samples of Gaussian classes, each exactly calibrated for classes of equal shares."""
    rows = centres[own] + rng.normal(size=(own.size, centres.shape[1]))
    scores = -0.5 * np.square(rows[:, None] - centres).sum(axis=2)
    likely = np.exp(scores - scores.max(axis=1, keepdims=True))
    return likely / likely.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    rng = np.random.default_rng(0)
    values = rng.beta(0.3, 6, size=(SAMPLES, LABELS))
    truth = rng.random(values.shape) < values
    ours = best(lambda: pen.expected_f_thresholds(values))
    out = table(f"Thresholds of {LABELS} labels, {SAMPLES:,} samples", "what", "ms", "ratio")
    rows: dict[str, Callable[[], object]] = {
        "scikit-learn's precision_recall_curve, label by label": lambda: by_loop(values, truth),
        "sorting every column, and nothing else": lambda: [np.sort(column) for column in values.T],
    }
    out.add_row("expected_f_thresholds", f"{1e3 * ours:.1f}", "")
    for name, run in rows.items():
        seconds = best(run)
        out.add_row(name, f"{1e3 * seconds:.1f}", f"{seconds / ours:.2f} ×")
    console.print(out)

    labels, mix = rng.integers(CLASSES, size=KNOWN), 10.0 ** (-np.arange(CLASSES) / (CLASSES - 1))
    centres = 1.5 * rng.normal(size=(CLASSES, 5))
    current = rng.choice(CLASSES, size=CURRENT, p=mix / mix.sum())

    now, known = posteriors(current, centres, rng), posteriors(labels, centres, rng)
    ratios, flat = now * CLASSES, np.full((1, CLASSES), 1 / CLASSES)
    accelerated = best(lambda: most_likely_mix(ratios, np.ones((1, CURRENT)), flat))
    parts = table(f"Shares of {CLASSES} classes in {CURRENT:,} samples", "what", "ms", "ratio")
    parts.add_row("the most likely mix", f"{1e3 * accelerated:.1f}", "")
    seconds = best(lambda: plainly(ratios))
    parts.add_row("the same a plain step at a time", f"{1e3 * seconds:.1f}", f"{seconds / accelerated:.1f} ×")
    seconds = once(lambda: pen.class_shares(now, valid=(known, labels)))
    parts.add_row(f"class_shares, {KNOWN:,} known, with 200 draws", f"{1e3 * seconds:.0f}", "")
    console.print(parts)
