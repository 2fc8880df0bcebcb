"""Shares of classes, from whatever says how often each of them occurs."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from penultimate.counts.class_names import NumberedNames
from penultimate.counts.given import Counts, counts_of
from penultimate.counts.matching import as_it_stands, places
from penultimate.errors import FeaturesError, ProblemError

Mix = Counts | Literal["balanced"]
"""How often each class occurs: counts, shares, or "balanced" where all are alike."""

# Shares are rounded when they are written down.
_ROUNDING = 5e-3


class Shares(NamedTuple):
    """How often each class occurs.

    Attributes
    ----------
    values : ndarray of shape (K,)
        Sums to 1; 0 for classes that do not occur.
    names : sequence of str
        Of the classes: those of the columns, else those of the mix.
    note : str
        What was taken for granted: columns without names in the order of the mix; else empty.
    """

    values: Float[np.ndarray, " K"]
    names: Sequence[str]
    note: str = ""


def shares_of(given: Mix, names: Sequence[str], what: str) -> Shares:
    """Shares of the classes that the columns of probabilities stand for.

    Parameters
    ----------
    given : ClassCounts, path, bundled name, mapping or array of shape (K,), or "balanced"
        Counts of any total, or shares that sum to 1. Where both sides name their classes the names decide.
    names : sequence of str
        Of the columns.
    what : str
        For the message.

    Returns
    -------
    Shares

    Raises
    ------
    ProblemError
        When there are not as many, a share is negative or not finite, or shares do not sum to 1.
    CountsError, FileError
        When counts cannot be read.

    Examples
    --------
    >>> from penultimate.probabilities.shares import shares_of
    >>> shares_of({"dog": 1, "cat": 3}, ["cat", "dog"], "used_on").values
    array([0.75, 0.25])
    >>> shares_of("balanced", ["cat", "dog"], "used_on").values
    array([0.5, 0.5])
    """
    size = len(names)
    if isinstance(given, str) and given == "balanced":
        return Shares(np.full(size, 1.0 / size), names)
    counts = counts_of(given)
    try:
        order = places(counts.names, names, what, "the probabilities")
    except FeaturesError as error:
        raise ProblemError(str(error)) from None
    values = np.empty(size)
    values[order] = counts.values
    total = float(values.sum())
    if values.max() <= 1.0 and np.any(values % 1.0) and abs(total - 1.0) > _ROUNDING:
        raise ProblemError(f"{what}: the shares sum to {total:.4g}: give shares that sum to 1, or counts")
    if (
        not isinstance(names, NumberedNames)
        or isinstance(counts.names, NumberedNames)
        or set(names) == set(counts.names)
    ):
        return Shares(values / total, names)
    return Shares(values / total, counts.names, as_it_stands("The probabilities", counts.names, what))
