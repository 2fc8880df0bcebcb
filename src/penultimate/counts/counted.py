"""What readers hand over: values, names, and how they were read. What is not believed without a word from the user."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from penultimate.counts.checks import as_floats
from penultimate.counts.class_names import NumberedNames, is_whole
from penultimate.counts.deciding import are_ids
from penultimate.counts.texts import number, separator_of, several_labels
from penultimate.errors import CountsError, FileError

Holds = Literal["counts", "labels"]
Order = Literal["number", "text"]

_MISSING = frozenset(("nan", "na", "n/a", "null", "none", "?", "<na>"))
_TOTALS = frozenset(("total", "totals", "sum", "all", "overall", "grand total", "gesamt", "summe", "σ"))
_AVERAGES = frozenset(("accuracy", "macro avg", "weighted avg", "micro avg", "samples avg"))


class Wish(NamedTuple):
    """What the user says of a file beside its path.

    Attributes
    ----------
    column : str or None
        Column or key to read.
    holds : {"counts", "labels"} or None
        What it holds.
    order : {"number", "text"}
        Whether classes named by numbers are sorted as numbers or as text.
    """

    column: str | None = None
    holds: Holds | None = None
    order: Order = "number"


class Counted(NamedTuple):
    """What `penultimate.ClassCounts` is made of.

    Attributes
    ----------
    values : array-like of shape (K,)
    names : iterable of str, or None
    origin : str
        How they were read.
    """

    values: Any
    names: Iterable[Any] | None
    origin: str


def of_labels(tallied: Mapping[str, int], wish: Wish, where: str = "", note: str = "") -> Counted:
    """Counts of labels, sorted; labels that cannot be are refused.

    Parameters
    ----------
    tallied : mapping of str to int
        How often each occurs.
    wish : Wish
    where : str, default ""
        Where they stand, as " in column 'label'"; nothing when no name says that they are labels.
    note : str, default ""
        What else to say of how they were read.

    Returns
    -------
    Counted

    Raises
    ------
    CountsError
        When all occur once, a label is missing among numbers, or one text holds several labels.

    Examples
    --------
    >>> from penultimate.counts.counted import Wish, of_labels
    >>> of_labels({"10": 3, "9": 5}, Wish())
    Counted(values=[5, 3], names=['9', '10'], origin='labels')
    """
    tallied = {label if label.isprintable() else label.strip(): count for label, count in tallied.items()}
    if wish.holds is None:
        believe_labels(tallied, where)
    numeric = [number(label) is not None for label in tallied]
    missing = next((label for label in tallied if label.casefold() in _MISSING), None)
    if missing is not None and sum(numeric) >= len(tallied) - 1 > 0:
        raise CountsError(f"{tallied[missing]:,} samples{where} have {missing!r} for a label: leave those samples out")
    tallied = _without_points(tallied) if all(numeric) else tallied
    ordered = sorted_labels(tallied, wish.order)
    return Counted([tallied[label] for label in ordered], ordered, f"labels{where}{note}")


def believe_labels(tallied: Mapping[str, int], where: str) -> None:
    """Refuse labels that are not believed without ``holds="labels"``.

    Parameters
    ----------
    tallied : mapping of str to int
    where : str

    Raises
    ------
    CountsError
    """
    together = several_labels(tallied)
    if together is not None:
        raise CountsError(
            f"{together!r}{where} seems to hold several labels: this takes one label a sample, and "
            "`penultimate forecast FILE --separator ';'` several; say --holds labels if it is the name of one class"
        )
    mark = separator_of(tallied)
    if len(tallied) > 1 and max(tallied.values()) == 1 and mark is not None:
        raise CountsError(
            f"more than half of the labels{where} hold {mark!r}, and each occurs once: if a sample has several labels, "
            f"`penultimate forecast FILE --separator '{mark}'` takes them"
        )
    if len(tallied) > 1 and max(tallied.values()) == 1:
        raise CountsError(
            f"each of the {len(tallied):,} labels{where} occurs once, as labels of a training set never do: choose "
            "another column with --column, or say --holds counts (or --holds labels, if they are right)"
        )
    if not where and all(map(is_whole, tallied)):
        numbers = [int(label) for label in tallied]
        if 2 * len(numbers) <= max(numbers) - min(numbers):
            raise CountsError(
                f"the numbers run from {min(numbers)} to {max(numbers)}, and only {len(numbers):,} different ones "
                "occur: they may be counts or labels; say --holds counts or --holds labels"
            )


def sorted_labels(labels: Iterable[str], order: Order = "number") -> list[str]:
    """Sort labels: as numbers if all are, else as text.

    Parameters
    ----------
    labels : iterable of str
    order : {"number", "text"}, default "number"

    Returns
    -------
    list of str

    Examples
    --------
    >>> from penultimate.counts.counted import sorted_labels
    >>> sorted_labels(["10", "9", "8.5"]), sorted_labels(["10", "9"], "text")
    (['8.5', '9', '10'], ['10', '9'])
    """
    held = list(labels)
    plain = [label for label in held if is_whole(label) or ("." in label and number(label) is not None)]
    if order == "text" or len(plain) < len(held):
        return sorted(held)
    return sorted(held, key=lambda label: (int(label) if is_whole(label) else float(label), label))


def of_counts(
    values: Sequence[float] | NDArray[Any],
    names: Sequence[str] | NDArray[np.integer[Any]] | None,
    wish: Wish,
    origin: str,
    certain: bool,
) -> Counted:
    """Counts with the names beside them; those that look like ids are refused.

    Parameters
    ----------
    values : array-like of shape (K,)
    names : sequence of str, or whole numbers of shape (K,), or None
    wish : Wish
    origin : str
    certain : bool
        Whether it was said that they are counts, by name or by the caller.

    Returns
    -------
    Counted

    Raises
    ------
    CountsError
        When they are 0 … K-1 in some order and the caller did not say that they are counts, or 1 … K and neither did
        the name; or when one is no number.

    Examples
    --------
    >>> from penultimate.counts.counted import Wish, of_counts
    >>> of_counts([7, 40], ["1", "0"], Wish(), "counts", False)
    Counted(values=array([40.,  7.]), names=NumberedNames(2), origin='counts')
    """
    counts = as_floats(values, None if isinstance(names, np.ndarray) else names)
    # No training set has 0, 1, 2, … samples, whatever the column is called; 3, 2, 1 under "count" may be an example.
    believed = wish.holds is not None or (certain and counts.min(initial=np.inf) > 0)
    if not believed and counts.size > 1 and are_ids(counts):
        raise CountsError(
            f"the numbers are {counts.min():g} … {counts.max():g}, each once, as the ids of {counts.size} classes are: "
            "say --holds counts if they are counts, or choose another column with --column"
        )
    if names is None:
        return Counted(counts, None, origin)
    if isinstance(names, np.ndarray):
        return _of_numbered(counts, names, wish, origin)
    totals = _totals(names, counts)
    kept = [i for i in range(len(names)) if i not in totals]
    note = f"; left out {', '.join(repr(names[i]) for i in sorted(totals))}" if totals else ""
    if wish.order == "number" and all(is_whole(names[i]) for i in kept):
        kept.sort(key=lambda i: int(names[i]))
    held = [names[i] for i in kept]
    numbered = all(name == str(i) for i, name in enumerate(held))
    return Counted(counts[kept], NumberedNames(len(held)) if numbered else held, origin + note)


def _of_numbered(counts: NDArray[np.float64], names: NDArray[np.integer[Any]], wish: Wish, origin: str) -> Counted:
    """The same without a text for each of what may be ten million classes."""
    order = np.argsort(names if wish.order == "number" else names.astype(str), kind="stable")
    counts, names = counts[order], names[order]
    numbered = np.array_equal(names, np.arange(names.size))
    return Counted(counts, NumberedNames(names.size) if numbered else list(map(str, names.tolist())), origin)


def _totals(names: Sequence[str], counts: NDArray[np.float64]) -> set[int]:
    """Rows that sum the others up, or are averages of a report of scores."""
    named = [(i, name) for i, name in enumerate(map(str.casefold, names)) if name in _TOTALS or name in _AVERAGES]
    averages = {i for i, name in named if name in _AVERAGES}
    # scikit-learn's reports have both; one such name alone is that of a class.
    left_out = averages if {"macro avg", "weighted avg"} <= {name for _, name in named} else set[int]()
    with np.errstate(all="ignore"):  # counts that cannot be are refused by their class afterwards
        others = counts.sum() - counts[sorted(averages)].sum()
        apart = np.abs(2 * counts - others)
    # Whole numbers add up exactly, and fractions to rounding; a "total" of anything else is a class of that name.
    sums = {i for i, name in named if name in _TOTALS and len(names) > 2 and apart[i] <= 1e-12 * others}
    return left_out | sums


def _without_points(tallied: Mapping[str, int]) -> Mapping[str, int]:
    """Whole numbers that were written as fractions, 10.0, as they are."""
    if not any("." in label for label in tallied) or any(float(label) % 1 for label in tallied if number(label)):
        return tallied
    whole: dict[str, int] = {}
    for label, count in tallied.items():
        name = label if is_whole(label) else f"{float(label):.0f}"
        whole[name] = whole.get(name, 0) + count
    return whole


def check_named(wish: Wish) -> None:
    """Refuse words that mean nothing.

    Parameters
    ----------
    wish : Wish

    Raises
    ------
    CountsError
    """
    for key, held, allowed in (("holds", wish.holds, ("counts", "labels")), ("order", wish.order, ("number", "text"))):
        if held is not None and held not in allowed:
            raise CountsError(f"{key}={held!r} is not known: say {allowed[0]!r} or {allowed[1]!r}")


def refuse_choices(kind: str, wish: Wish) -> None:
    """Refuse a column or what it holds, where a format leaves no choice.

    Parameters
    ----------
    kind : str
    wish : Wish

    Raises
    ------
    FileError
    """
    for key, held in (("column", wish.column), ("holds", wish.holds)):
        if held is not None:
            raise FileError(f"{kind} leaves no choice of columns: leave out {key}={held!r}")
