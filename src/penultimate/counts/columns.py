"""Which column of a table (or key of an archive) holds the counts or the labels, and which the class names.

One set of rules for CSV, Parquet and .npz:

1. ``holds`` decides whether counts or labels are wanted. Without it, ``column`` decides by its name: a name usual for
   counts means counts, any other means labels. Without either, a column with a name usual for counts means counts, else
   one with a name usual for labels means labels.
2. ``column`` is then the column of counts, or of labels; without it, the first with a usual name.
3. Class names for counts stand in the first column with a name usual for classes; without one, in the first other
   column that can hold names (any in a text table, one of text in Parquet, none in .npz).

Upper and lower case are the same.
"""

from collections.abc import Sequence
from typing import NamedTuple

from penultimate.errors import FileError

COUNT_NAMES = ("count", "counts", "n", "samples", "frequency", "num")
LABEL_NAMES = ("label", "labels", "class", "target", "targets", "y", "category")
CLASS_NAMES = ("class", "classes", "label", "name", "names", "category", "target")


class Choice(NamedTuple):
    """The columns to read.

    Attributes
    ----------
    holds : {"counts", "labels"}
        What ``column`` holds.
    column : str
        Column of counts or labels.
    names : str or None
        Column of class names, if there is one.

    Examples
    --------
    >>> from penultimate.counts.columns import choose
    >>> choose(["class", "count"])
    Choice(holds='counts', column='count', names='class')
    """

    holds: str
    column: str
    names: str | None


def choose(
    columns: Sequence[str], column: str | None = None, holds: str | None = None, nameable: Sequence[str] = ()
) -> Choice:
    """Choose columns by the rules of this module.

    Parameters
    ----------
    columns : sequence of str
        The names there are.
    column : str, optional
        The one asked for.
    holds : {"counts", "labels"}, optional
        What it is to hold.
    nameable : sequence of str, default ()
        Those that can hold class names whatever they are called.

    Returns
    -------
    Choice

    Raises
    ------
    FileError
        When the column asked for is not there, or none has a usual name; the message lists those there are.

    Examples
    --------
    >>> from penultimate.counts.columns import choose
    >>> choose(["image", "species"], column="species")
    Choice(holds='labels', column='species', names=None)
    """
    chosen = _given(columns, column) if column is not None else find(columns, COUNT_NAMES)
    if holds is None:
        holds = "counts" if chosen is not None and _folded(chosen) in COUNT_NAMES else "labels"
    if column is None and holds == "labels":
        chosen = find(columns, LABEL_NAMES)
    if chosen is None:
        usual = ", ".join(COUNT_NAMES if holds == "counts" else LABEL_NAMES)
        raise FileError(f"no column is named like {holds} ({usual}): choose with column= one of {_listed(columns)}")
    if holds == "labels":
        return Choice(holds, chosen, None)
    others = [name for name in columns if name != chosen]
    fallback = next((name for name in others if name in nameable), None)
    return Choice(holds, chosen, find(others, CLASS_NAMES) or fallback)


def find(columns: Sequence[str], wanted: Sequence[str]) -> str | None:
    """Find the first of the wanted names among the columns.

    Parameters
    ----------
    columns : sequence of str
        The names there are.
    wanted : sequence of str
        Those wanted, best first.

    Returns
    -------
    str or None
        The column, spelt as it is there.

    Examples
    --------
    >>> from penultimate.counts.columns import find
    >>> find(["Image", "Label"], ("class", "label"))
    'Label'
    """
    for name in wanted:
        if name in columns:
            return name
        for column in columns:
            if _folded(column) == _folded(name):
                return column
    return None


def _given(columns: Sequence[str], column: str) -> str:
    found = find(columns, (column,))
    if found is None:
        raise FileError(f"there is no column {column!r}: choose one of {_listed(columns)}")
    return found


def _folded(name: str) -> str:
    return name.strip().casefold()


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(map(repr, columns)) or "(there are none)"
