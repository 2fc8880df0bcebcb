"""Targets from files: several labels a sample, one column a label, or any numbers.

===================  ==================================================================================================
.csv .tsv .txt …     a cell with several labels, and what stands between them (``separator``); or one column of 0 and 1
                     for each label (`penultimate.targets.tables`); compressed too
.json .jsonl         lists of labels, records with a list, COCO annotations (`penultimate.targets.records`)
.npy .npz            a matrix of shape (N, K); a sparse one that scipy.sparse.save_npz wrote
.parquet .feather    a column of lists, or of texts with a separator
a folder             YOLO labels: those of each image
===================  ==================================================================================================
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

from penultimate.archives.archive import Layout, reporting_damage
from penultimate.archives.npy_header import read_header
from penultimate.archives.npz import NpzArchive, open_npz
from penultimate.archives.region import Region
from penultimate.counts.arrow import arrow_table, class_names, parquet_table
from penultimate.counts.columns import label_rank
from penultimate.counts.folders import yolo_labels
from penultimate.counts.opening import Opened, opened
from penultimate.counts.readers import lines_of, whole_text
from penultimate.counts.yolo import names_of_classes, objects_of_images
from penultimate.errors import CountsError, FileError
from penultimate.targets.found import Found
from penultimate.targets.label_sets import checked_sets, names_sets, split
from penultimate.targets.matrices import Rows, rows_of, scipy_sparse
from penultimate.targets.records import read_json, read_json_lines
from penultimate.targets.tables import read_table

# Letters, rows and numbers by which a file is told to hold label sets, and that are read at once.
_PEEK, _BATCH, _NUMBERS = 1 << 16, 1 << 14, 1 << 22
# What scipy.sparse.save_npz writes, and as much of it as tells where entries are; values are one where there are none.
_PARTS = (frozenset(("data", "shape", "format")), frozenset(("indptr", "indices")), frozenset(("row", "col")))
_SPARSE = "a sparse matrix"
_BETWEEN = re.compile(r"[\s,]*")
# A flat list that ends its line: one record of several, and no list of them.
_LINE = re.compile(r"\[[^\[\]{}]*\]\s*\n")
_LIST = re.compile(r"(large_)?list(_view)?<\w+: (string|large_string|u?int\d+|dictionary<.*>)( not null)?>")
_MATRICES = ("y", "labels", "targets", "tags")


def read_targets(file: Opened, separator: str | None, column: str | None) -> Found:
    """Read an open file by the rules of this module; rows are read as they are asked for.

    Parameters
    ----------
    file : Opened
    separator : str or None
        What stands between the labels of a text.
    column : str or None
        Column, entry or array to read.

    Returns
    -------
    Found

    Raises
    ------
    FileError
        When its form is not known, or it does not tell what to read.
    CountsError
        When what it holds cannot be targets, or the separator is empty.
    """
    if separator == "":
        raise CountsError("the separator is empty: say what stands between the labels, such as ';'")
    match file.format, file.text:
        case "json", text if text is not None:
            return read_json(whole_text(text), separator, column)
        case "jsonl", text if text is not None:
            return read_json_lines(lines_of(text), separator, column)
        case "npy", _:
            return _of_npy(file.path)
        case "npz", _:
            return _of_npz(file.path, column)
        case "parquet" | "arrow", _:
            return _of_arrow(file, separator, column)
        case kind, text:
            return read_table(() if text is None else lines_of(text), separator, column, f".{kind}")


def read_images(folder: Path) -> Found:
    """The labels of each image of a YOLO data set.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Found

    Raises
    ------
    FileError
        When it holds none.
    """
    labels = yolo_labels(folder)
    if labels is None:
        raise FileError("the folder holds no YOLO labels: a folder of classes has one label a sample")
    images = [[str(k) for k in dict.fromkeys(objects)] for objects in objects_of_images(labels)]
    highest = max((int(k) for image in images for k in image), default=-1)
    names = names_of_classes(labels, folder, highest)
    if names is not None:
        images = [[names[int(k)] for k in image] for image in images]
    return Found(checked_sets(images), (), names, f"labels of each image in YOLO labels below {labels}")


def holds_label_sets(path: str | Path, column: str | None = None, format: str | None = None) -> bool:
    """Whether a file holds several labels a sample without doubt: a matrix, a column of lists, lists that differ.

    Parameters
    ----------
    path : path-like
    column : str, optional
        The one asked for.
    format : str, optional
        Where the suffix does not tell.

    Returns
    -------
    bool
        False for what can be read only once, and for files that cannot be read: who reads them says why.
    """
    if str(path) == "-" or not Path(path).is_file():
        return False
    try:
        with opened(Path(path), format) as file:
            match file.format:
                case "npy":
                    return _is_wide(_npy_region(file.path).layout)
                case "npz":
                    with open_npz(file.path) as archive:
                        return _matrix_of(archive, column) is not None
                case "parquet" | "arrow":
                    chosen = _list_column(file, column)
                    return chosen is not None and _holds_several(file, chosen)
                case "json" | "jsonl":
                    return file.text is not None and _starts_with_sets(file.text.read(_PEEK), column)
                case _:
                    return False
    except (FileError, OSError, UnicodeDecodeError):
        return False


def column_of_sets(path: str | Path, column: str | None, separator: str | None) -> str | None:
    """The column of a Parquet file that holds label sets beside its features.

    Parameters
    ----------
    path : path-like
    column, separator : str or None
        As for `read_targets`.

    Returns
    -------
    str or None
        None where there is no such column; lists of numbers of one length are a matrix, and no sets.
    """
    with opened(Path(path), None) as file:
        if file.format != "parquet":
            return None
        if separator is not None:
            return _text_column(file, column)
        chosen = _list_column(file, column)
        if chosen is None or not _holds_several(file, chosen):
            return None
        with _table(file) as table:
            if "string" in str(table.schema.field(chosen).type):
                return chosen
            cells = (cell for batch in table.batches([chosen], _BATCH) for cell in batch.column(0).to_pylist())
            return chosen if len({len(cell or ()) for cell in cells}) > 1 else None


def _npy_region(path: Path) -> Region:
    with reporting_damage(path, "a .npy array"), path.open("rb") as file:
        return read_header(file, path, "the array", 0, path.stat().st_size)


def _of_npy(path: Path) -> Found:
    region = _npy_region(path)
    shape = region.layout.shape
    if len(shape) != 2:
        raise FileError(f"the array has shape {shape}: give one row for each sample and one column for each label")
    return Found(None, _rows(region.blocks(0, _step(shape[1]))), None, f"an array of shape {shape}")


def _of_npz(path: Path, column: str | None) -> Found:
    with open_npz(path) as archive, reporting_damage(path, "an .npz archive"):
        key = _matrix_of(archive, column)
        if key is None:
            raise FileError(
                f"no array of shape (N, K) is named like targets; the archive holds {', '.join(archive.names())}: "
                "choose one with --column"
            )
        names = next(
            (archive.read(k).ravel() for k in archive.names() if k in ("classes", "names", "label_names")), None
        )
        held = None if names is None else list(map(str, names.tolist()))
        if key == _SPARSE:
            matrix = _sparse_of(archive)
            return Found(None, rows_of(matrix, any_real=True), held, f"a sparse matrix of shape {matrix.shape}")
        shape = archive.layout(key).shape
        blocks = list(_rows(archive.blocks(key, 0, _step(shape[1]))))
    return Found(None, blocks, held, f"an array {key!r} of shape {shape}")


def _matrix_of(archive: NpzArchive, column: str | None) -> str | None:
    """The array of targets, or that the archive is a sparse matrix."""
    keys = archive.names()
    if column is None and any(parts <= set(keys) for parts in _PARTS):
        return _SPARSE
    if column is not None:
        return column if column in keys and _is_wide(archive.layout(column)) else None
    wide = [key for key in keys if _is_wide(archive.layout(key))]
    named = [key for key in wide if key.casefold() in _MATRICES or label_rank(key) is not None]
    if len(named) == 1:
        return named[0]
    return (
        wide[0]
        if len(wide) == 1 and len(keys) <= 2 and not any(_is_vector_of_labels(archive, k) for k in keys)
        else None
    )


def _is_vector_of_labels(archive: NpzArchive, key: str) -> bool:
    return len(archive.layout(key).shape) == 1 and label_rank(key) is not None and key not in ("classes", "names")


def _sparse_of(archive: NpzArchive) -> Any:
    """A sparse matrix, of entries, or of rows or columns; values are one where there are none."""
    keys, sparse = archive.names(), scipy_sparse()
    form = str(archive.read("format").astype(str)) if "format" in keys else "csr" if "indptr" in keys else "coo"
    if form not in ("csr", "csc", "coo"):
        raise FileError(
            f"the sparse matrix is stored as {form!r}: save it with scipy.sparse.save_npz of matrix.tocsr()"
        )
    shape = tuple(map(int, archive.read("shape"))) if "shape" in keys else None
    places = [archive.read(key) for key in (("row", "col") if form == "coo" else ("indices", "indptr"))]
    data = archive.read("data") if "data" in keys else np.ones(places[0].size)
    if form == "coo":
        return sparse.coo_array((data, tuple(places)), shape=shape).tocsr()
    matrix: Any = (sparse.csr_array if form == "csr" else sparse.csc_array)((data, *places), shape=shape)
    matrix.check_format(full_check=True)
    return matrix.tocsr()


def _is_wide(layout: Layout) -> bool:
    return (
        len(layout.shape) == 2 and min(layout.shape) > 1 and layout.dtype.startswith(("int", "uint", "float", "bool"))
    )


def _step(width: int) -> int:
    return max(1, _NUMBERS // max(width, 1))


def _rows(blocks: Iterable[Any]) -> Iterator[Rows]:
    first = 0
    for block in blocks:
        yield from rows_of(block, any_real=None, first=first)
        first += len(block)


def _of_arrow(file: Opened, separator: str | None, column: str | None) -> Found:
    chosen = _list_column(file, column) if separator is None else _text_column(file, column)
    if chosen is None:
        raise FileError(
            "no column holds lists: choose one with --column, and say what stands between the labels of a text with "
            "--separator"
        )
    with _table(file) as table:
        names = class_names(table.schema, chosen)
    return Found(checked_sets(_cells(file, chosen, separator, names)), (), names, f"label sets in column {chosen!r}")


def _cells(file: Opened, chosen: str, separator: str | None, names: Sequence[str] | None) -> Iterator[list[Any]]:
    seen = 0
    with _table(file) as table:
        for batch in table.batches([chosen], _BATCH):
            for cell in batch.column(0).to_pylist():
                seen += 1
                if cell is None:
                    raise FileError(
                        f"column {chosen!r} has nothing in row {seen}: write an empty list, or drop the row"
                    )
                labels: list[Any] = cell if separator is None else split(str(cell), separator)
                yield labels if names is None else [names[int(k)] for k in labels]


def _table(file: Opened) -> Any:
    return (parquet_table if file.format == "parquet" else arrow_table)(file.path)


def _list_column(file: Opened, column: str | None) -> str | None:
    """The column of lists of labels."""
    with _table(file) as table:
        lists = [field.name for field in table.schema if _is_list_of_labels(field.type)]
    lists = [name for name in lists if column in (None, name)]
    if len(lists) > 1:
        lists = [name for name in lists if names_sets(name)]
    return lists[0] if len(lists) == 1 else None


def _holds_several(file: Opened, column: str) -> bool:
    """Whether a column of lists has others than lists of one label."""
    with _table(file) as table:
        first = next(table.batches([column], _BATCH), None)
        cells: list[Any] = [] if first is None else first.column(0).to_pylist()
    return any(cell is None or len(cell) != 1 for cell in cells)


def _text_column(file: Opened, column: str | None) -> str | None:
    with _table(file) as table:
        texts = [field.name for field in table.schema if "string" in str(field.type)]
    if column is not None:
        return column if column in texts else None
    named = [name for name in texts if names_sets(name)]
    return next((found[0] for found in (named, texts) if len(found) == 1), None)


def _is_list_of_labels(kind: Any) -> bool:
    return _LIST.fullmatch(str(kind)) is not None


def _starts_with_sets(text: str, column: str | None) -> bool:
    """Whether JSON begins with lists of labels of several lengths, or records that hold some."""
    decoder, held, place = json.JSONDecoder(), list[Any](), len(text) - len(text.lstrip())
    place += text[place : place + 1] == "[" and not _LINE.match(text, place)
    while place < len(text):
        place = _BETWEEN.match(text, place).end()  # pyright: ignore[reportOptionalMemberAccess]
        try:
            item, place = decoder.raw_decode(text, place)
        except ValueError:
            break
        held.append(item)
    if held and all(isinstance(item, dict) for item in held):
        records = cast(list[dict[str, Any]], held)
        names = [name for name, value in records[0].items() if isinstance(value, list) and column in (None, name)]
        names = [name for name in names if len(names) == 1 or names_sets(name)]
        held = [record.get(names[0]) for record in records] if len(names) == 1 else []
    lists = [cast(list[Any], item) for item in held if isinstance(item, list)]
    plain = all(isinstance(label, str | int) for item in lists for label in item)
    return len(lists) == len(held) > 0 and plain and len({len(item) for item in lists}) > 1
