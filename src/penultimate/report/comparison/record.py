"""A comparison of losses as records, a table and plain sentences."""

import numpy as np
from jaxtyping import Int

from penultimate.forecasts.comparison import LossComparison
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.status import STATUSES
from penultimate.report.comparison.words import verdict
from penultimate.report.kit.numbers import finite, plain
from penultimate.reported import Classes
from penultimate.version import __version__

# Classes listed in JSON at most: representatives of groups, evenly by rank.
_CLASSES = 200


def loss_records(comparison: LossComparison) -> list[dict[str, object]]:
    """Key figures of every loss; what is not a finite number is None."""
    return [_loss_record(name, forecast) for name, forecast in comparison.forecasts.items()]


def _loss_record(name: str, forecast: Forecast) -> dict[str, object]:
    geometry, solution, safe = forecast.geometry, forecast.solution, forecast.largest_safe_weight_decay
    cosine = geometry.group_nearest[1]
    return {
        "loss": name,
        "survivors": forecast.survivors,
        "directions": forecast.directions,
        "classes_by_status": {status: forecast.classes_with(status) for status in STATUSES},
        "largest_class_margin": finite(float(geometry.group_margins[0])),
        "smallest_class_margin": finite(float(geometry.group_margins[-1])),
        "negative_margins": forecast.negative_margins,
        "largest_class_cosine": finite(float(cosine[0])),
        "smallest_class_cosine": finite(float(cosine[-1])),
        "largest_class_samples_needed": finite(float(forecast.group_samples_needed[0])),
        "smallest_class_samples_needed": finite(float(forecast.group_samples_needed[-1])),
        "classes_below": forecast.classes_below,
        "largest_safe_weight_decay": safe,
        # Asked for only where it is short to find: elsewhere it would take all critical decays.
        "critical_weight_decays_note": forecast.critical_note
        if safe is None or forecast.is_safe_decay_estimated
        else "",
        "over_corrects": forecast.over_corrects,
        "smaller_margins_intended": forecast.smaller_margins_intended,
        "objective": solution.objective,
        "gap": solution.gap,
        "status": solution.outcome.name.lower(),
        "converged": solution.converged,
    }


def record(comparison: LossComparison, classes: Classes = _CLASSES) -> dict[str, object]:
    """A comparison as a dictionary ready for JSON."""
    first = next(iter(comparison.forecasts.values()))
    problem = first.problem.to_dict(first.counts.samples)
    del problem["loss"]
    return {
        "penultimate": __version__,
        "counts": comparison.counts.to_dict(),
        "problem": problem,
        "losses": loss_records(comparison),
        "classes": class_records(comparison, select_classes(comparison, classes)),
        "verdict": verdict(comparison),
    }


def select_classes(comparison: LossComparison, classes: Classes) -> Int[np.ndarray, " b"]:
    """Indices of the classes to show: one for each of some counts, evenly by rank, or all in their own order."""
    counts = comparison.counts
    if classes == "all":
        return np.arange(counts.classes)
    number = 0 if classes == "none" else classes
    return counts.representatives[np.unique(np.linspace(0, counts.distinct.size - 1, number).astype(int)), 0]


def class_records(comparison: LossComparison, chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """Margin, cosine to the nearest class and retained share of each of some classes."""
    counts = comparison.counts
    classes: list[int] = chosen.tolist()
    return [
        {
            "class": counts.names[index],
            "count": plain(float(counts.values[index])),
            "margin": {name: _at(f, f.geometry.group_margins, index) for name, f in comparison.forecasts.items()},
            "nearest_cosine": {
                name: _at(f, f.geometry.group_nearest[1], index) for name, f in comparison.forecasts.items()
            },
            "retained": {name: _at(f, f.geometry.group_retained, index) for name, f in comparison.forecasts.items()},
        }
        for index in classes
    ]


def _at(forecast: Forecast, figures: np.ndarray, index: int) -> float | None:
    """The figure of a class's group, None without samples; groups are each loss's own."""
    return finite(float(np.append(figures, np.nan)[forecast.counts.group[index]]))
