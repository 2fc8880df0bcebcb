"""Whether the first row of a text table names the columns."""

from collections import Counter
from collections.abc import Sequence

from penultimate.counts.columns import is_known
from penultimate.counts.deciding import are_ids
from penultimate.counts.texts import is_file, number
from penultimate.errors import FileError


def find_header(rows: Sequence[Sequence[str]], column: str | None) -> tuple[bool, str]:
    """Whether the first row is a header, and what to say of it when only the data told.

    It is one when a column of that name is asked for, when it holds a usual name and no number, when it is the only row
    without numbers or without files in a column of them, or when it has a word that occurs nowhere else in a column
    where all others repeat. Numbers that pandas gives to columns without a name, 0, 1, 2, … in order, do not count as
    numbers here; and where nothing but the first row of a column is a number, it is such a name. Above nothing but
    numbers they are the first of these as a rule.

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
    # What pandas calls columns without a name is no more a name than a label, unless something else tells.
    counted = _counts_on(first)
    if any(is_file(name) or (number(name) is not None and not counted) for name in first):
        return False, ""
    said = [(name, held) for name, held in zip(first, columns, strict=True) if number(name) is None]
    known = any(is_known(name) for name, _ in said)
    if not body:
        return known and len(said) == len(first), ""
    again = any(name in held for name, held in said)
    if (known or any(not name for name, _ in said)) and not again:
        return True, ""
    if any(all(number(text) is not None for text in held) or all(map(is_file, held)) for _, held in said):
        return True, ""
    if counted and any(
        number(name) is not None and all(number(text) is None for text in held)
        for name, held in zip(first, columns, strict=True)
    ):
        return True, ""
    if again or (column is not None and column.isdecimal()):
        return False, ""
    if not said:
        return _numbers_above_numbers(first, columns) if counted else (False, "")
    if len(said) < len(first):
        _check_no_class(first, columns)
        return False, ""
    return _by_repeats(first, columns, column)


def _numbers_above_numbers(first: Sequence[str], columns: Sequence[Sequence[str]]) -> tuple[bool, str]:
    """Whether ``0`` above nothing but numbers is what pandas calls a column without a name, or the first of them.

    It is a name above numbers that are written otherwise, and above rows that are numbered from 0 on themselves. Where
    it occurs nowhere else it is refused, unless it goes on with such numbers; else it is taken for one of them.
    """
    found = [[value for text in held if (value := number(text)) is not None] for held in columns]
    for name, held, numbers in zip(first, columns, found, strict=True):
        numbered = len(first) > 1 and len(numbers) == len(held) and name in held and are_ids(numbers)
        if numbered or all("." in text for text in held):
            return True, ""
    line, once = (
        f"line 1, {','.join(first)!r},",
        all(float(name) not in held for name, held in zip(first, found, strict=True)),
    )
    if once and not any(are_ids([float(name), *held]) for name, held in zip(first, found, strict=True)):
        raise FileError(
            f"{line} may be a header as pandas writes it, or the first of the numbers: say --column 0 if it is the "
            f"header, --column {len(first)} if it is not"
        )
    return False, f"; {line} is taken for data, --column 0 if it is the header"


def _check_no_class(first: Sequence[str], columns: Sequence[Sequence[str]]) -> None:
    """Refuse ``taxon,0`` above a table without another zero: a class without samples, or what pandas made of sizes."""
    places = [place for place, name in enumerate(first) if number(name) is not None]
    if len(first) != 2 or len(places) != 1:
        return
    sizes, names = columns[places[0]], columns[1 - places[0]]
    found = [value for text in sizes if (value := number(text)) is not None]
    # 0, 1, 2, … are ids, which are told as such.
    if len(found) == len(sizes) and all(found) and len(set(names)) == len(names) and not are_ids([0.0, *found]):
        raise FileError(
            f"line 1, {','.join(first)!r}, may be a class without samples, or a header as pandas writes it: say "
            f"--column {places[0] + 1} if it is a class, --column 0 if it is the header"
        )


def _counts_on(first: Sequence[str]) -> bool:
    """Whether all numbers among some names are 0, 1, 2, … in this order."""
    numbers = [name for name in first if number(name) is not None]
    return numbers == [str(place) for place in range(len(numbers))]


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
