"""Counts from array files: .npy, .npz and Parquet. Nothing is ever unpickled."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import reporting_damage
from penultimate.counts.class_names import NumberedNames
from penultimate.counts.columns import choose, find
from penultimate.counts.labels import Tally, assign, tally
from penultimate.counts.tables import Counted, count_texts
from penultimate.errors import FileError
from penultimate.optional import needed


def read_npy(path: Path, column: str | None, holds: str | None) -> Counted:
    """Read one array of labels, or of counts with ``holds="counts"``.

    Parameters
    ----------
    path : Path
        A .npy file; it is mapped, not loaded.
    column : None
        There are no columns.
    holds : {"counts", "labels"} or None
        What the array holds; None means labels.

    Returns
    -------
    values : array-like of shape (K,)
    names : sequence of str, or None

    Raises
    ------
    FileError
        When the file is damaged, holds Python objects or numbers that cannot be labels, or a column is asked for.
    CountsError
        When labels or counts cannot be.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from penultimate.counts.arrays import read_npy
    >>> path = pathlib.Path(tempfile.mkdtemp(), "labels.npy")
    >>> np.save(path, [0, 1, 1])
    >>> read_npy(path, None, None)[0]
    array([1, 2])
    """
    if column is not None:
        raise FileError(f"a .npy file has no columns: leave out column={column!r}")
    _check_magic(path, b"\x93NUMPY", ".npy array", "numpy.save")
    with reporting_damage(path, "a .npy array"):
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    return _counts_of(array, None, holds or "labels", hint=holds is None)


def read_npz(path: Path, column: str | None, holds: str | None) -> Counted:
    """Read an archive with counts or labels, and perhaps ``classes``, by the rules of `penultimate.counts.columns`.

    Parameters
    ----------
    path : Path
        A .npz file; only the arrays needed are read.
    column : str or None
        Key of the counts or labels.
    holds : {"counts", "labels"} or None
        What they are.

    Returns
    -------
    values : array-like of shape (K,)
    names : sequence of str, or None

    Raises
    ------
    FileError
        When the archive is damaged, holds Python objects, or has no such key.
    CountsError
        When labels or counts cannot be.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from penultimate.counts.arrays import read_npz
    >>> path = pathlib.Path(tempfile.mkdtemp(), "train.npz")
    >>> np.savez(path, y=[0, 1, 1], classes=["cat", "dog", "eel"])
    >>> read_npz(path, None, None)[0]
    array([1., 2., 0.])
    """
    _check_magic(path, b"PK\x03\x04", ".npz archive", "numpy.savez")
    # Opened here, for np.load leaves a damaged archive open.
    with (
        path.open("rb") as file,
        reporting_damage(path, "a .npz archive"),
        np.load(file, allow_pickle=False) as archive,
    ):
        keys: list[str] = list(archive.files)
        choice = choose(keys, column, holds)
        names = choice.names or find(keys, ("classes", "names"))
        array: NDArray[Any] = archive[choice.column]
        classes: NDArray[Any] | None = None if names is None else archive[names]
    return _counts_of(array, classes, choice.holds, hint=holds is None)


def read_parquet(path: Path, column: str | None, holds: str | None) -> Counted:
    """Read a column of counts (and one of class names), or one of labels; only these columns are read.

    Parameters
    ----------
    path : Path
        A Parquet file.
    column : str or None
        Column of counts or labels.
    holds : {"counts", "labels"} or None
        What it holds.

    Returns
    -------
    values : array-like of shape (K,)
    names : sequence of str, or None

    Raises
    ------
    FileError
        When the file is damaged, has no such column, or it holds something else than numbers or labels.
    CountsError
        When the counts cannot be.
    MissingDependencyError
        When pyarrow is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import pyarrow, pyarrow.parquet
    >>> from penultimate.counts.arrays import read_parquet
    >>> path = pathlib.Path(tempfile.mkdtemp(), "train.parquet")
    >>> pyarrow.parquet.write_table(pyarrow.table({"label": ["dog", "cat", "dog"]}), path)
    >>> read_parquet(path, None, None)[1]
    ['cat', 'dog']
    """
    arrow, parquet = (needed(name, "parquet", "a Parquet file") for name in ("pyarrow", "pyarrow.parquet"))
    with reporting_damage(path, "a Parquet file"), parquet.ParquetFile(path) as file:
        schema = file.schema_arrow
        texts = [field.name for field in schema if _is_text(arrow, field.type)]
        choice = choose(list(schema.names), column, holds, nameable=texts)
        table = file.read(columns=[name for name in choice[1:] if name is not None])
        values = _whole_column(arrow, table, choice.column)
        names = None if choice.names is None else _whole_column(arrow, table, choice.names)
    del table
    if choice.holds == "labels":
        return _tallied(arrow, values, choice.column)
    counts = _numbers(arrow, values, choice.column)
    return counts, None if names is None else _names(arrow, names)


def _check_magic(path: Path, magic: bytes, kind: str, writer: str) -> None:
    with path.open("rb") as file:
        if file.read(len(magic)) != magic:
            raise FileError(f"the file is no {kind} (a pickle, perhaps, is never unpickled): write it with {writer}")


def _counts_of(array: NDArray[Any], classes: NDArray[Any] | None, holds: str, *, hint: bool) -> Counted:
    if holds == "counts":
        return array, None if classes is None else classes.tolist()
    if hint and array.dtype.kind == "f":
        raise FileError(f"{array.dtype} numbers cannot be labels: cast them to whole numbers, or say holds='counts'")
    return assign(tally(array), None if classes is None else classes.tolist())


def _is_text(arrow: Any, kind: Any) -> bool:
    if arrow.types.is_dictionary(kind):
        return _is_text(arrow, kind.value_type)
    return bool(arrow.types.is_string(kind) or arrow.types.is_large_string(kind))


def _whole_column(arrow: Any, table: Any, name: str) -> Any:
    values = table.column(name)
    if values.null_count:
        row = values.is_null().index(arrow.scalar(True)).as_py() + 1
        raise FileError(f"column {name!r} has nothing in row {row}: fill it in or drop the row")
    return values.cast(values.type.value_type) if arrow.types.is_dictionary(values.type) else values


def _numbers(arrow: Any, values: Any, name: str) -> NDArray[Any]:
    if arrow.types.is_decimal(values.type):
        values = values.cast(arrow.float64())
    if not (arrow.types.is_integer(values.type) or arrow.types.is_floating(values.type)):
        example = f" (row 1: {values[0].as_py()!r})" if len(values) else ""
        raise FileError(f"column {name!r} holds {values.type}, not numbers{example}: choose another with column=")
    numbers: NDArray[Any] = values.to_numpy()
    return numbers


def _names(arrow: Any, values: Any) -> Iterable[str]:
    if arrow.types.is_integer(values.type) and np.array_equal(values.to_numpy(), np.arange(len(values))):
        return NumberedNames(len(values))
    listed: list[str] = values.to_pylist()
    return listed


def _tallied(arrow: Any, values: Any, name: str) -> Counted:
    whole = bool(arrow.types.is_integer(values.type))
    if not whole and not _is_text(arrow, values.type):
        raise FileError(f"column {name!r} holds {values.type}, neither whole numbers nor text: choose another")
    if not len(values):
        raise FileError(f"column {name!r} has no rows: give one for each sample")
    tallied = values.value_counts()
    labels, counts = tallied.field("values"), tallied.field("counts").to_numpy()
    if not whole:
        return count_texts(dict(zip(labels.to_pylist(), counts.tolist(), strict=True)))
    numbers: NDArray[Any] = labels.to_numpy()
    order = np.argsort(numbers)
    return counts[order], Tally(numbers[order], counts[order]).names
