"""The audit in plain sentences."""

import numpy as np

from penultimate.auditing import Audit, LayerAudit
from penultimate.report.words import number

# So many classes are named in a sentence.
_NAMED = 3
# Recall of the nearest class mean above the head's by this much: the head is in the way.
_IN_THE_WAY = 0.05


def verdict(audit: Audit) -> str:
    """Say in a few sentences what an audit found.

    Parameters
    ----------
    audit : Audit
        What to put in words.

    Returns
    -------
    str
        One paragraph.
    """
    sentences = [_answers(audit), _collapse(audit), _merged(audit)]
    if audit.layer is None:
        sentences.append("There is no head, so nothing is said of alignment or decay: answers are the nearest means'.")
    elif audit.layer.forecast.problem.loss != "mse":
        sentences += [_head_or_features(audit), _own_law(audit.layer)]
    elif not audit.layer.fits_squared_error:
        sentences += [_head_or_features(audit), _foreign(audit.layer)]
    else:
        sentences += [_head_or_features(audit), _factors(audit.layer), _decay(audit.layer), _weaker(audit)]
    return " ".join(sentence for sentence in sentences if sentence)


def _answers(audit: Audit) -> str:
    recall = audit.decisions.recall
    known = np.flatnonzero(np.isfinite(recall))
    worst = known[np.argmin(recall[known])]
    who = "The head answers" if audit.layer is not None else "The nearest class mean answers"
    return (
        f"{who} {_percent(audit.decisions.accuracy)} of {number(float(audit.decisions.answered.sum()))} samples "
        f"rightly, and of the worst class ({audit.counts.names[int(worst)]}) {_percent(float(recall[worst]))}."
    )


def _collapse(audit: Audit) -> str:
    measured = audit.metrics
    return (
        f"Spread within classes is {number(measured.variability_quotient, 2)} of that between them (NC1 "
        f"{number(measured.nc1, 2)}), over {number(measured.classes)} classes."
    )


def _merged(audit: Audit) -> str:
    groups = audit.classes.merged
    if not groups:
        return "No two class means are closer than their spread."
    names = ", ".join(str(audit.counts.names[int(index)]) for index in groups[0][:_NAMED])
    more = f" and {number(float(groups[0].size - _NAMED))} more" if groups[0].size > _NAMED else ""
    return f"{len(groups)} group{'s' if len(groups) > 1 else ''} of classes merged, the largest {names}{more}."


def _head_or_features(audit: Audit) -> str:
    gain = audit.decisions.recall_by_means - audit.decisions.recall
    better = np.flatnonzero(gain > _IN_THE_WAY)
    if better.size == 0:
        return "The head is not in the way: the nearest class mean does no better on any class."
    return (
        f"The head is in the way of {number(float(better.size))} classes ({_names(audit, better)}): "
        "their nearest class mean would answer more of them rightly."
    )


def _foreign(layer: LayerAudit) -> str:
    strong = float(np.median(layer.alignment.strength / layer.alignment.sigma))
    return (
        f"This is not what squared error leaves: the bias is up to {number(layer.layer.bias_error, 2)} from the class "
        f"shares, and directions are {number(strong, 2)} times as strong as labels ask for. So the network was trained "
        "with another loss, or not to the end, and its departures from this forecast say nothing about its classes."
    )


def _own_law(layer: LayerAudit) -> str:
    """Another loss than squared error: how near the network is to its own forecast."""
    means, head = layer.gram_cosines
    text = (
        f"Against the minimiser of its own loss ({layer.forecast.problem.loss}) with the same total strength: the Gram "
        f"matrices of means and head have cosines {number(means, 2)} and {number(head, 2)} with their forecasts, head "
        f"times means {number(layer.product_cosine, 2)}, as that of any network that fits its labels nearly has. "
        f"The network's own objective is {_percent(layer.excess)} above the minimum (feature decay by norms)."
    )
    if not layer.fits_loss:
        text += " So it was trained with another loss, or not to the end: departures say nothing about its classes."
    return f"{text} {_decay(layer)}"


def _factors(layer: LayerAudit) -> str:
    alignment = layer.alignment
    low, high = float(np.nanmin(alignment.cosine)), float(np.nanmax(alignment.cosine))
    measured, expected = layer.dead
    text = (
        f"Head and class means agree along the label directions with cosines {number(low, 2)} to {number(high, 2)}; "
        f"{_percent(alignment.head_off_diagonal_share)} of the head's Gram matrix and "
        f"{_percent(alignment.means_off_diagonal_share)} of the means' lie off the diagonal, where the model has "
        f"nothing. Their product is diagonal up to {_percent(alignment.off_diagonal_share)}, as that of any network "
        "that fits its labels."
    )
    return f"{text} Directions without strength: {measured}, forecast {expected}."


def _decay(layer: LayerAudit) -> str:
    calibration = layer.calibration
    norms = calibration.threshold(calibration.by_norms)
    if calibration.by_strengths is None:
        return f"Directions die below σ = {number(norms, 2)} by norms; strengths do not tell."
    low, middle, high = (calibration.threshold(decay) for decay in calibration.by_strengths)
    if low == high:
        return f"Directions die below σ = {number(norms, 2)} by norms, {number(middle, 2)} by total strength."
    return (
        f"Directions die below σ = {number(norms, 2)} by norms, {number(middle, 2)} by strengths (quartiles "
        f"{number(low, 2)} to {number(high, 2)}, from {calibration.directions} directions)."
    )


def _weaker(audit: Audit) -> str:
    assert audit.layer is not None
    weaker = np.flatnonzero(audit.layer.weaker)
    if weaker.size == 0:
        return "No class is weaker than its count explains."
    order = weaker[np.argsort(audit.layer.departure[weaker])][:_NAMED]
    named: list[str] = []
    for index in order.tolist():
        other = audit.confused_with(index)
        with_whom = f", confused with {audit.counts.names[other]}" if other >= 0 else ""
        named.append(f"{audit.counts.names[index]} (by {_percent(-float(audit.layer.departure[index]))}{with_whom})")
    return f"{number(float(weaker.size))} classes are weaker than their counts explain: {'; '.join(named)}."


def _names(audit: Audit, classes: np.ndarray) -> str:
    return ", ".join(str(audit.counts.names[index]) for index in classes[:_NAMED].tolist())


def _percent(value: float) -> str:
    return "–" if value != value else f"{100 * value:.4g} %"
