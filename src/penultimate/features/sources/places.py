"""Where samples are to be found again: the file and the row of each, and its id where the file has one."""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
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
    files = [part.path if isinstance(part, FileSource) else str(part) for part in parts]
    return places_in(files, [part.samples for part in parts], rows)


def places_in(files: Sequence[Path | str], samples: Sequence[int], rows: Int[np.ndarray, "..."]) -> SamplePlaces:
    """The same for files of so many samples each; what is called by a text is no file.

    Parameters
    ----------
    files : sequence of Path or str
    samples : sequence of int
    rows : ndarray of int
        As for `places_of`.

    Returns
    -------
    SamplePlaces
    """
    ends = np.cumsum(samples)
    first, wanted, ids = ends - np.asarray(samples), np.unique(rows[rows >= 0]), dict[int, str]()
    for file, start, end in zip(files, first.tolist(), ends.tolist(), strict=True):
        own = wanted[(wanted >= start) & (wanted < end)] - start
        if isinstance(file, Path) and own.size:
            ids |= {start + row: text for row, text in _ids(file, end - start, own)}
    return SamplePlaces(_names(files), first, ids)


def _parts(source: FeatureSource) -> Iterator[FeatureSource]:
    """The files of a source, or what else it is made of, in order."""
    if isinstance(source, Joined):
        for part in source.parts:
            yield from _parts(part)
    elif isinstance(source, Relabelled):
        yield from _parts(source.source)
    else:
        yield source


def _names(files: Sequence[Path | str]) -> tuple[str, ...]:
    if len(files) == 1:
        return ("",)
    if not all(isinstance(file, Path) for file in files):
        return tuple(map(str, files))
    shared = os.path.commonpath([os.path.dirname(os.path.abspath(file)) for file in files])
    return tuple(os.path.relpath(file, shared) for file in files)


def _ids(path: Path, samples: int, rows: Int[np.ndarray, " r"]) -> Iterator[tuple[int, str]]:
    """Rows and their ids, where an array of a usual name has one a sample that can be read."""
    with suppress(FileError), open_archive(path) as archive:
        known = [name for name in named_as(archive.names(), IDS) if archive.layout(name).shape == (samples,)]
        if not known:
            return
        start = 0
        for block in archive.blocks(known[0], 0, block_rows(1)):
            for row in rows[(rows >= start) & (rows < start + len(block))].tolist():
                yield row, _text(block[row - start])
            start += len(block)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


# Rows as they were given.
IN_MEMORY = SamplePlaces(("",), np.zeros(1, dtype=np.int64), {})
