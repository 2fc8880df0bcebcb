"""Probabilities as people have them: arrays, data frames and files, checked once."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike, NDArray

from penultimate.counts.class_names import NumberedNames, as_names
from penultimate.counts.matching import places
from penultimate.counts.unwrapping import as_array_or_list
from penultimate.errors import CountsError, FeaturesError, ProblemError
from penultimate.features.arrays import as_array
from penultimate.probabilities.reading import read_file

Given = ArrayLike | str | os.PathLike[str]
"""What every function of probabilities takes: an array or data frame of one row a sample, or a file of one."""

# Half precision and softmax in single precision leave a value this far outside, and a row's sum this far from 1.
_ROUNDING = 2e-3


@dataclass(frozen=True, repr=False)
class Probabilities:
    """Probabilities of K classes or labels for N samples.

    Attributes
    ----------
    values : ndarray of shape (N, K)
        Between 0 and 1.
    names : sequence of str
        Of the columns.
    labels : ndarray of shape (N,) or (N, K), optional
        What is true, where the file says it.
    """

    values: Float[np.ndarray, "N K"]
    names: Sequence[str]
    labels: NDArray[Any] | None = None

    def check_sums(self) -> None:
        """Refuse rows that do not sum to one.

        Raises
        ------
        ProblemError
            Naming the first.
        """
        sums = self.values.sum(axis=1)
        away = np.abs(sums - 1.0) > _ROUNDING
        if away.any():
            row = int(np.argmax(away))
            raise ProblemError(
                f"the probabilities of row {row} sum to {sums[row]:.4g}: give one row a sample that sums to 1 over all "
                "classes (a softmax)"
            )

    @property
    def sum_to_one(self) -> bool:
        """Whether every row of several columns sums to one, as those of a softmax do."""
        return self.values.shape[1] > 1 and bool(np.all(np.abs(self.values.sum(axis=1) - 1.0) <= _ROUNDING))


def probabilities_of(
    given: Given, *, names: Sequence[object] | None = None, what: str = "the probabilities"
) -> Probabilities:
    """Open what a user gives, and check it.

    Parameters
    ----------
    given : array-like of shape (N, K) or (N,), or path
        A file as `penultimate.probabilities.reading` describes; one column may come as (N,).
    names : sequence of str, optional
        Of the columns; by default those of the data frame or file, else 0, 1, ….
    what : str
        For the message.

    Returns
    -------
    Probabilities

    Raises
    ------
    ProblemError
        When there are no rows, a value is not finite or outside 0 … 1, or the names do not fit.
    FileError
        When a file cannot be read, or holds no probabilities.

    Examples
    --------
    >>> from penultimate.probabilities.given import probabilities_of
    >>> probabilities_of([[0.2, 0.8], [0.6, 0.4]], names=["cat", "dog"]).values.shape
    (2, 2)
    >>> probabilities_of([[1.3, -2.0]])
    Traceback (most recent call last):
    ...
    penultimate.errors.ProblemError: the probabilities hold 1.3 in row 0, column '0': they lie between 0 and 1; put \
