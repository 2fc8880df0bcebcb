"""The audit in plain sentences."""

import numpy as np

from penultimate.audits.audit import Audit
from penultimate.audits.layer import LayerAudit
from penultimate.report.audit.record import answered_worst
from penultimate.report.kit.numbers import names_of, number, percent

# So many classes are named in a sentence.
_NAMED = 3
# Recall of the nearest class mean above the head's by this much: the head is in the way.
_IN_THE_WAY = 0.05
# A network that fits its labels has no more of the product off the diagonal than this.
_DIAGONAL = 0.05


def verdict(audit: Audit) -> str:
    """Say in a few sentences what an audit found."""
    return " ".join(paragraphs(audit))


def paragraphs(audit: Audit) -> list[str]:
    """The verdict in two parts: what the classifier does, and how it stands to the theory."""
    first, layer = [*audit.notes, _answers(audit), _collapse(audit), _merged(audit)], audit.last_layer
    if layer is None:
        second = ["There is no head, so nothing is said of alignment or decay: answers are the nearest means'."]
    else:
        first.append(_head_or_features(audit))
        second = _against_forecast(audit, layer)
    return [" ".join(sentence for sentence in part if sentence) for part in (first, second)]


def _against_forecast(audit: Audit, layer: LayerAudit) -> list[str]:
    judged = [_factors(layer), _decay(layer), _weaker(audit)]
    if layer.forecast.problem.is_plain_squared_error:
        return judged if layer.fits_loss else [_foreign(layer)]
    if layer.fits_loss:
        return [_own_law(layer), *judged]
    return [
        _own_law(layer),
        "So it was trained with another loss, or not to the end: departures say nothing about its classes.",
    ]


def _answers(audit: Audit) -> str:
    recall = audit.decisions.recall
    (worst,) = answered_worst(audit, 1).tolist()
    who = "The head answers" if audit.last_layer is not None else "The nearest class mean answers"
    samples = number(float(audit.decisions.answered.sum()))
    if recall[worst] == 1.0:
        return f"{who} all of {samples} samples rightly."
    return (
        f"{who} {percent(audit.decisions.accuracy)} of {samples} samples rightly, and of the worst class "
        f"({audit.counts.names[worst]}) {percent(float(recall[worst]), 3)}."
    )


def _collapse(audit: Audit) -> str:
    measured = audit.metrics
    if np.isnan(measured.variability_quotient):
        return "All class means are equal: these features tell no class from another."
    return (
        f"Spread within classes is {number(measured.variability_quotient, 2)} of that between them (NC1 "
        f"{number(measured.nc1, 2)}), over {number(measured.classes)} classes."
    )


def _merged(audit: Audit) -> str:
    merged, names = audit.classes.merged, audit.counts.names
    if np.isnan(audit.metrics.variability_quotient):
        return ""
    if not merged.count:
        few = ", though some have too few samples to tell" if merged.undecided else ""
        return f"No two classes overlap so far that a rule between their means errs on a quarter of them{few}."
    named = [f"{names[one]} and {names[other]}" for one, other in merged.pairs[:_NAMED].tolist()]
    error = f"a rule between their means would still err on {percent(float(merged.error[0]), 2)}"
    if merged.count == 1:
        return f"One pair of classes has merged, {named[0]}: {error}."
    which = "" if merged.count <= _NAMED else ", above all"
    return (
        f"{number(float(merged.count))} pairs of {number(float(merged.classes.size))} classes have merged{which}: "
        f"{'; '.join(named)}. Of the first, {error}."
    )


def _head_or_features(audit: Audit) -> str:
    gain = audit.decisions.recall_by_means - audit.decisions.recall
    better = np.flatnonzero(gain > _IN_THE_WAY)
    if better.size == 0:
        return "The head is not in the way: the nearest class mean does no better on any class."
    classes = "one class" if better.size == 1 else f"{number(float(better.size))} classes"
    return (
        f"The head is in the way of {classes} ({names_of(audit.counts, better)}): "
        "the nearest class mean would answer more of their samples rightly."
    )


def _foreign(layer: LayerAudit) -> str:
    strong = float(np.median(layer.alignment.strength / layer.alignment.sigma))
    return (
        f"This is not what squared error leaves: the bias is up to {number(layer.measured.bias_error, 2)} from the "
        f"class shares, and directions are {number(strong, 2)} times as strong as labels ask for. So the network was "
        "trained with another loss, or not to the end, and its departures from this forecast say nothing about its "
        f"classes. {_try(layer)}"
    ).strip()


