"""Advice in plain sentences: each piece says what to do, the numbers that back it, its cost, and what is missing."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from penultimate.advice.advice import Advice
from penultimate.advice.decay import DecayAdvice
from penultimate.advice.drift import LABELS, DriftAdvice
from penultimate.advice.figures import Figures
from penultimate.advice.head import HeadAdvice, likelier
from penultimate.advice.labels import LabelsAdvice
from penultimate.advice.samples import SamplesAdvice
from penultimate.advice.status import Reason, Status
from penultimate.advice.width import WidthAdvice
from penultimate.forecasts.forecast import Forecast
from penultimate.learning_curves.where_next import MORE
from penultimate.report.advice.loss_words import loss_words
from penultimate.report.advice.steps import said_steps
from penultimate.report.kit.numbers import how_many, number, percent, points

if TYPE_CHECKING:
    from penultimate.heads.comparison.comparison import HeadComparison

STATUSES = {
    Status.CHANGE: "change",
    Status.KEEP: "keep",
    Status.OUT_OF_REACH: "out of reach",
    Status.UNKNOWN: "not known",
}


# Classes that the piece on drift names.
_NAMED = 3
# Rare classes whose margin is below this part of that of frequent ones are alive, but weak.
_STRONG = 0.5


@dataclass(frozen=True)
class Said:
    """One piece in words.

    Attributes
    ----------
    topic : str
        What it is about.
    status : str
        In two or three words (`STATUSES`).
    text : str
        What to do, and the numbers behind it.
    cost : str
        What it costs; empty where nothing is to change.
    needed : str
        What would be needed to say more; empty where nothing is.
    """

    topic: str
    status: str
    text: str
    cost: str
    needed: str


def verdict(advice: Advice) -> str:
    """Say in a few sentences what to change, what not, and where there is not enough to say."""
    return " ".join(paragraphs(advice))


def paragraphs(advice: Advice) -> list[str]:
    """The same: one step a paragraph, cheapest first, then what needs no change and what is not known."""
    said = pieces(advice)
    steps = said_steps(advice)
    sentences = [step.text for step in steps] or ["Nothing needs to change."]
    if advice.loss.status is Status.CHANGE and advice.head.status is Status.CHANGE:
        sentences.append(
            f"Keep the loss beside that head: {advice.loss.chosen!r} would adjust for imbalance a second time. It is "
            "the choice for the next training, if its own head then stays."
        )
    for status, words in _SUMMARIES.items():
        topics = [piece.topic for piece in said if piece.status == STATUSES[status]]
        if topics:
            sentences.append(f"{words}: {', '.join(topics).lower()}.")
    sentences += advice.forecast.doubts
    if advice.audited is not None and advice.audited.problem is not None:
        sentences.append(f"The loss is taken to be {advice.forecast.problem.loss}: a head alone does not show it.")
    if advice.forecast.problem.feature_decay is None:
        sentences.append(assumption(advice))
    return sentences


_SUMMARIES = {
    Status.KEEP: "Keep as it is",
    Status.OUT_OF_REACH: "Out of reach",
    Status.UNKNOWN: "Not known",
}


def assumption(advice: Advice) -> str:
    """On which feature decay all of it rests."""
    problem = advice.forecast.problem
    if problem.networks is not None:
        return f"All of this takes the feature decay of {problem.networks.words}; an audit measures yours."
    return f"All of this takes a feature decay of c λ/N; c = {number(problem.feature_ratio)} was given."


def pieces(advice: Advice) -> list[Said]:
    """Every piece in words: decay, loss, samples, width, labels (of held-out features), drift (if given), head."""
    pieces = [
        ("Weight decay", advice.decay.status, advice.decay.reason, decay_words(advice.decay)),
        ("Loss", advice.loss.status, advice.loss.reason, loss_words(advice.loss)),
        ("Samples", advice.samples.status, advice.samples.reason, samples_words(advice.samples)),
        ("Width", advice.width.status, advice.width.reason, width_words(advice.width)),
        ("Head", advice.head.status, advice.head.reason, head_words(advice.head)),
    ]
    if advice.labels is not None:
        pieces.insert(-1, ("Labels", advice.labels.status, advice.labels.reason, labels_words(advice.labels)))
    if advice.drift is not None:
        pieces.insert(-1, ("Drift", advice.drift.status, advice.drift.reason, drift_words(advice.drift)))
    return [
        Said(topic, STATUSES[status], text, cost, "" if reason is None else reason.needed)
        for topic, status, reason, (text, cost) in pieces
    ]


def decay_words(decay: DecayAdvice) -> tuple[str, str]:
    """What to do with the weight decay, and what that costs."""
    if decay.largest is None or decay.advised is None:
        return _why(decay.reason), ""
    before, cautious = decay.before, ""
    if decay.quartiles is not None:
        cautious = f" (at {number(decay.advised, 3)} at the cautious end of what this network tells)"
    tried = (
        f" Checked by two forecasts: just below {number(decay.largest, 3)} {number(decay.below)} survive, just above "
        f"{number(decay.above)}."
    )
    alive = f"{number(before.survivors)} of {number(before.directions)} directions survive"
    if decay.status is Status.KEEP:
        text = f"Weight decay endangers no class: at {number(decay.in_use)} {alive}, and the first would vanish at "
        return f"{text}{number(decay.largest, 3)}{cautious}.{tried}", ""
    text = (
        f"Lower the weight decay from {number(decay.in_use)} to below {number(decay.advised, 3)}, so that every class "
        f"keeps its direction; now {alive}. The first vanishes at {number(decay.largest, 3)}{cautious}.{tried}"
    )
    layers = " The decays of all layers are scaled together." if before.problem.layers > 1 else ""
    text += _weak(decay.after, "lower is better")
    return text, f"less regularisation of the last layer; what that costs on new samples is not in this model.{layers}"


def samples_words(samples: SamplesAdvice) -> tuple[str, str]:
    """Which classes need how many samples, and what that costs."""
    before = samples.before
    if samples.status is Status.KEEP:
        text = "Every class has enough samples to keep its direction: "
        if math.isnan(samples.needed):
            return f"{text}all {number(before.directions)} directions survive.", ""
        smallest = number(before.counts.smallest)
        # Of directions with audited paths of their own the number is that of the median one.
        needs = "" if before.has_own_paths else f" and needs about {number(samples.needed, 3)}"
        text += f"the smallest has {smallest}{needs}. How well {smallest} samples "
        return f"{text}stand for new ones is another question, which no forecast answers.", ""
    if samples.floor is None or samples.after is None:
        if samples.reason is not None:
            return _why(samples.reason), ""
        return (
            "No number of samples is enough at this weight decay, because the number needed grows as fast. Lower the "
            "weight decay.",
            "",
        )
    classes = "class has" if samples.raised == 1 else "classes have"
    text = (
        f"Bring every class to {number(samples.floor)} samples: {number(samples.raised)} {classes} fewer, and "
        f"{number(samples.total)} more are needed in all. Then {number(samples.after.survivors)} of "
        f"{number(before.directions)} directions survive, {number(before.survivors)} now. (Today's threshold is about "
        f"{number(samples.needed, 3)} samples, but it rises as samples are added.)"
    )
    text += _weak(samples.after, "more samples or less weight decay are better")
    return text, f"{number(samples.total)} samples, {percent(samples.total / before.counts.samples, 2)} of all"


def width_words(width: WidthAdvice) -> tuple[str, str]:
    """How wide the features must be, and what a narrower layer costs."""
    if width.reason is Reason.MISFIT:
        return _why(width.reason), ""
    all_alive = "" if width.needed == width.directions else f" ({number(width.directions)} if none vanished)"
    need = f"{number(width.needed)} dimensions, one for each direction that survives{all_alive}"
    narrower = [f"{number(one.classes_with('own'))} with {number(one.problem.width)}" for one in width.narrower]
    seen = number(width.before.counts.seen)
    less = f" With fewer, of {seen} classes so many keep their own: {', '.join(narrower)}." if narrower else ""
    if width.in_use is None:
        return f"The features need {need}. The width of this network is not known.{less}", ""
    if width.status is Status.KEEP:
        return f"A width of {number(width.in_use)} is enough: the features need {need}.{less}", ""
    lost = width.after.classes_with("own") - width.before.classes_with("own")
    text = f"Widen the features from {number(width.in_use)} to at least {number(width.needed)}. They need {need}"
    return f"{text}; {number(lost)} more classes then keep their own direction.{less}", "a wider layer"


def labels_words(labels: LabelsAdvice) -> tuple[str, str]:
    """Which classes to label next, and what that costs."""
    if labels.curve is None:
        return f"{labels.refusal[0].upper()}{labels.refusal[1:]}.", ""
    honest = (
        "This is the head fitted anew on more held-out samples. If the network were trained on them, its features "
        "would change too, and nothing here says how."
    )
    if not labels.next_up:
        text = f"No class is sure to gain by {MORE} more held-out labels, on features as they are."
        return f"{text} {honest}", ""
    listed = ", ".join(
        f"{labels.name(one)} ({points(one.gain)} points ± {100 * one.error:.0f})" for one in labels.next_up
    )
    return f"Label next, for {MORE} more samples a gain of its own recall: {listed}. {honest}", f"{MORE} labels a class"


def drift_words(drift: DriftAdvice) -> tuple[str, str]:
    """What to do about classes that moved, and what that costs."""
    if not drift.moved:
        return "No class moved by more than noise.", ""
    many = how_many(drift.moved, "class moved", "classes moved")
    if drift.reason is not None:
        return f"{many} by more than noise. {drift.reason.sentence}", ""
    if not drift.lost:
        return f"{many} by more than noise, and none lost recall beyond chance.", ""
    listed = ", ".join(f"{one.name} {100 * one.lost:.0f} points" for one in drift.lost[:_NAMED])
    more = "" if len(drift.lost) <= _NAMED else f" and {len(drift.lost) - _NAMED} more"
    text = (
        f"{many} by more than noise, and recall was lost: {listed}{more}. Label {LABELS} current samples of each class "
        "and choose the head anew on them; how much that wins back is not known until it is measured on them."
    )
    return text, f"{LABELS} labels a class"


def head_words(head: HeadAdvice) -> tuple[str, str]:
    """Which head to take, and what that costs."""
    if head.comparison is not None and head.comparison.held_out is not None:
        text = head.comparison.verdict if head.reason is None else _unproven(head.comparison)
        return text, "" if head.status is Status.KEEP else "seconds; no training of the network"
    sentences = [_theory(head), _found(head)]
    if head.lost:
        classes = "class has" if head.lost == 1 else "classes have"
        sentences.append(
            f"{number(head.lost)} {classes} no direction of their own left, so no classifier can tell them from others."
        )
    return " ".join(sentence for sentence in sentences if sentence), ""


def _why(reason: Reason | None) -> str:
    """The reason as a sentence; what is needed stands beside it."""
    return "" if reason is None else reason.sentence


def _weak(after: Forecast | None, better: str) -> str:
    """Alive is not strong: at the edge a direction has no strength yet."""
    if after is None:
        return ""
    then = Figures.from_forecast(after)
    if then.few_margin >= _STRONG * then.many_margin:
        return ""
    margins = f"{number(then.few_margin, 2)}, that of frequent ones {number(then.many_margin, 2)}"
    return f" Right at that value the margin of rare classes is only {margins}: {better}."


def _theory(head: HeadAdvice) -> str:
    if head.by_theory is None:
        return _why(head.reason)
    if head.comparison is not None:
        return f"Untested recommendation: {head.comparison.verdict}"
    if head.after is None:
        return ""
    if head.by_theory == "logit adjustment":
        (many_before, few_before), (many_after, few_after) = head.before, head.after
        return (
            "Untested recommendation: subtract log(n/N) from the logits (logit adjustment, τ = 1). In the forecast "
            f"the margin of rare classes goes from {number(few_before, 3)} to {number(few_after, 3)}, that of frequent "
            f"ones from {number(many_before, 3)} to {number(many_after, 3)}."
        )
    before, after = (few / many if many else float("nan") for many, few in (head.before, head.after))
    return (
        "Untested recommendation: give every row of the last layer the same norm, and no bias (τ-normalised, τ = 1). "
        f"In the forecast the margin of rare classes goes from {number(before, 2)} to {number(after, 2)} of that of "
        "frequent classes."
    )


def _unproven(comparison: "HeadComparison") -> str:
    """The likelier head, where held-out samples prove nothing."""
    likely = likelier(comparison)
    if likely is None:
        return ""
    gain, low, high = likely.gains["balanced_accuracy"]
    which = "the blend of all heads" if likely is comparison.blend else f"the head by theory, {likely.what}"
    return (
        f"Take {which}: on held-out samples it changes balanced accuracy by {points(gain)} points (95 % interval "
        f"{points(low)} to {points(high)}). That proves nothing, but its probabilities are better than those of "
        f"{'theory' if likely is comparison.blend else 'the blend'}, and the loss left the class shares in the "
        "scores of the present head."
    )


def _found(head: HeadAdvice) -> str:
    """What an audit adds."""
    audited = head.audited
    if audited is None:
        return ""
    text = ""
    if audited.merged:
        named = "; ".join(", ".join(group) for group in audited.merged[:3])
        what = "Rows that point alike" if audited.of == "head" else "Classes that have merged"
        text = f"{what}, says the audit: {named}{' and more' if len(audited.merged) > 3 else ''}."
    if audited.balanced_accuracy is not None and audited.by_means is not None:
        text += (
            f" On the audited features the classifier has a balanced accuracy of "
            f"{percent(audited.balanced_accuracy, 3)}; assigning each sample to the nearest class mean would have "
            f"{percent(audited.by_means, 3)}."
        )
    return text.strip()
