"""Label sets from text tables: one cell that holds several labels, or one column of 0 and 1 for each label.

What stands between the labels of a cell is said by the user and never guessed, for a class may be called "a;b".
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

import numpy as np

from penultimate.counts.columns import is_known, is_training, names_samples, place_of, tells_splits
from penultimate.counts.delimiters import Delimiter, csv_delimiter, find_delimiter, long_fields
from penultimate.counts.tables import Lines, first_lines
from penultimate.counts.texts import is_file, number
from penultimate.errors import FileError
from penultimate.targets.found import Found
from penultimate.targets.label_sets import names_sets, split
from penultimate.targets.matrices import Rows, rows_of

_CHUNK = 8192
_MARKS = (",", ";", "\t", "|")


def read_table(lines: Iterable[str], separator: str | None, column: str | None, suffix: str) -> Found:
    r"""Read a text table by the rules of this module; its rows are read as they are asked for.

    Parameters
    ----------
    lines : iterable of str
    separator : str or None
        What stands between the labels of a cell; without it, columns of 0 and 1 are read.
    column : str or None
        Name of the column, or its number from 1 on.
    suffix : str
        Of the file: ".tsv" is a hint.

    Returns
    -------
    Found

    Raises
    ------
    FileError
        When it is no text, has no rows, a row does not fit, or the data do not tell which column to read.

    Examples
    --------
    >>> from penultimate.targets.tables import read_table
    >>> table = read_table(["id,tags\n", "1,cat;pet\n", "2,\n"], ";", None, ".csv")
    >>> table.origin, list(table.sets)
    ("label sets in column 'tags'", [(('cat', 'pet'), 1.0), ((), 1.0)])
    """
    counted = Lines(lines)
    rest = iter(counted)
    head, mark, _ = first_lines(rest)
    if not head:
        raise FileError("the file is empty: give the labels of one sample a line")
    delimiter = csv_delimiter(mark) if mark is not None else _delimiter(head, separator, suffix)
    with long_fields():
        first = [row for row in delimiter.rows(head) if _is_row(row)]
    if not first:
        raise FileError("the file is empty: give the labels of one sample a line")
    rows = _checked(delimiter, chain(head, rest), counted, len(first[0]))
    if separator is not None:
        return _of_cells(rows, first, separator, column)
    return _of_indicators(rows, first)


def _delimiter(head: Sequence[str], separator: str | None, suffix: str) -> Delimiter:
    """What stands between columns, which is not what stands between labels."""
    if separator is None:
        return find_delimiter(list(head), suffix)
    masked = [line.replace(separator, "_") for line in head]
    found = find_delimiter(masked, suffix)
    if separator == "," and all(found.mark not in line for line in masked):
        # No other mark: a file of one label set a line, unless quotes tell the sets from the columns.
        quoted = any('"' in line for line in head)
        return csv_delimiter(",") if quoted else Delimiter("\n", _whole_lines)
    if found.mark in _MARKS:
        return found
    return csv_delimiter("\t" if separator != "\t" else ",")


def _whole_lines(lines: Iterable[str]) -> Iterator[list[str]]:
    return ([line.strip()] if line.strip() else [] for line in lines)


def _is_row(row: list[str]) -> bool:
    """Whether this is the row of a sample: a lone empty field in quotes is one without labels."""
    return any(row) or len(row) == 1


def _checked(delimiter: Delimiter, lines: Iterable[str], counted: Lines, width: int) -> Iterator[list[str]]:
    blank, above = 0, True
    with long_fields():
        for row in delimiter.rows(lines):
            if not _is_row(row):
                blank += 1
                continue
            if width == 1 and not above:
                # In a single column a blank line between others is a sample without labels.
                yield from ([""] for _ in range(blank))
            blank, above = 0, False
            if len(row) != width:
                raise FileError(
                    f"line {counted.read} or before has {len(row)} fields, the first row has {width}: put cells with "
                    "commas in quotes"
                )
            yield row


def _of_cells(rows: Iterator[list[str]], first: list[list[str]], separator: str, column: str | None) -> Found:
    place = _column(first, separator, column)
    header = _has_header(first, place, separator, column)
    name = repr(first[0][place]) if header else str(place + 1)
    if header:
        next(rows)
    names = first[0] if header else [""] * len(first[0])
    body = first[header:]
    splits = [
        i for i in range(len(names)) if i != place and tells_splits(names[i], tuple({row[i] for row in body if row[i]}))
    ]
    note = f", of the rows whose {names[splits[0]]} is train" if splits else ""
    where = f"in column {name}" if len(names) > 1 or header else "one a line"
    return Found(_sets(rows, place, separator, splits), (), None, f"label sets {where}{note}")


def _sets(
    rows: Iterator[list[str]], place: int, separator: str, splits: Sequence[int]
) -> Iterator[tuple[Sequence[str], float]]:
    # Sets repeat: each text is taken apart once.
    known = dict[str, tuple[str, ...]]()
    for row in rows:
        if splits and not is_training(row[splits[0]]):
            continue
        cell = row[place]
        if cell not in known:
            if len(known) >= _CHUNK:
                known.clear()
            known[cell] = tuple(split(cell, separator))
        yield known[cell], 1.0


def _column(first: list[list[str]], separator: str, column: str | None) -> int:
    names, width = first[0], len(first[0])
    if column is not None:
        place = place_of(column, names)
        if place is None:
            raise FileError(f"there is no column {column!r}: choose one of {_listed(names)}")
        return place
    if width == 1:
        return 0
    holding = [i for i in range(width) if any(separator in row[i] for row in first[1:])]
    named = [i for i in range(width) if names_sets(names[i])]
    for fitting in (named, [i for i in named if i in holding], holding):
        if len(fitting) == 1:
            return fitting[0]
    raise FileError(
        f"{'several columns may hold' if holding or named else 'no column holds'} label sets with {separator!r} between"
        f" the labels: choose with --column one of {_listed(names)}"
    )


def _has_header(first: list[list[str]], place: int, separator: str, column: str | None) -> bool:
    """Whether the first row names the columns."""
    names, body = first[0], first[1:]
    if column is not None and names[place].strip().casefold() == column.strip().casefold():
        return True
    own = names[place]
    labels = {label for row in body for label in split(row[place], separator)}
    if own in labels or separator in own:
        return False
    if names_sets(own) or any(is_known(name) or names_samples(name) for name in names):
        return True
    others = [[row[i] for row in body] for i in range(len(names)) if i != place]
    fixed = [all(is_file(text) or number(text) is not None for text in held) for held in others if held]
    if any(fixed) and not any(is_file(name) or number(name) is not None for name in names):
        return True
    if column is not None or not own:
        return False
    raise FileError(
        f"line 1, {own!r}, may be a header or a label that occurs once: say --column {own!r} if it is the header, "
        f"--column {place + 1} if it is a label"
    )


def _of_indicators(rows: Iterator[list[str]], first: list[list[str]]) -> Found:
    """One column of 0 and 1 for each label, below their names."""
    names, body = first[0], first[1:]
    chosen = [i for i in range(len(names)) if body and all(number(row[i]) in (0.0, 1.0) for row in body)]
    if len(chosen) < 2 or any(number(names[i]) is not None for i in chosen):
        raise FileError(
            "no columns of 0 and 1 stand below names of labels: if one cell holds several labels, say what stands "
            "between them with --separator, as in --separator ';'"
        )
    next(rows)
    others = [i for i in range(len(names)) if i not in chosen]
    splits = [i for i in others if tells_splits(names[i], tuple({row[i] for row in body if row[i]}))]
    return Found(None, _indicators(rows, chosen, splits), [names[i] for i in chosen], "columns of 0 and 1")


def _indicators(rows: Iterator[list[str]], chosen: Sequence[int], splits: Sequence[int]) -> Iterator[Rows]:
    seen, held = 0, list[list[float]]()
    for row in rows:
        seen += 1
        if not splits or is_training(row[splits[0]]):
            held.append([_indicator(row[i], seen) for i in chosen])
        if len(held) == _CHUNK:
            yield from rows_of(np.array(held), any_real=False)
            held = []
    if held:
        yield from rows_of(np.array(held), any_real=False)


def _indicator(text: str, row: int) -> float:
    value = number(text)
    if value is None or not 0.0 <= value <= 1.0:
        raise FileError(f"row {row} has {text!r} in a column of 0 and 1: give 0 or 1")
    return value


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:20]))
