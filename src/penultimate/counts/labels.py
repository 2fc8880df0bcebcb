"""From one label a sample to one count a class."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.counts.class_names import NumberedNames, as_names
from penultimate.errors import CountsError

# Whole labels up to this many times the number of samples are counted in a table, others by sorting.
_TABLE = 4


@dataclass(frozen=True)
class Tally:
    """The distinct labels, in ascending order, and how often each occurs.

    Attributes
    ----------
    labels : ndarray of shape (k,) of integers, or list of k str
        Distinct labels.
    counts : ndarray of shape (k,), int64
        Samples of each.

    Examples
    --------
    >>> from penultimate.counts.labels import tally
    >>> tally(["dog", "cat", "dog"])
    Tally(labels=['cat', 'dog'], counts=array([1, 2]))
    """

    labels: NDArray[np.integer[Any]] | list[str]
    counts: NDArray[np.int64]

    @property
    def names(self) -> Sequence[str]:
        """Name of each distinct label, length k."""
        if isinstance(self.labels, list):
            return as_names(self.labels)
        if np.array_equal(self.labels, np.arange(self.labels.size)):
            return NumberedNames(self.labels.size)
        return as_names(map(str, self.labels.tolist()))


def tally(labels: object) -> Tally:
    """Count every distinct label.

    Parameters
    ----------
    labels : array-like of shape (N,)
        Whole numbers or text: a list, an array, a tensor on the CPU.

    Returns
    -------
    Tally

    Raises
    ------
    CountsError
        When there are no labels, or they are neither whole numbers nor text, or not one for each sample.

    Examples
    --------
    >>> from penultimate.counts.labels import tally
    >>> tally([3, 1, 3]).counts
    array([1, 2])
    """
    held = as_array_or_list(labels)
    found = _tally_list(held) if isinstance(held, list) else _tally_array(held)
    if not found.counts.size:
        raise CountsError("there are no labels: give one for each sample")
    return found


def assign(
    found: Tally, classes: int | Iterable[object] | None
) -> tuple[NDArray[np.int64] | NDArray[np.float64], Sequence[str]]:
    """Put the counts of the labels found in the order of the classes asked for.

    Parameters
    ----------
    found : Tally
        What occurs.
    classes : int, iterable of str or int, or None
        See `penultimate.ClassCounts.from_labels`.

    Returns
    -------
    counts : ndarray of shape (K,)
        Zero for classes that do not occur.
    names : sequence of str, length K

    Raises
    ------
    CountsError
        When a label belongs to none of the classes.

    Examples
    --------
    >>> from penultimate.counts.labels import assign, tally
    >>> assign(tally(["dog", "cat", "dog"]), ["dog", "eel", "cat"])
    (array([2., 0., 1.]), ('dog', 'eel', 'cat'))
    """
    if classes is None:
        return found.counts, found.names
    names = NumberedNames(max(int(classes), 0)) if isinstance(classes, Integral) else as_names(cast(Any, classes))
    # Whole labels are positions unless every class is named by a number: then the numbers are what is meant.
    by_position = isinstance(names, NumberedNames) or not all(name.removeprefix("-").isdecimal() for name in names)
    return place(found, names, by_position=by_position), names


def place(found: Tally, names: Sequence[str], *, by_position: bool) -> NDArray[np.float64]:
    """Put the counts of the labels found in class order.

    Parameters
    ----------
    found : Tally
        What occurs.
    names : sequence of str, length K
        The classes.
    by_position : bool
        Whether label k means the k-th class when labels are whole numbers; text always means the class of that name.

    Returns
    -------
    ndarray of shape (K,), float64
        Zero for classes that do not occur.

    Raises
    ------
    CountsError
        When a label belongs to none of the classes.

    Examples
    --------
    >>> from penultimate.counts.labels import place, tally
    >>> folders = ["1", "10", "2"]
    >>> place(tally([2, 2]), folders, by_position=True), place(tally([10, 10]), folders, by_position=False)
    (array([0., 0., 2.]), array([0., 2., 0.]))
    """
    numbered = by_position and not isinstance(found.labels, list)
    counts = np.zeros(len(names))
    counts[_numbered(found, len(names)) if numbered else _named(found, names)] = found.counts
    return counts


def as_array_or_list(labels: object) -> NDArray[Any] | list[Any]:
    """Take labels as they are: arrays and tensors as an array, other iterables as a list.

    Parameters
    ----------
    labels : array-like
        Anything with ``__array__`` or ``__dlpack__``, or an iterable.

    Returns
    -------
    ndarray or list

    Raises
    ------
    CountsError
        When it is none of these, or lies on a device.

    Examples
    --------
    >>> from penultimate.counts.labels import as_array_or_list
    >>> as_array_or_list(range(3))
    [0, 1, 2]
    """
    if hasattr(labels, "__array__") or hasattr(labels, "__dlpack__"):
        return _as_array(labels)
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        raise CountsError(f"labels are of type {type(labels).__name__}: give a sequence with one label for each sample")
    return list(cast(Iterable[Any], labels))


def _as_array(labels: Any) -> NDArray[Any]:
    try:
        return np.asarray(labels) if hasattr(labels, "__array__") else np.from_dlpack(labels)
    except (TypeError, RuntimeError, BufferError) as error:  # what torch and others raise for memory on a device
        reason = str(error).partition("\n")[0]
        raise CountsError(f"labels cannot be read as an array ({reason}): move them to the CPU first") from None


def _tally_array(labels: NDArray[Any]) -> Tally:
    if labels.ndim != 1:
        raise CountsError(
            f"labels have shape {labels.shape}: give one label for each sample, shape (N,); one-hot rows become "
            "labels with labels.argmax(1)"
        )
    if labels.dtype.kind in "OU":
        return _tally_list(labels.tolist())
    if labels.dtype.kind not in "iu":
        raise CountsError(
            f"labels are of type {labels.dtype}, neither whole numbers nor text: convert them first, as with "
            "labels.astype(int)"
        )
    if labels.size and labels.min() >= 0 and labels.max() < max(_TABLE * labels.size, 65_536):
        counts = np.bincount(labels.astype(np.int64, copy=False))
        present = np.flatnonzero(counts)
        return Tally(present, counts[present])
    distinct, counts = np.unique(labels, return_counts=True)
    return Tally(distinct, counts)


def _tally_list(labels: list[Any]) -> Tally:
    kinds = {kind: _kind(kind) for kind in set(map(type, labels))}
    for kind, family in kinds.items():
        if family is None:
            index = next(i for i, label in enumerate(labels) if type(label) is kind)
            raise CountsError(
                f"label {labels[index]!r} at position {index} is of type {kind.__name__}: labels are whole numbers "
                "or text; convert them first"
            )
    if len(set(kinds.values())) > 1:
        raise CountsError("some labels are whole numbers and some are text: make them all one or the other")
    if kinds and None not in kinds.values() and str in kinds.values():
        tallied = Counter(cast(list[str], labels))
        texts = sorted(tallied)
        return Tally([str(text) for text in texts], np.array([tallied[text] for text in texts], dtype=np.int64))
    array = np.array(labels) if labels else np.zeros(0, dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise CountsError("a label is a whole number beyond 64 bits: give such labels as text")
    return _tally_array(array)


def _kind(kind: type) -> type | None:
    if issubclass(kind, str):
        return str
    return int if kind is not bool and issubclass(kind, Integral) else None


def _numbered(found: Tally, classes: int) -> NDArray[Any]:
    labels = cast(NDArray[np.integer[Any]], found.labels)
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        index = int(outside.argmax())
        raise CountsError(
            f"label {labels[index]} (samples: {found.counts[index]}) is outside 0 … {classes - 1}: "
            "raise the number of classes or drop those samples"
        )
    return labels


def _named(found: Tally, names: Sequence[str]) -> list[int]:
    where = {name: index for index, name in enumerate(names)}
    positions = [where.get(name, -1) for name in found.names]
    if -1 in positions:
        index = positions.index(-1)
        raise CountsError(
            f"label {found.names[index]!r} (samples: {found.counts[index]}) is none of the {len(names)} classes given: "
            "add it to classes or drop those samples"
        )
    return positions
