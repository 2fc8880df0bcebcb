"""Two lists of class names that mean the same classes: names decide which class is which, never positions."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from jaxtyping import Int
from numpy.typing import ArrayLike

from penultimate.counts.class_counts import ClassCounts
from penultimate.counts.class_names import NumberedNames, as_mapping, as_names, is_whole
from penultimate.errors import FeaturesError

PerClass = ArrayLike | Mapping[Any, float] | ClassCounts
"""One number for each class, in their order or by their names."""

# How many names a message lists.
_LISTED = 3


def places(
    names: Sequence[str], wanted: Sequence[str], whose: str, others: str, *, all_of_them: bool = True
) -> Int[np.ndarray, " n"]:
    """Where the classes of one list stand in the other: ``wanted[places[i]] == names[i]``.

    Labels that count by `names` become labels that count by `wanted` as ``places[labels]``; arrays over classes are
    put in order as ``values[np.argsort(places)]``.

    Parameters
    ----------
    names : sequence of str
        In their own order, each once. `NumberedNames` are classes that nobody named: their order is taken, unless
        `wanted` are the same numbers in another one.
    wanted : sequence of str
        In the order that is wanted.
    whose, others : str
        What has `names` and what has `wanted`, for the message: "VALID", "the counts", ….
    all_of_them : bool, default True
        Whether `wanted` may have no class that `names` lacks.

    Returns
    -------
    ndarray of shape (n,)
        Whole numbers; 0, 1, … where the order is the same or one side has no names.

    Raises
    ------
    FeaturesError
        When both name their classes and the names are others, or there are not as many, or fewer names are to stand
        among classes that nobody named.

    Examples
    --------
    >>> from penultimate.counts.matching import places
    >>> places(["dog", "ant", "cat"], ["ant", "cat", "dog"], "the counts", "the features")
    array([2, 0, 1])
    """
    mend = "give those of one task, or the same names" if all_of_them else "leave their samples out, or name them alike"
    if len(names) > len(wanted) or (all_of_them and len(names) != len(wanted)):
        raise FeaturesError(
            f"there are {len(names)} classes in {whose} and {len(wanted)} in {others}"
            f"{_differing(names, wanted, whose, others)}: {mend}"
        )
    if names == wanted[: len(names)] or (isinstance(names, NumberedNames) and isinstance(wanted, NumberedNames)):
        return np.arange(len(names))
    index = {name: place for place, name in enumerate(wanted)}
    if all(name in index for name in names):
        return np.array([index[name] for name in names], dtype=np.int64)
    if isinstance(names, NumberedNames) or isinstance(wanted, NumberedNames):
        if len(names) < len(wanted) and not isinstance(names, NumberedNames):
            raise FeaturesError(
                f"{whose} names {len(names)} classes, and {others} has {len(wanted)} without names, so that nothing "
                f"says which of them these are: name all classes of both"
            )
        return np.arange(len(names))
    raise FeaturesError(
        f"{whose} and {others} name different classes{_differing(names, wanted, whose, others)}: {mend}"
    )


def by_number(labels: Iterable[int], names: Sequence[str], whose: str, others: str) -> Int[np.ndarray, " n"] | None:
    """Where classes that one side calls by whole numbers stand in names of the other that are whole numbers too.

    Texts are sorted as texts, "0", "1", "10", "2", so that a number is hardly ever its own place among them.

    Parameters
    ----------
    labels : iterable of int
        Those that occur.
    names : sequence of str
        In any order.
    whose, others : str
        What has the labels and what has the names, for the message.

    Returns
    -------
    ndarray of int, or None
        The place of label k at k, and −1 for numbers that are no labels. None where names are no whole numbers, or
        count 0, 1, 2, …, or no label is any of them: then labels are places themselves.

    Raises
    ------
    FeaturesError
        When some labels are names and others are none.

    Examples
    --------
    >>> from penultimate.counts.matching import by_number
    >>> by_number([2, 0], ["0", "1", "10", "2"], "VALID", "TRAIN")
    array([ 0, -1,  3])
    >>> by_number([2, 0], ["cat", "dog", "eel"], "VALID", "TRAIN") is None
    True
    """
    if isinstance(names, NumberedNames) or not all(map(is_whole, names)):
        return None
    index = {int(name): place for place, name in enumerate(names)}
    known = sorted(set(labels))
    strange = [label for label in known if label not in index or label < 0]
    if len(strange) == len(known):
        return None
    if strange:
        raise FeaturesError(
            f"{whose} has label {strange[0]}, which is none of the names of {others}, all of them numbers: leave its "
            f"samples out, or name the classes of {whose} too"
        )
    order = np.full(known[-1] + 1, -1, dtype=np.int64)
    for label in known:
        order[label] = index[label]
    return order


def values_of(given: object, names: Sequence[str], what: str) -> object:
    """Numbers of classes, in the order of the classes' names where the numbers are named too.

    Parameters
    ----------
    given : PerClass
    names : sequence of str
        In the order that is wanted.
    what : str
        For the message.

    Returns
    -------
    list, or what was given where it has no names

    Raises
    ------
    FeaturesError
        When they name other classes, or the classes have no names.

    Examples
    --------
    >>> from penultimate.counts.matching import values_of
    >>> values_of({"dog": 2.0, "cat": 1.0}, ["cat", "dog"], "weights"), values_of([2.0, 1.0], ["cat", "dog"], "weights")
    ([1.0, 2.0], [2.0, 1.0])
    """
    if isinstance(given, ClassCounts):
        numbered = isinstance(given.names, NumberedNames)
        given = given.values if numbered else dict(zip(given.names, given.values.tolist(), strict=True))
    if hasattr(given, "index") and hasattr(given, "to_numpy"):
        given = as_mapping(given)
    if not isinstance(given, Mapping):
        return given
    named = {str(name): value for name, value in cast(Mapping[Any, Any], given).items()}
    own = as_names(list(named))
    places(own, names, what, "the classes")
    if not compared(own, names):
        raise FeaturesError(f"{what} name classes, and the classes have no names: give one number for each, in order")
    return [named[name] for name in names]


def compared(names: Sequence[str] | None, wanted: Sequence[str] | None) -> bool:
    """Whether both sides name their classes, so that `places` went by names and not by position.

    Parameters
    ----------
    names, wanted : sequence of str or None

    Returns
    -------
    bool

    Examples
    --------
    >>> from penultimate.counts.matching import compared
    >>> compared(("cat", "dog"), None)
    False
    """
    if names is None or wanted is None:
        return False
    return isinstance(names, NumberedNames) == isinstance(wanted, NumberedNames) or set(names) <= set(wanted)


def as_it_stands(whose: str, names: Sequence[str], owner: str) -> str:
    """Say in which order the classes of one side were taken that does not name them.

    Parameters
    ----------
    whose, owner : str
        Who has no names, at the beginning of a sentence, and whose they are.
    names : sequence of str

    Returns
    -------
    str

    Examples
    --------
    >>> from penultimate.counts.matching import as_it_stands
    >>> as_it_stands("VALID", ["cat", "dog"], "TRAIN")
    "VALID came without class names: 0 is taken as 'cat', 1 as 'dog', in the order of TRAIN."
    """
    first = ", ".join(f"{k} {'is taken ' if k == 0 else ''}as {name!r}" for k, name in enumerate(names[:_LISTED]))
    more = ", …" if len(names) > _LISTED else ""
    return f"{whose} came without class names: {first}{more}, in the order of {owner}."


def _differing(names: Sequence[str], wanted: Sequence[str], whose: str, others: str) -> str:
    """Names that only one side has, where both have some."""
    if isinstance(names, NumberedNames) or isinstance(wanted, NumberedNames):
        return ""
    first, second = set(names), set(wanted)
    only = [(_listed([name for name in names if name not in second]), whose)] if first - second else []
    only += [(_listed([name for name in wanted if name not in first]), others)] if second - first else []
    return ", with " + ", and ".join(f"{listed} only in {side}" for listed, side in only) if only else ""


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_LISTED]))
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED} more"
