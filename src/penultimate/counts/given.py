"""Whatever a user gives as class counts, as `ClassCounts`."""

from collections.abc import Iterable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

from numpy.typing import ArrayLike

from penultimate.counts.bundled import BUNDLED, bundled_counts
from penultimate.counts.class_counts import ClassCounts
from penultimate.counts.counted import Holds, Order
from penultimate.errors import FileError

Counts = ClassCounts | str | PathLike[str] | Mapping[Any, Any] | ArrayLike | Iterable[Any]
"""What every function that needs class counts takes."""


def counts_of(
    value: Counts,
    column: str | None = None,
    holds: Holds | None = None,
    *,
    order: Order = "number",
    format: str | None = None,
) -> ClassCounts:
    """The class counts that a user means: of a file, a bundled name, numbers, or as they are.

    Parameters
    ----------
    value : ClassCounts, path, bundled name, mapping of names to counts, or array-like of shape (K,)
        A file or folder goes before bundled counts of the same name.
    column, holds, order, format : str, optional
        As in `ClassCounts.read`, for files.

    Returns
    -------
    ClassCounts

    Raises
    ------
    CountsError
        When the numbers cannot be class counts.
    FileError
        When there is neither a file nor bundled counts of that name, or the file cannot be read.

    Examples
    --------
    >>> from penultimate.counts.given import counts_of
    >>> counts_of({"cat": 100, "dog": 40}).names, counts_of([100, 40, 7]).classes, counts_of("lvis").classes
    (('cat', 'dog'), 3, 1203)
    """
    if isinstance(value, ClassCounts):
        return value
    if not isinstance(value, str | PathLike):
        return ClassCounts(value)
    path = fspath(value)
    if path in BUNDLED and not Path(path).exists():
        if column is not None or holds not in (None, "counts") or order != "number" or format is not None:
            raise FileError(
                f"{path} is bundled, and no file that can be read in several ways: leave column, holds, order and "
                "format out"
            )
        return bundled_counts(path)
    if isinstance(value, str) and not Path(path).exists() and path != "-":
        raise FileError(
            f"no file {path!r}, and no bundled counts of that name: the bundled ones are {', '.join(BUNDLED)}"
        )
    return ClassCounts.read(path, column, holds, order=order, format=format)
