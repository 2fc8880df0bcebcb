"""Two lists of class names that mean the same classes: names decide which class is which, never positions."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from penultimate.counts.class_names import NumberedNames
from penultimate.errors import FeaturesError

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
        When both name their classes and the names are others, or there are not as many.

    Examples
    --------
    >>> from penultimate.counts.matching import places
    >>> places(["dog", "ant", "cat"], ["ant", "cat", "dog"], "the counts", "the features")
    array([2, 0, 1])
    """
    if len(names) > len(wanted) or (all_of_them and len(names) != len(wanted)):
        raise FeaturesError(
            f"there are {len(names)} classes in {whose} and {len(wanted)} in {others}: give those of one task"
        )
    if names == wanted[: len(names)] or (isinstance(names, NumberedNames) and isinstance(wanted, NumberedNames)):
        return np.arange(len(names))
    index = {name: place for place, name in enumerate(wanted)}
    strange = [name for name in names if name not in index]
    if not strange:
        return np.array([index[name] for name in names], dtype=np.int64)
    if isinstance(names, NumberedNames) or isinstance(wanted, NumberedNames):
        return np.arange(len(names))
    known = set(names)
    missing = [name for name in wanted if name not in known]
    also = f", and {_listed(missing)} only in {others}" if missing else ""
    raise FeaturesError(
        f"{whose} and {others} name different classes, with {_listed(strange)} only in {whose}{also}: give those of "
        "one task, or the same names"
    )


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


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_LISTED]))
    return shown if len(names) <= _LISTED else f"{shown} and {len(names) - _LISTED} more"
