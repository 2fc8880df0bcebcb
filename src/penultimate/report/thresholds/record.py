"""Thresholds as plain numbers, lists and strings: what ``--json`` prints and what tables show."""

import numpy as np
from jaxtyping import Int

from penultimate.probabilities.thresholds import Thresholds
from penultimate.report.thresholds.words import verdict
from penultimate.reported import Classes
from penultimate.version import __version__


def record(found: Thresholds, classes: Classes = "all") -> dict[str, object]:
    """Thresholds as a dictionary ready for JSON."""
    measured, at_half = found.measured_f, found.measured_f_at_half
    return {
        "penultimate": __version__,
        "samples": found.samples,
        "macro_f1": {
            "expected_at_half": float(found.expected_f_at_half.mean()),
            "expected": float(found.expected_f.mean()),
            "measured_at_half": None if at_half is None else float(at_half.mean()),
            "measured": None if measured is None else float(measured.mean()),
        },
        "one_label": found.one_label,
        "labels": label_records(found, select(found, classes)),
        "verdict": verdict(found),
    }


def select(found: Thresholds, classes: Classes) -> Int[np.ndarray, " b"]:
    """The labels that gain most; or all in their own order."""
    if classes == "all":
        return np.arange(len(found.names))
    gain = found.expected_f - found.expected_f_at_half
    return np.argsort(-gain, kind="stable")[: 0 if classes == "none" else classes]


def label_records(found: Thresholds, chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """Threshold, F1 and answers of some labels."""
    few, off, truth = found.few, found.off, found.positives is not None
    return [
        {
            "label": found.names[k],
            "threshold": float(found.values[k]),
            "expected_f1": float(found.expected_f[k]),
            "expected_f1_at_half": float(found.expected_f_at_half[k]),
            "expected_positives": float(found.expected_positives[k]),
            "answered": int(found.answered[k]),
            "answered_at_half": int(found.answered_at_half[k]),
            "few": bool(few[k]),
            "positives": None if found.positives is None else int(found.positives[k]),
            "f1": None if found.measured_f is None else float(found.measured_f[k]),
            "f1_at_half": None if found.measured_f_at_half is None else float(found.measured_f_at_half[k]),
            "calibrated": not bool(off[k]) if truth else None,
        }
        for k in chosen.tolist()
    ]
