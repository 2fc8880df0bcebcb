"""Features in zarr stores and HDF5 files, whose arrays are cut in chunks: chunks are read whole, each once.

Chunks that a zarr store lacks hold its fill value by the format's own rule: their loss cannot be seen.
"""

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Layout, check_size, check_texts, chunk_span, reblock, reporting_damage
from penultimate.errors import FileError
from penultimate.files import regular
from penultimate.optional import needed


@contextmanager
def open_zarr(path: Path) -> Generator["ChunkedArchive"]:
    """Open a zarr group; class names are its attribute or array ``classes``.

    Parameters
    ----------
    path : Path
        Folder of the store.

    Yields
    ------
    ChunkedArchive

    Raises
    ------
    FileError
        When it is damaged, or one of its codecs would unpickle.
    MissingDependencyError
        When zarr is not installed.
    """
    zarr = needed("zarr", "zarr", f"{path}: reading it")
    # What is no plain file in the folder would be waited for when its chunk is read.
    for entry in path.rglob("*"):
        if not entry.is_dir():
            regular(entry)
    with reporting_damage(path, "a zarr group"):
        group = zarr.open_group(str(path), mode="r")
        arrays = dict(group.arrays())
        for name, array in arrays.items():
            codecs = {key: value for key, value in array.metadata.to_dict().items() if key != "attributes"}
            if "pickle" in json.dumps(codecs, default=str):
                raise FileError(f"{path}: {name} is stored as pickles, which are never loaded: store plain numbers")
        yield ChunkedArchive(path, arrays, dict(group.attrs), lambda array: array[...])


@contextmanager
def open_hdf5(path: Path) -> Generator["ChunkedArchive"]:
    """Open an HDF5 file; class names are its attribute or data set ``classes``.

    Parameters
    ----------
    path : Path

    Yields
    ------
    ChunkedArchive

    Raises
    ------
    FileError
        When it is damaged or truncated.
    MissingDependencyError
        When h5py is not installed.
    """
    h5py = needed("h5py", "hdf5", f"{path}: reading it")
    with reporting_damage(path, "an HDF5 file"), h5py.File(path, "r") as file:
        # Links to other files are not followed: a file of features does not choose what is read.
        own = [name for name in file if not isinstance(file.get(name, getlink=True), h5py.ExternalLink)]
        arrays = {name: file[name] for name in own if file.get(name, getclass=True) is h5py.Dataset}
        for name, array in arrays.items():
            if array.external or array.is_virtual:
                raise FileError(f"{path}: {name} lies in other files: give those as shards")
        yield ChunkedArchive(path, arrays, dict(file.attrs), lambda array: array.asstr()[...])


class ChunkedArchive:
    """The arrays of an open zarr group or HDF5 file.

    Parameters
    ----------
    path : Path
    arrays : dict
        Those of either library, by name.
    attributes : dict
        Of the group.
    texts : callable
        Reads an array of text.
    """

    def __init__(
        self, path: Path, arrays: dict[str, Any], attributes: dict[str, Any], texts: Callable[[Any], Any]
    ) -> None:
        self._path = path
        self._arrays = arrays
        self._attributes = attributes
        self._texts = texts

    def names(self) -> list[str]:
        """Names of the arrays."""
        return list(self._arrays)

    def layout(self, name: str) -> Layout:
        """Shape and type of an array."""
        array = self._arrays[name]
        return Layout(tuple(array.shape), str(array.dtype.name))

    def read(self, name: str) -> NDArray[Any]:
        """All of an array."""
        array = self._arrays[name]
        check_size(array.shape, array.dtype.itemsize, f"{self._path}: {name}")
        return np.asarray(array[...])

    def blocks(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Rows of an array from `start` on, cut at the multiples of `size`."""
        return reblock(self._pieces(name, start, size), start, size)

    def classes(self) -> Sequence[object] | None:
        """The attribute or the array ``classes``, if there is one."""
        if "classes" in self._attributes:
            return list(np.ravel(self._attributes["classes"]).tolist())
        if "classes" not in self._arrays:
            return None
        array = self._arrays["classes"]
        check_size(array.shape, array.dtype.itemsize, f"{self._path}: classes")
        values = array[...] if array.dtype.kind in "iu" else self._texts(array)
        check_texts(np.asarray(values), f"{self._path}: classes")
        return cast(Sequence[object], np.ravel(values).tolist())

    def _pieces(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        array = self._arrays[name]
        chunks: tuple[int, ...] = array.chunks or (size, *array.shape[1:])
        check_size(chunks, array.dtype.itemsize, f"{self._path}: a chunk of {name}")
        span = chunk_span(chunks[0], size)
        for first in range(start // span * span, array.shape[0], span):
            yield np.asarray(array[max(first, start) : first + span])
