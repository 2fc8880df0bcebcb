"""A learning curve in plain sentences: what more samples bring, what that costs, and how well it is known."""

import numpy as np

from penultimate.learning_curves.curve import LearningCurve
from penultimate.learning_curves.where_next import MORE
from penultimate.report.kit.numbers import number, points

# A loss of another class below half a point is not worth a sentence.
_WORTH = 0.005
# Classes named as those to label next.
_NAMED = 3
# Gain of balanced accuracy, by a hundred labels, that is worth naming a class for.
_GAIN = 0.001


def verdict(curve: LearningCurve) -> str:
    """What more samples bring, in one paragraph."""
    return " ".join(paragraphs(curve))


def paragraphs(curve: LearningCurve) -> list[str]:
    """The gain and its cost; how well the present is known; where to label next; what is not said."""
    gain = _all(curve) if curve.asked is None else " ".join([*_one(curve), *_wanted(curve)])
    return [gain, _known(curve), *_next(curve), _limits(curve)]


def share(value: float) -> str:
    """A recall in whole per cent."""
    return f"{100 * value:.0f} %"


def plus_minus(gain: float, error: float) -> str:
    """A gain in points with half its interval."""
    return f"{points(gain)} points (± {100 * error:.0f})"


def budget_name(curve: LearningCurve, budget: int) -> str:
    """What a budget is, in a table."""
    return f"{number(budget)} of each" if curve.asked is None else number(budget)


def facts(curve: LearningCurve) -> list[tuple[str, str]]:
    """What was assumed, one a line."""
    chosen = "the best of four by cross-validation" if curve.weight_decay_chosen else "as given"
    return [
        ("held out", f"{number(curve.counts.samples)} samples of {number(curve.counts.classes)} classes"),
        ("head", f"ridge, weight decay {number(curve.weight_decay, 3)} ({chosen})"),
        ("class weights", "all classes weigh alike" if curve.balanced else "as given, or one for each sample"),
        ("level", f"cross-validated in {curve.folds} folds"),
        ("gain", "change of the recalls of Gaussian scores, by the law of a ridge head's scores (theory §9)"),
        ("leverage", f"a sample decides {share(curve.leverage)} of its own answer"),
        ("intervals", "90 %"),
    ]


def _one(curve: LearningCurve) -> list[str]:
    k, last = curve.asked or 0, len(curve.budgets) - 1
    name, budget, gain = curve.counts.names[k], curve.budgets[-1], float(curve.gains[-1, k])
    moves = "rise" if gain >= 0 else "fall"
    said = [
        f"With {number(budget)} samples of {name} in place of {number(curve.counts.values[k])}, its recall is forecast "
        f"to {moves} from {share(curve.present[k])} to {share(curve.recalls[last, k])}: "
        f"{plus_minus(gain, float(curve.gain_errors[-1, k]))}."
    ]
    others = np.where(np.arange(curve.counts.classes) == k, 0.0, curve.gains[-1])
    worst = int(others.argmin())
    if others[worst] < -_WORTH:
        said.append(
            f"Of the other classes {curve.counts.names[worst]} loses most, {points(float(others[worst]))} points; "
            f"balanced accuracy changes by {points(float(curve.gains[-1].mean()))} points."
        )
    else:
        said.append("No other class loses half a point.")
    return said


def _all(curve: LearningCurve) -> str:
    gain = float(curve.gains[-1].mean())
    best = int(curve.gains[-1].argmax())
    return (
        f"With {number(curve.budgets[-1])} samples of each class or more, balanced accuracy is forecast to change from "
        f"{share(float(curve.present.mean()))} to {share(float(curve.balanced_accuracy[-1]))} ({points(gain)} points). "
        f"{curve.counts.names[best]} gains most: "
        f"{plus_minus(float(curve.gains[-1, best]), float(curve.gain_errors[-1, best]))}."
    )


def _wanted(curve: LearningCurve) -> list[str]:
    if curve.wanted is None or curve.asked is None:
        return []
    if curve.needed is None:
        return [
            f"A recall of {share(curve.wanted)} is out of reach: 64 times the present count does not bring it, so it "
            "takes better features, or other weights of the classes."
        ]
    more = curve.needed - int(curve.counts.values[curve.asked])
    return [f"A recall of {share(curve.wanted)} takes about {number(curve.needed)} samples, {number(more)} more."]


def _known(curve: LearningCurve) -> str:
    k = int(curve.counts.values.argmin()) if curve.asked is None else curve.asked
    low, high = curve.present_interval[k]
    return (
        f"The level is less certain than the gain: {number(curve.counts.values[k])} samples know the present recall of "
        f"{curve.counts.names[k]} only to {share(low)} … {share(high)}."
    )


def _next(curve: LearningCurve) -> list[str]:
    if not curve.where_next:
        return []
    gaining = [one for one in curve.where_next[:_NAMED] if one.balanced > _GAIN]
    if not gaining:
        return [f"No class's next {MORE} labels bring balanced accuracy a tenth of a point."]
    listed = ", ".join(f"{curve.counts.names[one.index]} ({plus_minus(one.gain, one.error)})" for one in gaining)
    return [f"The next {MORE} labels bring balanced accuracy most in {listed}: gains of their own recalls."]


def _limits(curve: LearningCurve) -> str:
    return (
        "This is a ridge head fitted anew on more held-out samples, and the features as they are. If the network were "
        "trained on the new samples, its features would change too, and nothing here says how."
    )
