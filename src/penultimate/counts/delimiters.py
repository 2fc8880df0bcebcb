r"""What stands between the columns of a text table: told by several lines, not by the first alone.

Tables with one mark between the columns are parsed by Python's csv module. Besides, people have tables that no csv
parser reads: lists ``path label`` and ``name count`` with spaces, ``uniq -c``, ``name: count``, Markdown, tables that a
program printed. These are cut line by line.
"""

import csv
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from penultimate.counts.texts import is_file, number
from penultimate.errors import FileError

Rows = Iterator[list[str]]

# Longer fields than any text of a sample; a quotation mark that is never closed would else swallow the whole file.
LONGEST = 1 << 26

_RULE = re.compile(r"[\s|+\-=:─━│┃║┏┓┗┛┡┩╇┳┻┼├┤└┘┌┐┬┴╞╡╪═╔╗╚╝╠╣╦╩╬┠┨┯┷┿┣┫╋╂╷╵╶╴╭╮╰╯]+")
_BOXES = str.maketrans("│┃║", "|||")
_PAIR = re.compile(r"""^\s*(?:-\s+)?(?P<name>[^:=]*[^:=\s])\s*[:=]\s*(?P<count>[^\s:=]+?)\s*,?\s*$""")
_PRINTED = re.compile(r"(Name: .*, )?dtype: \w+")


class Delimiter(NamedTuple):
    """How lines become rows.

    Attributes
    ----------
    mark : str
        What stands between the columns.
    rows : callable
        From lines to rows of stripped fields; a row without any is a blank line.
    """

    mark: str
    rows: Callable[[Iterable[str]], Rows]


def csv_delimiter(mark: str) -> Delimiter:
    """Columns with one mark between them, quotes understood.

    Parameters
    ----------
    mark : str

    Returns
    -------
    Delimiter

    Examples
    --------
    >>> from penultimate.counts.delimiters import csv_delimiter
    >>> list(csv_delimiter(";").rows(['a;"b;c"']))
    [['a', 'b;c']]
    """

    def rows(lines: Iterable[str]) -> Rows:
        return csv.reader(lines, delimiter=mark, skipinitialspace=True)

    return Delimiter(mark, rows)


@contextmanager
def long_fields() -> Generator[None]:
    """Let the csv module read texts of any sensible length in the block, and turn its errors into one of ours.

    Raises
    ------
    FileError
        When it gives up: a quotation mark is never closed, say.
    """
    before = csv.field_size_limit(LONGEST)
    try:
        yield
    except csv.Error as error:
        raise FileError(f"the file is no table ({error}): check its quotes") from None
    finally:
        csv.field_size_limit(before)


def find_delimiter(lines: list[str], suffix: str = "", *, cut: bool = False) -> Delimiter:
    r"""What stands between the columns.

    Parameters
    ----------
    lines : list of str
        The first of the file.
    suffix : str, default ""
        Of the file: a hint where two marks would do.
    cut : bool, default False
        Whether the file goes on: the last row may then be incomplete.

    Returns
    -------
    Delimiter

    Examples
    --------
    >>> from penultimate.counts.delimiters import find_delimiter
    >>> delimiter = find_delimiter(["a.png 0\n", "b.png 1\n"])
    >>> list(delimiter.rows(["c d.png 10"]))
    [['c d.png', '10']]
    """
    filled = [line for line in lines if line.strip()]
    if filled and all(line.lstrip().startswith(tuple("|│┃║")) or _RULE.fullmatch(line) for line in filled):
        return Delimiter("|", _piped)
    marks = ("\t", ";", ",", "|") if suffix == ".tsv" else (",", ";", "\t", "|")
    scored = [(_score(filled, mark, cut), -i, mark) for i, mark in enumerate(marks)]
    best, _, mark = max(scored)
    spaced = _spaced(filled)
    if best >= 2 or (best >= 1 and spaced is None):
        return csv_delimiter(mark)
    if spaced is not None:
        return spaced
    # No mark parts every line: the mark of most lines, so that the others can be named.
    return csv_delimiter(mark if best > 0 else marks[0])


