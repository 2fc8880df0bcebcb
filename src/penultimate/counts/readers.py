"""Counts from files, by format, and from folders.

===================  ==================================================================================================
.csv .tsv .txt …     a table of counts, a list of samples with their labels, or one label a line
                     (`penultimate.counts.tables`); compressed too: .gz .bz2 .xz .zst .zip
.json .jsonl         a mapping of names to counts, records, labels, COCO or LVIS annotations
                     (`penultimate.counts.records`)
.npy .npz            counts or labels (`penultimate.counts.arrays`)
.parquet .feather    a table of counts, or samples with their labels (`penultimate.counts.arrow`)
a folder             one sub-folder for each class, or YOLO labels (`penultimate.counts.folders`)
``-``                standard input
===================  ==================================================================================================
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from functools import partial
from os import PathLike, fspath
from pathlib import Path
from typing import IO

import numpy as np

from penultimate.counts.arrays import read_npy, read_npz
from penultimate.counts.arrow import read_arrow, read_parquet
from penultimate.counts.checks import as_floats
from penultimate.counts.class_names import as_names, is_whole
from penultimate.counts.counted import Counted, Wish, check_named
from penultimate.counts.delimiters import LONGEST
from penultimate.counts.folders import read_folder
from penultimate.counts.opening import Opened, opened
from penultimate.counts.records import read_json, read_json_lines
from penultimate.counts.tables import read_table
from penultimate.errors import FileError, PenultimateError

# The annotations of LVIS, the longest JSON of the field, take 1.1 GB.
_MOST_JSON = 2_000_000_000
_PIECE = 1 << 24


def read_counts(path: Path, wish: Wish | None = None, kind: str | None = None) -> Counted:
    """Read class counts from a file or a folder, by the rules of this module.

    Parameters
    ----------
    path : Path
        The file or folder; ``-`` is standard input.
    wish : Wish, optional
        What the user says of it.
    kind : str, optional
        Its format, where the suffix does not tell.

    Returns
    -------
    Counted

    Raises
    ------
    FileError
        When the file is missing, empty, damaged or of no known kind, or does not tell what it holds.
    CountsError
        When what it holds cannot be class counts.
    MissingDependencyError
        When it is Parquet and pyarrow is not installed.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from penultimate.counts.readers import read_counts
    >>> path = pathlib.Path(tempfile.mkdtemp(), "train.json")
    >>> _ = path.write_text('{"cat": 100, "dog": 40}')
    >>> read_counts(path).origin
    'counts of a mapping: 2 classes, 140 samples'
    """
    wish = Wish() if wish is None else wish
    check_named(wish)
    if path.is_dir():
        return _told(read_folder(path, wish), wish)
    with opened(path, kind) as file:
        return _told(_read(file, wish), wish)


def _read(file: Opened, wish: Wish) -> Counted:
    match file.format, file.text:
        case "json", text if text is not None:
            return read_json(whole_text(text), wish)
        case "jsonl", text if text is not None:
            return read_json_lines(lines_of(text), wish)
        case "npy", _:
            return read_npy(file.path, wish)
        case "npz", _:
            return read_npz(file.path, wish)
        case "parquet", _:
            return read_parquet(file.path, wish)
        case "arrow", _:
            return read_arrow(file.path, wish)
        case kind, text:
            return read_table(() if text is None else lines_of(text), wish, f".{kind}")


def lines_of(text: IO[str]) -> Iterator[str]:
    """Lines, none longer than what is a line of a table, so that one without an end does not fill the memory."""
    return iter(partial(text.readline, LONGEST), "")


def whole_text(text: IO[str]) -> str:
    """All of a text, unless it is longer than any JSON of the field."""
    # In pieces: read() takes the memory for all that it may give before it knows how much there is.
    pieces, letters = list[str](), 0
    while piece := text.read(_PIECE):
        pieces.append(piece)
        letters += len(piece)
        if letters > _MOST_JSON:
            raise FileError(f"the JSON is longer than {_MOST_JSON:,} letters: write one record a line, as .jsonl")
    return "".join(pieces)


def _told(found: Counted, wish: Wish) -> Counted:
    """With the number of classes and samples, and what to say if it was misread."""
    names = None if found.names is None else as_names(found.names)
    values = as_floats(found.values, names)
    with np.errstate(all="ignore"):  # counts that cannot be are refused by their class afterwards
        origin = f"{found.origin}: {values.size:,} classes, {values.sum():,.15g} samples"
    if wish.holds is None and found.origin.startswith("labels") and (names is None or all(map(is_whole, names))):
        origin += "; --holds counts if they are counts"
    return Counted(values, names, origin)


@contextmanager
def named(path: str | PathLike[str]) -> Generator[None]:
    """Put the path before every error of the block.

    Parameters
    ----------
    path : path-like
        As the user gave it.
    """
    place = f"{fspath(path)}: "
    try:
        yield
    except PenultimateError as error:
        raise type(error)(place + str(error).removeprefix(place)) from None
    except UnicodeDecodeError as error:
        wrong = error.object[error.start]
        raise FileError(
            f"{place}the file is not UTF-8 text (byte 0x{wrong:02x}): save it as UTF-8, or give its true suffix"
        ) from None
    except OSError as error:
        raise FileError(f"{place}cannot be read ({error.strerror or error}): check the path and its rights") from None
