"""Counts from files, by suffix, and from folders.

===================  ==================================================================================================
.csv .tsv .txt       a column of class names and one of counts, or one label a line (`penultimate.counts.tables`)
.json                a mapping of class names to counts, or COCO/LVIS annotations: one sample for each annotation
.npy                 labels; counts with ``holds="counts"``
.npz, .parquet       counts (with class names) or labels, found by name (`penultimate.counts.columns`)
a folder             one sub-folder for each class, sorted by name: one sample for each file in or below it
===================  ==================================================================================================

Hidden files and folders (whose names begin with a dot) do not count. A category without annotations or a sub-folder
without files is a class without samples.
"""

import json
import os
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Literal, cast

from penultimate.counts.arrays import read_npy, read_npz, read_parquet
from penultimate.counts.tables import Counted, read_table
from penultimate.errors import CountsError, FileError, PenultimateError

Holds = Literal["counts", "labels"]


def read_counts(path: Path, column: str | None = None, holds: Holds | None = None) -> Counted:
    """Read class counts from a file or a folder, by the rules of this module.

    Parameters
    ----------
    path : Path
        The file or folder.
    column : str, optional
        Column (table) or key (.npz) of the counts or labels, where the usual names do not tell.
    holds : {"counts", "labels"}, optional
        What the file holds, where its form does not tell.

    Returns
    -------
    values : array-like of shape (K,), or mapping of str to float
    names : sequence of str, or None

    Raises
    ------
    FileError
        When the file is missing, empty, damaged or of no known kind.
    CountsError
        When what it holds cannot be class counts.
    MissingDependencyError
        When it is Parquet and pyarrow is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from penultimate.counts.readers import read_counts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "train.json")
    >>> _ = path.write_text('{"cat": 100, "dog": 40}')
    >>> read_counts(path)
    ({'cat': 100, 'dog': 40}, None)
    """
    if holds not in (None, "counts", "labels"):
        raise CountsError(f"holds={holds!r} is not known: say 'counts' or 'labels'")
    return _reader(path)(path, column, holds)


@contextmanager
def named(path: str | PathLike[str]) -> Generator[None]:
    """Put the path before every error of the block.

    Parameters
    ----------
    path : path-like
        As the user gave it.
    """
    place = f"{fspath(path)}: "
    try:
        yield
    except PenultimateError as error:
        raise type(error)(place + str(error).removeprefix(place)) from None
    except UnicodeDecodeError as error:
        wrong = error.object[error.start]
        raise FileError(
            f"{place}the file is not UTF-8 text (byte 0x{wrong:02x}): save it as UTF-8, or give its true suffix"
        ) from None
    except OSError as error:
        raise FileError(f"{place}cannot be read ({error.strerror or error}): check the path and its rights") from None


Reader = Callable[[Path, str | None, str | None], Counted]


def _reader(path: Path) -> Reader:
    if path.is_dir():
        return _read_folder
    if not path.exists():
        raise FileError("there is no such file or folder: check the path")
    readers = _readers()
    suffix = path.suffix.casefold()
    if suffix not in readers:
        raise FileError(f"files ending in {suffix!r} are not known: give one of {', '.join(readers)}, or a folder")
    if not path.is_file():
        raise FileError("this is neither a regular file nor a folder: give one of these")
    if not path.stat().st_size:
        raise FileError("the file is empty: give one with counts or labels")
    return readers[suffix]


def _readers() -> dict[str, Reader]:
    return {
        ".csv": read_table,
        ".tsv": read_table,
        ".txt": read_table,
        ".json": _read_json,
        ".npy": read_npy,
        ".npz": read_npz,
        ".parquet": read_parquet,
    }


def _read_json(path: Path, column: str | None, holds: str | None) -> Counted:
    _refuse_choices("JSON", column, holds)
    try:
        content: object = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_unique)
    except (PenultimateError, UnicodeDecodeError):  # these are ValueErrors too, and say what is wrong already
        raise
    except (ValueError, RecursionError) as error:
        raise FileError(f"the file is no JSON ({error}): check that it was written to its end") from None
    if not isinstance(content, dict):
        kind = type(content).__name__
        raise FileError(f"the JSON is of type {kind}: give a mapping of names to counts, or COCO/LVIS annotations")
    mapping = cast(dict[str, Any], content)
    if isinstance(mapping.get("annotations"), list):
        return _count_annotations(mapping)
    return mapping, None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        times = Counter(key for key, _ in pairs)
        raise CountsError(f"{max(times, key=times.__getitem__)!r} is given twice: give every class its own name")
    return mapping


def _count_annotations(content: dict[str, Any]) -> Counted:
    try:
        names = {category["id"]: category["name"] for category in content["categories"]}
        listed = len(content["categories"])
        counts = Counter(annotation["category_id"] for annotation in content["annotations"])
    except (KeyError, TypeError) as error:
        reason = f"no key {error}" if isinstance(error, KeyError) else str(error)
        raise FileError(
            f"these are no COCO/LVIS annotations ({reason}): annotations need category_id, categories id and name"
        ) from None
    if len(names) < listed:
        raise FileError("two categories have the same id: give every category its own")
    unknown = next((category for category in counts if category not in names), None)
    if unknown is not None:
        raise FileError(f"an annotation has category_id {unknown!r}, which is none of the {len(names)} categories")
    return [counts[category] for category in names], list(names.values())


def _read_folder(path: Path, column: str | None, holds: str | None) -> Counted:
    _refuse_choices("a folder", column, holds)
    folders = sorted((entry for entry in os.scandir(path) if _shown(entry) and entry.is_dir()), key=lambda e: e.name)
    if not folders:
        raise FileError("the folder has no sub-folders: give one with a sub-folder for each class")
    return {folder.name: _files_below(folder.path) for folder in folders}, None


def _files_below(folder: str) -> int:
    # Links to files count, as data sets are often cut by links; links to folders below a class are not followed,
    # for they may lead in circles.
    total = 0
    waiting = [folder]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in filter(_shown, entries):
                total += entry.is_file()
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
    return total


def _shown(entry: os.DirEntry[str]) -> bool:
    return not entry.name.startswith(".")


def _refuse_choices(kind: str, column: str | None, holds: str | None) -> None:
    for argument, value in (("column", column), ("holds", holds)):
        if value is not None:
            raise FileError(f"{kind} leaves no choice of columns: leave out {argument}={value!r}")
