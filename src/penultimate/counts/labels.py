"""From one label a sample to one count a class."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.counts.class_names import NumberedNames, as_names
from penultimate.counts.unwrapping import as_array_or_list, unwrapped, valid_texts
from penultimate.errors import CountsError

# Whole labels up to this many times the number of samples are counted in a table, others by sorting.
_TABLE = 4

# More different labels than any data set has classes: texts or ids, which would fill the memory.
_MOST_LABELS = 4_000_000


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

    def by_name(self) -> dict[str, int]:
        """Samples of each label, by its name."""
        return dict(zip(self.names, self.counts.tolist(), strict=True))


def tally(labels: object) -> Tally:
    """Count every distinct label.

    Parameters
    ----------
    labels : array-like of shape (N,) or (N, 1)
        Whole numbers (booleans are 0 and 1, and 3.0 is 3) or text (bytes in UTF-8 too): a list, an array, a tensor on
        the CPU.

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


def categories_of(labels: Any) -> list[str] | None:
    """The classes of labels that carry them: a pandas Categorical or Series of one, a Polars Enum, an Arrow dictionary.

    Parameters
    ----------
    labels : object

    Returns
    -------
    list of str, or None
        In their order, those without samples too.
    """
    held = getattr(labels, "dictionary", None)
    if held is None:
        held = getattr(getattr(labels, "dtype", None), "categories", None)
    if held is None or not hasattr(held, "__len__"):
        return None
    return list(as_names(held.to_pylist() if hasattr(held, "to_pylist") else list(held)))


def tally_categories(labels: Any, categories: Sequence[str]) -> tuple[NDArray[np.float64], Sequence[str]]:
    """Count the samples of each category.

    Parameters
    ----------
    labels : object
        With categories.
    categories : sequence of str
        As `categories_of` gives them.

    Returns
    -------
    counts : ndarray of shape (K,)
    names : sequence of str

    Raises
    ------
    CountsError
        When a sample has none.
    """
    held = labels.to_pylist() if hasattr(labels, "to_pylist") else list(labels)
    counts = place(tally(held), categories, by_position=False)
    return counts, categories


def tally_blocks(blocks: Iterable[NDArray[Any]]) -> Tally:
    """Count every distinct label of an array that comes in blocks, in memory of the order of the classes.

    Parameters
    ----------
    blocks : iterable of ndarray of shape (n,) or (n, 1)

    Returns
    -------
    Tally

    Raises
    ------
    CountsError
        As `tally`; or when there are more different labels than any data set has classes.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.counts.labels import tally_blocks
    >>> tally_blocks([np.array([3, 1]), np.array([3])])
    Tally(labels=array([1, 3]), counts=array([1, 2]))
    """
    found: Counter[Any] = Counter()
    for block in blocks:
        part = _tally_array(block)
        labels = part.labels if isinstance(part.labels, list) else part.labels.tolist()
        for label, count in zip(labels, part.counts.tolist(), strict=True):
            found[label] += count
        if len(found) > _MOST_LABELS:
            raise CountsError(f"there are more than {_MOST_LABELS:,} different labels: these are no classes")
    if not found:
        raise CountsError("there are no labels: give one for each sample")
    ordered = sorted(found)
    counts = np.array([found[label] for label in ordered], dtype=np.int64)
    return Tally(ordered if isinstance(ordered[0], str) else np.array(ordered), counts)


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


def _tally_array(labels: NDArray[Any]) -> Tally:
    labels = _one_each(labels)
    match labels.dtype.kind:
        case "O" | "T":
            return _tally_list(labels.tolist())
        case "U" | "S":
            return _tally_list(valid_texts(labels).tolist())
        case "b":
            labels = labels.astype(np.int8)
        case "f":
            labels = _whole(labels)
        case "i" | "u":
            pass
        case _:
            raise CountsError(f"labels are of type {labels.dtype}, neither whole numbers nor text: give one of these")
    if labels.size and labels.min() >= 0 and labels.max() < max(_TABLE * labels.size, 65_536):
        counts = np.bincount(labels.astype(np.int64, copy=False))
        present = np.flatnonzero(counts)
        return Tally(present, counts[present])
    distinct, counts = np.unique(labels, return_counts=True)
    return Tally(distinct, counts)


def _one_each(labels: NDArray[Any]) -> NDArray[Any]:
    """One label a sample: of shape (N,), from (N, 1) or (1, N) too."""
    if labels.ndim == 1:
        return labels
    if labels.ndim > 1 and labels.size == max(labels.shape):
        return labels.reshape(-1)
    advice = "this takes one label a sample, pen.LabelScatter.from_labels several"
    if labels.ndim == 2 and labels.dtype.kind in "biuf" and labels.size:
        ones = (np.isin(labels, (0, 1)).all(), labels.sum(axis=1))
        if ones[0] and (ones[1] == 1).all():
            advice = "one-hot rows become labels with labels.argmax(1)"
        elif labels.dtype.kind == "f" and np.allclose(ones[1], 1):
            advice = "rows of probabilities become labels with labels.argmax(1)"
    raise CountsError(f"labels have shape {labels.shape}: give one label for each sample, shape (N,); {advice}")


def _whole(labels: NDArray[Any]) -> NDArray[np.int64]:
    """Whole numbers that are stored as fractions."""
    missing = np.flatnonzero(~np.isfinite(labels))
    if missing.size:
        raise CountsError(f"label {labels[missing[0]]} at position {missing[0]} is no label: leave such samples out")
    fractions = np.flatnonzero(labels % 1)
    if fractions.size:
        raise CountsError(
            f"label {labels[fractions[0]]} at position {fractions[0]} is no whole number: give whole numbers or text"
        )
    if labels.size and np.abs(labels).max() >= 2**53:
        raise CountsError(
            "labels are fractions beyond 2^53, where whole numbers cannot be told apart: give whole numbers"
        )
    return labels.astype(np.int64)


def _tally_list(labels: list[Any]) -> Tally:
    kinds = {kind: _kind(kind) for kind in set(map(type, labels))}
    if None in kinds.values() or (bool in kinds and len(kinds) > 1):
        return _tally_list(unwrapped(labels))
    if len(set(kinds.values())) > 1:
        raise CountsError("some labels are whole numbers and some are text: make them all one or the other")
    if str in kinds.values():
        tallied = Counter(cast(list[str], labels))
        texts = sorted(tallied)
        return Tally([str(text) for text in texts], np.array([tallied[text] for text in texts], dtype=np.int64))
    array = np.array(labels) if labels else np.zeros(0, dtype=np.int64)
    if array.dtype.kind not in "biu":
        raise CountsError("a label is a whole number beyond 64 bits: give such labels as text")
    return _tally_array(array)


def _kind(kind: type) -> type | None:
    if issubclass(kind, str):
        return str
    return int if issubclass(kind, Integral | np.bool) else None


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
