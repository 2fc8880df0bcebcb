"""Whether the first row of a text table names the columns."""

from collections import Counter
from collections.abc import Sequence

from penultimate.counts.columns import is_known
from penultimate.counts.texts import is_file, number
from penultimate.errors import FileError


def find_header(rows: Sequence[Sequence[str]], column: str | None) -> tuple[bool, str]:
    """Whether the first row is a header, and what to say of it when only the data told.

    It is one when a column of that name is asked for, when it holds a usual name and no number, when it is the only row
    without numbers or without files in a column of them, or when it has a word that occurs nowhere else in a column
    where all others repeat.

    Parameters
    ----------
    rows : sequence of sequence of str
        The first of the table, all of one length.
    column : str or None
        The column asked for.

    Returns
    -------
    header : bool
    note : str
        To be appended to how the table was read; empty where there is no doubt.

    Raises
    ------
    FileError
        When the first row may be a header or not.

    Examples
    --------
    >>> from penultimate.counts.headers import find_header
    >>> find_header([["taxon"], ["newt"], ["eel"], ["newt"], ["eel"]], None)
    (True, "; line 1, 'taxon', is taken for the header, --column 1 if it is a label")
    >>> find_header([["cat"], ["dog"], ["cat"]], None)
    (False, '')
    """
    first, body = rows[0], rows[1:]
    columns = list(zip(*body, strict=True)) or [()] * len(first)
    if column is not None and column.strip().casefold() in (name.casefold() for name in first):
        return True, ""
    if any(number(name) is not None or is_file(name) for name in first):
        return False, ""
    if not body:
        return any(map(is_known, first)), ""
    again = any(name in held for name, held in zip(first, columns, strict=True))
    if (any(map(is_known, first)) or "" in first) and not again:
        return True, ""
    if any(all(number(text) is not None for text in held) or all(map(is_file, held)) for held in columns):
        return True, ""
    if again or (column is not None and column.isdecimal()):
        return False, ""
    return _by_repeats(first, columns, column)


def _by_repeats(first: Sequence[str], columns: Sequence[Sequence[str]], column: str | None) -> tuple[bool, str]:
    times = [Counter(held) for held in columns]
    repeating = [i for i, held in enumerate(times) if 2 * len(held) <= held.total()]
    if not repeating:
        return False, ""
    place = repeating[0]
    if min(times[place].values()) > 1:
        return True, f"; line 1, {first[place]!r}, is taken for the header, --column {place + 1} if it is a label"
    raise FileError(
        f"line 1, {first[place]!r}, may be a header or a label that occurs once: say --column {first[place]!r} if it "
        f"is the header, --column {place + 1} if it is a label"
    )
