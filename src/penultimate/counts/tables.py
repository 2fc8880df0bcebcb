"""Counts from text tables: CSV, TSV, lists of labels, and whatever else people write in lines.

`penultimate.counts.delimiters` says what stands between the columns, `headers` whether the first row names them, and
`deciding` which column is read; all by the first lines. The file is then read once, whatever its length, and only what
is counted is kept.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from operator import itemgetter

from penultimate.counts.columns import is_training
from penultimate.counts.counted import Counted, Wish, of_counts, of_labels
from penultimate.counts.deciding import Choice, Column, decide
from penultimate.counts.delimiters import LONGEST, csv_delimiter, find_delimiter, long_fields
from penultimate.counts.headers import find_header
from penultimate.counts.texts import doubtful_thousands, is_decimal_comma, number
from penultimate.errors import FileError

# By so many lines, or letters, delimiter, header and columns are told.
_HEAD_LINES, _HEAD_LETTERS = 5000, 1 << 22

_CHUNK = 8192

# More different labels than any data set has classes: a column of texts or ids, which would fill the memory.
_MOST_LABELS = 4_000_000


class Lines:
    """Lines of a text, counted.

    Parameters
    ----------
    lines : iterable of str

    Attributes
    ----------
    read : int
        How many have been read.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.read = 0

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.read += 1
            if len(line) >= LONGEST:
                raise FileError(f"line {self.read} is longer than {LONGEST:,} letters: that is no table")
            if "\0" in line:
                raise FileError("the file holds binary data, not text: save it as UTF-8 text, or give its true suffix")
            yield line


def read_table(lines: Iterable[str], wish: Wish, suffix: str = "") -> Counted:
    r"""Read a text table by the rules of this module.

    Parameters
    ----------
    lines : iterable of str
        With their ends.
    wish : Wish
    suffix : str, default ""
        Of the file: ".tsv" is a hint.

    Returns
    -------
    Counted

    Raises
    ------
    FileError
        When it is no text, has no rows, a row does not fit, or the data do not tell which column to read.
    CountsError
        When the counts or labels cannot be.

    Examples
    --------
    >>> from penultimate.counts.counted import Wish
    >>> from penultimate.counts.tables import read_table
    >>> read_table(["dog\n", "cat\n", "dog\n"], Wish())
    Counted(values=[1, 2], names=['cat', 'dog'], origin='labels, one a line')
    """
    counted = Lines(lines)
    rest = iter(counted)
    head, mark, dropped = first_lines(rest)
    if not head:
        raise FileError("the file is empty: give one class or one label a line")
    if head[0].lstrip().startswith(("{", "Counter(")):
        raise FileError("the file is no table, it seems: if it is JSON, call it .json or say --format json")
    cut = len(head) >= _HEAD_LINES or sum(map(len, head)) >= _HEAD_LETTERS
    with long_fields():
        delimiter = find_delimiter(head, suffix, cut=cut) if mark is None else csv_delimiter(mark)
        rows = Rows(delimiter.rows(chain(head, rest)), counted, dropped)
        return count_rows(rows, wish, delimiter.mark)


def first_lines(lines: Iterator[str]) -> tuple[list[str], str | None, int]:
    """The first lines, without comments above the table; the mark if the first line says it; how many were dropped."""
    head: list[str] = []
    letters = 0
    for line in lines:
        head.append(line)
        letters += len(line)
        if len(head) >= _HEAD_LINES or letters >= _HEAD_LETTERS:
            break
    mark = None
    if head and head[0].casefold().startswith("sep=") and len(head[0].strip()) == 5:
        mark = head[0][4]
        return head[1:], mark, 1
    comments = next((i for i, line in enumerate(head) if line.strip() and not line.startswith("#")), len(head))
    if comments and comments < len(head):
        last = head[comments - 1].lstrip("#").lstrip()
        if _width(last) > 1 and _width(last) == _width(head[comments]):
            return [last, *head[comments:]], None, comments - 1
        if comments > 1 or " " in last.strip():
            return head[comments:], None, comments
    return head, mark, 0


def _width(line: str) -> int:
    return max(map(len, find_delimiter([line]).rows([line])), default=0)


