"""Features in several .npy files of one folder: those whose names differ in their last word only belong together.

``train_H.npy`` goes with ``train_y.npy`` (and ``train_W.npy``, ``train_b.npy``, …), ``H.npy`` with ``y.npy``: the last
word, after ``_``, ``-`` or ``.``, is the key that an .npz would have. Naming any one file of a set opens it.
"""

import re
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from penultimate.archives.archive import Layout, reporting_damage
from penultimate.archives.npy_header import read_header
from penultimate.archives.region import Region
from penultimate.files import regular

_PARTS = re.compile(r"^(?P<prefix>.*?)(?P<key>W_\d+|[^_.\-]+)$")


def npy_parts(path: Path) -> tuple[str, str]:
    """What a .npy file shares with the others of its set, and its own key.

    Parameters
    ----------
    path : Path
        A .npy file.

    Returns
    -------
    tuple of str
        Prefix and key; together they are the name without its suffix.

    Examples
    --------
    >>> from pathlib import Path
    >>> from penultimate.archives.npy_set import npy_parts
    >>> npy_parts(Path("run-7_H.npy")), npy_parts(Path("y.npy")), npy_parts(Path("W_2.npy"))
    (('run-7_', 'H'), ('', 'y'), ('', 'W_2'))
    """
    found = _PARTS.match(path.stem)
    return (found["prefix"], found["key"]) if found else ("", path.stem)


@contextmanager
def open_npy(path: Path) -> Generator["NpySet"]:
    """Open the set of .npy files to which one belongs.

    Parameters
    ----------
    path : Path
        Any file of the set.

    Yields
    ------
    NpySet

    Raises
    ------
    FileError
        When one is damaged or truncated.
    """
    with reporting_damage(path, "a .npy array"):
        yield NpySet(path)


class NpySet:
    """The arrays of a set of .npy files.

    Parameters
    ----------
    path : Path
        Any file of the set.
    """

    def __init__(self, path: Path) -> None:
        prefix = npy_parts(path)[0]
        self.files: dict[str, Path] = {}
        for file in sorted(path.parent.glob("*.npy")):
            own, key = npy_parts(file)
            if own == prefix:
                self.files[key] = file

    def names(self) -> list[str]:
        """Keys of the set."""
        return list(self.files)

    def layout(self, name: str) -> Layout:
        """Shape and type of an array."""
        return self._region(name).layout

    def read(self, name: str) -> NDArray[Any]:
        """All of an array."""
        return self._region(name).read()

    def blocks(self, name: str, start: int, size: int) -> Iterator[NDArray[Any]]:
        """Rows of an array from `start` on, cut at the multiples of `size`."""
        return self._region(name).blocks(start, size)

    def classes(self) -> Sequence[object] | None:
        """The array ``classes``, if there is one."""
        return self.read("classes").ravel().tolist() if "classes" in self.files else None

    def _region(self, name: str) -> Region:
        path = regular(self.files[name])
        with path.open("rb") as file:
            return read_header(file, path, name, 0, path.stat().st_size)
