"""What a number of samples may be, and the error that names the class where it is not.

One rule for all: a positive count, and the sum of all counts, lies between 1e-100 and 1e100. The theory squares
counts and divides by them; inside that range no square, product or quotient of two leaves double precision.
"""

from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.counts.class_names import culprit
from penultimate.errors import CountsError

LEAST, MOST = 1e-100, 1e100

# Iterable, but without numbers in a known order.
_NOT_SEQUENCES: tuple[type, ...] = (str, bytes, set, frozenset)

_FAULTS: tuple[tuple[Callable[[NDArray[np.float64]], NDArray[np.bool_]], str], ...] = (
    (np.isnan, "not a number (NaN): give 0 for a class without samples"),
    (lambda counts: counts < 0, "negative: give 0 for a class without samples"),
    (np.isinf, "infinite: give a finite number of samples"),
    (lambda counts: counts > MOST, f"above {MOST:g}, whose square overflows: divide all counts by one number"),
    (
        lambda counts: (counts > 0) & (counts < LEAST),
        f"below {LEAST:g}, whose square underflows: multiply all counts by one number",
    ),
)


def as_floats(values: object, names: Sequence[str] | None) -> NDArray[np.float64]:
    """Copy numbers of samples into a new (K,) array of doubles.

    Parameters
    ----------
    values : array-like of shape (K,)
        Whole or fractional numbers.
    names : sequence of str or None
        Names to use in messages.

    Returns
    -------
    ndarray of shape (K,), float64

    Raises
    ------
    CountsError
        When an entry is no number (a boolean, a text, a list), is masked, or is too large for a double.

    Examples
    --------
    >>> from penultimate.counts.checks import as_floats
    >>> as_floats([3, 0.5], None)
    array([3. , 0.5])
    """
    if not hasattr(values, "__array__"):
        return _items_as_floats(_items(values), names)
    if np.ma.is_masked(values):
        raise CountsError("masked entries in counts, of which nothing is known: give 0 for a class without samples")
    array = np.asarray(values)
    if array.ndim != 1:
        raise CountsError(
            f"counts have shape {array.shape}: give one number for each class, shape (K,), or several labels a sample "
            "as pen.LabelScatter.from_labels"
        )
    if array.dtype.kind == "O":
        return _items_as_floats(array.tolist(), names)
    if array.dtype.kind not in "iuf":
        raise CountsError(f"counts are of type {array.dtype}, not numbers: give whole or fractional numbers of samples")
    with np.errstate(over="ignore"):  # a long double may become infinite; check_range says so with the class's name
        return np.array(array, dtype=np.float64)


def check_range(counts: NDArray[np.float64], names: Sequence[str]) -> None:
    """Refuse counts that no training set can have.

    Parameters
    ----------
    counts : ndarray of shape (K,), float64
        Samples of each class.
    names : sequence of str, length K
        Their names.

    Raises
    ------
    CountsError
        When a count is negative, NaN, infinite or outside 1e-100 … 1e100, when the sum exceeds 1e100, or when fewer
        than two classes have samples.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.counts.checks import check_range
    >>> check_range(np.array([3.0, -1.0]), ["cat", "dog"])
    Traceback (most recent call last):
    penultimate.errors.CountsError: class 'dog' (index 1) has count -1, which is negative: give 0 for a class ...
    """
    if not counts.size:
        raise CountsError("there are no classes: give counts for at least two")
    positive = counts > 0
    smallest = counts.min(where=positive, initial=MOST)
    if not (counts.min() >= 0 and counts.max() <= MOST and smallest >= LEAST):
        raise _worst(counts, names)
    seen = int(np.count_nonzero(positive))
    if seen == 0:
        raise CountsError(f"no class has samples (all {counts.size} counts are zero): give at least two that have")
    if seen == 1:
        only = culprit(names, int(positive.argmax()))
        raise CountsError(f"only one class has samples, {only}: give at least two that have")
    if counts.sum() > MOST:
        raise CountsError(f"the counts sum to more than {MOST:g}, where squares overflow: divide all by one number")


def _worst(counts: NDArray[np.float64], names: Sequence[str]) -> CountsError:
    for at_fault, fault in _FAULTS:
        mask = at_fault(counts)
        if mask.any():
            index = int(mask.argmax())
            return CountsError(f"{culprit(names, index)} has count {counts[index]:g}, which is {fault}")
    raise AssertionError("check_range found a fault that _FAULTS does not list")


def _items(values: object) -> list[object]:
    if isinstance(values, _NOT_SEQUENCES) or not isinstance(values, Iterable):
        kind = type(values).__name__
        raise CountsError(f"counts are of type {kind}: give a sequence of numbers, or a mapping of names to numbers")
    # Tensors and arrays of one number, as loops over data give them.
    return [item.item() if getattr(item, "shape", None) == () else item for item in cast(Iterable[Any], values)]


def _items_as_floats(items: list[object], names: Sequence[str] | None) -> NDArray[np.float64]:
    for kind in set(map(type, items)):
        if kind is bool or not issubclass(kind, Real):
            index = next(i for i, item in enumerate(items) if type(item) is kind)
            raise CountsError(
                f"{culprit(names, index)} has count {items[index]!r} of type {kind.__name__}: "
                "give a whole or fractional number of samples"
            )
    try:
        return np.array(items, dtype=np.float64)
    except OverflowError:
        index = next(i for i, item in enumerate(items) if _overflows(cast(Real, item)))
        raise CountsError(
            f"{culprit(names, index)} has a count above {MOST:g}, whose square overflows: "
            "divide all counts by one number"
        ) from None


def _overflows(item: Real) -> bool:
    try:
        float(item)
    except OverflowError:
        return True
    return False
