"""Advice for several labels a sample, in plain sentences."""

from penultimate.advice.label_advice import LabelAdvice
from penultimate.report.kit.numbers import how_many, number
from penultimate.report.label_forecast.words import pair_words

# Labels that a sentence names.
_NAMED = 3


def verdict(advice: LabelAdvice) -> str:
    """Say in a few sentences what to change."""
    return " ".join(paragraphs(advice))


def paragraphs(advice: LabelAdvice) -> list[str]:
    """What is wrong and what to change; then what that rests on."""
    first = [_now(advice), *steps(advice)]
    second = [_twice(advice), _assumed(advice)]
    return [" ".join(part for part in parts if part) for parts in (first, second)]


def steps(advice: LabelAdvice) -> list[str]:
    """What to change, one sentence each, cheapest first."""
    if not advice.forecast.never_answered:
        return []
    parts = [advice.refused and f"No pos_weight is advised: {advice.refused}."]
    if advice.weighted is not None and str(advice.forecast.loss) != "bce:sqrt":
        never = advice.weighted.never_answered
        left = "every label is answered" if not never else f"{how_many(never, 'label stays', 'labels stay')} unanswered"
        parts.append(
            f"With pos_weight √((N − n)/n) {left}: it answers all labels up to one and the same weight decay, where "
            "(N − n)/n over-corrects."
        )
    if advice.advised_weight_decay is not None:
        beside = " beside it" if advice.weighted is not None else ""
        parts.append(
            f"A weight decay of {number(advice.advised_weight_decay, 2)}{beside} answers every label, with room."
        )
    if advice.to_collect.size:
        named = ", ".join(_needs(advice, label) for label in advice.to_collect[:_NAMED].tolist())
        parts.append(f"Or collect more samples, first of: {named}.")
    return [part for part in parts if part]


def _needs(advice: LabelAdvice, label: int) -> str:
    return f"{advice.targets.names[label]} (about {number(round(advice.missing(label)))} more)"


def _now(advice: LabelAdvice) -> str:
    varying, never = int(advice.forecast.varying.sum()), advice.forecast.never_answered
    at = f"At weight decay {number(advice.forecast.problem.weight_decay[0])}"
    if not never:
        return f"{at} every label is answered at a threshold of ½: nothing is to change."
    some = f"{number(never)} of {how_many(varying, 'label is', 'labels are')}"
    return f"{at} {some} never answered at a threshold of ½."


def _twice(advice: LabelAdvice) -> str:
    pairs = advice.forecast.one_label_twice
    return f"One label in two columns, drop one of each: {pair_words(advice.forecast, pairs)}." if pairs else ""


def _assumed(advice: LabelAdvice) -> str:
    text = "Labels are taken alone, and " if advice.weighted is not None else ""
    problem = advice.forecast.problem
    c = (
        f"c = {number(problem.feature_ratio)} is assumed"
        if problem.feature_decay is None
        else "the feature decay is given"
    )
    text += f"{c}. pos_weight changes decisions at ½; to rank samples by a label, train without it."
    if advice.forecast.loss is not None:
        text += (
            f" BCEWithLogitsLoss averages over labels: its weight decay w is {number(advice.targets.labels)} w here."
        )
    return text[0].upper() + text[1:] if text.startswith("the ") else text
