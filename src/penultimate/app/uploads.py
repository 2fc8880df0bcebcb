"""Class counts from what a browser sends: read as the commands read a file, and written as text that can be changed."""

import json
import re
import tempfile
from pathlib import Path

from penultimate.counts import ClassCounts
from penultimate.errors import PenultimateError
from penultimate.report.kit.numbers import plain

# Of a name that comes from outside, only what tells the format is used: two suffixes at most, as .csv.gz.
_SUFFIXES = re.compile(r"(?:\.[A-Za-z0-9]{1,10}){0,2}\Z")


def read_counts(name: str, data: bytes, holds: str = "") -> ClassCounts:
    """Read class counts, or count labels.

    Parameters
    ----------
    name : str
        Of the file on the user's side; its suffix tells the format, and the first bytes where there is none.
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
    found = _SUFFIXES.search(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "counts" + (found[0] if found else ""))
        path.write_bytes(data)
        try:
            return ClassCounts.read(path, holds=holds or None)  # pyright: ignore[reportArgumentType]
        except PenultimateError as error:
            raise type(error)(str(error).replace(str(path), name)) from None


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
