"""The audit in plain sentences."""

import numpy as np

from penultimate.audits.audit import Audit
from penultimate.audits.gaps import GapsFound
from penultimate.audits.layer import LayerAudit
from penultimate.features.decisions import wilson
from penultimate.noise.class_means import MeansOutcome
from penultimate.noise.nearest_classes import GAP, MERGED_AT
from penultimate.report.audit.record import answered_worst
from penultimate.report.kit.numbers import names_of, number, percent

# So many classes are named in a sentence.
_NAMED = 3
# The classifier holds a class back where the nearest class mean recalls this much more of it. On the training samples
# of the bundled networks it never does; on held-out ones the rarest classes gain 0.14 to 0.18.
_IN_THE_WAY = 0.05
# A network that fits its labels has no more of the product off the diagonal than this: 0.007 the bundled network of
# squared error, 0.13 that of cross-entropy, which is to be recognised as another loss.
_DIAGONAL = 0.05


def verdict(audit: Audit) -> str:
    """Say in at most five sentences what an audit means; `findings` has the rest."""
    sentences, layer = [_answers(audit), _merged(audit)], audit.last_layer
    if audit.doubts:
        # Three sentences already; what follows from an order that may be wrong would only mislead.
        return " ".join([audit.doubts[0], _answers(audit)])
    if layer is None:
        sentences.append("There is no classifier among these features, so nothing is compared with a forecast.")
    else:
        sentences += [_head_or_features(audit), _weaker(audit) if layer.fits_loss else _foreign(layer)]
    return " ".join(sentence for sentence in sentences if sentence)


def paragraphs(audit: Audit) -> list[str]:
    """The verdict, then every finding with its heading."""
    return [verdict(audit), *(f"{heading}: {text}" for heading, text in findings(audit))]


def findings(audit: Audit) -> list[tuple[str, str]]:
    """What else there is to say, by heading."""
    found, layer = (
        [("Please note", " ".join(audit.notes[len(audit.doubts[:1]) :])), ("Spread", _collapse(audit))],
        audit.last_layer,
    )
    if audit.gaps is not None:
        found.append(("Gaps", _gaps(audit.gaps)))
    found.append(("On a sample", _on_sample(audit)))
    found += [("Nearest classes", _nearest_classes(audit)), ("Above the noise", _above_noise(audit))]
    if layer is not None and not layer.forecast.problem.is_plain_squared_error:
        found.append(("Its own loss", _own_law(layer)))
    if layer is not None:
        found.append(("Which loss", _evidence(layer)))
    if layer is not None and layer.fits_loss:
        found += [("Geometry", _factors(layer)), ("Feature decay", _decay(layer))]
    return [(heading, text) for heading, text in found if text]


def _answers(audit: Audit) -> str:
    recall = audit.decisions.recall
    if not audit.decisions.answered.any():
        return "No row is whole, so no decision can be counted."
    (worst,) = answered_worst(audit, 1).tolist()
    who = "The network" if audit.last_layer is not None else "The nearest class mean"
    samples = number(float(audit.decisions.answered.sum()))
    samples += " samples" if audit.gaps is None or not audit.gaps.missing else " samples without gaps"
    if audit.drawn is not None:
        low, high = wilson(np.array([audit.decisions.accuracy]), np.array([float(audit.decisions.answered.sum())]))[0]
        return (
            f"{who} classifies {percent(audit.decisions.accuracy, 3)} (95 %: {percent(low, 3)} to {percent(high, 3)}) "
            f"of a sample of {samples} correctly."
        )
    if recall[worst] == 1.0:
        return f"{who} classifies all of {samples} correctly."
    return (
        f"{who} classifies {percent(audit.decisions.accuracy)} of {samples} correctly, and "
        f"{percent(float(recall[worst]), 3)} of the worst class ({audit.counts.names[worst]})."
    )


def _gaps(gaps: GapsFound) -> str:
    if not gaps.missing:
        return "No entry is missing."
    return (
        f"{percent(gaps.missing, 3)} of the entries are missing, and {number(gaps.whole_rows)} of {number(gaps.rows)} "
        "rows are whole. Decisions are counted on these; everything else is estimated from the entries that are there. "
        f"The gaps do not depend on the class (p = {number(gaps.p, 2)}). Gaps that depend on the value and not on the "
        "class cannot be seen."
    )


def _collapse(audit: Audit) -> str:
    measured = audit.metrics
    if np.isnan(measured.variability_quotient):
        return "All class means are equal, so these features cannot tell any two classes apart."
    return (
        f"Features of {number(measured.classes)} classes scatter around their class means "
        f"{number(measured.variability_quotient, 2)} times as much as the means differ (NC1 {number(measured.nc1, 2)}; "
        "0 is full collapse)."
    )


