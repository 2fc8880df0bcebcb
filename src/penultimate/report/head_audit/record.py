"""An audit of a head as plain numbers, lists and strings: what ``--json`` prints and what tables show."""

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Int

from penultimate.audits import keys
from penultimate.report.kit.head_noise import noise_record
from penultimate.report.kit.numbers import finite, plain
from penultimate.reported import Classes
from penultimate.version import __version__

if TYPE_CHECKING:
    from penultimate.audits.head import HeadAudit
    from penultimate.audits.shape import Shape


def record(audit: "HeadAudit", classes: Classes = "all") -> dict[str, object]:
    """An audit of a head as a dictionary ready for JSON; what is not a finite number is None."""
    head, (slope, error, expected) = audit.head, audit.slopes
    log_slope, log_correlation = audit.bias_on_log_counts
    return {
        keys.VERSION: __version__,
        keys.COUNTS: audit.counts.to_dict(),
        keys.HEAD: {
            keys.CLASSES: head.classes,
            keys.DIMENSION: head.dimension,
            "layers": len(head.weights),
            "dtype": audit.dtype,
            "bias": audit.centred,
            "mean_row_share": finite(audit.mean_row_share),
        },
        keys.PROBLEM: audit.forecast.problem.to_dict(audit.counts.samples),
        "alignment": {
            "head_off_diagonal_share": finite(audit.off_diagonal_share),
            "gram_distance": finite(audit.gram_distance),
            "forecast_status": audit.forecast.solution.outcome.name.lower(),
            **_shape(audit.along),
            "implied_feature_ratio": finite(audit.implied_ratio),
            "directions_without_strength": dict(zip(("measured", "forecast"), audit.dead, strict=True)),
            "directions": direction_records(audit),
        },
        "spectrum": {
            **_shape(audit.spectrum),
            "measured": audit.singular_values.tolist(),
            "forecast": [finite(value) for value in scaled(audit.expected_singular_values, audit.spectrum.scale)],
        },
        "noise": noise_record(audit.rows.noise),
        "norms": {"slope": finite(slope), "slope_error": finite(error), "forecast_slope": finite(expected)},
        "bias": {
            "sum": finite(audit.bias_sum) if audit.squared else None,
            "error_from_shares": finite(audit.bias_error) if audit.squared else None,
            "slope_on_log_counts": finite(log_slope),
            "correlation_with_log_counts": finite(log_correlation),
        },
        keys.ROWS: {
            "merged_at": audit.merged_at,
            "compared": audit.neighbours.compared.size,
            keys.MERGED: _names(audit, audit.neighbours.merged),
            "identical": _names(audit, audit.every.identical),
            "zero": dict(zip(("measured", "forecast"), audit.zero_rows, strict=True)),
        },
        keys.CLASSES: class_records(audit, select_classes(audit, classes)),
        "notes": list(audit.notes),
        "verdict": audit.verdict,
    }


def direction_records(audit: "HeadAudit") -> list[dict[str, object]]:
    """One record a distinct σ, largest first; the forecast is scaled."""
    columns = zip(
        audit.sigma.tolist(),
        audit.multiplicity.tolist(),
        scaled(audit.expected, audit.along.scale),
        audit.direction_norm.tolist(),
        strict=True,
    )
    return [
        {"sigma": sigma, "multiplicity": size, "forecast": finite(expected), "measured": measured}
        for sigma, size, expected, measured in columns
    ]


def class_records(audit: "HeadAudit", chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """One record for each of some classes; a class without samples has no forecast; that of others is scaled."""
    counts, nearest, cosine = audit.counts, audit.nearest, audit.nearest_cosine
    expected = scaled(audit.expected_norms[chosen], audit.along.scale)
    bias = audit.head.offset if audit.centred else np.full(counts.classes, np.nan)
    return [
        {
            keys.CLASS: str(counts.names[index]),
            keys.COUNT: plain(float(counts.values[index])),
            "head_norm": finite(float(audit.norms[index])),
            "forecast_norm": finite(expected[place]),
            "bias": finite(float(bias[index])),
            "nearest": str(counts.names[int(nearest[index])]) if nearest[index] >= 0 else None,
            "nearest_cosine": finite(float(cosine[index])),
        }
        for place, index in enumerate(chosen.tolist())
    ]


def select_classes(audit: "HeadAudit", classes: Classes) -> Int[np.ndarray, " b"]:
    """Indices of the classes to show: those nearest to another, all in their own order, or none."""
    if classes == "all":
        return np.arange(audit.counts.classes)
    return closest_first(audit, 0 if classes == "none" else classes)


def closest_first(audit: "HeadAudit", limit: int) -> Int[np.ndarray, " b"]:
    """Classes whose nearest row is nearest first, those of fewest samples first among equals, unseen ones last."""
    cosine = np.where(np.isfinite(audit.nearest_cosine), audit.nearest_cosine, -np.inf)
    unseen = audit.counts.values == 0
    return np.lexsort((audit.counts.values, -cosine.round(9), unseen))[:limit]


def scaled(values: np.ndarray, scale: float) -> list[float]:
    """Values of the forecast times the scale that is fitted."""
    return (values * scale).tolist()


def _shape(shape: "Shape") -> dict[str, object]:
    return {
        "scale": finite(shape.scale),
        "shape_error": finite(shape.error),
        "flat_shape_error": finite(shape.flat_error),
    }


def _names(audit: "HeadAudit", groups: tuple[Int[np.ndarray, " _g"], ...]) -> list[list[str]]:
    return [[str(audit.counts.names[index]) for index in group.tolist()] for group in groups]
