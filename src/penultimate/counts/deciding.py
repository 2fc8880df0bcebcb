"""Which column of a table holds the counts or the labels, and which the class names: told by names and by the data.

One set of rules for every format whose columns have to be told apart (text tables, Parquet, records in JSON). They look
at the first rows:

1. ``column`` and ``holds`` decide, where they are given.
2. A column of numbers whose name says counts (`penultimate.counts.columns`) holds counts, unless a column of labels
   repeats beside it.
3. A column whose name says labels holds labels if they repeat. If each occurs once it names the classes of a table of
   counts; beside an index of class names, numbers under such a name are counts (``value_counts`` of old pandas).
4. A column of files, or of what is named after single samples, makes the table a list: the one other column that
   repeats holds the labels.
5. A column of text without repeats, beside one column of whole numbers, makes it a table of counts.
6. The one column that repeats holds labels.

Nothing is guessed where several columns would do, where whole numbers beside names are 0 … K-1 or 1 … K in some order
(ids, it may be), or where every label occurs once.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from penultimate.counts.columns import (
    label_rank,
    names_classes,
    names_counts,
    names_counts_for_certain,
    names_ids,
    names_samples,
    place_of,
    tells_splits,
)
from penultimate.counts.texts import is_file, number, separator_of
from penultimate.errors import FileError


class Choice(NamedTuple):
    """The columns to read.

    Attributes
    ----------
    holds : {"counts", "labels"}
        What `column` holds.
    column : int
        Column of counts or labels.
    names : int or None
        Column of class names, if there is one.
    certain : bool
        Whether the user, or an unmistakable name, said so: then the data are believed whatever they look like.
    split : int or None
        Column that says of each sample whether it is for training.
    """

    holds: str
    column: int
    names: int | None = None
    certain: bool = False
    split: int | None = None


class Column:
    """A column, judged by its first rows.

    Parameters
    ----------
    name : str
        Empty when it has none.
    values : sequence of str
        Of the first rows.
    place : int, default 1
        Which column it is, from 1 on.
    """

    def __init__(self, name: str, values: Sequence[str], place: int = 1) -> None:
        self.name = name
        self.values = values
        self.place = place

    @cached_property
    def distinct(self) -> dict[str, None]:
        """Its different values."""
        return dict.fromkeys(self.values)

    @property
    def once(self) -> bool:
        """Whether no value occurs twice, and none is missing."""
        return len(self.distinct) == len(self.values) and "" not in self.distinct

    @cached_property
    def numbers(self) -> list[float] | None:
        """Its values as numbers, if all are."""
        found = [number(value) for value in self.values]
        return None if None in found or not found else found  # pyright: ignore[reportReturnType]

    @property
    def whole(self) -> bool:
        """Whether all are whole numbers, none negative."""
        return self.numbers is not None and all(n >= 0 and n % 1 == 0 for n in self.numbers)

    @cached_property
    def files(self) -> bool:
        """Whether nearly all look like files."""
        return sum(map(is_file, self.values)) > 0.9 * len(self.values)

    @property
    def paths(self) -> bool:
        """Whether all have folders in them."""
        return all("/" in value or "\\" in value for value in self.values)

    @property
    def meant_as_counts(self) -> bool:
        """Whether its name leaves no doubt that numbers are to stand in it, though some may be written badly."""
        if not names_counts_for_certain(self.name):
            return names_counts(self.name) and self.numbers is not None
        return not self.files and (
            any(number(v) is not None or v[:1].isdecimal() for v in self.values) or not any(self.values)
        )

    @property
    def samples(self) -> bool:
        """Whether it says something of single samples: files, or a name that says so."""
        return self.files or names_samples(self.name)

    @cached_property
    def ids(self) -> bool:
        """Whether its numbers are 0 … n-1 or 1 … n in some order."""
        return self.whole and self.once and are_ids(self.numbers or ())

    @cached_property
    def like_labels(self) -> bool:
        """Whether its whole numbers repeat and leave few gaps from 0 or 1 on, as labels do and counts hardly ever."""
        if self.numbers is None or any(n % 1 for n in self.numbers) or 2 * len(self.distinct) > len(self.values):
            return False
        low, high = min(self.numbers), max(self.numbers)
        return -1 <= low <= 1 and 2 * len(set(self.numbers)) > high - low

    def __repr__(self) -> str:
        return repr(self.name) if self.name else str(self.place)


def are_ids(numbers: Sequence[float] | NDArray[np.float64]) -> bool:
    """Whether numbers are 0 … n-1, or 1 … n, in some order.

    Parameters
    ----------
    numbers : array-like of shape (n,)

    Returns
    -------
    bool

    Examples
    --------
    >>> from penultimate.counts.deciding import are_ids
    >>> are_ids([2, 0, 1]), are_ids([1, 2, 3]), are_ids([3, 3, 1])
    (True, True, False)
    """
    ordered = np.sort(np.asarray(numbers, dtype=np.float64))
    return any(np.array_equal(ordered, np.arange(low, low + ordered.size)) for low in (0, 1))


def decide(columns: Sequence[Column], column: str | None = None, holds: str | None = None) -> Choice:
    """Choose columns by the rules of this module.

    Parameters
    ----------
    columns : sequence of Column
    column : str, optional
        Name, or number from 1 on, of the column asked for.
    holds : {"counts", "labels"}, optional
        What it is to hold.

    Returns
    -------
    Choice

    Raises
    ------
    FileError
        When the column asked for is not there, or the data do not tell; the message lists the columns there are.

    Examples
    --------
    >>> from penultimate.counts.deciding import Column, decide
    >>> decide([Column("class", ["cat", "dog"]), Column("num_images", ["100", "40"])])
    Choice(holds='counts', column=1, names=0, certain=True, split=None)
    """
    if column is not None:
        chosen = columns.index(_given(columns, column))
        held = holds or _held(columns, chosen)
    elif holds is None:
        chosen, held = _unsaid(columns)
    else:
        chosen, held = columns.index(_counts(columns) if holds == "counts" else _labels(columns)), holds
    if held == "counts":
        return Choice(held, chosen, _names(columns, chosen), holds is not None or _certain(columns, chosen))
    splits = [i for i, c in enumerate(columns) if i != chosen and tells_splits(c.name, tuple(c.distinct))]
    return Choice(held, chosen, None, holds is not None, splits[0] if splits else None)


def _certain(columns: Sequence[Column], chosen: int) -> bool:
    return names_counts_for_certain(columns[chosen].name)


def _given(columns: Sequence[Column], column: str) -> Column:
    place = place_of(column, [c.name for c in columns])
    if place is None:
        raise FileError(f"there is no column {column!r}: choose one of {_listed(columns)}")
    return columns[place]


def _held(columns: Sequence[Column], chosen: int) -> str:
    own = columns[chosen]
    if own.numbers is None:
        return "labels"
    if names_counts(own.name):
        return "counts"
    beside = [c for c in columns if c is not own and c.once and c.numbers is None and not c.samples]
    return "counts" if beside and not own.like_labels and not own.ids else "labels"


def _unsaid(columns: Sequence[Column]) -> tuple[int, str]:
    """Rules 2 to 6: the column, and what it holds."""
    labelled = _labelled(columns)
    repeating = [c for c in labelled if not c.once]
    counts = [c for c in columns if c.meant_as_counts]
    alone = not any((c.once and c.numbers is None) or c.samples for c in columns)
    if counts and (not repeating or (alone and any(names_counts_for_certain(c.name) for c in counts))):
        return columns.index(_counts(columns)), "counts"
    if labelled:
        label = repeating[0] if repeating else labelled[0]
        if _value_counts(columns, label):
            return columns.index(label), "counts"
        if repeating:
            return columns.index(_labels(columns)), "labels"
    if any(c.once and (c.samples or (c.paths and any(x.like_labels for x in columns))) for c in columns):
        return columns.index(_labels(columns)), "labels"
    keys = [c for c in columns if c.once and (c.numbers is None or names_classes(c.name)) and not c.samples]
    if keys and any(c.whole and c is not keys[0] for c in columns):
        return columns.index(_of_table(columns, keys[0])), "counts"
    if len(columns) == 2 and not any(c.name for c in columns) and columns[0].once and columns[1].whole:
        return columns.index(_of_table(columns, columns[0])), "counts"
    return columns.index(_labels(columns)), "labels"


def _labelled(columns: Sequence[Column]) -> list[Column]:
    ranks = {c: label_rank(c.name) for c in columns}
    return sorted((c for c in columns if ranks[c] is not None), key=lambda c: ranks[c] or 0)


def _value_counts(columns: Sequence[Column], label: Column) -> bool:
    """Whether numbers under the name of labels are counts, beside an index of class names."""
    index = next((c for c in columns if c is not label and names_ids(c.name) and c.once and not c.files), None)
    if index is None or not label.whole or len(columns) > 2:
        return False
    falling = all(a >= b for a, b in zip(label.numbers or (), (label.numbers or ())[1:], strict=False))
    rows = index.numbers is not None and index.numbers == sorted(index.numbers)
    if falling and not rows and (index.numbers is None or not label.like_labels):
        return True
    if label.like_labels:
        return False
    _doubt(f"the numbers in column {label!r} may be labels, or counts of what column {index!r} names")


def _counts(columns: Sequence[Column]) -> Column:
    numeric = [c for c in columns if c.numbers is not None]
    named = [c for c in columns if c.meant_as_counts]
    exact = [c for c in named if c.name.strip().casefold() in ("count", "counts")]
    rest = [c for c in numeric if not names_ids(c.name) and c.whole] if any(c.name for c in columns) else []
    last = [numeric[-1]] if numeric and not any(c.name for c in columns) else []
    return _only(columns, (exact[:1], named, rest, last, numeric), "counts")


def _labels(columns: Sequence[Column]) -> Column:
    labelled = _labelled(columns)
    best = [c for c in labelled if label_rank(c.name) == label_rank(labelled[0].name)]
    if len(best) > 1 and label_rank(best[0].name) is not None and _same(best):
        best = [next((c for c in best if c.numbers is None), best[0])]
    fields = [c for c in columns if not c.once and not c.samples and not tells_splits(c.name, tuple(c.distinct))]
    fields = [c for c in fields if c.numbers is None or all(n % 1 == 0 for n in c.numbers)]
    binary = [c for c in fields if c.distinct.keys() <= {"0", "1"}]
    if not best and len(binary) > 1:
        raise FileError(
            f"columns {_listed(binary)} hold 0 and 1, one column for each class: this takes one label a sample, "
            "and `penultimate forecast FILE --holds label-sets` several"
        )
    return _only(columns, (best, fields), "labels")


def _same(columns: Sequence[Column]) -> bool:
    """Whether columns say the same in other words: the id of a class and its name."""
    together = set(zip(*(c.values for c in columns), strict=True))
    return all(len(c.distinct) == len(together) for c in columns)


def _of_table(columns: Sequence[Column], key: Column) -> Column:
    """Counts beside the names of classes."""
    whole = [c for c in columns if c.whole and c is not key]
    without_ids = [c for c in whole if not names_ids(c.name) or not any(x.name for x in columns)]
    found = [c for c in without_ids if not c.ids] or without_ids
    if not found or (len(found) == 1 and found[0].ids):
        ids = found[0] if found else whole[0]
        _doubt(
            f"the numbers in column {ids!r} are ids, it seems: this is a list of classes with their numbers, not counts"
        )
    if len(found) > 1:
        raise FileError(f"several columns may hold the counts: choose one of {_listed(found)} with --column")
    if found[0].like_labels and not names_classes(key.name):
        _doubt(f"the numbers in column {found[0]!r} may be counts of classes or labels of samples")
    return found[0]


def _names(columns: Sequence[Column], chosen: int) -> int | None:
    others = [c for i, c in enumerate(columns) if i != chosen]
    ways = (
        [c for c in others if names_classes(c.name) and c.numbers is None],
        [c for c in others if names_classes(c.name)],
        [c for c in others if c.numbers is None],
        [c for c in others if names_ids(c.name)],
        others,
    )
    found = next((c for way in ways for c in way if c.once), None) or next((c for way in ways for c in way), None)
    return None if found is None else columns.index(found)


def _only(columns: Sequence[Column], ways: Sequence[Sequence[Column]], what: str) -> Column:
    found = next((way for way in ways if way), ())
    if len(found) == 1:
        return found[0]
    if found:
        raise FileError(f"several columns may hold the {what}: choose one of {_listed(found)} with --column")
    if what == "labels":
        marked = [(c, mark) for c in columns if not c.files and (mark := separator_of(c.values)) is not None]
        if marked:
            several, mark = marked[0]
            raise FileError(
                f"no column holds labels that repeat, and more than half of column {several!r} hold {mark!r}: if a "
                f"sample has several labels, `penultimate forecast FILE --separator '{mark}'` takes them"
            )
        raise FileError(
            f"no column holds labels that repeat, and none is named like counts; the columns are {_listed(columns)}: "
            "choose one with --column, and say what it holds with --holds counts or --holds labels"
        )
    raise FileError(f"no column holds numbers, as counts are; the columns are {_listed(columns)}")


def _doubt(what: str) -> NoReturn:
    raise FileError(f"{what}: say --holds counts or --holds labels, and choose a column with --column")


def _listed(columns: Sequence[Column]) -> str:
    return ", ".join(map(repr, columns)) or "(there are none)"
