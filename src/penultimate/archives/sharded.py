"""Checkpoints as libraries of models save them: one file, a folder, or shards with an index that says what is where."""

import json
import re
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

from numpy.typing import NDArray

from penultimate.archives.archive import Archive, Layout
from penultimate.archives.formats import open_archive
from penultimate.archives.gguf_file import open_gguf
from penultimate.archives.onnx_file import open_onnx
from penultimate.archives.packed import Packed, read_packed
from penultimate.archives.torch_file import PYTORCH, open_torch
from penultimate.errors import FileError
from penultimate.files import regular

_INDEX = ".index.json"
_SHARD = re.compile(r"-\d+-of-\d+\.safetensors$")
# What transformers called its weights before .safetensors.
_PYTORCH = "pytorch_model.bin"
_PICKLES = (*PYTORCH, ".pkl", ".pickle")
# An index of a hundred thousand tensors takes 10 MiB.
_LARGEST_INDEX = 256 << 20
_ARRAYS = (".npz", ".safetensors", ".npy")
_READERS: Mapping[str, Callable[[Path], AbstractContextManager[Archive]]] = {
    ".onnx": open_onnx,
    ".gguf": open_gguf,
    **dict.fromkeys(PYTORCH, open_torch),
}


@contextmanager
def open_checkpoint(path: Path) -> Generator[Archive]:
    """Open the named arrays of a trained model.

    Parameters
    ----------
    path : Path
        A .npz, .npy, .safetensors, .onnx or .gguf file; one of PyTorch's (.pt, .pth, .bin, .ckpt), which its
        weights_only loader reads; the ``….safetensors.index.json`` of shards; or a folder with one of these.

    Yields
    ------
    Archive

    Raises
    ------
    FileError
        When it is missing, damaged, a pickle of more than tensors, or a folder that does not tell which file is meant.
    MissingDependencyError
        When the library that reads it is not installed.
    """
    files = _of_folder(path) if path.is_dir() else path
    if isinstance(files, Path) and files.suffix.casefold() not in _READERS:
        refuse_pickle(files)
        files = _of_index(files) if files.name.endswith(_INDEX) else files
    if not isinstance(files, Path):
        with ExitStack() as stack:
            yield ShardedArchive(files, stack)
        return
    suffix = files.suffix.casefold()
    regular(files)
    if suffix not in (*_READERS, *_ARRAYS):
        raise FileError(f"{files}: this is none of {', '.join([*_ARRAYS, *_READERS])}: write it as one of these")
    with _READERS[suffix](files) if suffix in _READERS else open_archive(files, _ARRAYS) as archive:
        yield archive


def refuse_pickle(path: Path) -> None:
    """Refuse a file that could only be read by unpickling it.

    Raises
    ------
    FileError
        By its suffix.
    """
    if path.suffix.casefold() in _PICKLES:
        raise FileError(
            f"{path}: this is a pickle, which can run any code and is never loaded: load it where you trust it "
            "and write its state_dict with safetensors.torch.save_file"
        )


class ShardedArchive:
    """Arrays in several files, each opened when something in it is asked for.

    Parameters
    ----------
    files : mapping of str to Path
        The file of every array.
    stack : ExitStack
        Closes them.
    """

    def __init__(self, files: Mapping[str, Path], stack: ExitStack) -> None:
        self._files = files
        self._stack = stack
        self._open: dict[Path, Archive] = {}

    def names(self) -> list[str]:
        """Names of the arrays of all shards."""
        return list(self._files)

    def layout(self, name: str) -> Layout:
        """Shape and type of an array."""
        return self._shard(name).layout(name)

    def read(self, name: str) -> NDArray[Any]:
        """All of an array."""
        return self._shard(name).read(name)

    def packed(self, name: str) -> Packed | NDArray[Any]:
        """A matrix as it is stored, where its shard can keep it so."""
        return read_packed(self._shard(name), name)

    def blocks(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Rows of an array from `start` on, cut at the multiples of `size`."""
        return self._shard(name).blocks(name, start, size)

    def classes(self) -> Sequence[object] | None:
        """Shards name no classes."""
        return None

    def _shard(self, name: str) -> Archive:
        path = self._files[name]
        if path not in self._open:
            self._open[path] = self._stack.enter_context(open_archive(path, (".safetensors",)))
        if name not in self._open[path].names():
            raise FileError(f"{path}: the index says that {name!r} is in this file, and it is not: write both again")
        return self._open[path]


def _of_folder(folder: Path) -> Path | dict[str, Path]:
    """The file of a checkpoint's folder, its index, or where its shards have what."""
    files = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    known = [file for file in files if file.suffix.casefold() in (".safetensors", ".npz")]
    indices = [file for file in files if file.name.endswith(f".safetensors{_INDEX}")]
    shards = [file for file in known if _SHARD.search(file.name)]
    for few in (indices, [file for file in known if file.name == "model.safetensors"], shards or known):
        if len(few) == 1:
            return few[0]
    if indices or (known and not shards):
        named = ", ".join(file.name for file in indices or known)
        raise FileError(f"{folder}: there are several files, {named}: name the one that holds the head")
    if shards:
        return _of_shards(shards)
    for kind in (".onnx", ".gguf", _PYTORCH):
        only = [file for file in files if file.name.casefold().endswith(kind)]
        if len(only) == 1:
            return only[0]
    for file in files:
        refuse_pickle(file)
    raise FileError(f"{folder}: the folder has no checkpoint: give one with .safetensors or .npz files")


def _of_shards(shards: Sequence[Path]) -> dict[str, Path]:
    """Shards without an index."""
    where: dict[str, Path] = {}
    for shard in shards:
        with open_archive(shard, (".safetensors",)) as archive:
            where |= dict.fromkeys(archive.names(), shard)
    return where


def _of_index(path: Path) -> dict[str, Path]:
    if not path.exists():
        raise FileError(f"{path}: there is no such file or folder: check the path")
    if path.stat().st_size > _LARGEST_INDEX:
        raise FileError(f"{path}: an index of a checkpoint has no {path.stat().st_size} bytes: give that of one")
    try:
        read: object = json.loads(path.read_bytes())
    except (ValueError, RecursionError, OSError) as error:
        raise FileError(f"{path}: the index is damaged ({str(error).partition(chr(10))[0]}): write it again") from None
    where = cast(dict[str, object], read).get("weight_map") if isinstance(read, dict) else None
    if not isinstance(where, dict) or not where:
        raise FileError(f"{path}: there is no weight_map, which says what is in which file: give a checkpoint's index")
    files: dict[str, Path] = {}
    for name, file in cast(dict[str, object], where).items():
        # A name of a file beside the index, so that no index can point elsewhere.
        if not isinstance(file, str) or Path(file).name != file:
            raise FileError(f"{path}: {file!r} is no name of a file beside the index: write it again")
        refuse_pickle(path.parent / file)
        files[name] = path.parent / file
    return files
