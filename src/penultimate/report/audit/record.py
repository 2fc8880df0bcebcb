"""An audit as plain numbers, lists and strings: what ``--json`` prints and what tables show."""

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from penultimate.audits import keys
from penultimate.noise.nearest_classes import GAP
from penultimate.report.kit.numbers import finite, plain
from penultimate.report.kit.samples import sample_records
from penultimate.reported import Classes
from penultimate.version import __version__

if TYPE_CHECKING:
    from penultimate.audits.audit import Audit
    from penultimate.audits.layer import LayerAudit

# Pairs that are listed, of all that were tested.
_PAIRS = 1000
# Nothing where another loss trained the network.
_BUDGET = ("lost", "lost_to_decay", "lost_to_noise", "lost_to_others", "unsettled")


def record(audit: "Audit", classes: Classes = "all") -> dict[str, object]:
    """An audit as a dictionary ready for JSON; what is not a finite number is None."""
    decisions = audit.decisions
    scalars = {name: values for name, values in audit.intervals.items() if values.ndim == 1}
    return {
        keys.VERSION: __version__,
        keys.COUNTS: audit.counts.to_dict(),
        keys.FEATURES: {
            "samples": plain(audit.statistics.samples),
            keys.DIMENSION: audit.statistics.dimension,
            "dtype": audit.dtype,
            "dropped": audit.statistics.dropped,
        },
        "sampled": {
            "classes": None if audit.sampled is None else audit.sampled.size,
            "answers": audit.drawn,
        },
        "gaps": None if audit.gaps is None else audit.gaps.to_dict(),
        keys.METRICS: {
            **audit.metrics.to_dict(),
            "nc4_agreement": _share(decisions.agreed.sum(), decisions.compared.sum()),
            "accuracy": finite(decisions.accuracy),
            keys.BALANCED_ACCURACY: finite(decisions.balanced_accuracy),
            **_merged(audit),
        },
        "noise": noise_record(audit),
        keys.ALIGNMENT: None if audit.last_layer is None else alignment_record(audit, audit.last_layer),
        keys.CALIBRATION: None if audit.calibration is None else audit.calibration.to_dict(),
        "intervals": {name: _list(values) for name, values in scalars.items()},
        keys.CLASSES: class_records(audit, select_classes(audit, classes)),
        "notes": list(audit.notes),
        "verdict": audit.verdict,
    }


def _merged(audit: "Audit") -> dict[str, object]:
    """The pairs of classes that have merged, the nearest first, and how many are undecided."""
    pairs, names = audit.pairs, audit.counts.names
    merged = pairs.pairs[pairs.merged]
    return {
        keys.MERGED: [[str(names[one]), str(names[other])] for one, other in merged[:_PAIRS].tolist()],
        "merged_error": pairs.error[pairs.merged][:_PAIRS].tolist(),
        "merged_pairs": len(merged),
        "merged_classes": int(np.unique(merged).size),
        "merged_undecided": int(np.count_nonzero(pairs.undecided)),
    }


def noise_record(audit: "Audit") -> dict[str, object]:
    """Directions of the class means above the noise, and every class with the one nearest to it."""
    directions, pairs, scatter = audit.directions, audit.pairs, audit.scatter
    return {
        "outcome": pairs.outcome.name.lower(),
        "directions": directions.count,
        "edge": finite(directions.edge),
        "singular_values": directions.singular_values.tolist(),
        "strengths": [finite(value) for value in directions.strengths.tolist()],
        "scatter": {
            "directions": scatter.count,
            "features": scatter.dimension,
            "edge": finite(scatter.edge),
            "eigenvalues": scatter.eigenvalues.tolist(),
        },
        "tested_along": pairs.directions,
        "own_covariances": pairs.own_covariances,
        "gap_asked_for": GAP,
        "tested": len(pairs.pairs),
        "pairs": pair_records(audit, np.arange(len(pairs.pairs))[:_PAIRS]),
    }


