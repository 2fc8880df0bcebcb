"""Files that a browser sends, and class counts from them, written as text that can be changed.

A file lies in a folder of its own while it is read. Reports call it by the user's name, and so do errors.
"""

import json
import re
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from penultimate.counts import ClassCounts
from penultimate.errors import PenultimateError
from penultimate.report.kit.numbers import plain

# A name that comes from outside is used where no folder, pattern or system reads more into it. Of any other only what
# tells the format is used: two suffixes at most, as .csv.gz.
_HARMLESS = re.compile(r"\w[\w .()+=@,-]{0,59}")
_SUFFIXES = re.compile(r"(?:\.[A-Za-z0-9]{1,10}){0,2}\Z")


@dataclass(frozen=True)
class Sent:
    """A file of the user's.

    Attributes
    ----------
    slot : str
        What it is to the page.
    name : str
        As the user knows it; its suffix tells the format, and the first bytes where there is none.
    data : bytes
        What it holds.
    """

    slot: str
    name: str
    data: bytes


@contextmanager
def kept(files: Sequence[Sent]) -> Generator[dict[str, Path]]:
    """Paths of files by slot, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {sent.slot: Path(folder, sent.slot, _file_name(sent)) for sent in files}
        for sent in files:
            paths[sent.slot].parent.mkdir()
            paths[sent.slot].write_bytes(sent.data)
        try:
            yield paths
        except PenultimateError as error:
            text = str(error)
            for sent in files:
                text = text.replace(str(paths[sent.slot]), sent.name)
            raise type(error)(text) from None


def read_counts(name: str, data: bytes, holds: str = "") -> ClassCounts:
    """Read class counts, or count labels.

    Parameters
    ----------
    name : str
        Of the file on the user's side.
    data : bytes
        What it holds.
    holds : {"", "counts", "labels"}
        What the user says it holds, if anything.

    Returns
    -------
    ClassCounts

    Raises
    ------
    FileError, CountsError
        As `ClassCounts.read`, with the user's name for the file.

    Examples
    --------
    >>> read_counts("train.json", b'{"cat": 9, "dog": 4}').values
    array([9., 4.])
    """
    with kept([Sent("counts", name, data)]) as paths:
        return ClassCounts.read(paths["counts"], holds=holds or None)  # pyright: ignore[reportArgumentType]


def as_text(counts: ClassCounts) -> str:
    """Class counts as JSON, one class a line: every name as it is, and easy to change by hand.

    Parameters
    ----------
    counts : ClassCounts

    Returns
    -------
    str

    Examples
    --------
    >>> print(as_text(ClassCounts({"cat": 9, "dog": 2.5})))
    {
    "cat": 9,
    "dog": 2.5
    }
    """
    values = map(plain, counts.values.tolist())
    return json.dumps(dict(zip(counts.names, values, strict=True)), indent=0, ensure_ascii=False)


def _file_name(sent: Sent) -> str:
    if _HARMLESS.fullmatch(sent.name):
        return sent.name
    found = _SUFFIXES.search(sent.name)
    return sent.slot + (found[0] if found else "")