logits through a softmax, or through a sigmoid where a sample may have several labels
    """
    columns: object = getattr(given, "columns", None)
    labels = None
    if isinstance(given, str | os.PathLike):
        what = os.fspath(given)
        values, columns, labels = read_file(Path(given))
    else:
        values = numbers_of(given, what)
    if values.dtype.kind not in "fiu" or values.ndim not in (1, 2):
        raise ProblemError(f"{what}: {values.dtype} of shape {values.shape}: give numbers, one row a sample (N, K)")
    if values.ndim == 1:
        values = values[:, None]
    if not values.size:
        raise ProblemError(f"{what}: shape {values.shape}: give at least one sample and one column")
    values = values.astype(np.float64)
    named = _names(names if names is not None else columns, values.shape[1], what)
    _check(values, named, what)
    return Probabilities(np.clip(values, 0.0, 1.0), named, labels)


def _names(given: Any, size: int, what: str) -> Sequence[str]:
    if given is None or (isinstance(given, NumberedNames) and len(given) == size):
        return NumberedNames(size)
    try:
        names = as_names(given)
    except CountsError as error:
        raise ProblemError(f"{what}: {error}") from None
    if len(names) != size:
        raise ProblemError(f"{what}: {len(names)} names for {size} columns: give one for each")
    return NumberedNames(size) if unnamed(names) else names


def unnamed(names: Sequence[str]) -> bool:
    """Whether these are what pandas or Polars calls columns that nobody named: 0, 1, … or column_0, column_1, ….

    Examples
    --------
    >>> from penultimate.probabilities.given import unnamed
    >>> unnamed(["0", "1"]), unnamed(["column_0", "column_1"]), unnamed(["1", "0"])
    (True, True, False)
    """
    return any(all(name == f"{start}{k}" for k, name in enumerate(names)) for start in ("", "column_"))


def numbers_of(given: object, what: str) -> NDArray[Any]:
    """An array or tensor of any library, wherever it lies, as one of NumPy's.

    Raises
    ------
    ProblemError
        When it holds no numbers.
    """
    try:
        return as_array(given, what)
    except FeaturesError as error:
        raise ProblemError(str(error)) from None


def in_order(values: NDArray[Any], names: Sequence[str], wanted: Sequence[str], what: str, others: str) -> NDArray[Any]:
    """Columns in the order of others, where both sides name them.

    Raises
    ------
    ProblemError
        When they name other columns, or one side has more.
    """
    try:
        return values[:, np.argsort(places(names, wanted, what, others))]
    except FeaturesError as error:
        raise ProblemError(str(error)) from None


def _check(values: Float[np.ndarray, "N K"], names: Sequence[str], what: str) -> None:
    bad = ~((values >= -_ROUNDING) & (values <= 1.0 + _ROUNDING))
    if bad.any():
        row, column = (int(place) for place in np.argwhere(bad)[0])
        value = values[row, column]
        mend = (
            "they lie between 0 and 1; put logits through a softmax, or through a sigmoid where a sample may have "
            "several labels"
            if np.isfinite(value)
            else "leave these samples out, or mend the model"
        )
        hold = "hold" if what.startswith("the ") else "holds"
        raise ProblemError(f"{what} {hold} {value:g} in row {row}, column {names[column]!r}: {mend}")


def labels_of(found: Probabilities, given: object) -> NDArray[Any] | None:
    """The truth beside probabilities: as given, or else of the same file.

    Parameters
    ----------
    found : Probabilities
    given : array-like or data frame, optional

    Returns
    -------
    ndarray or None
        Of several columns, in the order of those of the probabilities where both are named.

    Raises
    ------
    ProblemError
        When there is not one row for each sample, or columns have other names.
    """
    labels = found.labels if given is None else class_labels(given)
    if labels is not None and (labels.ndim not in (1, 2) or len(labels) != len(found.values)):
        what = "labels" if given is not None else "the labels beside the probabilities"
        raise ProblemError(
            f"{what} have shape {labels.shape} for {len(found.values)} rows of probabilities: give one row for each"
        )
    columns = getattr(given, "columns", None)
    if labels is not None and labels.ndim == 2 and columns is not None:
        named = _names(columns, labels.shape[1], "labels")
        return in_order(labels, named, found.names, "the labels", "the probabilities")
    return labels


def class_labels(given: object) -> NDArray[Any]:
    """Labels of any library as an array.

    Raises
    ------
    ProblemError
        When they are none.
    """
    try:
        return np.asarray(as_array_or_list(given))
    except CountsError as error:
        raise ProblemError(str(error)) from None
    except ValueError:
        raise ProblemError("labels have rows of different lengths: give one row a sample, all alike") from None


def _is_number_below(label: Any, classes: int) -> bool:
    try:
        value = float(label)
    except (TypeError, ValueError, OverflowError):
        return False
    return value % 1.0 == 0.0 and 0.0 <= value < classes


def class_indices(labels: NDArray[Any], names: Sequence[str], samples: int) -> Int[np.ndarray, " N"]:
    """Which column each sample's class is.

    Parameters
    ----------
    labels : ndarray of shape (N,)
        Names of columns, or their numbers from 0 on.
    names : sequence of str
        Of the columns.
    samples : int
        N.

    Returns
    -------
    ndarray of int of shape (N,)

    Raises
    ------
    ProblemError
        When there is not one for each sample, or one is no class of the columns.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.probabilities.given import class_indices
    >>> class_indices(np.array(["dog", "cat"]), ["cat", "dog"], 2)
    array([1, 0])
    """
    if labels.shape != (samples,):
        raise ProblemError(f"labels have shape {labels.shape} for {samples} samples: give one class for each")
    place = {name: index for index, name in enumerate(names)}
    if all(str(label) in place for label in set(labels.tolist())):
        return np.array([place[str(label)] for label in labels.tolist()], dtype=np.int64)
    try:
        with np.errstate(invalid="ignore"):
            own = labels.astype(np.int64)
        whole = bool(np.all(own == labels.astype(np.float64)))
    except (TypeError, ValueError, OverflowError):
        own, whole = np.zeros(1, dtype=np.int64), False
    if not whole or own.min() < 0 or own.max() >= len(names):
        wrong = [label for label in labels.tolist() if not _is_number_below(label, len(names))]
        strange = next((label for label in wrong if str(label) not in place), wrong[0])
        raise ProblemError(
            f"label {strange!r} is none of the {len(names)} classes of the probabilities: check the labels"
        )
    return own
