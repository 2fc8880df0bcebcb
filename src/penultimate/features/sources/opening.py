"""Opening features by path: one file, a folder of shards, a glob, or a list of files."""

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.formats import SUFFIXES, format_of, open_archive
from penultimate.archives.npy_set import npy_parts
from penultimate.counts.matching import places
from penultimate.errors import FeaturesError, FileError
from penultimate.features.head import Head, checked_names
from penultimate.features.naming import head_in_order
from penultimate.features.sources.file import FileSource, open_source
from penultimate.features.sources.parts import Joined, Relabelled
from penultimate.features.sources.source import FeatureSource

_HEADS = ("head.npz", "head.safetensors")

Place = str | os.PathLike[str]


def open_features(path: Place | Sequence[Place]) -> FeatureSource:
    """Open features for streaming.

    Parameters
    ----------
    path : path-like, or sequence of these
        A file; a folder of shards; a pattern such as ``"run/*.npz"``; or a list of files. Shards are of one format,
        come in natural order (2 before 10; a list keeps its own), and agree in width. Formats: .npz, .safetensors,
        .npy (``NAME_H.npy`` with ``NAME_y.npy`` beside it), .parquet, .zarr, .h5 and .hdf5.

    Returns
    -------
    FeatureSource
        Its head and class names are those of the shards that have them, or of ``head.npz`` or ``head.safetensors``
        beside them in the folder.

    Raises
    ------
    FileError
        When a file is missing, damaged, of no known format, or has no features or labels; the message names it.
    FeaturesError
        When arrays, heads or shards do not fit.
    MissingDependencyError
        When the library of a format is not installed.

    Notes
    -----
    Arrays are found by name: features ``H`` (or features, embeddings, X), of shape (N, d), float16, bfloat16, float32
    or float64; labels ``y`` (or labels, targets), whole numbers, or texts, which then name the classes, sorted; and if
    there are any, ``weights`` (N,; or sample_weight), the head ``W`` of shape (K, d) or ``W_1`` … ``W_L``, its bias
    ``b`` (K,), and class names ``classes``. Without ``W``, one matrix that is called as layers call theirs is the head:
    ``weight``, ``fc.weight``, ``fc_weight`` or, transposed, ``kernel``, with the bias of that name. In .safetensors
    class names are a JSON list in the metadata; zarr groups and HDF5 files may have them as an attribute; Parquet files
    have none.

    In place of H, a log of m columns of each sample has ``columns`` and ``values``, both (N, m): all other entries are
    gaps, NaN (``audit(gaps="observed")``).

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from penultimate.features.sources import open_features
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for shard in range(2):
    ...     np.savez(folder / f"shard-{shard}.npz", H=np.ones((3, 4), np.float32), y=np.array([0, 1, 2]))
    >>> source = open_features(folder)
    >>> source.samples, source.dimension, len(source.shards())
    (6, 4, 2)
    """
    if isinstance(path, str | os.PathLike):
        files, head = shards_at(path)
    else:
        files, head = [Path(entry) for entry in path], None
        if not files:
            raise FileError("the list of files is empty: give at least one")
    _check_list(files)
    sources = _one_list([open_source(file) for file in first_of_sets(files)])
    if len(sources) == 1 and head is None:
        return sources[0]
    return _joined(sources, head)


def array_beside(path: Place, name: str) -> NDArray[Any]:
    """An array of one value a sample that lies beside the features, over all shards.

    Raises
    ------
    FileError
        When a file has none of that name, or it is no such array.
    """
    pieces: list[NDArray[Any]] = []
    for file in first_of_sets(shards_at(path)[0]):
        with open_archive(file) as archive:
            held = archive.names()
            if name not in held:
                raise FileError(f"{file}: there is no array {name!r} (there is {', '.join(held) or 'nothing'})")
            pieces.append(archive.read(name))
        if pieces[-1].ndim != 1:
            raise FileError(f"{file}: {name} has shape {pieces[-1].shape}: give one value for each sample")
    return np.concatenate(pieces)


def shards_at(path: Place) -> tuple[list[Path], Path | None]:
    """The files of features at a path, in order, and the head beside them."""
    place = Path(path)
    if place.is_dir() and format_of(place) is None:
        return _split(list(place.iterdir()), f"{place}: the folder has no files of features")
    if place.exists() or not glob.has_magic(str(place)):
        return [place], None
    found = [Path(match) for match in glob.glob(str(place), recursive=True)]
    return _split(found, f"{place}: no file of features fits this pattern")


