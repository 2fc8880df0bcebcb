"""A forecast for several labels a sample as plain numbers, lists and strings."""

from dataclasses import asdict

import numpy as np
from jaxtyping import Int

from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.forecasts.label_pairs import LabelPair
from penultimate.forecasts.status import LABEL_STATUSES
from penultimate.report.kit.numbers import finite, plain
from penultimate.report.label_forecast.words import verdict
from penultimate.reported import Classes
from penultimate.version import __version__


def record(forecast: LabelForecast, classes: Classes = 20) -> dict[str, object]:
    """A forecast as a dictionary ready for JSON; what is not a finite number is None."""
    targets, solution = forecast.targets, forecast.solution
    return {
        "penultimate": __version__,
        "targets": {
            "labels": targets.labels,
            "samples": plain(targets.samples),
            "kind": targets.kind,
            "unlabelled": plain(targets.unlabelled),
            "repeated": plain(targets.repeated),
        },
        "problem": {**forecast.problem.to_dict(targets.samples), "loss": forecast.loss_name},
        "solution": {
            "method": forecast.method,
            "status": forecast.outcome.name.lower(),
            "meaning": forecast.outcome.value,
            "objective": forecast.objective,
            "lower_bound": forecast.lower_bound,
            "gap": solution.gap if forecast.sets is None else forecast.sets.certificate.gap,
            "directions": forecast.directions,
            "survivors": forecast.survivors if forecast.knows_directions else None,
            "at_least": solution.is_lower_bound,
            "converged": forecast.outcome.proven,
            "threshold": finite(solution.threshold),
            "largest_safe_weight_decay": forecast.largest_safe_weight_decay,
            "largest_answering_weight_decay": forecast.largest_answering_weight_decay,
            "collapse_weight_decay": forecast.collapse_weight_decay,
            "never_answered": None if targets.kind == "real" else forecast.never_answered,
            "labels_by_status": {status: forecast.labels_with(status) for status in LABEL_STATUSES},
        },
        "by_feature_ratio": [
            {name: value if isinstance(value, int) else finite(value) for name, value in vars(row).items()}
            for row in forecast.by_ratio
        ],
        "spectrum": _spectrum(forecast),
        "one_label_twice": _pairs(forecast, forecast.one_label_twice),
        "alike": None if forecast.alike is None else _pairs(forecast, forecast.alike),
        "labels": label_records(forecast, select_labels(forecast, classes)),
        "verdict": verdict(forecast),
    }


def select_labels(forecast: LabelForecast, classes: Classes) -> Int[np.ndarray, " b"]:
    """Indices of the labels to show: the worst few, all in their own order, or none."""
    if classes == "all":
        return np.arange(forecast.targets.labels)
    return forecast.worst_labels(0 if classes == "none" else classes)


def label_records(forecast: LabelForecast, labels: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """One record for each of some labels."""
    return [{**asdict(row), "samples": plain(row.samples)} for row in forecast.rows(labels)]


def _spectrum(forecast: LabelForecast) -> list[dict[str, object]]:
    geometry = forecast.geometry
    columns = (forecast.solution.sigma, geometry.strength, geometry.share, forecast.critical_weight_decay)
    return [
        {"sigma": sigma, "strength": strength, "share": share, "critical_weight_decay": finite(critical)}
        for sigma, strength, share, critical in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _pairs(forecast: LabelForecast, pairs: tuple[LabelPair, ...]) -> list[dict[str, object]]:
    names = forecast.targets.names
    return [{"labels": [names[a], names[b]], "correlation": correlation} for a, b, correlation in pairs]
