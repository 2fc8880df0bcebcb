"""Names of classes: one string each, all different, and free of charge when nobody gave any."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from numbers import Integral
from typing import Any, cast, overload

from penultimate.errors import CountsError


class NumberedNames(Sequence[str]):
    """The names ``"0", "1", …, "K-1"`` of classes nobody named, made when they are asked for.

    Ten million strings would take more memory than the ten million counts they label.

    Parameters
    ----------
    length : int
        How many names, K.

    Examples
    --------
    >>> from penultimate.counts.class_names import NumberedNames
    >>> names = NumberedNames(10_000_000)
    >>> names[-1], len(names)
    ('9999999', 10000000)
    """

    __slots__ = ("_range",)

    def __init__(self, length: int) -> None:
        self._range = range(length)

    def __len__(self) -> int:
        return len(self._range)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(map(str, self._range[index]))
        return str(self._range[index])

    def __iter__(self) -> Iterator[str]:
        return map(str, self._range)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.isdecimal() and name == str(int(name)) and int(name) in self._range

    def __eq__(self, other: object) -> bool:
        if isinstance(other, NumberedNames):
            return len(self) == len(other)
        if isinstance(other, Sequence) and not isinstance(other, str):
            names = cast(Sequence[object], other)
            return len(self) == len(names) and all(a == b for a, b in zip(self, names, strict=True))
        return NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return f"NumberedNames({len(self)})"


def as_names(names: Iterable[object]) -> Sequence[str]:
    """Return the names as strings, each given once.

    Parameters
    ----------
    names : iterable of str or int
        Names in class order; whole numbers become their decimal digits.

    Returns
    -------
    sequence of str
        A tuple, or `NumberedNames` when they count 0, 1, 2, ….

    Raises
    ------
    CountsError
        When a name is neither text nor a whole number, or is given twice, or the names stand in no order.

    Examples
    --------
    >>> from penultimate.counts.class_names import as_names
    >>> as_names(["cat", 7])
    ('cat', '7')
    """
    if isinstance(names, NumberedNames):
        return names
    if isinstance(names, str | bytes):
        raise CountsError(f"names is one text, {names!r}: give a sequence with one name for each class")
    _refuse_unordered(names)
    if isinstance(names, range) and names == range(len(names)):
        return NumberedNames(len(names))
    texts = tuple(_as_name(name, index) for index, name in enumerate(names))
    _refuse_duplicates(texts)
    return texts


def in_order(named: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Put classes that are named by whole numbers in the order of these; leave others as they are.

    Counts by frequency (``collections.Counter``, ``value_counts``) would otherwise give class 2 the place of class 0.

    Parameters
    ----------
    named : mapping
        By class name.

    Returns
    -------
    mapping

    Examples
    --------
    >>> from penultimate.counts.class_names import in_order
    >>> in_order({2: 10, 0: 60, 1: 30}), in_order({"dog": 3, "cat": 9})
    ({0: 60, 1: 30, 2: 10}, {'dog': 3, 'cat': 9})
    """
    if not all(map(is_whole, named)):
        return named
    return {name: named[name] for name in sorted(named, key=int)}


def as_mapping(series: Any) -> Mapping[Any, Any] | Any:
    """A pandas Series as a mapping, named by its index; its values alone where the index only numbers the rows.

    Parameters
    ----------
    series : pandas.Series

    Returns
    -------
    mapping, or ndarray
    """
    index = getattr(series.index, "tolist", None)
    if index is None or getattr(series, "ndim", 1) != 1:
        return series
    labels = [label[0] if isinstance(label, tuple) and len(label) == 1 else label for label in index()]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    labels = [int(label) if isinstance(label, float) and label % 1 == 0 else label for label in labels]  # pyright: ignore[reportUnknownVariableType]
    if len(set(labels)) < len(labels):  # pyright: ignore[reportUnknownArgumentType]
        raise CountsError("the index of the counts names a class twice: give every class its own name")
    values: list[Any] = series.to_numpy().tolist()
    return dict(zip(labels, values, strict=True))  # pyright: ignore[reportUnknownArgumentType]


def is_whole(name: Any) -> bool:
    """Whether a name is a whole number, as a number or in its usual digits.

    Parameters
    ----------
    name : object

    Returns
    -------
    bool

    Examples
    --------
    >>> from penultimate.counts.class_names import is_whole
    >>> is_whole("10"), is_whole(-3), is_whole("07"), is_whole("ten")
    (True, True, False, False)
    """
    if isinstance(name, str):
        # "07" and "7" are two labels, and text order keeps them apart.
        digits = name.removeprefix("-")
        return digits.isascii() and digits.isdecimal() and (digits == "0" or digits[0] != "0") and len(digits) < 100
    return not isinstance(name, bool) and isinstance(name, Integral)


def culprit(names: Sequence[str] | None, index: int) -> str:
    """Say which class is meant, by name and index, for an error message.

    Parameters
    ----------
    names : sequence of str or None
        Names in class order, if there are any.
    index : int
        The class.

    Returns
    -------
    str

    Examples
    --------
    >>> from penultimate.counts.class_names import culprit
    >>> culprit(["cat", "dog"], 1)
    "class 'dog' (index 1)"
    """
    if names is None or isinstance(names, NumberedNames) or index >= len(names):
        return f"class {index}"
    return f"class {names[index]!r} (index {index})"


def _refuse_unordered(names: object) -> None:
    """A mapping has its order from its values or its keys, a set has none."""
    if isinstance(names, Mapping):
        raise CountsError(
            "names is a mapping: give the names in the order of the labels, sorted(names, key=names.get) where it "
            "leads from names to numbers (class_to_idx, label2id), or [names[k] for k in sorted(names)] where it leads "
            "from numbers to names (id2label)"
        )
    if isinstance(names, set | frozenset):
        raise CountsError("names is a set, which has no order: give a list, in the order of the labels")
    if not isinstance(names, Iterable):
        kind = type(names).__name__
        raise CountsError(f"names is {names!r}, of type {kind}: give a sequence with one name for each class")


def _as_name(name: object, index: int) -> str:
    if isinstance(name, str):
        return str(name)
    if isinstance(name, bytes):
        return name.decode("utf-8", errors="replace")
    if not isinstance(name, bool) and isinstance(name, Integral):
        return str(int(name))
    if isinstance(name, tuple) and name:  # synonyms, as torchvision has them for ImageNet
        return ", ".join(_as_name(part, index) for part in cast(tuple[object, ...], name))
    kind = type(cast(object, name)).__name__
    raise CountsError(f"the name of class {index} is {name!r}, of type {kind}: name classes by text or whole numbers")


def told_apart(names: Iterable[object]) -> list[object]:
    """Names of a data set, with their index where two classes have the same, as ImageNet's two cranes.

    Parameters
    ----------
    names : iterable of str, int or tuple
        In class order.

    Returns
    -------
    list

    Examples
    --------
    >>> from penultimate.counts.class_names import told_apart
    >>> told_apart(["crane", "cat", "crane"])
    ['crane (0)', 'cat', 'crane (2)']
    """
    held = [_as_name(name, index) for index, name in enumerate(names)]
    times = Counter(held)
    return [f"{name} ({index})" if times[name] > 1 else name for index, name in enumerate(held)]


def _refuse_duplicates(names: tuple[str, ...]) -> None:
    if len(set(names)) == len(names):
        return
    first: dict[str, int] = {}
    for index, name in enumerate(names):
        if name in first:
            raise CountsError(
                f"class name {name!r} is given twice (indices {first[name]} and {index}): give every class its own name"
            )
        first[name] = index
