"""Files of probabilities: arrays, or tables with one column a class.

An ``.npy`` is the array. Of several arrays in a file (``.npz``, ``.safetensors``, ``.h5``, ``.zarr``, Parquet) the one
called ``probabilities`` (or another usual name) is taken, or the only one that can be; ``y`` is the truth and
``classes`` are the names. A table, as CSV or Parquet with a column for every class, names the classes in its first row;
a first column that counts or names the samples is left out, and one called ``y`` or ``label`` is the truth.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Archive
from penultimate.archives.formats import format_of, open_archive
from penultimate.archives.npy_set import npy_parts
from penultimate.counts.delimiters import find_delimiter, long_fields
from penultimate.counts.opening import opened
from penultimate.counts.readers import named
from penultimate.counts.tables import Lines
from penultimate.counts.texts import number
from penultimate.errors import FileError

PROBABILITIES = ("probabilities", "probs", "proba", "p", "predictions", "scores")
LABELS = ("y", "labels", "label", "targets", "target")
# What a first column that only counts or names samples is called; pandas leaves it empty.
_IDS = ("", "id", "ids", "index", "unnamed: 0", "sample", "file", "filename", "path", "image", "name", "text")
_TEXTS = ("csv", "tsv")
# As many lines tell what stands between the columns.
_HEAD = 50

Read = tuple[NDArray[Any], Sequence[object] | None, NDArray[Any] | None]


def read_file(path: Path) -> Read:
    """Read probabilities, their names and the truth, where the file has them.

    Parameters
    ----------
    path : Path

    Returns
    -------
    values : ndarray of shape (N, K) or (N,)
    names : sequence or None
    labels : ndarray or None

    Raises
    ------
    FileError
        When it is missing, damaged, or does not say which of its arrays is meant.
    MissingDependencyError
        When its library is not installed.
    """
    if format_of(path) is not None:
        with open_archive(path) as archive:
            return _of_archive(archive, path)
    with named(path), opened(path) as found:
        if found.format not in _TEXTS or found.text is None:
            raise FileError("probabilities come as .npy, .npz, .safetensors, .parquet, .zarr, .h5 or .csv: give these")
        return _of_table(list(Lines(found.text)), ".tsv" if found.format == "tsv" else "")


def _of_archive(archive: Archive, path: Path) -> Read:
    layouts = {name: archive.layout(name) for name in archive.names()}
    labels = next((name for name in layouts if name.casefold() in LABELS), None)
    truth = None if labels is None else archive.read(labels)
    if path.suffix.casefold() == ".npy":
        key = npy_parts(path)[1]
        return archive.read(key), archive.classes(), truth if labels != key else None
    floats = {name: layout for name, layout in layouts.items() if layout.dtype.startswith(("float", "bfloat"))}
    matrices = [name for name, layout in floats.items() if len(layout.shape) == 2 and name != labels]
    usual = [name for name in layouts if name.casefold() in PROBABILITIES]
    chosen = usual if len(usual) == 1 else matrices
    if len(chosen) == 1:
        return archive.read(chosen[0]), archive.classes(), truth
    columns = [name for name, layout in floats.items() if len(layout.shape) == 1 and name != labels]
    if not chosen and columns and path.suffix.casefold() == ".parquet":
        return np.stack([archive.read(name) for name in columns], axis=1), columns, truth
    there = ", ".join(f"{name} {layout.shape}" for name, layout in layouts.items()) or "nothing"
    raise FileError(f"{path}: which array holds the probabilities? Name it 'probabilities' (there is {there})")


def named_square(path: Path) -> tuple[NDArray[Any], list[str] | None, list[str] | None]:
    """Read a table with a row and a column for every class, whose names may stand in its first column and row.

    Parameters
    ----------
    path : Path

    Returns
    -------
    values : ndarray of shape (K, K)
        Whatever shape the file has.
    rows, columns : list of str or None
        Their names.

    Raises
    ------
    FileError, MissingDependencyError
        As `read_file`.
    """
    if format_of(path) is not None:
        values, columns, _ = read_file(path)
        return values, None, None if columns is None else [str(name) for name in columns]
    with named(path), opened(path) as found:
        if found.format not in _TEXTS or found.text is None:
            raise FileError("a square of numbers comes as .npy, .npz or .csv: give one of these")
        header, body = _rows_of_table(list(Lines(found.text)), ".tsv" if found.format == "tsv" else "")
        rows = [row[0] for row in body] if len(body[0]) == len(body) + 1 else None
        first = 0 if rows is None else 1
        columns = [str(place) for place in range(len(body[0]))] if header is None else header
        parts = [_numbers([row[i] for row in body], columns[i], header is not None) for i in range(first, len(body[0]))]
        return np.stack(parts, axis=1), rows, None if header is None else header[first:]


def _of_table(lines: list[str], suffix: str) -> Read:
    return _columns(*_rows_of_table(lines, suffix))


def _rows_of_table(lines: list[str], suffix: str) -> tuple[list[str] | None, list[list[str]]]:
    if not any(line.strip() for line in lines):
        raise FileError("the file is empty: give one row a sample")
    with long_fields():
        mark = find_delimiter(lines[:_HEAD], suffix, cut=len(lines) > _HEAD)
        rows = [[field.strip() for field in row] for row in mark.rows(lines) if any(field.strip() for field in row)]
    header = rows[0] if any(number(field) is None for field in rows[0]) or _counts_columns(rows) else None
    body = rows if header is None else rows[1:]
    if not body:
        raise FileError("there is a header and nothing below it: give one row a sample")
    width = len(body[0])
    if header is not None and len(header) == width - 1:  # as R writes row names
        header = ["", *header]
    for i, row in enumerate(body if header is None else [header, *body]):
        if len(row) != width:
            raise FileError(f"row {i + 1} has {len(row)} fields and others have {width}: give one a column")
    if mark.mark != ",":  # then a comma is that of a number: 0,25
        body = [[field.replace(",", ".") for field in row] for row in body]
    return header, body


def _counts_columns(rows: list[list[str]]) -> bool:
    """Whether the first row is 0, 1, 2, … as pandas calls columns without a name, and not the first of the numbers."""
    first, body = rows[0], rows[1:]
    if first != [str(place) for place in range(len(first))]:
        return False
    # A row of costs may count so, in a square; probabilities end at 1, and are hardly ever written without a fraction.
    fractions = any("." in field or "," in field or "e" in field.casefold() for row in body for field in row)
    return len(body) == len(first) or (len(rows) != len(first) and (len(first) > 2 or fractions))


def _columns(header: list[str] | None, body: list[list[str]]) -> Read:
    names = header or [""] * len(body[0])
    held = list(zip(*body, strict=True))
    labels = next((i for i, name in enumerate(names) if name.casefold() in LABELS), None)
    ids = 0 if header is not None and names[0].casefold() in _IDS and len(names) > 1 and labels != 0 else None
    kept = [i for i in range(len(names)) if i not in (labels, ids)]
    if not kept:
        raise FileError("there is no column of probabilities: give one for each class")
    values = np.empty((len(body), len(kept)))
    for place, i in enumerate(kept):
        values[:, place] = _numbers(held[i], names[i] or str(i), header is not None)
    truth = None if labels is None else np.array(held[labels])
    return values, None if header is None else [names[i] for i in kept], truth


def _numbers(texts: Sequence[str], name: str, has_header: bool) -> NDArray[np.float64]:
    try:
        return np.array(texts, dtype=np.float64)
    except ValueError:
        for row, text in enumerate(texts):
            if number(text) is None:
                place = f"row {row + 1 + has_header}, column {name!r}, holds {text!r}"
                raise FileError(f"{place}: give numbers, and a header that calls other columns 'id' or 'y'") from None
        raise FileError(f"column {name!r} holds what is no number: give probabilities") from None
