"""Shares of classes in plain sentences: has the mix changed, where, and how sure that is."""

import numpy as np

from penultimate.probabilities.class_shares import DRAWS, FEW, ClassShares
from penultimate.report.kit.numbers import how_many, number, points

# Classes in a sentence.
_NAMED = 3


def verdict(found: ClassShares) -> str:
    """The shares in one paragraph."""
    return " ".join(paragraphs(found))


def paragraphs(found: ClassShares) -> list[str]:
    """Whether the mix has changed and where; what was taken for granted and what the answer rests on."""
    return [
        " ".join(filter(None, part))
        for part in ([_change(found), _most(found)], [*found.notes, _trust(found), _few(found)])
    ]


def share(value: float) -> str:
    """A share for people."""
    return f"{100 * value:.1f} %"


def chance(value: float) -> str:
    """A p-value for people."""
    return "p < 0.0001" if value < 1e-4 else f"p = {number(value, 2)}"


def facts(found: ClassShares) -> list[tuple[str, str]]:
    """How they were found."""
    known = (
        "none: the probabilities were taken to be calibrated" if found.known is None else number(int(found.known.sum()))
    )
    return [
        ("samples without labels", number(found.samples)),
        ("classes", number(len(found.names))),
        ("known samples", known),
        ("shares", "the most likely mix, if classes look as they did and only their shares changed"),
        ("intervals", f"90 %, by drawing the samples anew {DRAWS} times"),
        ("mix unchanged", f"{chance(found.p_value)}, by the mean probabilities"),
    ]


def _change(found: ClassShares) -> str:
    what = "of training" if found.known is None else "of the known samples"
    if not found.changed:
        return (
            f"The mix of classes has not changed as far as {how_many(found.samples, 'sample', 'samples')} can tell "
            f"({chance(found.p_value)}): the shares {what} are as good a guess as any."
        )
    return (
        f"The mix of classes is not that {what} any more ({chance(found.p_value)}): about {share(found.distance)} of "
        "the samples are of other classes than it says."
    )


def _most(found: ClassShares) -> str:
    if not found.changed:
        return ""
    change = found.shares - found.trained
    largest = np.argsort(-np.abs(change), kind="stable")[:_NAMED]
    listed = "; ".join(
        f"{found.names[k]} is {share(float(found.shares[k]))} ({share(float(found.intervals[k, 0]))} … "
        f"{share(float(found.intervals[k, 1]))}), {points(float(change[k]))} points"
        for k in largest.tolist()
    )
    return f"What changed most: {listed}."


def _trust(found: ClassShares) -> str:
    rest = (
        "This holds where only the shares changed and not what the classes look like; a class that the model never saw "
        "is counted among the others."
    )
    if found.known is not None:
        return rest
    return f"The probabilities were taken as they are: known samples (valid) would show how far they are off. {rest}"


def _few(found: ClassShares) -> str:
    if not found.few:
        return ""
    names = ", ".join(found.few[:_NAMED]) + (f" and {len(found.few) - _NAMED} more" if len(found.few) > _NAMED else "")
    return f"Fewer than {FEW} known samples stand behind {names}."
