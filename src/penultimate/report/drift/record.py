"""Drift as plain numbers, lists and strings: what ``--json`` prints and what tables show."""

import numpy as np
from jaxtyping import Float, Int

from penultimate.drifts.drift import Drift
from penultimate.report.drift.words import verdict
from penultimate.report.kit.numbers import finite, plain
from penultimate.report.kit.samples import sample_records
from penultimate.reported import Classes
from penultimate.version import __version__


def record(drift: Drift, classes: Classes = "all") -> dict[str, object]:
    """Drift as a dictionary ready for JSON."""
    return {
        "penultimate": __version__,
        "counts": drift.counts.to_dict(),
        "identical": drift.identical,
        "fitted": drift.fitted,
        "classes_moved": int(drift.moved.sum()),
        "moved": [drift.counts.names[k] for k in np.flatnonzero(drift.moved).tolist()],
        "classes": class_records(drift, select(drift, classes)),
        "settings": {"level": drift.level, "shape": drift.shape},
        "notes": list(drift.notes),
        "doubts": list(drift.doubts),
        "verdict": verdict(drift),
    }


def select(drift: Drift, classes: Classes) -> Int[np.ndarray, " b"]:
    """Those that moved first, by how far; or all in their own order."""
    if classes == "all":
        return np.arange(drift.counts.classes)
    return by_distance(drift)[: 0 if classes == "none" else classes]


def by_distance(drift: Drift) -> Int[np.ndarray, " K"]:
    """All classes, those that moved first, and of them those that moved furthest."""
    return np.lexsort((-np.nan_to_num(drift.of_the_way, nan=-1.0), ~drift.moved))


def class_records(drift: Drift, chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """How far some classes moved, how sure that is, where to, and what it cost."""
    moved, lost, share = drift.moved, drift.lost, drift.by_the_mean
    then, now = (None if side is None else side.recall for side in (drift.before, drift.after))
    before, after = drift.recall_intervals
    return [
        {
            "class": drift.counts.names[k],
            "outcome": drift.outcomes[int(k)].name.lower(),
            "reference": plain(float(drift.counts.values[k])),
            "current": plain(float(drift.current[k])),
            "moved": bool(moved[k]),
            "p": finite(float(drift.p[k])),
            "p_adjusted": finite(float(drift.p_adjusted[k])),
            "shape_p": finite(float(drift.shape_p[k])),
            "shape_p_adjusted": finite(float(drift.shape_p_adjusted[k])),
            "divergence": finite(float(drift.divergence[k])),
            "divergence_by_chance": finite(float(drift.divergence_by_chance[k])),
            "of_the_way": finite(float(drift.of_the_way[k])),
            "times_noise": finite(float(drift.times_noise[k])),
            "towards": drift.counts.names[int(drift.towards[k])] if drift.towards[k] >= 0 else None,
            "spread_ratio": finite(float(drift.spread_ratio[k])),
            "recall_reference": None if then is None else finite(float(then[k])),
            "recall_reference_interval": None if before is None else _ends(before[k]),
            "recall": None if now is None else finite(float(now[k])),
            "recall_interval": None if after is None else _ends(after[k]),
            "recall_lost": finite(float(lost[k])),
            "recall_lost_interval": _ends(drift.lost_interval[k]),
            "recall_if_mean_had_stayed": None if drift.at_home is None else finite(float(drift.at_home[k])),
            "of_the_loss_by_the_mean": finite(float(share[k])),
            "worst_samples": sample_records(drift.worst, drift.places, drift.counts.names, int(k)),
        }
        for k in chosen.tolist()
    ]


def _ends(interval: Float[np.ndarray, " 2"]) -> list[float] | None:
    return None if np.isnan(interval).any() else interval.tolist()
