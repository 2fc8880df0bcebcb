"""The answers that cost least where wrong answers do not cost alike (docs/probabilities)."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.special import softmax

from penultimate.counts.class_names import NumberedNames
from penultimate.counts.matching import places
from penultimate.errors import FeaturesError, ProblemError
from penultimate.probabilities.given import Given, numbers_of, probabilities_of, unnamed
from penultimate.probabilities.reading import named_square


def decide(probabilities: Given, costs: Given, *, names: Sequence[object] | None = None) -> Int[np.ndarray, " N"]:
    """The class of least expected cost for each sample: ``argmin_j Σ_k p_k costs[k, j]``.

    Parameters
    ----------
    probabilities : array-like of shape (N, K), data frame, or path
        Of one label a sample, so that rows sum to 1, for the mix of classes where answers count (`adjust`).
    costs : array-like of shape (K, K), data frame, or path
        What it costs to answer j where k is true: a row for each true class, a column for each answer. A table or data
        frame may name its classes; then names decide which is which.
    names : sequence of str, optional
        Of the columns of the probabilities; by default those of the data frame or file.

    Returns
    -------
    ndarray of shape (N,), int64
        Columns; the first of those that cost alike.

    Raises
    ------
    ProblemError
        When rows do not sum to 1, or the costs are not K × K finite numbers, or a right answer costs more than a wrong
        one.
    FileError
        When a file cannot be read.

    Notes
    -----
    Elkan 2001, *The Foundations of Cost-Sensitive Learning* (IJCAI), equation 1. It is as good as the probabilities are
    calibrated.

    Examples
    --------
    >>> import penultimate as pen
    >>> missed = [[0, 1], [20, 0]]  # a tumour that is missed costs twenty false alarms
    >>> pen.decide([[0.9, 0.1], [0.97, 0.03]], missed)
    array([1, 0])
    """
    found = probabilities_of(probabilities, names=names)
    found.check_sums()
    return least_costly(found.values, costs_of(costs, found.names))


def answers(scores: Float[np.ndarray, "N K"], costs: Given | None, names: Sequence[str]) -> Int[np.ndarray, " N"]:
    """The class that scores highest; with costs the one of least expected cost, by the softmax of the scores."""
    if costs is None:
        return np.argmax(scores, axis=1)
    return least_costly(softmax(scores, axis=1), costs_of(costs, names))


def least_costly(probabilities: Float[np.ndarray, "N K"], costs: Float[np.ndarray, "K K"]) -> Int[np.ndarray, " N"]:
    """The answer of least expected cost."""
    return np.argmin(probabilities @ costs, axis=1)


def costs_of(given: Given, names: Sequence[str]) -> Float[np.ndarray, "K K"]:
    """Costs in the order of the classes, checked.

    Parameters
    ----------
    given : array-like of shape (K, K), data frame, or path
        As of `decide`.
    names : sequence of str
        Of the classes, in the order that is wanted.

    Returns
    -------
    ndarray of shape (K, K)

    Raises
    ------
    ProblemError
        When they are no costs of these classes.
    FileError
        When a file cannot be read.
    """
    rows, columns = (getattr(given, side, None) for side in ("index", "columns"))
    what = "the costs"
    if isinstance(given, str | os.PathLike):
        what = os.fspath(given)
        values, rows, columns = named_square(Path(given))
    else:
        values = numbers_of(given, what)
        rows = None if rows is None or callable(rows) else list(rows)  # lists have a method of that name
    size = len(names)
    if values.dtype.kind not in "fiu" or values.shape != (size, size):
        raise ProblemError(
            f"{what}: {values.dtype} of shape {values.shape} for {size} classes: give {size} × {size} numbers, a row "
            "for each true class and a column for each answer"
        )
    values = _in_order(values.astype(np.float64), rows, columns, names, what)
    if not np.isfinite(values).all():
        raise ProblemError(f"{what} hold NaN or infinity: give a finite number for every true class and answer")
    _check_right_answers(values, names, what)
    return values


def _in_order(values: NDArray[np.float64], rows: Any, columns: Any, names: Sequence[str], what: str) -> Any:
    """Rows and columns in the order of the names; where one side alone is named, both stand in its order."""
    sides = [None if side is None else [str(name) for name in side] for side in (rows, columns)]
    named = [side if side is not None and not unnamed(side) else None for side in sides]
    for axis, side in enumerate(named):
        order = side or named[1 - axis]
        if order is None:
            continue
        if len(set(order)) != len(order):
            raise ProblemError(f"{what} name a class twice: give each once")
        try:
            own = places(order, names, what, "the task")
        except FeaturesError as error:
            raise ProblemError(str(error)) from None
        if isinstance(names, NumberedNames) and order != list(names) and set(order) != set(names):
            raise ProblemError(f"{what} name classes, and the classes have no names: give the costs without names")
        values = np.take(values, np.argsort(own), axis=axis)
    return values


def _check_right_answers(values: NDArray[np.float64], names: Sequence[str], what: str) -> None:
    right = np.diagonal(values)
    dear = np.flatnonzero(right > values.min(axis=1))
    if dear.size:
        k = int(dear[0])
        j = int(np.argmin(values[k]))
        raise ProblemError(
            f"{what}: where {names[k]!r} is true the right answer costs {right[k]:g} and {names[j]!r} costs "
            f"{values[k, j]:g}: rows are true classes, columns answers, and what is gained has a minus sign"
        )
