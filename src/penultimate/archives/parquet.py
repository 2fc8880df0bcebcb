"""Features in Parquet: a column of lists of numbers, all of one length, and one of labels, read a batch at a time."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Layout, check_size, reblock, reporting_damage
from penultimate.errors import FileError
from penultimate.optional import needed

# A window of a column on the disk: without it a whole row group would be held.
_BUFFER = 4 << 20
# A row group that is larger than this in memory, and by this factor larger than on the disk, holds no features: numbers
# that a network computed do not compress so.
_FREE = 1 << 30
_RATIO = 100


@contextmanager
def open_parquet(path: Path) -> Generator["ParquetArchive"]:
    """Open a Parquet file.

    Parameters
    ----------
    path : Path

    Yields
    ------
    ParquetArchive

    Raises
    ------
    FileError
        When it is damaged or truncated.
    MissingDependencyError
        When pyarrow is not installed.
    """
    arrow, parquet = (needed(name, "parquet", f"{path}: reading it") for name in ("pyarrow", "pyarrow.parquet"))
    with reporting_damage(path, "a Parquet file"):
        with parquet.ParquetFile(path, pre_buffer=False, buffer_size=_BUFFER) as file:
            yield ParquetArchive(path, file, arrow)


class ParquetArchive:
    """The columns of an open Parquet file, as arrays: numbers (N,), lists of numbers (N, d).

    Parameters
    ----------
    path : Path
    file : pyarrow.parquet.ParquetFile
    arrow : module
        pyarrow.
    """

    def __init__(self, path: Path, file: Any, arrow: Any) -> None:
        self._path = path
        self._file = file
        self._arrow = arrow
        self._layouts: dict[str, Layout] = {}

    def names(self) -> list[str]:
        """Names of the columns."""
        return list(self._file.schema_arrow.names)

    def layout(self, name: str) -> Layout:
        """Shape and type of a column; the length of lists that may vary is that of the first."""
        if name not in self._layouts:
            self._layouts[name] = self._measured(name)
        return self._layouts[name]

    def read(self, name: str) -> NDArray[Any]:
        """All of a column."""
        layout = self.layout(name)
        check_size(layout.shape, np.dtype(layout.dtype).itemsize, f"{self._path}: {name}")
        return np.concatenate(list(self._pieces(name, 0, 1 << 16)))

    def blocks(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Rows of a column from `start` on, cut at the multiples of `size`."""
        return reblock(self._pieces(name, start, size), start, size)

    def classes(self) -> None:
        """A table has no place for them."""

    def _measured(self, name: str) -> Layout:
        kind, rows = self._file.schema_arrow.field(name).type, int(self._file.metadata.num_rows)
        if not self._is_list(kind):
            return Layout((rows,), self._type_name(kind))
        self._check_groups(name)
        if self._arrow.types.is_fixed_size_list(kind):
            width = int(kind.list_size)
        else:
            first = next(self._file.iter_batches(batch_size=1, columns=[name], use_threads=False), None)
            width = 0 if first is None else len(first.column(0)[0].as_py() or ())
        return Layout((rows, width), self._type_name(kind.value_type))

    def _check_groups(self, name: str) -> None:
        """Refuse what is made to fill the memory, before any list is read."""
        metadata = self._file.metadata
        column = next(i for i in range(metadata.num_columns) if _root(metadata.schema.column(i)) == name)
        for index in range(metadata.num_row_groups):
            chunk = metadata.row_group(index).column(column)
            if 8 * chunk.num_values > max(_FREE, _RATIO * chunk.total_compressed_size):
                raise FileError(
                    f"{self._path}: {name} would expand from {chunk.total_compressed_size} bytes to "
                    f"{8 * chunk.num_values}: these are no features"
                )

    def _is_list(self, kind: Any) -> bool:
        types = self._arrow.types
        return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))

    def _type_name(self, kind: Any) -> str:
        types = self._arrow.types
        plain = types.is_integer(kind) or types.is_floating(kind)
        return np.dtype(kind.to_pandas_dtype()).name if plain else str(kind)

    def _pieces(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        groups, before = self._groups_from(start)
        skip = start - before
        for batch in self._file.iter_batches(batch_size=size, row_groups=groups, columns=[name], use_threads=False):
            if skip < batch.num_rows:
                yield self._as_array(batch.column(0).slice(skip), name)
            skip = max(0, skip - batch.num_rows)

    def _groups_from(self, start: int) -> tuple[list[int], int]:
        metadata, before = self._file.metadata, 0
        for group in range(metadata.num_row_groups):
            rows = int(metadata.row_group(group).num_rows)
            if before + rows > start:
                return list(range(group, metadata.num_row_groups)), before
            before += rows
        return [], start

    def _as_array(self, column: Any, name: str) -> NDArray[Any]:
        shape = (len(column), *self.layout(name).shape[1:])
        if column.null_count:
            raise FileError(f"{self._path}: {name} has rows without a value: leave these rows out")
        if len(shape) == 1:
            return np.asarray(column.to_numpy(zero_copy_only=False))
        numbers = column.flatten()
        if numbers.null_count:
            raise FileError(f"{self._path}: {name} has lists with missing values: leave these rows out")
        lengths = np.asarray(column.value_lengths().to_numpy(zero_copy_only=False))
        if (lengths != shape[1]).any():
            other = int(lengths[lengths != shape[1]][0])
            raise FileError(f"{self._path}: {name} has lists of {shape[1]} and of {other} numbers: give all one length")
        return np.asarray(numbers.to_numpy(zero_copy_only=False)).reshape(shape)


def _root(column: Any) -> str:
    """Name of the column of a table that one of the file's columns is part of."""
    return str(column.path).partition(".")[0]
