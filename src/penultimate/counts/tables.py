"""Counts from text tables: CSV, TSV, or one label a line.

The delimiter is a tab in a .tsv file, elsewhere the first of comma, semicolon and tab that the first line has. The
first row is a header when ``column`` is given, or when it holds a usual name (`penultimate.counts.columns`) and no
number. Without a header, one column is labels, and two columns are class names and counts.
"""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from penultimate.counts.class_names import is_whole
from penultimate.counts.columns import CLASS_NAMES, COUNT_NAMES, LABEL_NAMES, Choice, choose
from penultimate.errors import FileError

_USUAL = frozenset(COUNT_NAMES + LABEL_NAMES + CLASS_NAMES)

Row = tuple[int, list[str]]  # line number, fields
Counted = tuple[Any, Iterable[Any] | None]  # values and names, as `penultimate.ClassCounts` takes them


def read_table(path: Path, column: str | None, holds: str | None) -> Counted:
    r"""Read a text table by the rules of this module.

    Parameters
    ----------
    path : Path
        A .csv, .tsv or .txt file in UTF-8.
    column : str or None
        Column of counts or labels.
    holds : {"counts", "labels"} or None
        What it holds.

    Returns
    -------
    values : list of float, or mapping of str to int
    names : sequence of str, or None

    Raises
    ------
    FileError
        When it is no text, has no rows, or a row does not fit; the message names the line.
    CountsError
        When the counts cannot be.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from penultimate.counts.tables import read_table
    >>> path = pathlib.Path(tempfile.mkdtemp(), "labels.txt")
    >>> _ = path.write_text("dog\ncat\ndog\n")
    >>> read_table(path, None, None)
    ([1, 2], ['cat', 'dog'])
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = _rows(file, path.suffix)
        first = next(rows, None)
        if first is None:
            raise FileError("the file is empty: give one class or one label a line")
        if column is not None or _is_header(first[1]):
            return _read_columns(first[1], rows, choose(first[1], column, holds, nameable=first[1]))
        return _read_headless(first, rows, holds)


def count_texts(tallied: Mapping[str, int]) -> Counted:
    """Make counts of tallied text labels: in numerical order if all are whole numbers, else in that of text.

    Parameters
    ----------
    tallied : mapping of str to int
        How often each label occurs.

    Returns
    -------
    values : list of float, or mapping of str to int
    names : sequence of str, or None

    Examples
    --------
    >>> from penultimate.counts.tables import count_texts
    >>> count_texts({"10": 3, "9": 5})
    ([5, 3], ['9', '10'])
    """
    ordered = sorted(tallied, key=int) if all(map(is_whole, tallied)) else sorted(tallied)
    return [tallied[label] for label in ordered], ordered


def _rows(file: TextIO, suffix: str) -> Iterator[Row]:
    delimiter = "\t" if suffix.casefold() == ".tsv" else _delimiter(file)
    reader = csv.reader(_lines(file), delimiter=delimiter)
    try:
        for fields in reader:
            if any(field.strip() for field in fields):
                yield reader.line_num, [field.strip() for field in fields]
    except csv.Error as error:
        raise FileError(f"line {reader.line_num} is no row of a table ({error}): check its quotes") from None


def _lines(file: TextIO) -> Iterator[str]:
    for line in file:
        if "\0" in line:
            raise FileError("the file holds binary data, not text: save it as UTF-8 text, or give its true suffix")
        yield line


def _delimiter(file: TextIO) -> str:
    first = next((line for line in file if line.strip()), "")
    file.seek(0)
    return next((mark for mark in ",;\t" if mark in first), ",")


def _is_header(fields: list[str]) -> bool:
    return any(field.casefold() in _USUAL for field in fields) and not any(map(_is_number, fields))


def _read_columns(header: list[str], rows: Iterable[Row], choice: Choice) -> Counted:
    value = header.index(choice.column)
    if choice.holds == "labels":
        return count_texts(_tally(rows, value, len(header)))
    name = None if choice.names is None else header.index(choice.names)
    return _counted(rows, value, name, len(header))


def _read_headless(first: Row, rows: Iterator[Row], holds: str | None) -> Counted:
    width = len(first[1])
    rows = _chain(first, rows)
    if width == 1:
        return _counted(rows, 0, None, 1) if holds == "counts" else count_texts(_tally(rows, 0, 1))
    if width == 2 and holds != "labels":
        return _counted(rows, 1, 0, 2)
    raise FileError(
        f"the first row, {first[1]!r}, is no header this package knows: name the label column 'label' or the columns "
        "of classes and counts 'class' and 'count', or choose with column="
    )


def _chain(first: Row, rows: Iterator[Row]) -> Iterator[Row]:
    yield first
    yield from rows


def _tally(rows: Iterable[Row], column: int, width: int) -> Counter[str]:
    tallied = Counter(_field(row, column, width, "label") for row in rows)
    if not tallied:
        raise FileError("there are no labels below the header: give one row for each sample")
    return tallied


def _counted(rows: Iterable[Row], column: int, name: int | None, width: int) -> Counted:
    counts: list[float] = []
    names: list[str] = []
    for row in rows:
        counts.append(_number(row, column, width))
        if name is not None:
            names.append(_field(row, name, width, "class name"))
    if not counts:
        raise FileError("there are no counts below the header: give one row for each class")
    return counts, None if name is None else names


def _field(row: Row, column: int, width: int, what: str) -> str:
    line, fields = row
    if len(fields) != width:
        raise FileError(
            f"line {line} has {len(fields)} fields, the first row has {width}: put names with commas in quotes"
        )
    if not fields[column]:
        raise FileError(f"line {line} has no {what}: fill it in or delete the line")
    return fields[column]


def _number(row: Row, column: int, width: int) -> float:
    text = _field(row, column, width, "count")
    if not _is_number(text):
        raise FileError(
            f"line {row[0]} has {text!r} where a count should be: give a number, or if this is the header name its "
            "column 'count'"
        )
    return float(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
