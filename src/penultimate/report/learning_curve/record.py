"""A learning curve as plain numbers, lists and strings: what ``--json`` prints and what tables show."""

import numpy as np
from jaxtyping import Int

from penultimate.learning_curves.curve import LearningCurve
from penultimate.learning_curves.where_next import MORE
from penultimate.report.kit.numbers import plain
from penultimate.report.learning_curve.words import verdict
from penultimate.reported import Classes
from penultimate.version import __version__


def record(curve: LearningCurve, classes: Classes = "all") -> dict[str, object]:
    """A learning curve as a dictionary ready for JSON."""
    names = curve.counts.names
    return {
        "penultimate": __version__,
        "counts": curve.counts.to_dict(),
        "class": None if curve.asked is None else names[curve.asked],
        "budgets": list(curve.budgets),
        "balanced_accuracy": {
            "present": float(curve.present.mean()),
            "forecast": curve.balanced_accuracy.tolist(),
        },
        "wanted_recall": curve.wanted,
        "samples_needed": curve.needed,
        "classes": class_records(curve, select(curve, classes)),
        "where_next": [
            {
                "class": names[one.index],
                "more": MORE,
                "gain": one.gain,
                "gain_error": one.error,
                "balanced_accuracy_gain": one.balanced,
            }
            for one in curve.where_next
        ],
        "settings": {
            "weight_decay": curve.weight_decay,
            "weight_decay_chosen": curve.weight_decay_chosen,
            "balanced": curve.balanced,
            "folds": curve.folds,
            "leverage": curve.leverage,
        },
        "verdict": verdict(curve),
    }


def select(curve: LearningCurve, classes: Classes) -> Int[np.ndarray, " b"]:
    """The class asked about and those whose recall changes most; or all in their own order."""
    if classes == "all":
        return np.arange(curve.counts.classes)
    change = np.abs(curve.gains[-1])
    if curve.asked is not None:
        change[curve.asked] = np.inf
    return np.argsort(-change, kind="stable")[: 0 if classes == "none" else classes]


def class_records(curve: LearningCurve, chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """Present recall, forecast recalls and gains of some classes, with their intervals."""
    return [
        {
            "class": curve.counts.names[k],
            "count": plain(float(curve.counts.values[k])),
            "recall": float(curve.present[k]),
            "recall_interval": curve.present_interval[k].tolist(),
            "forecast": curve.recalls[:, k].tolist(),
            "forecast_intervals": curve.intervals[:, k].tolist(),
            "gains": curve.gains[:, k].tolist(),
            "gain_errors": curve.gain_errors[:, k].tolist(),
        }
        for k in chosen.tolist()
    ]
