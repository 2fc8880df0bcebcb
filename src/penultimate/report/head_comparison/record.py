"""A comparison of heads as plain numbers, lists and strings: what ``--json`` prints."""

from penultimate.heads.comparison.comparison import HeadComparison, HeadResult
from penultimate.heads.comparison.scoring import REPLICATES
from penultimate.heads.validation_curve import Curve
from penultimate.report.head_comparison.words import verdict
from penultimate.report.kit.numbers import finite
from penultimate.reported import Classes
from penultimate.version import __version__


def record(comparison: HeadComparison, classes: Classes = "none") -> dict[str, object]:
    """A comparison as a dictionary ready for JSON; what is not a finite number is None."""
    many, few = comparison.bounds
    held_out = comparison.held_out
    return {
        "penultimate": __version__,
        "counts": comparison.counts.to_dict(),
        "held_out": None if held_out is None else held_out.to_dict(),
        "settings": {
            "target": comparison.target,
            "rule": "least balanced log loss",
            "bands": {"many_above": many, "few_below": few},
            "folds": comparison.folds,
            "repeats": comparison.repeats,
            "bootstrap": REPLICATES if held_out is not None else 0,
            "seed": comparison.seed,
            "costs": None if comparison.costs is None else comparison.costs.tolist(),
        },
        "present": _result(comparison.present) if comparison.present.figures else None,
        "blend": None if comparison.blend is None else _result(comparison.blend),
        "theory": _result(comparison.theory) if comparison.theory.figures else None,
        "heads": [_result(result) for result in comparison.results],
        "by_theory": comparison.by_theory,
        "keeps": comparison.keeps,
        "left_out": comparison.left_out,
        "notes": list(comparison.notes),
        "verdict": verdict(comparison),
    }


def _result(result: HeadResult) -> dict[str, object]:
    return {
        "name": result.name,
        "what": result.what,
        "learns_from": result.learns_from,
        "symbol": result.symbol or None,
        "setting": result.setting,
        "weight": result.weight,
        "figures": {name: finite(value) for name, value in result.figures.items()},
        "gains": {name: [finite(value) for value in gain] for name, gain in result.gains.items()},
        "curve": None if result.curve is None else _curve(result.curve),
    }


def _curve(curve: Curve) -> dict[str, object]:
    return {
        "settings": curve.settings.tolist(),
        "balanced_accuracy": curve.balanced_accuracy.tolist(),
        "standard_error": curve.standard_error.tolist(),
        "log_loss": curve.log_loss.tolist(),
        "picked": curve.picked,
    }
