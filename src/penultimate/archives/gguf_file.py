"""Tensors in GGUF, the format of llama.cpp, by the `gguf` package; blocks of few bits are widened row by row."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Layout, check_size, reporting_damage
from penultimate.archives.blocks import spans
from penultimate.archives.packed import Packed
from penultimate.optional import needed

_PLAIN = {"F32": "float32", "F16": "float16", "F64": "float64", "BF16": "bfloat16"}
# How far numbers are rounded, relative to the usual one, and a third more: measured on normal numbers with the
# package's own quantiser where it has one; for the others by the same blocks of 16 or 32 with so many bits.
_ROUNDING = {
    "Q8_0": 7e-3,
    "Q6_K": 3e-2,
    "Q5_0": 6e-2,
    "Q5_1": 5e-2,
    "Q5_K": 5e-2,
    "Q4_0": 0.11,
    "Q4_1": 0.1,
    "Q4_K": 0.1,
    "IQ4_NL": 0.1,
    "IQ4_XS": 0.1,
    "MXFP4": 0.15,
    "Q3_K": 0.24,
    "Q2_K": 0.43,
}


@contextmanager
def open_gguf(path: Path) -> Generator["GgufArchive"]:
    """Open a .gguf file; tensors are mapped, not read.

    Parameters
    ----------
    path : Path

    Yields
    ------
    GgufArchive

    Raises
    ------
    FileError
        When it is damaged.
    MissingDependencyError
        When `gguf` is not installed.
    """
    gguf = needed("gguf", "models", "reading GGUF")
    with reporting_damage(path, "a .gguf file"):
        yield GgufArchive(path, gguf.GGUFReader(path), gguf.dequantize)


class GgufArchive:
    """The tensors of a GGUF file, with rows first.

    Parameters
    ----------
    path : Path
    reader : GGUFReader
    dequantise : callable
        Of the package.
    """

    def __init__(self, path: Path, reader: Any, dequantise: Any) -> None:
        self._path = path
        self._reader = reader
        self._tensors = {str(tensor.name): tensor for tensor in reader.tensors}
        self._dequantise = dequantise

    def names(self) -> list[str]:
        """Names of the tensors."""
        return list(self._tensors)

    def layout(self, name: str) -> Layout:
        """Shape and type of a tensor."""
        tensor = self._tensors[name]
        kind: str = tensor.tensor_type.name
        shape = tuple(int(side) for side in reversed(tensor.shape))
        return Layout(shape, _PLAIN.get(kind, kind), _ROUNDING.get(kind))

    def read(self, name: str) -> NDArray[Any]:
        """All of a tensor, widened."""
        shape = self.layout(name).shape
        check_size(shape, 4, f"{self._path}: {name}")
        return self._widen(name)(self._tensors[name].data).reshape(shape)

    def packed(self, name: str) -> Packed | NDArray[Any]:
        """A matrix as it lies in the file."""
        shape = self.layout(name).shape
        if len(shape) != 2:
            return self.read(name)
        return Packed(self._tensors[name].data, (shape[0], shape[1]), self._widen(name))

    def blocks(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Rows of a tensor from `start` on, cut at the multiples of `size`."""
        widen, data = self._widen(name), self._tensors[name].data
        for first, end in spans(start, len(data), size):
            yield widen(data[first:end])

    def classes(self) -> Sequence[object] | None:
        """GGUF names tokens, which may be fewer than rows: `vocabulary`."""
        return None

    def vocabulary(self, rows: int) -> Sequence[object] | None:
        """Its tokens by their numbers, unless there are more of them than rows."""
        field = self._reader.fields.get("tokenizer.ggml.tokens")
        tokens = [] if field is None else [bytes(field.parts[i]).decode("utf-8", "replace") for i in field.data]
        return tokens if 0 < len(tokens) <= rows else None

    def _widen(self, name: str) -> Any:
        kind = self._tensors[name].tensor_type
        return np.asarray if kind.name in ("F32", "F16", "F64") else partial(self._dequantise, qtype=kind)