def pair_records(audit: "Audit", chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """One record for each of some pairs."""
    pairs, names = audit.pairs, audit.counts.names
    standing = np.where(pairs.merged, "merged", np.where(pairs.apart, "apart", "undecided"))
    return [
        {
            "classes": [str(names[index]) for index in pairs.pairs[place].tolist()],
            "standing": str(standing[place]),
            "gap": finite(float(pairs.gap[place])),
            "min_gap": finite(float(pairs.min_gap[place])),
            "error": finite(float(pairs.error[place])),
            "p_value": finite(float(pairs.p_value[place])),
            "samples_needed": finite(float(pairs.enough[place])),
        }
        for place in chosen.tolist()
    ]


def alignment_record(audit: "Audit", layer: "LayerAudit") -> dict[str, object]:
    """The last layer against its forecast."""
    alignment, calibration = layer.alignment, layer.calibration
    strengths = calibration.by_strengths
    threshold = None if strengths is None else finite(calibration.threshold(strengths[1]))
    columns: dict[str, NDArray[Any]] = {
        "sigma": alignment.sigma,
        "multiplicity": alignment.multiplicity,
        "forecast": layer.forecast_strength,
        "measured": alignment.strength,
        "cosine": alignment.cosine,
        "head_norm": alignment.head_norm,
        "mean_norm": alignment.mean_norm,
        "lost": alignment.budget.lost,
        "lost_to_decay": alignment.budget.decay,
        "lost_to_noise": alignment.budget.noise,
        "lost_to_others": alignment.budget.mixing,
        "unsettled": alignment.budget.unsettled,
    }
    if not layer.fits_loss:
        columns |= dict.fromkeys(_BUDGET, np.full(alignment.sigma.size, np.nan))
    columns |= _intervals(audit, {"measured_interval": "alignment/strength", "cosine_interval": "alignment/cosine"})
    return {
        "fits_squared_error": layer.fits_squared_error,
        "off_diagonal_share": finite(alignment.off_diagonal_share),
        "head_off_diagonal_share": finite(alignment.head_off_diagonal_share),
        "means_off_diagonal_share": finite(alignment.means_off_diagonal_share),
        keys.FITS_LOSS: layer.fits_loss,
        "likely_loss": layer.likely_loss,
        "product_cosine": finite(layer.product_cosine),
        "mean_gram_cosine": finite(layer.gram_cosines[0]),
        "head_gram_cosine": finite(layer.gram_cosines[1]),
        "objective_excess": finite(layer.excess),
        "unsettled_share": finite(layer.unsettled),
        "forecast_status": layer.forecast.solution.outcome.name.lower(),
        "bias_error": finite(layer.bias_error),
        "effective_feature_decay": calibration.by_norms,
        "feature_ratio": calibration.by_norms * calibration.samples / calibration.weight_decay[0],
        "threshold_by_norms": finite(calibration.threshold(calibration.by_norms)),
        "threshold_by_strengths": threshold,
        "layer_imbalance": list(layer.balance),
        "directions_without_strength": dict(zip(("measured", "forecast"), layer.dead, strict=True)),
        "directions": _rows(columns),
    }


def select_classes(audit: "Audit", classes: Classes) -> Int[np.ndarray, " b"]:
    """Indices of the classes to show: those answered worst, all in their own order, or none."""
    if classes == "all":
        return np.arange(audit.counts.classes)
    return answered_worst(audit, 0 if classes == "none" else classes)


def class_records(audit: "Audit", chosen: Int[np.ndarray, " b"]) -> list[dict[str, object]]:
    """One record for each of some classes; figures of a class without samples are None."""
    counts, statistics, layer = audit.counts, audit.statistics, audit.last_layer
    unknown = np.full(counts.classes, np.nan)
    own = statistics.counts
    judged = layer if layer is not None and layer.fits_loss else None
    columns: dict[str, NDArray[Any]] = {
        "recall": audit.decisions.recall,
        "recall_interval": audit.recall_interval,
        keys.RECALL_BY_MEANS: audit.decisions.recall_by_means,
        "spread": np.sqrt(np.divide(statistics.spreads, own, out=unknown.copy(), where=own > 0)),
        "mean_norm": audit.classes.mean_norm,
        "head_norm": audit.classes.head_norm,
        "signal_to_noise": audit.classes.signal_to_noise,
        "cdnv": audit.classes.cdnv,
        "head_cosine": audit.classes.head_cosine,
        "nearest_cosine": audit.classes.nearest_cosine,
        "retained": unknown if layer is None else layer.forecast.retained,
        "lift": unknown if layer is None else layer.measured.lift,
        "departure": unknown if judged is None else judged.departure,
        "lost": unknown if judged is None else judged.class_budget.lost,
        "lost_to_decay": unknown if judged is None else judged.class_budget.decay,
        "lost_to_noise": unknown if judged is None else judged.class_budget.noise,
    }
    wanted = {"spread": "classes/spread", "mean_norm": "classes/mean_norm", "lift": "classes/lift"}
    columns |= _intervals(audit, {f"{name}_interval": key for name, key in wanted.items()})
    weaker = np.zeros(counts.classes, dtype=bool) if layer is None else layer.weaker
    rows = _rows({name: column[chosen] for name, column in columns.items()})
    return [
        {
            keys.CLASS: str(counts.names[index]),
            keys.COUNT: plain(float(counts.values[index])),
            **row,
            "nearest": _name(audit, int(audit.classes.nearest[index])),
            "weaker_than_its_count": bool(weaker[index]),
            "short_of_samples": bool(audit.short_of_samples[index]),
            "confused_with": _name(audit, audit.confused_with(index)),
            "worst_samples": sample_records(audit.worst, audit.places, counts.names, index),
        }
        for index, row in zip(chosen.tolist(), rows, strict=True)
    ]


def with_findings(audit: "Audit", limit: int) -> Int[np.ndarray, " b"]:
    """Classes that a finding is about: merged ones, those weaker than their count, then those answered wrongly."""
    merged = np.unique(audit.pairs.pairs[audit.pairs.merged])
    weaker = np.zeros(0, dtype=np.int64) if audit.last_layer is None else np.flatnonzero(audit.last_layer.weaker)
    worst = answered_worst(audit, audit.counts.classes)
    wrong = worst[audit.decisions.recall[worst] < 1.0]
    found = np.concatenate([merged, weaker, wrong]).astype(np.int64)
    _, first = np.unique(found, return_index=True)
    return found[np.sort(first)][:limit]


def answered_worst(audit: "Audit", limit: int) -> Int[np.ndarray, " b"]:
    """Classes of lowest recall first, those of fewest samples first among equals; those without answers last."""
    recall = np.where(np.isfinite(audit.decisions.recall), audit.decisions.recall, np.inf)
    return np.lexsort((audit.counts.values, recall))[:limit]


def _intervals(audit: "Audit", wanted: dict[str, str]) -> dict[str, NDArray[Any]]:
    return {name: audit.intervals[key] for name, key in wanted.items() if key in audit.intervals}


def _rows(columns: dict[str, NDArray[Any]]) -> list[dict[str, object]]:
    names = list(columns)
    return [
        {name: _list(value) for name, value in zip(names, row, strict=True)}
        for row in zip(*columns.values(), strict=True)
    ]


def _list(value: Any) -> object:
    """Numbers of a row, or of an interval, as JSON has them."""
    if isinstance(value, np.integer):
        return value.item()
    entries = [finite(float(entry)) for entry in np.atleast_1d(value)]
    return entries if np.ndim(value) else entries[0]


def _share(part: np.integer[Any], whole: np.integer[Any]) -> float | None:
    return float(part / whole) if whole else None


def _name(audit: "Audit", index: int) -> str | None:
    return str(audit.counts.names[index]) if index >= 0 else None
