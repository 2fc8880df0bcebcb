"""Shares of classes as plain numbers, lists and strings: what ``--json`` prints and what tables show."""

import numpy as np
from jaxtyping import Int

from penultimate.probabilities.class_shares import LEVEL, ClassShares
from penultimate.report.class_shares.words import verdict
from penultimate.reported import Classes
from penultimate.version import __version__


def record(found: ClassShares, classes: Classes = "all") -> dict[str, object]:
    """Shares as a dictionary ready for JSON."""
    return {
        "penultimate": __version__,
        "samples": found.samples,
        "known_samples": None if found.known is None else int(found.known.sum()),
        "changed": found.changed,
        "p": found.p_value,
        "distance": found.distance,
        "level": LEVEL,
        "notes": list(found.notes),
        "classes": class_records(found, select(found, classes)),
        "verdict": verdict(found),
    }


def select(found: ClassShares, classes: Classes) -> Int[np.ndarray, " b"]:
    """The classes whose share changed most; or all in their own order."""
    if classes == "all":
        return np.arange(len(found.names))
    change = np.abs(found.shares - found.trained)
    return np.argsort(-change, kind="stable")[: 0 if classes == "none" else classes]


def class_records(found: ClassShares, chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """Share, interval, and what it was, of some classes."""
    return [
        {
            "class": found.names[k],
            "share": float(found.shares[k]),
            "interval": found.intervals[k].tolist(),
            "before": float(found.trained[k]),
            "counted": float(found.counted[k]),
            "known_samples": None if found.known is None else int(found.known[k]),
        }
        for k in chosen.tolist()
    ]
