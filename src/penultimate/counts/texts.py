"""What single texts of a table are: numbers with marks for thousands, files, several labels in one."""

import re
from collections.abc import Collection, Iterable

_SPACED = re.compile(r"[+-]?\d{1,3}(?:([ \u00a0\u2009\u202f'’])\d{3})(?:\1\d{3})*(?:\.\d+)?")
_COMMAS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
_DOTS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+")
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
_FILE = re.compile(r".*\.(?:[a-z]{1,5}\d?|mp[34]|h5|7z)(?:\.gz)?", re.IGNORECASE)
_LISTED = re.compile(r"[\[({].*[\])}]")


def number(text: str) -> float | None:
    """The number a text means, or None; marks for thousands that leave no doubt are read.

    Parameters
    ----------
    text : str

    Returns
    -------
    float or None

    Examples
    --------
    >>> from penultimate.counts.texts import number
    >>> number("1e3"), number("1 234"), number("1,234"), number("12,5"), number("cat")
    (1000.0, 1234.0, 1234.0, None, None)
    """
    try:
        return float(text)
    except ValueError:
        pass
    if _SPACED.fullmatch(text):
        return float(re.sub("[^-+.0-9]", "", text))
    return float(text.replace(",", "")) if _COMMAS.fullmatch(text) else None


def is_decimal_comma(text: str) -> bool:
    """Whether a text is a number with a decimal comma. It is not read: elsewhere the comma parts thousands.

    Parameters
    ----------
    text : str

    Returns
    -------
    bool

    Examples
    --------
    >>> from penultimate.counts.texts import is_decimal_comma
    >>> is_decimal_comma("600,5"), is_decimal_comma("cat")
    (True, False)
    """
    return _DECIMAL_COMMA.fullmatch(text) is not None


def doubtful_thousands(texts: Iterable[str], mark: str) -> str | None:
    """The first number whose dot or comma may part thousands or a fraction; None when there is no doubt.

    A dot before three digits is a fraction in a file with commas between the columns, where people write English
    numbers. Elsewhere it parts thousands for half of the world: then nothing is guessed, unless another number shows
    that dots are decimal points.

    Parameters
    ----------
    texts : iterable of str
        Every number of a column.
    mark : str
        What stands between the columns.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from penultimate.counts.texts import doubtful_thousands
    >>> doubtful_thousands(["1.234", "40"], ";"), doubtful_thousands(["1.234", "0.5"], ";")
    ('1.234', None)
    """
    texts = list(texts)
    if mark == ";":
        with_comma = next((text for text in texts if _COMMAS.fullmatch(text)), None)
        if with_comma is not None:
            return with_comma
    if mark == ",":
        return None
    dotted = [text for text in texts if "." in text]
    return dotted[0] if dotted and all(map(_DOTS.fullmatch, dotted)) else None


def is_file(text: str) -> bool:
    """Whether a text looks like the name of a file, with its suffix.

    Parameters
    ----------
    text : str

    Returns
    -------
    bool

    Examples
    --------
    >>> from penultimate.counts.texts import is_file
    >>> is_file("train/n01/1.JPEG"), is_file("St. Bernard"), is_file("10.0")
    (True, False, False)
    """
    return _FILE.fullmatch(text) is not None


def several_labels(texts: Collection[str]) -> str | None:
    """A text that holds several labels at once, as where samples have many; None when there is none.

    Parameters
    ----------
    texts : collection of str
        The distinct labels.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from penultimate.counts.texts import several_labels
    >>> several_labels(["scab", "rust", "scab rust"]), several_labels(["16", "16 0"]), several_labels(["hot dog"])
    ('scab rust', '16 0', None)
    """
    for text in texts:
        if _LISTED.fullmatch(text) and ("," in text or (text[0] == "[" and not text[1:2].isalpha())):
            return text
    return next((found for mark in (" ", "|", ";", ",", "+", "/") if (found := _parted(texts, mark)) is not None), None)


def separator_of(texts: Collection[str]) -> str | None:
    """What may stand between several labels in more than half of the texts; None when nothing does.

    Parameters
    ----------
    texts : collection of str
        The distinct labels.

    Returns
    -------
    str or None

    Examples
    --------
    >>> from penultimate.counts.texts import separator_of
    >>> separator_of(["a;b", "b;c", "d"]), separator_of(["a;b", "c", "d"])
    (';', None)
    """
    return next((mark for mark in ";|," if 2 * sum(mark in text for text in texts) > len(texts)), None)


def _parted(texts: Collection[str], mark: str) -> str | None:
    parts = {text: [part.strip() for part in text.split(mark) if part.strip()] for text in texts if mark in text}
    parts = {text: found for text, found in parts.items() if len(found) > 1}
    if not parts:
        return None
    single = set(texts) - set(parts)
    for text, found in parts.items():
        if all(part.isdecimal() for part in found) and mark != "/":
            return text
        if len(set(found)) == len(found) and all(part in single for part in found):
            return text
    if mark not in "|;":
        return None
    # Every part of one text occurs in others too.
    times: dict[str, int] = {}
    for found in parts.values():
        for part in set(found):
            times[part] = times.get(part, 0) + 1
    return next((t for t, found in parts.items() if all(p in single or times[p] > 1 for p in found)), None)