def _merged(audit: Audit) -> str:
    """Merged pairs, and those that have too few samples to tell."""
    pairs, names = audit.pairs, audit.counts.names
    if np.isnan(audit.metrics.variability_quotient):
        return _collapse(audit)
    if pairs.outcome is MeansOutcome.TOO_FEW_SAMPLES:
        return "There are too few samples to tell whether classes have merged."
    merged, undecided = pairs.pairs[pairs.merged], int(np.count_nonzero(pairs.undecided))
    if audit.sampled is not None:
        return _merged_in_sample(audit)
    if not len(merged):
        few = f", but for {_pairs(undecided)} there are too few samples to tell" if undecided else ""
        return f"No two classes have merged{few}."
    first = " and ".join(str(names[index]) for index in merged[0].tolist())
    text = f"One pair of classes has merged: {first}."
    if len(merged) > 1:
        classes = number(float(np.unique(merged).size))
        text = f"{number(float(len(merged)))} pairs of {classes} classes have merged, nearest of all {first}."
    return f"{text} For {_pairs(undecided)} more there are too few samples to tell." if undecided else text


def _merged_in_sample(audit: Audit) -> str:
    """Of how many classes of the sample it was seen that they have merged with their nearest."""
    pairs, sample = audit.pairs, np.asarray(audit.pairs.sample)
    merged = np.isin(sample, pairs.pairs[pairs.merged])
    unsure = np.isin(sample, pairs.pairs[pairs.undecided]) & ~merged
    low, high = wilson(np.array([merged.mean()]), np.array([float(sample.size)]))[0]
    return (
        f"Of a sample of {number(float(sample.size))} of {number(audit.metrics.classes)} classes, "
        f"{number(float(merged.sum()))} have merged with the class nearest to them "
        f"({percent(low, 2)} to {percent(high, 2)} of all classes, at 95 %); for {number(float(unsure.sum()))} there "
        "are too few samples to tell."
    )


def _on_sample(audit: Audit) -> str:
    """What is read off a sample, where classes or samples are too many, and what is not."""
    if audit.sampled is None and audit.drawn is None:
        return ""
    parts: list[str] = []
    if audit.sampled is not None:
        parts.append(
            f"There are too many classes to compare all with all. {number(float(audit.sampled.size))} of them, drawn "
            "evenly, were compared with all others: nearest classes, merged classes, CDNV and angles (NC2) are of "
            "these, and the intervals of averages are those of such a sample."
        )
    if audit.drawn is not None:
        parts.append(
            f"Answers are those to {number(float(audit.drawn))} samples, drawn evenly, so that "
            "recall is not known of most classes."
        )
    return " ".join([*parts, "Everything else is exact, over all classes and samples."])


def _pairs(count: int) -> str:
    return "one pair" if count == 1 else f"{number(float(count))} pairs"


def _nearest_classes(audit: Audit) -> str:
    """What merged, apart and undecided mean, the nearest pairs, and how many samples would do."""
    pairs, names = audit.pairs, audit.counts.names
    if pairs.outcome is MeansOutcome.TOO_FEW_SAMPLES:
        return pairs.outcome.value
    merged, apart, undecided = (int(np.count_nonzero(of)) for of in (pairs.merged, pairs.apart, pairs.undecided))
    text = (
        f"Each class is compared with the one nearest to it. Of {_pairs(len(pairs.pairs))}, {number(float(merged))} "
        f"merged, {number(float(apart))} are apart, and {number(float(undecided))} are undecided. Merged means that a "
        f"gap of {number(GAP, 3)} standard deviations would have been seen, and was not; at that gap the best linear "
        f"rule errs on {percent(MERGED_AT)} of the samples."
    )
    listed = zip(pairs.pairs[:_NAMED].tolist(), pairs.gap[:_NAMED].tolist(), strict=True)
    named = [f"{names[one]} and {names[other]} ({number(gap, 2)})" for (one, other), gap in listed]
    text = f"{text} The smallest gaps: {'; '.join(named)}."
    enough = pairs.enough[np.isfinite(pairs.enough)]
    if enough.size:
        text += (
            f" With {number(float(np.median(enough)))} samples of each class half of the undecided would be decided."
        )
    if not pairs.own_covariances:
        text += " All classes are taken to scatter in the same shape, each in a size of its own."
    return text


def _above_noise(audit: Audit) -> str:
    directions = audit.directions
    if directions.outcome is MeansOutcome.TOO_FEW_SAMPLES:
        return _scatter(audit)
    if directions.count is None:
        along = audit.pairs.directions or "all"
        text = f"Pairs were compared along {along} directions of the class means. {directions.outcome.value}"
        return f"{text} {_scatter(audit)}".rstrip()
    dimension = number(float(directions.dimension))
    return (
        f"{number(float(directions.count))} of {dimension} directions of the class means stand above what chance gives "
        f"the means of so many samples (edge {number(directions.edge, 3)}). {_scatter(audit)}"
    ).rstrip()


def _scatter(audit: Audit) -> str:
    scatter = audit.scatter
    if scatter.count is None:
        return ""
    return (
        f"Within classes, features vary together along {number(float(scatter.count))} of "
        f"{number(float(scatter.dimension))} directions by more than chance gives independent features (edge "
        f"{number(scatter.edge, 3)} of their correlations)."
    )


