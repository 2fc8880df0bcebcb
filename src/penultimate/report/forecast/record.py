"""Results as plain numbers, lists and strings: what ``--json`` prints and what tables and pages show."""

import numpy as np
from jaxtyping import Int

from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.status import STATUSES
from penultimate.report.forecast.words import verdict
from penultimate.report.kit.numbers import finite, plain
from penultimate.reported import Classes
from penultimate.version import __version__


def record(forecast: Forecast, classes: Classes = 20) -> dict[str, object]:
    """A forecast as a dictionary ready for JSON; what is not a finite number is None."""
    solution, samples = forecast.solution, forecast.counts.samples
    out: dict[str, object] = {
        "penultimate": __version__,
        "counts": forecast.counts.to_dict(),
        "problem": forecast.problem.to_dict(samples),
        "solution": {
            "method": solution.method,
            "status": solution.outcome.name.lower(),
            "meaning": solution.outcome.value,
            "objective": finite(solution.objective),
            "gap": solution.gap,
            "directions": forecast.directions,
            "survivors": forecast.survivors,
            "certificate": None if solution.certificate is None else solution.certificate.to_dict(),
            "converged": solution.converged,
            "threshold": finite(solution.threshold),
            "samples_needed": finite(forecast.samples_needed),
            "classes_below": forecast.classes_below,
            "over_corrects": forecast.over_corrects,
            "smaller_margins_intended": forecast.smaller_margins_intended,
            "smallest_surviving_count": forecast.smallest_surviving_count,
            "largest_safe_weight_decay": forecast.largest_safe_weight_decay,
            "critical_weight_decays_note": forecast.critical_note,
            "negative_margins": forecast.negative_margins,
            "classes_by_status": {status: forecast.classes_with(status) for status in STATUSES},
        },
        "by_feature_ratio": [vars(row) | {"samples_needed": finite(row.samples_needed)} for row in forecast.by_ratio],
        "band": band_record(forecast),
        "spectrum": spectrum_records(forecast),
        "classes": class_records(forecast, select_classes(forecast, classes)),
        "doubts": list(forecast.doubts),
        "verdict": verdict(forecast),
    }
    if classes == "all":
        out["bias"] = [finite(value) for value in forecast.geometry.bias.tolist()]
    return out


def band_record(forecast: Forecast) -> dict[str, list[float | None]] | None:
    """What both ends of the band allow: of a network's law, or of a feature decay, its own or others'; None without."""
    if forecast.band is None:
        return None
    low, high = forecast.band
    decays: list[float | None] = [end.problem.resolved_feature_decay(end.counts.samples) for end in (low, high)]
    return {
        **({"feature_decay": decays} if forecast.problem.law is None else {}),
        "survivors": [end.survivors for end in (high, low)],
        "samples_needed": [finite(end.samples_needed) for end in (low, high)],
        "largest_safe_weight_decay": [end.largest_safe_weight_decay for end in (high, low)],
    }


def spectrum_records(forecast: Forecast) -> list[dict[str, object]]:
    """One record a distinct singular value, largest first."""
    solution = forecast.solution
    columns = zip(
        solution.sigma.tolist(),
        solution.multiplicity.tolist(),
        solution.strength.tolist(),
        solution.surviving.tolist(),
        forecast.critical_weight_decay.tolist(),
        forecast.critical_bracket.tolist(),
        solution.tied.tolist(),
        forecast.fate.tolist(),
        forecast.strength_interval.tolist(),
        forecast.critical_interval.tolist(),
        strict=True,
    )
    return [
        {
            "sigma": sigma,
            "multiplicity": multiplicity,
            "strength": strength,
            "survives": surviving > 0,
            "surviving": surviving,
            "critical_weight_decay": finite(critical),
            "critical_weight_decay_bracket": [finite(end) for end in bracket],
            "tied": tied,
            "fate": fate,
            **(
                {}
                if forecast.band is None
                else {"strength_interval": interval, "critical_weight_decay_band": [finite(end) for end in band]}
            ),
        }
        for sigma, multiplicity, strength, surviving, critical, bracket, tied, fate, interval, band in columns
    ]


def select_classes(forecast: Forecast, classes: Classes) -> Int[np.ndarray, " b"]:
    """Indices of the classes to show: the worst few, all in their own order, or none."""
    if classes == "all":
        return np.arange(forecast.counts.classes)
    return forecast.worst_classes(0 if classes == "none" else classes)


def class_records(forecast: Forecast, classes: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """One record for each of some classes; figures of a class without samples are None."""
    counts, geometry = forecast.counts, forecast.geometry
    group = counts.group[classes]
    figures = {
        "retained": geometry.group_retained,
        "samples_to_gain": forecast.group_samples_to_gain,
        "mean_norm": geometry.group_mean_norms,
        "head_norm": geometry.group_head_norms,
        "margin": geometry.group_margins,
    }
    columns = {name: np.append(values, np.nan)[group].tolist() for name, values in figures.items()}
    nearest, cosine = geometry.nearest(classes)
    status = np.append(forecast.group_status, 3)[group]
    return [
        {
            "class": counts.names[index],
            "count": plain(float(counts.values[index])),
            "status": (*STATUSES, "unseen")[status[place]],
            "fate": None if counts.values[index] == 0 else str(forecast.group_fate[group[place]]),
            **{name: finite(column[place]) for name, column in columns.items()},
            "nearest": counts.names[nearest[place]] if nearest[place] >= 0 else None,
            "nearest_cosine": finite(float(cosine[place])),
        }
        for place, index in enumerate(classes.tolist())
    ]
