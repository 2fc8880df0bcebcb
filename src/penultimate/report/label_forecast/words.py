"""The forecast for several labels a sample, in plain sentences."""

import math
from collections.abc import Sequence

import numpy as np

from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.forecasts.label_pairs import LabelPair
from penultimate.forecasts.status import OWN
from penultimate.losses import BinaryCrossEntropy, CrossEntropy
from penultimate.minimisers.solution import Outcome
from penultimate.report.kit.numbers import how_many, number
from penultimate.report.kit.targets import ONE_EACH

# Pairs of labels that a sentence names.
_NAMED = 3


def verdict(forecast: LabelForecast) -> str:
    """Say in a few sentences which labels will be predicted, and what to do about the others."""
    return " ".join(paragraphs(forecast))


def paragraphs(forecast: LabelForecast) -> list[str]:
    """The same in two parts: what happens and what to do, and what that rests on."""
    first = [_what_happens(forecast), _zeros(forecast), _what_to_do(forecast)]
    second = [_twice(forecast), _alike(forecast), _fixed(forecast), _caveats(forecast)]
    return [" ".join(filter(None, part)) for part in (first, second) if any(part)]


def survive_words(forecast: LabelForecast) -> str:
    """How many directions survive, of how many."""
    if forecast.directions is None:
        least = "at least " if forecast.solution.is_lower_bound else ""
        return f"{least}{how_many(forecast.survivors, 'direction survives', 'directions survive')}"
    if forecast.directions == 1:
        return "the one direction survives" if forecast.survivors else "the one direction dies"
    return f"{number(forecast.survivors)} of {number(forecast.directions)} directions survive"


def pair_words(forecast: LabelForecast, pairs: Sequence[LabelPair]) -> str:
    """Name some pairs of labels."""
    names = forecast.targets.names
    named = ", ".join(f"{names[pair.first]} and {names[pair.second]}" for pair in pairs[:_NAMED])
    return f"{named} and {number(len(pairs) - _NAMED)} more" if len(pairs) > _NAMED else named


def _what_happens(forecast: LabelForecast) -> str:
    at = f"At weight decay {number(forecast.problem.weight_decay[0])},"
    if forecast.loss is not None:
        return _probabilities(forecast, at)
    if forecast.survivors == 0:
        return f"{at} no direction survives: all features collapse to zero, and only the bias is learnt."
    parts = [f"{at} {survive_words(forecast)}"]
    own, shared, lost = (forecast.labels_with(status) for status in ("own", "shared", "lost"))
    kept = [f"{how_many(own, 'label keeps its own', 'labels keep their own')}"]
    kept += [f"{number(shared)} {'shares one' if shared == 1 else 'share one'} with others"] if shared else []
    kept += [f"{number(lost)} {'loses its own' if lost == 1 else 'lose theirs'}"] if lost else []
    if forecast.targets.kind != "real":
        never = forecast.never_answered
        some = how_many(never, "is never answered", "are never answered") if never else "every label is answered"
        kept.append(f"{some} at a threshold of ½")
    text = f"{parts[0]}; {', '.join(kept[:-1])}{' and ' if len(kept) > 1 else ''}{kept[-1]}"
    keep, answer = (_common(figures) for figures in (forecast.to_keep, forecast.to_answer))
    if math.isnan(keep) or math.isinf(keep):
        return f"{text}."
    if answer <= 1.0:
        return f"{text}: one sample would be enough for a label."
    if keep == answer:
        return f"{text}: a label needs about {number(keep, 3)} samples to keep a direction, and is answered then."
    return (
        f"{text}: a label needs about {number(keep, 3)} samples to keep a direction and about {number(answer, 3)} to "
        "be answered."
    )


def _probabilities(forecast: LabelForecast, at: str) -> str:
    """What sigmoids answer, or a softmax; how many directions they keep is known where the problem was solved."""
    collapse, chosen = forecast.collapse_weight_decay, forecast.problem.weight_decay[0]
    if chosen >= collapse:
        return f"{at} all features collapse to zero, and only the bias is learnt."
    varying, never = int(forecast.varying.sum()), forecast.never_answered
    who = "the softmax answers" if isinstance(forecast.loss, CrossEntropy) else "sigmoids answer"
    alive = f" {survive_words(forecast)}, and" if forecast.knows_directions else ""
    half = "half of what is asked for" if isinstance(forecast.loss, CrossEntropy) else "a threshold of ½"
    text = f"{at}{alive} {who} {number(varying - never)} of {how_many(varying, 'label', 'labels')} at {half}"
    if never:
        text += f" and never answer {number(never)}"
    keep, answer = (_common(figures) for figures in (forecast.to_keep, forecast.to_answer))
    if answer > 1.0 and not (math.isnan(keep) or math.isinf(keep)):
        text += f": a label needs about {number(keep, 3)} samples to live and about {number(answer, 3)} to be answered"
    return f"{text}. From a weight decay of {number(collapse, 3)} on all features would be zero."


def _pos_weight(forecast: LabelForecast) -> str:
    """What pos_weight would mend, and PyTorch's convention."""
    if not isinstance(forecast.loss, BinaryCrossEntropy):
        return ""
    parts = list[str]()
    fixed = forecast.labels_with("unseen") + forecast.labels_with("always")
    if forecast.never_answered and str(forecast.loss) != "bce:sqrt" and not fixed:
        limit = forecast.with_pos_weight("sqrt").largest_answering_weight_decay
        if limit is not None:
            parts.append(
                "With pos_weight √((N − n)/n) every label, taken alone, would be answered up to a weight decay of "
                f"{number(limit, 3)}."
            )
    if str(forecast.loss) == "bce:balanced":
        parts.append("This pos_weight, (N − n)/n, over-corrects: the rarest labels outlive all others.")
    outputs = forecast.targets.labels
    parts.append(
        "Decays are for the loss summed over labels: BCEWithLogitsLoss averages over them too, and its weight decay w"
        f" is {number(outputs)} w here."
    )
    return " ".join(parts)


