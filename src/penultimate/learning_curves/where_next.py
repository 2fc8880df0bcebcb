"""Which class gains most by a hundred more samples, and how many a wanted recall takes."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from penultimate.counts import ClassCounts
from penultimate.learning_curves.refusals import FEWEST, sums_bytes

MORE = 100
# Classes that are tried at most, and the operations that may take: about ten seconds on one core.
_TRIED, _OPERATIONS = 20, 2e11
# Classes that are tried in any case, and the memory that the sums of all of them may take.
_LEAST, _MEMORY = 3, 2**30


@dataclass(frozen=True)
class ClassGain:
    """What a hundred more samples of one class bring.

    Attributes
    ----------
    index : int
        The class.
    gain, error : float
        Of its own recall, and half the width of the interval.
    balanced : float
        Of the mean recall of all classes: what others lose is taken off.
    """

    index: int
    gain: float
    error: float
    balanced: float


class Candidates(NamedTuple):
    """Classes to try, and all counts with a hundred more of each."""

    classes: Int[np.ndarray, " C"]
    counts: Float[np.ndarray, "C K"]


def candidates(counts: ClassCounts, dimension: int) -> Candidates:
    """The classes with fewest samples, of those with enough to say something of.

    Parameters
    ----------
    counts : ClassCounts
    dimension : int
        d, on which the time of one law depends.

    Returns
    -------
    Candidates
    """
    values = counts.values
    most = min(_OPERATIONS / (60.0 * dimension**3 * counts.classes), _MEMORY / sums_bytes(counts.classes))
    limit = int(np.clip(most, _LEAST, _TRIED))
    order = np.argsort(values, kind="stable")
    chosen = order[values[order] >= FEWEST][:limit]
    return Candidates(chosen, values + MORE * np.eye(counts.classes)[chosen])


def ranked(
    tried: Candidates, gains: Float[np.ndarray, "C K"], errors: Float[np.ndarray, "C K"]
) -> tuple[ClassGain, ...]:
    """The classes that were tried, the largest gain of balanced accuracy first.

    Parameters
    ----------
    tried : Candidates
    gains, errors : ndarray of shape (C, K)

    Returns
    -------
    tuple of ClassGain
    """
    found = [
        ClassGain(k, float(gains[i, k]), float(errors[i, k]), float(gains[i].mean()))
        for i, k in enumerate(tried.classes.tolist())
    ]
    return tuple(sorted(found, key=lambda one: -one.balanced))


def reached(wanted: float, counts: Float[np.ndarray, " L"], recalls: Float[np.ndarray, " L"]) -> int | None:
    """The count at which a recall is first reached, between the two around it in the logarithm.

    Parameters
    ----------
    wanted : float
    counts, recalls : ndarray of shape (L,)
        The present ones first.

    Returns
    -------
    int or None
        None where it is not reached at any.

    Examples
    --------
    >>> reached(0.7, np.array([10.0, 20.0, 40.0]), np.array([0.5, 0.6, 0.8]))
    29
    """
    above = np.flatnonzero(recalls >= wanted)
    if not above.size:
        return None
    last = int(above[0])
    if last == 0:
        return int(counts[0])
    share = (wanted - recalls[last - 1]) / (recalls[last] - recalls[last - 1])
    return int(np.ceil(counts[last - 1] * (counts[last] / counts[last - 1]) ** share))
