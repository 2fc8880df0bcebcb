"""Arrays in .safetensors, 8-bit floats among them; class names are JSON under ``classes`` in its metadata."""

import json
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Layout, reporting_damage
from penultimate.archives.narrow import NARROW
from penultimate.archives.packed import Packed
from penultimate.archives.region import Region
from penultimate.errors import FileError

_TYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U64": "<u8",
    "U32": "<u4",
    "U16": "<u2",
    "U8": "u1",
    "BOOL": "?",
}


@contextmanager
def open_safetensors(path: Path) -> Generator["SafetensorsArchive"]:
    """Open a .safetensors file.

    Parameters
    ----------
    path : Path

    Yields
    ------
    SafetensorsArchive

    Raises
    ------
    FileError
        When it is damaged or truncated.
    """
    from safetensors import safe_open

    with reporting_damage(path, "a .safetensors file"):
        # The library checks the header and that the tensors fill the file; its NumPy side cannot read bfloat16.
        with cast(Any, safe_open(path, framework="np")):
            pass
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header: dict[str, Any] = json.loads(file.read(length))
        yield SafetensorsArchive(path, header, 8 + length)


class SafetensorsArchive:
    """The tensors of a .safetensors file.

    Parameters
    ----------
    path : Path
    header : dict
        As parsed.
    begin : int
        Where the header ends.
    """

    def __init__(self, path: Path, header: dict[str, Any], begin: int) -> None:
        self._path = path
        self._note: dict[str, str] = header.pop("__metadata__", {})
        self._header = header
        self._begin = begin

    def names(self) -> list[str]:
        """Names of the tensors."""
        return list(self._header)

    def layout(self, name: str) -> Layout:
        """Shape and type of a tensor, of types that NumPy lacks too."""
        entry = self._header[name]
        kind: str = entry["dtype"]
        name_of = np.dtype(_TYPES[kind]).name if kind in _TYPES else NARROW[kind][1] if kind in NARROW else kind
        return Layout(tuple(entry["shape"]), name_of)

    def read(self, name: str) -> NDArray[Any]:
        """All of a tensor."""
        return self._region(name).read()

    def packed(self, name: str) -> Packed | NDArray[Any]:
        """A matrix as it is stored, where NumPy lacks its type."""
        return self._region(name).packed()

    def blocks(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Rows of a tensor from `start` on, cut at the multiples of `size`."""
        return self._region(name).blocks(start, size)

    def classes(self) -> Sequence[object] | None:
        """The JSON list ``classes`` of the metadata, if there is one."""
        if "classes" not in self._note:
            return None
        names: object = json.loads(self._note["classes"])
        if not isinstance(names, list):
            raise FileError(f"{self._path}: classes in the metadata is no list: write json.dumps([name, …])")
        return cast(list[object], names)

    def _region(self, name: str) -> Region:
        entry = self._header[name]
        kind: str = entry["dtype"]
        if kind not in _TYPES and kind not in NARROW:
            raise FileError(f"{self._path}: {name} is of type {kind}: save it as bfloat16, float16 or float32")
        begin = self._begin + entry["data_offsets"][0]
        stored, narrow = NARROW[kind] if kind in NARROW else (_TYPES[kind], None)
        return Region(self._path, begin, tuple(entry["shape"]), np.dtype(stored), narrow=narrow)