def _score(lines: list[str], mark: str, cut: bool) -> float:
    """0 when it parts no row, below 1 when it parts some, and above with columns of numbers and files."""
    try:
        rows = [[field.strip() for field in row] for row in csv_delimiter(mark).rows(lines)]
    except csv.Error:
        return 0.0
    rows = [row for row in (rows[:-1] if cut else rows) if row]
    widths = Counter(map(len, rows))
    width, times = widths.most_common(1)[0] if widths else (1, 0)
    if width < 2:
        return 0.0
    if times < len(rows):
        return 0.9 * times / len(rows) if len(rows[0]) == width and 2 * times > len(rows) else 0.0
    body = rows[1:] or rows
    typed = sum(all(map(_is_typed, column)) for column in zip(*body, strict=True))
    return 1.0 + typed


def _is_typed(text: str) -> bool:
    return is_file(text) or number(text.replace(",", ".", 1)) is not None


def _spaced(lines: list[str]) -> Delimiter | None:
    """How lines without a mark are cut, if there is a way in which the columns make sense."""
    if lines and _PRINTED.fullmatch(lines[-1].strip()):
        lines = lines[:-1]
    body = lines[1:] or lines
    if _is_printed_frame(lines[:1], [_fields(line) for line in body]):
        return Delimiter(" ", _by_line(_fields, len(_fields(body[0]))))
    for mark, cut_line in ((":", _pair), (" ", _last), (" ", _first), (" ", _fields)):
        for whole in (lines, body):
            rows = [cut_line(line) for line in whole]
            if _makes_sense(rows, cut_line) and (whole is lines or _is_head(cut_line(lines[0]), lines[0])):
                return Delimiter(mark, _by_line(cut_line, len(rows[0])))
    return None


def _is_printed_frame(head: list[str], rows: list[list[str]]) -> bool:
    """Whether rows are numbered 0, 1, … below the names of the other columns, as pandas prints them."""
    width = len(rows[0]) if rows else 0
    numbered = [row[0] for row in rows if len(row) == width] == [str(i) for i in range(len(rows))]
    return width > 2 and numbered and len(_fields(head[0])) == width - 1


def _is_head(row: list[str], line: str) -> bool:
    """Whether the first line may stand above columns that the others have."""
    return all(number(field) is None for field in row) and not is_file(line.strip())


def _makes_sense(rows: list[list[str]], cut_line: Callable[[str], list[str]]) -> bool:
    width = len(rows[0]) if rows else 0
    if width < 2 or any(len(row) != width for row in rows):
        return False
    columns = list(zip(*rows, strict=True))
    files = [all(map(is_file, column)) for column in columns]
    numbers = [all(number(text) is not None for text in column) for column in columns]
    once = [len(set(column)) == len(column) for column in columns]
    if cut_line is _fields:
        return width > 2 and (any(files) or (any(numbers) and once[0]))
    if cut_line is _first:
        return files[0] or (numbers[0] and not numbers[1] and (files[1] or once[1]))
    return numbers[-1] and (files[0] or once[0] or (cut_line is _last and all("/" in text for text in columns[0])))


def _by_line(cut_line: Callable[[str], list[str]], width: int) -> Callable[[Iterable[str]], Rows]:
    def rows(lines: Iterable[str]) -> Rows:
        head = True
        for line in lines:
            fields = cut_line(line) if line.strip() else []
            if head and fields:
                head = False
                if len(fields) != width:
                    # A name above the counts alone, as programs print tables.
                    fields = line.split()
                    fields = ["", *fields] if len(fields) == width - 1 else fields
            elif _PRINTED.fullmatch(line.strip()):
                fields = []
            yield fields

    return rows


def _pair(line: str) -> list[str]:
    found = _PAIR.match(line)
    return [_bare(found["name"]), _bare(found["count"])] if found else [line.strip()]


def _first(line: str) -> list[str]:
    return [_bare(field) for field in line.split(None, 1)]


def _last(line: str) -> list[str]:
    return [_bare(field) for field in line.rsplit(None, 1)]


def _fields(line: str) -> list[str]:
    return [_bare(field) for field in line.split()]


def _bare(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _piped(lines: Iterable[str]) -> Rows:
    for line in lines:
        if _RULE.fullmatch(line):
            yield []
        else:
            yield [
                field.strip() for field in line.translate(_BOXES).strip().removeprefix("|").removesuffix("|").split("|")
            ]