def _split(found: list[Path], nothing: str) -> tuple[list[Path], Path | None]:
    known = [file for file in found if not file.name.startswith(".") and format_of(file) is not None]
    heads = [file for file in known if file.name in _HEADS]
    shards = sorted((file for file in known if file not in heads), key=_natural)
    if not shards:
        raise FileError(f"{nothing}: give files of {', '.join(SUFFIXES)}")
    beside = heads or [file for name in _HEADS if (file := shards[0].parent / name).is_file()]
    if len(beside) > 1:
        raise FileError(f"{beside[0]} and {beside[1]} are both heads: keep one")
    return shards, beside[0] if beside else None


def _natural(path: Path) -> list[list[str | int]]:
    def words(part: str) -> list[str | int]:
        return [int(word) if word.isdecimal() else word for word in re.split(r"(\d+)", part)]

    return [words(part) for part in path.parts]


def first_of_sets(files: Sequence[Path]) -> list[Path]:
    """Of each set of .npy files one that stands for all, the first."""
    kept: dict[object, Path] = {}
    for index, file in enumerate(files):
        key = (file.parent, npy_parts(file)[0]) if format_of(file) == ".npy" else index
        kept.setdefault(key, file)
    return list(kept.values())


def _check_list(files: Sequence[Path]) -> None:
    kinds: dict[str | None, Path] = {}
    seen: set[str] = set()
    for file in files:
        kinds.setdefault(format_of(file), file)
        real = os.path.realpath(file)
        if real in seen:
            raise FileError(f"{file}: this file is given twice: its samples would count double")
        seen.add(real)
    if len(files) > 1 and len(kinds) > 1 and None not in kinds:
        first, second = list(kinds.values())[:2]
        raise FileError(f"{first} and {second} are of two formats: give shards of one")


def _joined(sources: Sequence[FileSource], file: Path | None) -> Joined:
    weighted = [source for source in sources if source.keys.weights is not None]
    if weighted and len(weighted) < len(sources):
        other = next(source for source in sources if source.keys.weights is None)
        raise FeaturesError(f"{weighted[0]} has weights and {other} has none: give them in all shards or in none")
    head = _agreed_head(sources, file)
    sources = _one_width(sources, head)
    names = _first_names(sources, head)
    joined = Joined([_in_order(source, names) for source in sources], head, names)
    if head is not None:
        head.check(head.classes, joined.dimension)
    return joined


def _one_list(sources: list[FileSource]) -> list[FileSource]:
    """Shards whose labels are texts count by one list of classes, whichever of these each has."""
    told = [source for source in sources if source.texts is not None]
    if told and len(told) < len(sources):
        other = next(source for source in sources if source.texts is None)
        raise FeaturesError(f"labels are texts in {told[0]} and numbers in {other}: give one kind in all shards")
    texts = tuple(sorted({text for source in told for text in source.texts or ()}))
    alike = all(source.texts == told[0].texts for source in told)
    return sources if alike else [replace(source, names=texts, texts=texts) for source in sources]


def _one_width(sources: Sequence[FileSource], head: Head | None) -> list[FileSource]:
    """Logs of a few columns as wide as the widest of them: the last column may be in none of the others."""
    logs = [source for source in sources if source.keys.columns is not None]
    width = max([source.dimension for source in logs] + ([] if head is None else [head.dimension]), default=0)
    return [replace(source, dimension=width) if source in logs else source for source in sources]


def _agreed_head(sources: Sequence[FileSource], file: Path | None) -> Head | None:
    found = [(str(source), source.head) for source in sources if source.head is not None]
    if file is not None:
        found.insert(0, (str(file), Head.read(file)))
    for place, head in found[1:]:
        if not _same(head, found[0][1]):
            raise FeaturesError(
                f"{found[0][0]} and {place} have different heads: keep the one that read these features"
            )
    return found[0][1] if found else None


def _same(one: Head, other: Head) -> bool:
    """Whether two heads are one, with their rows in any order that names tell."""
    if len(one.weights) != len(other.weights) or one.classes != other.classes:
        return False
    if one.names is not None and other.names is not None and set(one.names) == set(other.names):
        other = head_in_order(other, np.argsort(places(other.names, one.names, "a head", "another")))
    pairs = [*zip(one.weights, other.weights, strict=True), (one.offset, other.offset)]
    return all(np.array_equal(a, b) for a, b in pairs)


def _first_names(sources: Sequence[FileSource], head: Head | None) -> tuple[str, ...] | None:
    """Class names of the head, or of the first shard that has some."""
    if head is not None and head.names is not None:
        return head.names
    found = next((source.names for source in sources if source.names is not None), None)
    return None if found is None else checked_names(found, None if head is None else head.classes)


def _in_order(source: FileSource, names: tuple[str, ...] | None) -> FeatureSource:
    """A shard whose labels count the classes as the names do."""
    if names is None or source.names is None or source.names == names:
        return source.bare()
    return Relabelled(source.bare(), places(source.names, names, str(source), "the head or the first shard"))
