"""Shares of classes without labels: how near, how often within their intervals, and against others' methods.

Test features of two bundled networks are cut in two: one half gives the known samples, the other samples without labels
in a mix of ten to one, drawn anew each time. The known ones are in even numbers, or in a long tail of thirty to one.
Distances are in total variation: the share of samples that would have to change class. Where QuaPy is installed (0.2.3
for the results kept here) two of its methods get the same samples; where the calibration of the one fails it goes on
without, as it offers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.special import softmax

import penultimate as pen
from studies.results import Claim, Study, main, markdown

SETS = ("cnn-ce-test", "cnn-mse-test")
# Known samples, samples without labels, and the imbalance of the known ones.
SETTINGS = ((300, 500, 1.0), (1000, 1000, 1.0), (1000, 1000, 30.0), (3000, 2000, 30.0))
CLASSES = 10
SHIFT = 10.0

Method = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Draw:
    """Known samples and others, and the truth about these."""

    known: tuple[np.ndarray, np.ndarray]
    now: np.ndarray
    there: np.ndarray
    drawn_from: np.ndarray


@cache
def probabilities(name: str) -> tuple[np.ndarray, np.ndarray]:
    """What the network says of its test samples, and their classes."""
    source = pen.datasets.features(name)
    batches = list(source.batches())
    features = np.concatenate([batch.features for batch in batches])
    return softmax(source.head.logits(features).astype(np.float64), axis=1), np.concatenate([b.labels for b in batches])


def draw(name: str, setting: tuple[int, int, float], rng: np.random.Generator, *, shifted: bool = True) -> Draw:
    """One draw of a setting; unshifted, both sides have the mix of the known samples."""
    p, labels = probabilities(name)
    known, now, ratio = setting
    mix = ratio ** (-np.arange(CLASSES) / (CLASSES - 1))
    other = SHIFT ** (-rng.permutation(CLASSES) / (CLASSES - 1)) if shifted else mix
    mix, other = mix / mix.sum(), other / other.sum()
    order = rng.permutation(len(labels))
    held, rest = (
        _drawn(half, labels, *how, rng)
        for half, how in zip(np.split(order, 2), ((mix, known), (other, now)), strict=True)
    )
    return Draw((p[held], labels[held]), p[rest], np.bincount(labels[rest], minlength=CLASSES) / now, other)


def _drawn(pool: np.ndarray, labels: np.ndarray, mix: np.ndarray, size: int, rng: np.random.Generator) -> np.ndarray:
    of_class = [pool[labels[pool] == k] for k in range(CLASSES)]
    # At least two known samples of each class, which all methods ask for.
    counts = np.maximum(rng.multinomial(size, mix), 2)
    return np.concatenate([rng.choice(own, n, replace=n > own.size) for own, n in zip(of_class, counts, strict=True)])


def others() -> dict[str, Method]:
    """Methods of QuaPy, if it is there."""
    try:
        from quapy.method.aggregative import EMQ, PACC  # pyright: ignore
        from sklearn.base import BaseEstimator
    except ImportError:
        return {}

    class Given(BaseEstimator):  # probabilities stand for the classifier's answers
        def fit(self, rows: np.ndarray, labels: np.ndarray) -> "Given":
            return self

        def predict_proba(self, rows: np.ndarray) -> np.ndarray:
            return rows

    def run(make: Callable[[], Any]) -> Method:
        def method(p: np.ndarray, labels: np.ndarray, now: np.ndarray) -> np.ndarray:
            found = make()
            found.classifier.classes_ = np.arange(CLASSES)
            found.train_prevalence = np.bincount(labels, minlength=CLASSES) / len(labels)
            found.aggregation_fit(p, labels)
            return np.asarray(found.aggregate(now))

        return method

    return {
        "EMQ, bcts": run(lambda: EMQ(Given(), val_split=None, calib="bcts", on_calib_error="backup")),
        "PACC": run(lambda: PACC(Given(), val_split=None)),
    }


def study(quick: bool = False, seed: int = 0) -> Study:
    """All settings, drawn twenty times each."""
    draws, methods = (2, {}) if quick else (20, others())
    rows, facts = [], []
    for name in SETS:
        for setting in SETTINGS[:1] if quick else SETTINGS:
            rng = np.random.default_rng(seed)
            found = _setting(name, setting, draws, methods, rng)
            facts.append({"set": name, "known": setting[0], "now": setting[1], "ratio": setting[2], **found})
            rows.append(_row(name, setting, found, list(methods)))
    head = (
        "network",
        "known, imbalance",
        "without labels",
        "counting",
        "class_shares",
        *methods,
        "within 90 %",
        "false alarms",
    )
    return Study(_claims(facts), facts={"settings": facts}, tables={"settings": markdown(head, rows)})


def _setting(
    name: str, setting: tuple[int, int, float], draws: int, methods: dict[str, Method], rng: np.random.Generator
) -> dict[str, float]:
    far: dict[str, list[float]] = {key: [] for key in ("counting", "class_shares", *methods)}
    within, alarms = [], []
    for _ in range(draws):
        one = draw(name, setting, rng)
        found = pen.class_shares(one.now, valid=one.known)
        answers = {"counting": found.counted, "class_shares": found.shares}
        answers |= {key: method(*one.known, one.now) for key, method in methods.items()}
        for key, shares in answers.items():
            far[key].append(0.5 * float(np.abs(shares - one.there).sum()))
        low, high = found.intervals.T
        within.append(float(np.mean((low <= one.drawn_from) & (one.drawn_from <= high))))
        same = draw(name, setting, rng, shifted=False)
        alarms.append(pen.class_shares(same.now, valid=same.known).changed)
    return {key: float(np.mean(values)) for key, values in far.items()} | {
        "within": float(np.mean(within)),
        "false_alarms": float(np.mean(alarms)),
    }


def _row(name: str, setting: tuple[int, int, float], found: dict[str, float], methods: list[str]) -> tuple[str, ...]:
    known, now, ratio = setting
    distances = (f"{100 * found[key]:.1f} %" for key in ("counting", "class_shares", *methods))
    shares = (f"{100 * found[key]:.0f} %" for key in ("within", "false_alarms"))
    return (name, f"{known}, {ratio:.0f} : 1", str(now), *distances, *shares)


def _claims(facts: list[dict[str, Any]]) -> list[Claim]:
    ratio = [one["class_shares"] / one["counting"] for one in facts]
    within = [one["within"] for one in facts]
    alarms = float(np.mean([one["false_alarms"] for one in facts]))
    return [
        Claim(
            "Shares lie nearer than by counting answers",
            "half the distance or less, in every setting",
            f"{min(ratio):.2f} … {max(ratio):.2f} of it",
            max(ratio),
            0.5,
            "asked for",
        ),
        Claim(
            "90 % intervals hold the mix that was drawn from",
            "85 to 95 % of classes, over all settings",
            f"{100 * np.mean(within):.0f} %, by setting {100 * min(within):.0f} … {100 * max(within):.0f} %",
            float(abs(np.mean(within) - 0.9)),
            0.05,
            "asked for",
        ),
        Claim(
            "An unchanged mix is not called changed",
            "in 5 % of draws",
            f"{100 * alarms:.1f} %",
            max(0.0, alarms - 0.05),
            0.035,
            "two standard errors of 5 % in 160 draws",
        ),
    ]


if __name__ == "__main__":
    main("class_shares", study)