def _try(layer: LayerAudit) -> str:
    """The loss that bias and strengths speak for."""
    why = {
        "mse": "The bias has the class shares and own logits are near 1, as squared error leaves them",
        "ce": "The bias grows with log n as with cross-entropy",
        "la:1": "Directions are as strong as with cross-entropy, and the bias does not follow log n, as if adjusted",
    }
    loss = layer.likely_loss
    if loss is None:
        return ""
    grown = loss != "ce" or not np.isnan(layer.bias_on_log_counts)
    return f"{why[loss] if grown else 'Directions are as strong as with cross-entropy'}: try --loss {loss}."


def _own_law(layer: LayerAudit) -> str:
    """Another loss than squared error: how near the network is to its own forecast."""
    means, head = layer.gram_cosines
    best = "the minimiser" if layer.proven else "the best minimum found, which no proof backs,"
    text = (
        f"Against {best} of its own loss ({layer.forecast.problem.loss}): the Gram "
        f"matrices of means and head have cosines {number(means, 2)} and {number(head, 2)} with their forecasts, head "
        f"times means {number(layer.product_cosine, 2)}, as that of any network that fits its labels nearly has. "
        f"The network's own objective is {percent(layer.excess, 3)} above the minimum (feature decay by norms)."
    )
    text = f"{text} {_try(layer)}".strip()
    if np.isnan(layer.unsettled):
        return text
    return f"{text} Training left {percent(layer.unsettled, 2)} of what decay and noise ask of the head unsettled."


def _factors(layer: LayerAudit) -> str:
    alignment = layer.alignment
    low, high = float(np.nanmin(alignment.cosine)), float(np.nanmax(alignment.cosine))
    measured, expected = layer.dead
    text = (
        f"Head and class means agree along the label directions with cosines {number(low, 2)} to {number(high, 2)}; "
        f"{percent(alignment.head_off_diagonal_share, 2)} of the head's Gram matrix and "
        f"{percent(alignment.means_off_diagonal_share, 2)} of the means' lie off the diagonal, where the model has "
        f"nothing. Their product is diagonal up to {percent(alignment.off_diagonal_share, 2)}"
    )
    text += ", as that of any network that fits its labels." if alignment.off_diagonal_share < _DIAGONAL else "."
    return f"{text} Directions without strength: {measured}, forecast {expected}."


def _decay(layer: LayerAudit) -> str:
    calibration = layer.calibration
    known = not np.isnan(calibration.threshold(calibration.by_norms))
    what, measure = ("Directions die below σ =", calibration.threshold) if known else ("The feature decay is", float)
    norms = number(measure(calibration.by_norms), 2)
    if calibration.by_strengths is None:
        return f"{what} {norms} by norms; strengths do not tell."
    low, middle, high = (measure(decay) for decay in calibration.by_strengths)
    low = 0.0 if calibration.open_below else low
    text = (
        f"{what} {norms} by norms, {number(middle, 2)} by strengths (quartiles "
        f"{number(low, 2)} to {number(high, 2)}, from {calibration.directions} directions)."
    )
    if layer.measured.noise is None:
        text += " These samples are not those of training, so strengths lack what did not generalise, too."
    return text


def _weaker(audit: Audit) -> str:
    assert audit.last_layer is not None
    weaker = np.flatnonzero(audit.last_layer.weaker)
    if weaker.size == 0:
        return "No class is weaker than its count explains."
    order = weaker[np.argsort(audit.last_layer.departure[weaker])][:_NAMED]
    named: list[str] = []
    for index in order.tolist():
        other = audit.confused_with(index)
        with_whom = f", confused with {audit.counts.names[other]}" if other >= 0 else ""
        named.append(
            f"{audit.counts.names[index]} (by {percent(-float(audit.last_layer.departure[index]), 2)}{with_whom})"
        )
    if weaker.size == 1:
        return f"One class is weaker than its count explains: {named[0]}."
    which = "" if weaker.size <= _NAMED else ", above all"
    return f"{number(float(weaker.size))} classes are weaker than their counts explain{which}: {'; '.join(named)}."
