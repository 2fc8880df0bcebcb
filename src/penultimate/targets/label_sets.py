"""Label sets that come one after another, each a few names or ids: numbered as they are first seen."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from numbers import Integral
from typing import Any, cast

import numpy as np

from penultimate.counts.class_names import NumberedNames, as_names, is_whole
from penultimate.counts.columns import label_rank, words_of
from penultimate.counts.counted import sorted_labels
from penultimate.errors import CountsError
from penultimate.targets.matrices import Rows, scipy_sparse, spread_columns

# Names of columns of label sets, beside those that columns of one label have.
_SET_WORDS = frozenset(
    "tag tags genre genres topic topics subject subjects keyword keywords attributes findings".split()
)

# Different sets that are held at once.
_MOST_SETS = 1 << 16


class LabelSets:
    """Label sets of a stream; equal ones are kept once with their number.

    Parameters
    ----------
    names : sequence of str, optional
        The labels there are. By default those that occur.

    Attributes
    ----------
    repeated : float
        Samples that name a label twice.
    """

    def __init__(self, names: Sequence[str] | None = None) -> None:
        self.repeated = 0.0
        self._given = names
        self._number: dict[str, int] = {} if names is None else {name: k for k, name in enumerate(names)}

    def names(self) -> tuple[Sequence[str], list[int]]:
        """The labels in their order, and the column of each in the blocks."""
        if self._given is not None:
            return self._given, list(range(len(self._given)))
        ordered = sorted_labels(self._number)
        return as_names(ordered), [self._number[name] for name in ordered]

    def blocks(self, sets: Iterable[tuple[Sequence[str], float]]) -> Iterator[Rows]:
        """Blocks of rows, each with as many columns as there are labels so far.

        Parameters
        ----------
        sets : iterable of (sequence of str, float)
            Label sets, and how many samples each stands for.

        Yields
        ------
        Rows
        """
        held: dict[tuple[str, ...], float] = {}
        for labels, count in sets:
            own = tuple(labels)
            held[own] = held.get(own, 0.0) + count
            if len(held) >= _MOST_SETS:
                yield self._block(held)
                held = {}
        if held:
            yield self._block(held)

    def _numbered(self, label: str) -> int:
        number = self._number.get(label)
        if number is None:
            if self._given is not None:
                raise CountsError(
                    f"label {label!r} is none of the {len(self._given)} given: add it to names or drop it"
                )
            number = self._number[label] = len(self._number)
        return number

    def _block(self, held: Mapping[tuple[str, ...], float]) -> Rows:
        counted: dict[tuple[int, ...], float] = {}
        for labels, count in held.items():
            own = tuple(sorted({self._numbered(label) for label in labels}))
            self.repeated += count if len(own) < len(labels) else 0.0
            counted[own] = counted.get(own, 0.0) + count
        ends = np.cumsum([0, *map(len, counted)])
        indices = np.fromiter(chain.from_iterable(counted), dtype=np.int64, count=int(ends[-1]))
        shape = (len(counted), max(1, len(self._number)))
        values = scipy_sparse().csr_array((np.ones(indices.size), indices, ends), shape=shape)
        return Rows(values, np.fromiter(counted.values(), dtype=np.float64, count=len(counted)), "sets")


def checked_sets(sets: Iterable[Any], weights: Iterable[float] | None = None) -> Iterator[tuple[Sequence[str], float]]:
    """Label sets as a caller gives them, in order, with how many samples each stands for.

    Parameters
    ----------
    sets : iterable of iterables of str or int
    weights : iterable of float, optional
        How many samples each row stands for; one by default.

    Yields
    ------
    labels : tuple of str
    count : float

    Raises
    ------
    CountsError
        When a sample has no list of labels, or, after the last one, names were mixed with numbers.

    Examples
    --------
    >>> from penultimate.targets.label_sets import checked_sets
    >>> list(checked_sets([["cat", " pet"], [], [3]]))
    Traceback (most recent call last):
    penultimate.errors.CountsError: some labels are whole numbers and some are text: make them all one or the other
    """
    known: dict[tuple[Any, ...], tuple[str, ...]] = {}
    for row, (labels, weight) in enumerate(zip(sets, repeat(1.0) if weights is None else weights, strict=False)):
        held = _as_set(row, labels)
        if held not in known:
            known[held] = tuple(text for label in held if (text := str(label).strip()))
        yield known[held], weight
    _refuse_indicators(known)
    if len({isinstance(label, str) for labels in known for label in labels}) > 1:
        raise CountsError("some labels are whole numbers and some are text: make them all one or the other")


def indicator_rows(sets: Iterable[Sequence[str]], names: Sequence[str] | None) -> tuple[Any, Sequence[str]]:
    """Label sets as rows of 0 and 1.

    Parameters
    ----------
    sets : iterable of sequences of str
    names : sequence of str or None
        All labels; by default those that occur, sorted.

    Returns
    -------
    csr_array of shape (N, K), sequence of str

    Raises
    ------
    CountsError
        When a label is none of the names, or there is none at all.
    """
    number: dict[str, int] = {} if names is None else {name: k for k, name in enumerate(names)}
    columns, ends = list[int](), [0]
    for row, labels in enumerate(sets):
        for name in dict.fromkeys(labels):
            if name not in number and names is not None:
                raise CountsError(f"row {row} has {name!r}, which is none of the {len(number)} labels: mend it")
            columns.append(number.setdefault(name, len(number)))
        ends.append(len(columns))
    if not number:
        raise CountsError(f"none of the {len(ends) - 1:,} samples has a label: give some that have")
    ordered = sorted_labels(number) if names is None else list(names)
    held = (np.ones(len(columns)), np.array(columns, dtype=np.int64), ends)
    rows = scipy_sparse().csr_array(held, shape=(len(ends) - 1, len(number)))
    place = {name: k for k, name in enumerate(ordered)}
    return spread_columns(rows, [place[name] for name in number], len(ordered)), as_names(ordered)


def split(cell: str, separator: str) -> list[str]:
    """Labels of a text that holds several; blanks are trimmed, and what is empty is none.

    Parameters
    ----------
    cell, separator : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> from penultimate.targets.label_sets import split
    >>> split("cat; pet;", ";")
    ['cat', 'pet']
    """
    return [label for part in cell.split(separator) if (label := part.strip())]


def names_sets(name: str) -> bool:
    """Whether a name says that a column holds label sets.

    Parameters
    ----------
    name : str

    Returns
    -------
    bool

    Examples
    --------
    >>> from penultimate.targets.label_sets import names_sets
    >>> names_sets("Tags"), names_sets("labels"), names_sets("image_id")
    (True, True, False)
    """
    return label_rank(name) is not None or bool(_SET_WORDS.intersection(words_of(name)))


def as_label_names(names: object) -> Sequence[str]:
    """Names of all labels, or how many there are.

    Parameters
    ----------
    names : int, or iterable of str or int

    Returns
    -------
    sequence of str

    Raises
    ------
    CountsError
        When these are no names, one is given twice, or there is none.
    """
    if not isinstance(names, Integral | Iterable):
        raise CountsError(f"names is {names!r}: give the names of all labels, or how many there are")
    held = NumberedNames(max(int(names), 0)) if isinstance(names, Integral) else as_names(cast(Iterable[object], names))
    if not len(held):
        raise CountsError("there are no labels: give at least one name")
    return held


def _as_set(row: int, labels: Any) -> tuple[Any, ...]:
    if hasattr(labels, "tolist"):
        labels = labels.tolist()
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        if isinstance(labels, str) or is_whole(labels):
            raise CountsError(
                f"row {row} is {labels!r}, one label and no list of them: give [{labels!r}], split texts that hold "
                "several, or count one label a sample with ClassCounts.from_labels"
            )
        raise CountsError(f"row {row} is {labels!r}: give a list of labels, an empty one for a sample without any")
    held = tuple(cast(Iterable[Any], labels))
    for label in held:
        if not isinstance(label, str | Integral) or isinstance(label, bool | np.bool_):
            raise CountsError(
                f"row {row} holds {label!r} of type {type(label).__name__}: labels are text or whole numbers; give 0/1 "
                "rows as one array"
            )
        if isinstance(label, Integral) and label < 0:
            raise CountsError(f"row {row} holds {label}: leave out what pads the ids of labels")
    return held


def _refuse_indicators(known: Collection[tuple[Any, ...]]) -> None:
    """Refuse lists of one length that hold 0 and 1 alone, which may be ids or one column a label."""
    if len(set(map(len, known))) == 1 and len(next(iter(known))) > 1 and set[Any]().union(*known) <= {0, 1}:
        raise CountsError(
            "every row is a list of as many 0 and 1: as np.array(rows) they are one column a label; as lists they "
            "would be ids of labels"
        )
