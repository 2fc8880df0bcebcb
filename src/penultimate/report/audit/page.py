"""The report of an audit: one HTML file that opens without a network, and its small table for notebooks."""

import numpy as np
from jaxtyping import Int

from penultimate.audits.audit import Audit
from penultimate.audits.layer import LayerAudit
from penultimate.noise.class_means import MeansOutcome
from penultimate.noise.nearest_classes import GAP
from penultimate.report.audit.charts import charts
from penultimate.report.audit.record import (
    alignment_record,
    answered_worst,
    class_records,
    with_findings,
)
from penultimate.report.audit.words import findings, verdict
from penultimate.report.kit.chart_style import spread
from penultimate.report.kit.html import Document, Fact, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import first_ranks, number, percent
from penultimate.report.kit.problem import problem_words
from penultimate.report.kit.samples import behind_findings

# Rows of the tables.
_WORST = 50
_DIRECTIONS = 50

_READINGS = {
    "directions": Reading(
        "Strength of each direction",
        "A dot is a direction in which class means can differ. What lies between the strength and σ was lost to weight "
        "decay and noise. Alone this proves little: every network that fits its labels comes close to σ.",
    ),
    "factors": Reading(
        "Last layer and class means",
        "The sharper test. In theory the last layer and the class means point the same way along every direction, and "
        "have the lengths of the forecast.",
    ),
    "matrices": Reading(
        "What should be diagonal",
        "In theory all three are. T alone proves nothing: every network that fits its labels has a nearly diagonal T, "
        "whatever its geometry. The Gram matrices of its two factors are the real test.",
        wide=True,
    ),
    "budget": Reading(
        "Where strength went",
        "Much to decay: lower the weight decay. Much to noise: features vary within a class, and better features help. "
        "Residual: what does not add up, because training stopped before the last layer was stationary.",
    ),
    "classes": Reading(
        "Recall of each class",
        "A class with a low recall whose direction the forecast retains does not fail by the imbalance: it is hard to "
        "tell, or its samples are too few to stand for new ones, as those of a class of 100 or fewer may be.",
    ),
    "norms": Reading(
        "Lengths from frequent to rare classes",
        "In theory the rows of W become shorter towards rare classes, and the class means longer. A class that is off "
        "the forecast is harder, or easier, than its number of samples says.",
    ),
    "cosines": Reading(
        "Angles between class means",
        "An amber block is a set of classes that the features hardly tell apart.",
    ),
}


def page(audit: Audit) -> Document:
    """Return the report."""
    layer = audit.last_layer
    return Document(
        "audit.html.j2",
        {
            "kind": "audit",
            "title": "Audit of a trained network",
            "counts": audit.counts,
            "sampled": "samples in training",
            "verdict": [verdict(audit)],
            "findings": findings(audit),
            "audit": audit,
            "layer": layer,
            "judged": layer is not None and layer.fits_loss,
            "squared": layer is not None and layer.forecast.problem.is_plain_squared_error,
            "key_figures": key_figures(audit),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(audit).items()],
            "calibrations": [] if layer is None else _calibrations(layer),
            "directions": [] if layer is None else _directions(audit, layer),
            "classes": _classes(audit),
            **behind_findings(audit.worst, audit.places, audit.counts.names, with_findings(audit, _WORST).tolist()),
            "method": _method(audit),
            "problem_words": ""
            if layer is None
            else problem_words(layer.forecast.problem, layer.forecast.counts.samples),
        },
    )


def summary(audit: Audit) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(audit)]
    return notebook(f"Audit: {percent(audit.decisions.accuracy)} classified correctly", rows, audit.verdict)


def key_figures(audit: Audit) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    decisions, measured = audit.decisions, audit.metrics
    (worst,) = answered_worst(audit, 1).tolist()
    figures = [
        (
            "Classified correctly",
            percent(decisions.accuracy),
            f"of {number(float(decisions.answered.sum()))} samples; mean over classes "
            f"{percent(decisions.balanced_accuracy)}",
        ),
        ("Worst class", percent(float(decisions.recall[worst])), f"recall of {_short(str(audit.counts.names[worst]))}"),
        ("NC1", number(measured.nc1, 3), "spread within classes against distance between them"),
        ("Merged classes", *_merged(audit)),
    ]
    return figures if audit.last_layer is None else [*figures, *_layer_figures(audit.last_layer)]