def _zeros(forecast: LabelForecast) -> str:
    collapsed = forecast.problem.weight_decay[0] >= forecast.collapse_weight_decay
    if (
        not forecast.never_answered
        or forecast.targets.kind == "real"
        or collapsed
        or isinstance(forecast.loss, CrossEntropy)
    ):
        return ""
    known = int(np.count_nonzero(forecast.varying & ~forecast.answered & (forecast.retained >= OWN)))
    if not known:
        return ""
    stay, them = ("its score stays", "it") if known == 1 else ("their scores stay", "them")
    return (
        f"This is why a network may predict only zeros: its features know {number(known)} of these labels, but {stay} "
        f"below ½. A lower threshold finds {them}."
    )


def _what_to_do(forecast: LabelForecast) -> str:
    safe, answering = forecast.largest_safe_weight_decay, forecast.largest_answering_weight_decay
    if forecast.loss is not None:
        return _pos_weight(forecast)
    if forecast.survivors == 0:
        largest = float(np.nanmax(forecast.critical_weight_decay))
        return f"The first direction appears below a weight decay of {number(largest, 3)}."
    parts = list[str]()
    if forecast.never_answered and answering is not None:
        parts.append(f"Up to a weight decay of {number(answering, 3)} every label would be answered.")
    if safe is not None and forecast.survivors == forecast.directions:
        parts.append(f"The first direction would vanish at a weight decay of {number(safe, 3)}.")
    elif safe is not None and forecast.labels_with("own") < int(forecast.varying.sum()):
        parts.append(f"Below {number(safe, 3)} every direction would survive.")
    if forecast.solution.outcome in (Outcome.WIDTH_BINDS, Outcome.WIDTH_SPLITS):
        parts.append(f"A width of {forecast.problem.width} holds no more directions.")
    return " ".join(parts)


def _twice(forecast: LabelForecast) -> str:
    equal = [pair for pair in forecast.one_label_twice if pair.correlation > 0]
    against = [pair for pair in forecast.one_label_twice if pair.correlation < 0]
    parts = list[str]()
    if equal:
        parts.append(f"One label in two columns, equal in every sample: {pair_words(forecast, equal)}.")
    if against:
        parts.append(f"Each the other's opposite in every sample: {pair_words(forecast, against)}.")
    return " ".join(parts)


def _alike(forecast: LabelForecast) -> str:
    if not forecast.alike:
        return ""
    return f"Labels that no head can tell apart at this decay: {pair_words(forecast, forecast.alike)}."


def _fixed(forecast: LabelForecast) -> str:
    targets, parts = forecast.targets, list[str]()
    if targets.unlabelled and targets.kind != "real":
        parts.append(f"{how_many(round(targets.unlabelled), 'sample has no label', 'samples have no label')}.")
    if targets.one_each:
        parts.append(ONE_EACH)
    if targets.repeated:
        named = how_many(round(targets.repeated), "sample names a label", "samples name a label")
        parts.append(f"{named} twice, which counts once.")
    for status, one, many in (
        ("unseen", "label is on in no sample", "labels are on in no sample"),
        ("always", "label never changes", "labels never change"),
    ):
        size = forecast.labels_with(status)
        if size:
            parts.append(f"{how_many(size, one, many)}, and nothing is said of {'it' if size == 1 else 'them'}.")
    return " ".join(parts)


def _caveats(forecast: LabelForecast) -> str:
    parts = list[str]()
    if not forecast.knows_directions:
        parts.append(_not_solved(forecast))
    if forecast.solution.is_lower_bound and forecast.sets is None:
        parts.append(
            f"More directions may survive than the {number(forecast.survivors)} that were found: figures of "
            "labels are those of each label taken alone."
        )
    if forecast.targets.kind == "soft":
        parts.append("Labels are soft: a label counts by its share.")
    if forecast.problem.feature_decay is None:
        assumed = "is an assumption" if forecast.problem.feature_ratio == 1.0 else "was given"
        parts.append(f"c = {number(forecast.problem.feature_ratio)} {assumed}; an audit measures c.")
    if forecast.knows_directions and (not forecast.outcome.proven or forecast.outcome is Outcome.TIED):
        parts.append(f"Note: {forecast.outcome.value}.")
    if isinstance(forecast.loss, CrossEntropy) and forecast.targets.unlabelled:
        parts.append("Samples without labels have no loss in a softmax, and were left out.")
    return " ".join(parts)


def _not_solved(forecast: LabelForecast) -> str:
    """What figures of sigmoids rest on where their problem was not solved."""
    plain = isinstance(forecast.loss, BinaryCrossEntropy) and forecast.loss.is_plain
    alone = "Squared error's scores stand for probabilities" if plain else "Each label is taken as if it were alone"
    bound = forecast.lower_bound
    proven = "" if bound is None else f"; the loss with its decays is proven to stay above {number(bound, 4)}"
    return f"{alone}, since there are too many label sets to solve the problem itself{proven}."


def _common(figures: np.ndarray) -> float:
    """The number that is the same for all labels; NaN where they differ."""
    return float(figures[0]) if np.all(figures == figures[0]) else math.nan