def _head_or_features(audit: Audit) -> str:
    if audit.drawn is not None:
        return ""
    gain = audit.decisions.recall_by_means - audit.decisions.recall
    better = np.flatnonzero(gain > _IN_THE_WAY)
    if better.size == 0:
        return "Replacing the classifier by the nearest class mean would not help any class."
    classes = "one class" if better.size == 1 else f"{number(float(better.size))} classes"
    return (
        f"The classifier holds {classes} back ({names_of(audit.counts, better)}): the nearest class mean would get "
        "more of their samples right."
    )


def _foreign(layer: LayerAudit) -> str:
    text = (
        f"This network does not look as {layer.loss_words} leaves one: it was trained with another loss, or not to the "
        "end, so the forecast says nothing about its classes."
    )
    return text if layer.likely_loss is None else f"{text} Try --loss {layer.likely_loss}."


def _evidence(layer: LayerAudit) -> str:
    """What speaks against the loss that was given, and for another."""
    strong = float(np.median(layer.alignment.strength / layer.alignment.sigma))
    against = (
        f"With squared error the bias would equal the class shares, but it differs by up to "
        f"{number(layer.measured.bias_error, 2)}; directions are {number(strong, 2)} times as strong as the labels ask."
    )
    speaks = layer.forecast.problem.is_plain_squared_error and not layer.fits_loss
    return " ".join(text for text in (against if speaks else "", _try(layer)) if text)


def _try(layer: LayerAudit) -> str:
    """The loss that bias and strengths speak for."""
    why = {
        "mse": "The bias equals the class shares and the logit of the true class is near 1, as with squared error",
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
    best = "the minimum" if layer.proven else "the best point found, which is not proven to be the minimum,"
    text = (
        f"The objective of this network is {percent(layer.excess, 3)} above {best} of its own loss "
        f"({layer.forecast.problem.loss}). The Gram matrix of its class means has a cosine of {number(means, 2)} with "
        f"the forecast, that of its last layer {number(head, 2)}. (Their product: {number(layer.product_cosine, 2)}, "
        "but any network that fits its labels comes close to 1.)"
    )
    if np.isnan(layer.unsettled):
        return text
    return (
        f"{text} {percent(layer.unsettled, 2)} of the balance between loss and weight decay at the last layer is "
        "unexplained; it would be 0 % at the end of training."
    )


def _factors(layer: LayerAudit) -> str:
    alignment = layer.alignment
    low, high = float(np.nanmin(alignment.cosine)), float(np.nanmax(alignment.cosine))
    measured, expected = layer.dead
    text = (
        f"In theory the last layer and the class means are parallel (cosine 1) and their Gram matrices diagonal. Here "
        f"the cosines are {number(low, 2)} to {number(high, 2)}. {percent(alignment.head_off_diagonal_share, 2)} of "
        f"the Gram matrix of the last layer and {percent(alignment.means_off_diagonal_share, 2)} of that of the means "
        f"are off the diagonal. Of their product {percent(alignment.off_diagonal_share, 2)} is off the diagonal"
    )
    proves = alignment.off_diagonal_share < _DIAGONAL
    text += ", which alone proves nothing: every network that fits its labels comes close." if proves else "."
    return f"{text} Vanished directions: {measured}, in the forecast {expected}."


def _decay(layer: LayerAudit) -> str:
    calibration = layer.calibration
    known = not np.isnan(calibration.threshold(calibration.by_norms))
    what, measure = ("Directions vanish whose σ is below", calibration.threshold) if known else ("It is", float)
    norms = number(measure(calibration.by_norms), 2)
    if calibration.by_strengths is None:
        return f"{what} {norms} (measured by norms; by strengths it cannot be measured)."
    low, middle, high = (measure(decay) for decay in calibration.by_strengths)
    low = 0.0 if calibration.open_below else low
    text = (
        f"{what} {norms} (measured by norms) or {number(middle, 2)} (by the strengths of {calibration.directions} "
        f"directions; quartiles {number(low, 2)} to {number(high, 2)})."
    )
    if layer.measured.noise is None:
        text += " These are not the training samples, so strengths also lack what did not generalise."
    return text


def _weaker(audit: Audit) -> str:
    assert audit.last_layer is not None
    weaker = np.flatnonzero(audit.last_layer.weaker)
    if weaker.size == 0:
        return "No class is weaker than its number of samples explains."
    order = weaker[np.argsort(audit.last_layer.departure[weaker])][:_NAMED]
    named: list[str] = []
    for index in order.tolist():
        other = audit.confused_with(index)
        with_whom = f", confused with {audit.counts.names[other]}" if other >= 0 else ""
        named.append(
            f"{audit.counts.names[index]} (by {percent(-float(audit.last_layer.departure[index]), 2)}{with_whom})"
        )
    if weaker.size == 1:
        return f"One class is weaker than its number of samples explains: {named[0]}."
    which = "" if weaker.size <= _NAMED else ", most of all"
    return (
        f"{number(float(weaker.size))} classes are weaker than their number of samples explains{which}: "
        f"{'; '.join(named)}."
    )
