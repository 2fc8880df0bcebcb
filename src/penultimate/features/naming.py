"""One order of classes for features, head and counts: names decide which class is which, never positions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.sparse import coo_array

from penultimate.counts import ClassCounts
from penultimate.counts.class_names import NumberedNames
from penultimate.counts.matching import as_it_stands, by_number, compared, places
from penultimate.errors import FeaturesError
from penultimate.features.decisions import Decisions
from penultimate.features.head import Head
from penultimate.features.permutation import permuted

if TYPE_CHECKING:
    from penultimate.features.sources import FeatureSource

# How many classes a note names.
_LISTED = 3


def named_by_number(
    source: "FeatureSource", names: Sequence[str], whose: str, others: str
) -> tuple[Int[np.ndarray, " n"], str] | None:
    """How a source without class names is read beside names that are its labels, numbers themselves.

    Parameters
    ----------
    source : FeatureSource
        Its labels are read where the names are whole numbers, and only then.
    names : sequence of str
    whose, others : str
        Who has no names and who has, for messages.

    Returns
    -------
    (ndarray, str) or None
        As `by_number`, and what is to be said of it.
    """
    labels = (label for some in source.labels() for label in np.unique(some).tolist())
    order = by_number(labels, names, whose, others)
    if order is None:
        return None
    said = f"{whose[0].upper()}{whose[1:]} came without class names: its labels are taken as the names of {others}, "
    return order, said + "which are numbers too."


@dataclass(frozen=True)
class OneOrder:
    """Head and counts in the order of the features' labels.

    Made by `one_order`.

    Attributes
    ----------
    classes : int or None
        K; None where nothing tells it.
    names : sequence of str or None
        In the order of the labels; None where nobody names the classes.
    head : Head or None
    counts : ClassCounts or None
    notes : tuple of str
        What was put in order, and what was taken as it stands because one side has no names.
    """

    classes: int | None
    names: Sequence[str] | None
    head: Head | None
    counts: ClassCounts | None
    notes: tuple[str, ...]


def one_order(
    names: Sequence[str] | None, head: Head | None, counts: ClassCounts | None, *, features: bool = True
) -> OneOrder:
    """Put head and counts in the order of the features' classes, by their names.

    Parameters
    ----------
    names : sequence of str or None
        Of the features' classes. Without them the head's names are those of the labels 0, 1, …, or else the counts'.
    head : Head or None
    counts : ClassCounts or None
    features : bool, default True
        Whether there are features; of a head alone the rows stay where they are.

    Returns
    -------
    OneOrder

    Raises
    ------
    FeaturesError
        When they are of different numbers of classes, or name others.

    Examples
    --------
    >>> import penultimate as pen
    >>> from penultimate.features.naming import one_order
    >>> order = one_order(("newt", "cat", "axolotl"), None, pen.ClassCounts({"axolotl": 10, "cat": 30, "newt": 60}))
    >>> order.counts.values, order.notes
    (array([60., 30., 10.]), ('The classes of the counts were put in the order of the features, by their names.',))
    """
    given = {
        "the features": names,
        "the head": None if head is None else head.names,
        "the counts": None if counts is None or isinstance(counts.names, NumberedNames) else counts.names,
    }
    classes = _agreed(given, head, counts)
    owner, wanted = next(((who, found) for who, found in given.items() if found is not None), ("", None))
    if wanted is None:
        return OneOrder(classes, None, head, counts, ())
    notes: list[str] = []
    if names is None and set(wanted) == set(NumberedNames(len(wanted))):
        owner, wanted = "the features", NumberedNames(len(wanted))  # labels are numbers, and mean themselves
    elif names is None and features:
        notes.append(as_it_stands("The features", wanted, owner))
    if head is not None:
        order = _order(head.names, wanted, "the head", owner, notes)
        head = head if order is None else head_in_order(head, order)
    if counts is not None:
        order = _order(counts.names, wanted, "the counts", owner, notes)
        counts = ClassCounts(counts.values if order is None else counts.values[order], wanted)
    return OneOrder(classes, wanted, head, counts, tuple(notes))


def head_in_order(head: Head, order: Int[np.ndarray, " K"]) -> Head:
    """A head with its rows in another order: row k is row ``order[k]`` of the head, and so are its names."""
    *below, last = head.weights
    names = None if head.names is None else tuple(head.names[int(k)] for k in order)
    bias = None if head.bias is None else head.bias[order]
    return replace(head, weights=(*below, last[order]), bias=bias, names=names)


def doubts(
    counts: ClassCounts | None, samples: Float[np.ndarray, " K"], decisions: Decisions, names: Sequence[str] | None
) -> tuple[str, ...]:
    """What speaks against the classes, or the order of them, that were taken.

    Parameters
    ----------
    counts : ClassCounts or None
        As they were given.
    samples : ndarray of shape (K,)
        Of each class among the features.
    decisions : Decisions
        Answers of the head.
    names : sequence of str, or None
        None where nothing but the largest label says how many classes there are.

    Returns
    -------
    tuple of str
    """
    if names is None:
        seen = int(np.count_nonzero(samples))
        if 2 * seen >= samples.size:
            return ()
        return (
            f"Only {seen:,} of {samples.size:,} classes have samples: the largest label, {samples.size - 1}, says how "
            "many there are. If that label is damaged, or means no class, leave its samples out.",
        )
    found = [] if decisions.confusion is None else other_order(decisions.confusion, names, "Labels")
    if counts is not None and not np.array_equal(counts.values, samples):
        if np.array_equal(np.sort(counts.values), np.sort(samples)):
            found.append(
                "The counts are those of the features in another order. If these are the samples of training, the "
                "classes of one of the two are out of order."
            )
    return tuple(found)


def other_order(confusion: "NDArray[np.integer] | coo_array", names: Sequence[str], whose: str) -> list[str]:
    """Say it where labels seem to number the classes in another order than the head does.

    Parameters
    ----------
    confusion : ndarray or sparse array of shape (K, K)
        Samples by label (row) and answer (column).
    names : sequence of str
        Of the head's classes.
    whose : str
        Whose labels they are, at the beginning of a sentence and in the plural.

    Returns
    -------
    list of str
        One sentence or none.
    """
    other = permuted(confusion)
    if other is None:
        return []
    moved = other.moved[:_LISTED].tolist()
    pairs = ", ".join(f"{names[k]!r} with {names[int(other.meaning[k])]!r}" for k in moved)
    more = f" and {other.moved.size - len(moved)} more" if other.moved.size > len(moved) else ""
    return [
        f"{whose} and head seem to number the classes in different orders: the head answers samples of {pairs}"
        f"{more}. Read so, "
        f"it is right on {100 * other.would_be:.1f} % of the samples instead of {100 * other.accuracy:.1f} %. "
        "Check the order of the classes before you believe the figures of any class."
    ]


def _agreed(given: dict[str, Sequence[str] | None], head: Head | None, counts: ClassCounts | None) -> int | None:
    """The number of classes, which has to be one."""
    known = {
        "the counts": None if counts is None else counts.classes,
        "the head": None if head is None else head.classes,
        "the class names": None if given["the features"] is None else len(given["the features"]),
    }
    said = {what: number for what, number in known.items() if number is not None}
    if len(set(said.values())) > 1:
        listed = ", ".join(f"{what} have {number}" for what, number in said.items())
        raise FeaturesError(f"different numbers of classes ({listed}): give parts of one task")
    return next(iter(said.values()), None)


def _order(
    names: Sequence[str] | None, wanted: Sequence[str], whose: str, owner: str, notes: list[str]
) -> Int[np.ndarray, " K"] | None:
    """Which class of one side comes k-th in the order that is wanted; None where they are in order."""
    if whose == owner:
        return None
    if names is None and isinstance(wanted, NumberedNames):
        return None
    if not compared(names, wanted):
        notes.append(as_it_stands(whose.capitalize(), wanted, owner))
    if names is None:
        return None
    order = np.argsort(places(names, wanted, whose, owner))
    if np.array_equal(order, np.arange(order.size)):
        return None
    notes.append(f"The classes of {whose} were put in the order of {owner}, by their names.")
    return order
