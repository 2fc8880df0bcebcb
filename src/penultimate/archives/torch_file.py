"""Tensors in PyTorch's own files, by its loader that builds tensors and nothing else.

`torch.load(…, weights_only=True)` understands the few instructions that tensors need, and refuses every other: no code
of the file runs. What it refuses is refused here.
"""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Layout, check_size
from penultimate.archives.blocks import spans
from penultimate.archives.narrow import NARROW, widened
from penultimate.archives.packed import Packed
from penultimate.errors import FileError
from penultimate.optional import needed

PYTORCH = (".pt", ".pth", ".bin", ".ckpt")
_NARROW = {kind: np.dtype(stored) for stored, kind in NARROW.values()}
# Dictionaries within dictionaries: a state_dict among epochs and optimisers, of one part of several.
_DEEPEST = 8


@contextmanager
def open_torch(path: Path) -> Generator["TorchArchive"]:
    """Open a file of PyTorch's.

    Parameters
    ----------
    path : Path

    Yields
    ------
    TorchArchive

    Raises
    ------
    FileError
        When it holds more than tensors, or is damaged.
    MissingDependencyError
        When PyTorch is not installed.
    """
    torch = needed("torch", None, f"reading {path.name}")
    loaded: object = None
    reason = ""
    for mapped in (True, False):  # what old versions wrote cannot be mapped
        try:
            loaded = torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
            break
        except Exception as error:  # its unpickler, its zip and its maps raise nearly anything
            wanted = re.search(r"Unsupported (?:global: GLOBAL|class) (\S+)", str(error))
            reason = f" (it asks for {wanted[1]})" if wanted else ""
    if loaded is None:
        raise FileError(
            f"{path}: this is a pickle that holds more than tensors{reason}, or no file of PyTorch's, and is not "
            "loaded: load it where you trust it and write its state_dict with safetensors.torch.save_file"
        )
    yield TorchArchive(path, dict(_tensors(loaded, torch.Tensor)))


class TorchArchive:
    """The tensors of a file of PyTorch's.

    Parameters
    ----------
    path : Path
    tensors : mapping of str to Tensor
        By their keys, with dots between those of dictionaries within one another.
    """

    def __init__(self, path: Path, tensors: Mapping[str, Any]) -> None:
        self._path = path
        self._tensors = tensors

    def names(self) -> list[str]:
        """Names of the tensors."""
        return list(self._tensors)

    def layout(self, name: str) -> Layout:
        """Shape and type of a tensor."""
        tensor = self._tensors[name]
        return Layout(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))

    def read(self, name: str) -> NDArray[Any]:
        """All of a tensor."""
        stored, kind = self._stored(name), self.layout(name).dtype
        return widened(kind, stored) if kind in _NARROW else stored

    def packed(self, name: str) -> Packed | NDArray[Any]:
        """A matrix as it is stored, where NumPy lacks its type."""
        shape, kind, _ = self.layout(name)
        if kind not in _NARROW or len(shape) != 2:
            return self.read(name)
        return Packed(self._stored(name), (shape[0], shape[1]), partial(widened, kind))

    def blocks(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Rows of a tensor from `start` on, cut at the multiples of `size`."""
        whole = self.read(name)
        for first, end in spans(start, len(whole), size):
            yield whole[first:end]

    def classes(self) -> Sequence[object] | None:
        """State dictionaries name no classes."""
        return None

    def _stored(self, name: str) -> NDArray[Any]:
        tensor, kind = self._tensors[name], self.layout(name).dtype
        check_size(tuple(tensor.shape), tensor.element_size(), f"{self._path}: {name}")
        try:
            whole = tensor.detach().contiguous()
            if kind not in _NARROW:
                return whole.numpy()
            torch = needed("torch", None, f"reading {self._path.name}")
            same_size = torch.uint8 if _NARROW[kind].itemsize == 1 else torch.int16
            return whole.view(same_size).numpy().view(_NARROW[kind])
        except (TypeError, RuntimeError) as error:
            reason = str(error).partition("\n")[0]
            raise FileError(f"{self._path}: {name} is no plain tensor ({reason}): save it as float32") from None


def _tensors(held: object, kind: type, prefix: str = "", depth: int = _DEEPEST) -> Iterator[tuple[str, Any]]:
    """Tensors of dictionaries within one another, by their keys."""
    if isinstance(held, kind):
        yield prefix or "W", held
    elif isinstance(held, Mapping) and depth:
        for key, value in cast(Mapping[object, object], held).items():
            yield from _tensors(value, kind, f"{prefix}.{key}" if prefix else str(key), depth - 1)
