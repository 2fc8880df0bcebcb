"""Where samples are to be found again: the file and the row of each, and its id where the file has one."""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Int

from penultimate.archives.blocks import block_rows
from penultimate.archives.formats import open_archive
from penultimate.errors import FileError
from penultimate.features.array_names import IDS, named_as
from penultimate.features.sources.file import FileSource
from penultimate.features.sources.parts import Joined, Relabelled
from penultimate.features.sources.source import FeatureSource
from penultimate.reported import OneLine


@dataclass(frozen=True, repr=False)
class SamplePlaces(OneLine):
    """Where samples of a source are to be found.

    Made by `places_of`.

    Attributes
    ----------
    files : tuple of str
        Names of the files in order, from the folder that they share on; one empty name where samples are not in files,
        or all in one.
    first : ndarray of int of shape (files,)
        The number of each file's first sample.
    ids : dict of int to str
        Of samples that were asked for, by their number.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.features.sources.places import SamplePlaces
    >>> places = SamplePlaces(("a.npz", "b.npz"), np.array([0, 100]), {102: "cat-17.png"})
    >>> places.of(3), places.of(102)
    ({'file': 'a.npz', 'row': 3}, {'file': 'b.npz', 'row': 2, 'id': 'cat-17.png'})
    """

    files: tuple[str, ...]
    first: Int[np.ndarray, " f"]
    ids: dict[int, str]

    def of(self, sample: int) -> dict[str, object]:
        """File (where there are several), row there, and id (where there is one) of a sample, by its number."""
        file = int(np.searchsorted(self.first, sample, side="right")) - 1
        found: dict[str, object] = {"file": self.files[file]} if self.files[file] else {}
        found["row"] = sample - int(self.first[file])
        return found | ({"id": self.ids[sample]} if sample in self.ids else {})


def places_of(source: FeatureSource, rows: Int[np.ndarray, "..."]) -> SamplePlaces:
    """Where some samples of a source are to be found.

    Parameters
    ----------
    source : FeatureSource
    rows : ndarray of int
        Their numbers in the order of the source; those below 0 are none.

    Returns
    -------
    SamplePlaces
    """
    parts = list(_parts(source))
    ends = np.cumsum([part.samples for part in parts])
    first = ends - [part.samples for part in parts]
    wanted, ids = np.unique(rows[rows >= 0]), dict[int, str]()
    for part, start, end in zip(parts, first.tolist(), ends.tolist(), strict=True):
        own = wanted[(wanted >= start) & (wanted < end)]
        if isinstance(part, FileSource) and own.size:
            ids |= {start + row: text for row, text in _ids(part, own - start)}
    return SamplePlaces(_names(parts), first, ids)


def _parts(source: FeatureSource) -> Iterator[FeatureSource]:
    """The files of a source, or what else it is made of, in order."""
    if isinstance(source, Joined):
        for part in source.parts:
            yield from _parts(part)
    elif isinstance(source, Relabelled):
        yield from _parts(source.source)
    else:
        yield source


def _names(parts: list[FeatureSource]) -> tuple[str, ...]:
    files = [str(part.path) if isinstance(part, FileSource) else str(part) for part in parts]
    if len(files) == 1:
        return ("",)
    if not all(isinstance(part, FileSource) for part in parts):
        return tuple(files)
    shared = os.path.commonpath([os.path.dirname(file) for file in files])
    return tuple(os.path.relpath(file, shared) for file in files)


def _ids(source: FileSource, rows: Int[np.ndarray, " r"]) -> Iterator[tuple[int, str]]:
    """Rows and their ids, where an array of a usual name has one a sample that can be read."""
    with suppress(FileError), open_archive(source.path) as archive:
        known = [name for name in named_as(archive.names(), IDS) if archive.layout(name).shape == (source.samples,)]
        if not known:
            return
        start = 0
        for block in archive.blocks(known[0], 0, block_rows(1)):
            for row in rows[(rows >= start) & (rows < start + len(block))].tolist():
                yield row, _text(block[row - start])
            start += len(block)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
