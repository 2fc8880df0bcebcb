"""Which of a model's outputs belongs to which class of some counts: names decide, and what is taken is said."""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Float, Int

from penultimate.counts.class_names import NumberedNames, as_names, is_whole
from penultimate.counts.matching import places
from penultimate.errors import CountsError

Names = Iterable[str] | Iterable[int]

# How many classes a message lists.
_LISTED = 3
# Pearson's χ² in standard deviations above its mean: so much at most where counts fit, so much at least where they do
# not (below 1e-8 by chance, already with two classes). A validation set of other shares fits in no order.
_FITS, _CONTRADICTS = 4.0, 20.0


def outputs_of(given: Sequence[str], names: Names | None, stacklevel: int) -> Int[np.ndarray, " K"]:
    """The output of the model that belongs to each class of the counts, or label of the targets.

    Values over the classes are put in the order of the outputs as ``values[np.argsort(outputs)]``.

    Parameters
    ----------
    given : sequence of str
        The classes of the counts.
    names : iterable of str or int, or None
        Names of the outputs 0, 1, …. Without them classes named by whole numbers are taken by these, and others as they
        stand, with a warning where they have names.
    stacklevel : int
        Of the warning, 1 being the caller.

    Raises
    ------
    CountsError
        When names are no names, or without them classes are numbered in no order of the numbers.
    FeaturesError
        When the names are those of other classes.
    """
    if names is not None:
        return places(given, as_names(names), "the counts", "names=")
    every = np.arange(len(given))
    if isinstance(given, NumberedNames):
        return every
    if all(map(is_whole, given)):
        numbers = [int(name) for name in given]
        order = np.array(sorted(every.tolist(), key=numbers.__getitem__))
        if sorted(numbers) == every.tolist():
            return np.argsort(order)
        if not np.array_equal(order, every):
            raise CountsError(
                f"classes are numbered {_listed(given)} in this order, which is not that of the numbers, and the "
                "model's outputs are 0, 1, …: give names= with the class of each output"
            )
    warnings.warn(
        f"the model's outputs are taken in the order of the counts, 0, 1, … being {_listed(given)}: give names= (the "
        "data set's classes, in the order of the labels) to have the counts put in that order",
        stacklevel=stacklevel + 1,
    )
    return every


def contradiction(seen: Float[np.ndarray, " K"], expected: Float[np.ndarray, " K"], names: Sequence[str]) -> str | None:
    """What is said when samples seen are those expected, but of other classes: the same numbers in another order.

    Parameters
    ----------
    seen, expected : ndarray of shape (K,)
        Samples of each output's class, in the data watched and in the counts. Only shares matter.
    names : sequence of str
        Of the classes.

    Returns
    -------
    str or None
        None where counts fit as they stand, or in no order.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.torch.class_order import contradiction
    >>> print(contradiction(np.array([60.0, 30.0, 10.0]), np.array([10.0, 30.0, 60.0]), "abc"))
    the samples seen are in another order than the counts: class 'a' has 60 where 10 are expected, ...
    >>> contradiction(np.array([20.0, 20.0, 20.0]), np.array([10.0, 30.0, 60.0]), "abc") is None
    True
    """
    total = seen.sum()
    if total <= 0:
        return None
    share = expected * (total / expected.sum())
    # Largest with largest, and so on: the permutation that fits best.
    best = np.empty_like(share)
    best[np.argsort(seen)] = np.sort(share)
    if _deviations(seen, best) > _FITS or _deviations(seen, share) < _CONTRADICTS:
        return None
    worst = int(np.argmax(np.abs(seen - share)))
    return (
        f"the samples seen are in another order than the counts: class {names[worst]!r} has {seen[worst]:,.0f} "
        f"where {share[worst]:,.0f} are expected, and sorted by size they agree; make the forecast from counts in the "
        "order of the labels, or give the monitor the class names in place of their number"
    )


def _deviations(seen: Float[np.ndarray, " K"], expected: Float[np.ndarray, " K"]) -> float:
    """How far differences are above what sampling explains, in its standard deviations."""
    there = expected > 0
    if np.any(seen[~there] > 0):
        return float("inf")
    square = float(np.sum((seen[there] - expected[there]) ** 2 / expected[there]))
    freedom = max(int(there.sum()) - 1, 1)
    return (square - freedom) / float(np.sqrt(2.0 * freedom))


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_LISTED]))
    return shown if len(names) <= _LISTED else f"{shown}, …"