def _merged(audit: Audit) -> tuple[str, str]:
    """How many classes have merged, and of how many pairs the samples cannot say."""
    pairs = audit.pairs
    if pairs.outcome is MeansOutcome.TOO_FEW_SAMPLES:
        return "–", "too few samples to tell"
    merged, undecided = (int(np.count_nonzero(of)) for of in (pairs.merged, pairs.undecided))
    what = f"closer than {number(GAP, 3)} standard deviations: {number(float(merged))} of {len(pairs.pairs)} pairs"
    return number(float(np.unique(pairs.pairs[pairs.merged]).size)), f"{what}, {number(float(undecided))} undecided"


def _layer_figures(layer: LayerAudit) -> list[KeyFigure]:
    alignment, calibration = layer.alignment, layer.calibration
    cosine = alignment.cosine[np.isfinite(alignment.cosine)]
    agreement = f"{number(float(cosine.min()), 2)} … {number(float(cosine.max()), 2)}" if cosine.size else "–"
    figures = [("Last layer and means agree", agreement, "cosines along the label directions; 1 in theory")]
    if not layer.fits_loss:
        return [*figures, (f"Fits {layer.loss_words}", "no", "another loss, or not trained to the end")]
    threshold = calibration.threshold(calibration.feature_decay)
    measured, expected = layer.dead
    decay = ("Directions vanish below", f"σ = {number(threshold, 3)}", f"measured by {calibration.source}")
    if np.isnan(threshold):
        decay = ("Feature decay", number(calibration.feature_decay, 3), f"measured by {calibration.source}")
    return [
        *figures,
        decay,
        ("Vanished directions", number(float(measured)), f"in the forecast {number(float(expected))}"),
        ("Weaker than samples explain", number(float(layer.weaker.sum())), "classes"),
    ]


def _calibrations(layer: LayerAudit) -> list[dict[str, object]]:
    """The feature decay by norms, and by strengths with its quartiles, and what follows from each."""
    calibration = layer.calibration
    ways = {"by norms": calibration.by_norms}
    names = ("by strengths, lower quartile", "by strengths, median", "by strengths, upper quartile")
    if calibration.by_strengths is not None:
        ways |= dict(zip(names, calibration.by_strengths, strict=True))
    return [
        {
            "none_lost": calibration.open_below and how == names[0],
            "how": how,
            "decay": decay,
            "ratio": decay * calibration.samples / calibration.weight_decay[0],
            "threshold": calibration.threshold(decay),
            "taken": decay == layer.forecast.problem.feature_decay,
        }
        for how, decay in ways.items()
    ]


def _directions(audit: Audit, layer: LayerAudit) -> list[dict[str, object]]:
    first = first_ranks(layer.alignment.multiplicity)
    picked: Int[np.ndarray, " b"] = spread(first, _DIRECTIONS, log=False)
    records = alignment_record(audit, layer)["directions"]
    assert isinstance(records, list)
    return [{"rank": int(first[place]), **records[place]} for place in picked.tolist()]


def _classes(audit: Audit) -> list[dict[str, object]]:
    return class_records(audit, answered_worst(audit, _WORST))


def _method(audit: Audit) -> list[Fact]:
    statistics, layer = audit.statistics, audit.last_layer
    dropped = f"; {number(statistics.dropped)} left out because they held NaN or infinity" if statistics.dropped else ""
    width = f"{number(statistics.dimension)} wide, stored as {audit.dtype}"
    facts = [
        ("Read", f"features of {number(statistics.samples)} samples, {width}, in two passes{dropped}"),
        ("Intervals", _interval_words(audit)),
    ]
    if layer is None:
        return [*facts, ("Classifier", "none: each sample is assigned to its nearest class mean")]
    layers = (
        f"{number(len(layer.measured.head.weights))} linear layer{'s' if len(layer.measured.head.weights) > 1 else ''}"
    )
    noise = "those of training" if layer.measured.noise is not None else "others than those of training"
    return [
        *facts,
        ("Head", f"{layers}, {'with' if layer.measured.centred else 'without'} a bias"),
        ("Samples", f"{noise}, by their counts"),
        (
            "Directions",
            f"{number(layer.alignment.directions)} of {number(layer.forecast.directions)}, by the singular value "
            "decomposition of the label matrix of the class counts",
        ),
        *(
            []
            if layer.proven
            else [("Forecast", "the best point found from several starts, not proven to be the minimum")]
        ),
        (
            "Weaker",
            "a class whose mean adds a tenth less to its logit than forecast, at the upper quartile of the decay too",
        ),
    ]


def _interval_words(audit: Audit) -> str:
    by_jackknife = "a jackknife over eight parts for all else" if audit.intervals else "none for all else, for memory"
    return f"95 %: Wilson's for recall, {by_jackknife}"


def _short(name: str) -> str:
    return name if len(name) <= 40 else f"{name[:39]}…"