class Rows:
    """Rows of one length, in lists; blank ones left out, others refused by line.

    Parameters
    ----------
    rows : iterator of list of str
    lines : Lines
        From which they come.
    dropped : int, default 0
        How many lines stood above.

    Attributes
    ----------
    width : int
        Length of every row.
    blank : int
        Of the rows read so far, those without any field between others: in one column they may stand for something.
    """

    def __init__(self, rows: Iterator[list[str]], lines: Lines, dropped: int = 0) -> None:
        self._rows, self._lines, self._next = rows, lines, dropped + 1
        first = list(islice(rows, _HEAD_LINES))
        self.width = next((len(row) for row in first if _filled(row)), 0)
        self._held, self._what = first, "label"
        self._needed: Sequence[int] = ()
        self.blank = self._blank = 0

    def sample(self) -> list[list[str]]:
        """The first of them, stripped; faulty ones left out."""
        return [_stripped(row) for row in self._held if len(row) == self.width and _filled(row)]

    def chunks(self, needed: Sequence[int], what: str, *, header: bool) -> Iterator[list[list[str]]]:
        """All of them, below the header.

        Parameters
        ----------
        needed : sequence of int
            Columns that must not be empty, the one of counts or labels first.
        what : str
            "count" or "label".
        header : bool

        Yields
        ------
        list of list of str
        """
        self._needed, self._what = needed, what
        yield self._checked(self._held, header)
        while chunk := list(islice(self._rows, _CHUNK)):
            if what == "count" or set(map(len, chunk)) != {self.width} or "" in map(itemgetter(needed[0]), chunk):
                self._next = self._lines.read - sum(map(_lines_of, chunk)) + 1
                chunk = self._checked(chunk, False)
            else:
                self.blank, self._blank = self.blank + self._blank, 0
            yield chunk

    def _checked(self, chunk: list[list[str]], header: bool) -> list[list[str]]:
        kept: list[list[str]] = []
        line = self._next
        for row in chunk:
            if _filled(row):
                if header:
                    header = False
                else:
                    self._check(row, line)
                    kept.append(row)
                    self.blank += self._blank
                self._blank = 0
            else:
                self._blank += 1
            line += _lines_of(row)
        return kept

    def left_out(self) -> str:
        """What is to be said of blank lines: in a single column they may be samples or classes that lack something."""
        if self.width > 1 or not self.blank:
            return ""
        return f" ({self.blank:,} blank line{'s' * (self.blank > 1)} left out)"

    def _several(self) -> str:
        """What to do where a sample may have several labels, or none."""
        cells = [row[self._needed[0]] for row in self._held if len(row) == self.width]
        mark = next((mark for mark in ";|," if any(mark in cell for cell in cells)), None)
        if self._what != "label" or mark is None:
            return ""
        return f"; if samples have several labels, or none, say `penultimate forecast FILE --separator '{mark}'`"

    def _check(self, row: list[str], line: int) -> None:
        if len(row) != self.width:
            raise FileError(
                f"line {line} has {len(row)} fields, the first row has {self.width}: put names with commas in quotes"
            )
        for i in self._needed:
            if not row[i].strip():
                missing = self._what if i == self._needed[0] else "class name"
                raise FileError(f"line {line} has no {missing}: fill it in or delete the line{self._several()}")
        text = row[self._needed[0]].strip()
        if self._what == "count" and number(text) is None:
            way = " with a decimal point" if is_decimal_comma(text) else ", or choose another with --column"
            raise FileError(f"line {line} has {text!r} where a count should be: give a number{way}")


def _filled(row: list[str]) -> bool:
    return any(field.strip() for field in row)


def _stripped(row: list[str]) -> list[str]:
    return [field.strip() for field in row]


def _lines_of(row: list[str]) -> int:
    return 1 + sum(field.count("\n") for field in row)


def count_rows(rows: Rows, wish: Wish, mark: str, names: list[str] | None = None) -> Counted:
    """Counts of the rows of a table.

    Parameters
    ----------
    rows : Rows
    wish : Wish
    mark : str
        What stood between the columns.
    names : list of str, optional
        Of the columns; by default the first row may hold them.

    Returns
    -------
    Counted

    Raises
    ------
    FileError, CountsError
        As `read_table`.
    """
    sample, note, header = rows.sample(), "", False
    if not sample:
        raise FileError("the file is empty: give one class or one label a line")
    if names is None:
        header, note = find_header(sample, wish.column)
        names = sample[0] if header else [""] * rows.width
    body = sample[1:] if header else sample
    if not body:
        raise FileError("there are no rows below the header: give one for each class, or one for each sample")
    columns = [
        Column(name, held, i) for i, (name, held) in enumerate(zip(names, zip(*body, strict=True), strict=True), 1)
    ]
    alone = len(columns) == 1 and not columns[0].name and wish.column is None
    choice = Choice(wish.holds or "labels", 0) if alone else decide(columns, wish.column, wish.holds)
    if choice.holds == "labels":
        return _count_labels(rows, choice, columns, wish, note, header=header)
    return _collect_counts(rows, choice, columns, wish, mark, header=header)


def _count_labels(rows: Rows, choice: Choice, columns: list[Column], wish: Wish, note: str, *, header: bool) -> Counted:
    raw: Counter[str] = Counter()
    for chunk in rows.chunks([choice.column], "label", header=header):
        if choice.split is not None:
            chunk = [row for row in chunk if is_training(row[choice.split])]
        raw.update(map(itemgetter(choice.column), chunk))
        if len(raw) > _MOST_LABELS:
            raise FileError(f"there are more than {_MOST_LABELS:,} different labels: choose another column")
    tallied: Counter[str] = Counter()
    for label, count in raw.items():
        tallied[label.strip()] += count
    if "" in tallied:
        raise FileError(f"{tallied['']:,} rows have no label: fill it in or delete them")
    if choice.split is not None:
        note += f", of the rows whose {columns[choice.split].name} is train"
    own = columns[choice.column]
    note += rows.left_out()
    found = of_labels(tallied, wish, f" in column {own!r}" if own.name or len(columns) > 1 else "", note)
    return found if found.origin.startswith("labels in") else found._replace(origin=f"labels, one a line{note}")


def _collect_counts(
    rows: Rows, choice: Choice, columns: list[Column], wish: Wish, mark: str, *, header: bool
) -> Counted:
    needed = [choice.column] if choice.names is None else [choice.column, choice.names]
    texts: list[str] = []
    names: list[str] = []
    for chunk in rows.chunks(needed, "count", header=header):
        texts += [row[choice.column].strip() for row in chunk]
        names += [row[needed[-1]].strip() for row in chunk]
    doubt = doubtful_thousands(texts, mark)
    if doubt is not None:
        raise FileError(
            f"{doubt!r} may be a fraction or a number of thousands: write the counts without marks for thousands"
        )
    values = [float(number(text) or 0) for text in texts]
    several = len(columns) > 1
    origin = f"counts in column {columns[choice.column]!r}" if several else f"counts, one a line{rows.left_out()}"
    if choice.names is None:
        return of_counts(values, None, wish, origin, choice.certain)
    return of_counts(values, names, wish, f"{origin}, classes in column {columns[choice.names]!r}", choice.certain)
