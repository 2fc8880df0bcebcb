"""A comparison of heads for several labels a sample as plain numbers, lists and strings: what ``--json`` prints."""

import numpy as np
from jaxtyping import Int

from penultimate.heads.comparison.label_comparison import REPLICATES, LabelHeadComparison
from penultimate.report.kit.numbers import finite
from penultimate.report.label_head_comparison.words import verdict
from penultimate.reported import Classes
from penultimate.version import __version__


def record(found: LabelHeadComparison, classes: Classes = "all") -> dict[str, object]:
    """A comparison as a dictionary ready for JSON; what is not a finite number is None."""
    return {
        "penultimate": __version__,
        "samples": {"train": found.samples[0], "valid": found.samples[1]},
        "settings": {
            "folds": found.fitted.folds,
            "groups": found.grouped,
            "weight_decays": dict(found.fitted.weight_decays_),
            "bootstrap": REPLICATES,
            "seed": found.seed,
        },
        "promised_macro_f1": finite(found.promised),
        "heads": [
            {
                "name": one.name,
                "what": one.what,
                "figures": {name: finite(value) for name, value in one.figures.items()},
                "gains_of_the_head": {name: [finite(value) for value in gain] for name, gain in one.gains.items()},
            }
            for one in found.results
        ],
        "labels": label_records(found, select(found, classes)),
        "notes": list(found.notes),
        "verdict": verdict(found),
    }


def select(found: LabelHeadComparison, classes: Classes) -> Int[np.ndarray, " b"]:
    """The labels that gain most on the best of the others; or all in their own order."""
    if classes == "all":
        return np.arange(len(found.names))
    gain = np.nan_to_num(found.results[0].f1 - found.best.f1, nan=-np.inf)
    return np.argsort(-gain, kind="stable")[: 0 if classes == "none" else classes]


def label_records(found: LabelHeadComparison, chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """Samples, threshold and F1 of some labels."""
    ours, best = found.results[0].f1, found.best.f1
    return [
        {
            "label": found.names[k],
            "samples": int(found.positives[k]),
            "positives": int(found.valid_positives[k]),
            "third": str(found.thirds[k]) or None,
            "outcome": str(found.fitted.outcomes_[k]),
            "threshold": float(found.thresholds.values[k]),
            "f1": finite(float(ours[k])),
            "f1_of_the_best_other": finite(float(best[k])),
        }
        for k in chosen.tolist()
    ]
