"""A forecast with more classes than dimensions as plain numbers: what ``--json`` prints and what tables show."""

import numpy as np
from jaxtyping import Int

from penultimate.forecasts.narrow_forecast import NarrowForecast
from penultimate.report.kit.numbers import finite, plain
from penultimate.report.narrow_forecast.words import verdict
from penultimate.reported import Classes
from penultimate.version import __version__


def record(forecast: NarrowForecast, classes: Classes = 20) -> dict[str, object]:
    """A forecast as a dictionary ready for JSON; what is not known is None."""
    full, margin = forecast.full_width, forecast.margin
    return {
        "penultimate": __version__,
        "counts": forecast.counts.to_dict(),
        "problem": {
            **forecast.problem.to_dict(forecast.counts.samples),
            **({} if forecast.radius is None else {"feature_decay": None, "feature_decay_source": "one length"}),
            "features": forecast.features,
            "radius": forecast.radius,
        },
        "solution": {
            "status": forecast.outcome.name.lower(),
            "meaning": forecast.outcome.value,
            "lower_bound": forecast.lower_bound,
            "margin": margin.margin,
            "margin_over_width": margin.share,
            "near_death": margin.near_death,
            "length_slope": finite(forecast.slope),
            "full_width": {
                "method": full.method,
                "status": full.outcome.name.lower(),
                "objective": full.objective,
                "gap": full.gap,
                "directions": full.geometry.svd.rank,
                "survivors": full.survivors,
            },
        },
        "singular_values": [finite(value) for value in forecast.singular_values.tolist()],
        "classes": class_records(forecast, select(forecast, classes)),
        "verdict": verdict(forecast),
    }


def select(forecast: NarrowForecast, classes: Classes) -> Int[np.ndarray, " b"]:
    """The classes with the fewest samples first; or all in their own order."""
    counts = forecast.counts
    if classes == "all":
        return np.arange(counts.classes)
    order = np.argsort(np.where(counts.values > 0, counts.values, np.inf), kind="stable")[: counts.seen]
    return order[: 0 if classes == "none" else classes]


def rarest_groups(forecast: NarrowForecast, number: int) -> Int[np.ndarray, " b"]:
    """The first class of each of the smallest distinct counts."""
    return forecast.counts.representatives[::-1][:number, 0]


def class_records(forecast: NarrowForecast, chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """Lengths and margin of some classes; None without samples, and where they are not known."""
    counts = forecast.counts
    figures = {
        "head_norm": forecast.head_norms[chosen].tolist(),
        "mean_norm": forecast.mean_norms[chosen].tolist(),
        "margin": forecast.margins[chosen].tolist(),
    }
    return [
        {
            "class": counts.names[index],
            "count": plain(float(counts.values[index])),
            **{name: finite(values[place]) for name, values in figures.items()},
        }
        for place, index in enumerate(chosen.tolist())
    ]
