"""Labels as libraries and files give them, made plain: arrays, tensors, wrapped numbers, bytes."""

from collections.abc import Iterable
from numbers import Integral
from typing import Any, NoReturn, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import check_texts
from penultimate.counts.lazy_columns import at_once
from penultimate.errors import CountsError


def as_array_or_list(labels: object) -> NDArray[Any] | list[Any]:
    """Take labels as they are: arrays and tensors as an array, other iterables as a list.

    Parameters
    ----------
    labels : array-like
        Anything with ``__array__`` or ``__dlpack__``, or an iterable.

    Returns
    -------
    ndarray or list

    Raises
    ------
    CountsError
        When it is none of these, lies on a device, or has masked entries.

    Examples
    --------
    >>> from penultimate.counts.unwrapping import as_array_or_list
    >>> as_array_or_list(range(3))
    [0, 1, 2]
    """
    if hasattr(labels, "__array__") or hasattr(labels, "__dlpack__"):
        return _as_array(labels)
    labels = at_once(labels)
    if isinstance(labels, str | bytes) or not isinstance(labels, Iterable):
        raise CountsError(f"labels are of type {type(labels).__name__}: give a sequence with one label for each sample")
    return list(cast(Iterable[Any], labels))


def _as_array(labels: Any) -> NDArray[Any]:
    if np.ma.is_masked(labels):
        raise CountsError("masked entries in labels, of which nothing is known: leave these samples out")
    try:
        return np.asarray(labels) if hasattr(labels, "__array__") else np.from_dlpack(labels)
    except (TypeError, RuntimeError, BufferError) as error:  # what torch and others raise for memory on a device
        reason = str(error).partition("\n")[0]
        raise CountsError(f"labels cannot be read as an array ({reason}): move them to the CPU first") from None


def valid_texts(texts: NDArray[Any]) -> NDArray[Any]:
    """Texts of an array, refused where they are none: bytes that are no UTF-8, numbers beyond Unicode.

    Parameters
    ----------
    texts : ndarray of str or bytes

    Returns
    -------
    ndarray of str

    Raises
    ------
    CountsError, FileError

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.counts.unwrapping import valid_texts
    >>> valid_texts(np.array([b"cat", b"dog"]))
    array(['cat', 'dog'], dtype='<U3')
    """
    if texts.dtype.kind == "S":
        try:
            return np.char.decode(texts, "utf-8")
        except UnicodeDecodeError:
            raise CountsError("labels are bytes that are no UTF-8 text: decode them first") from None
    check_texts(texts, "the array of labels")
    return texts


def unwrapped(labels: list[Any]) -> list[Any]:
    """Labels out of arrays or tensors of one number, lists of one, bytes, and fractions that are whole.

    Parameters
    ----------
    labels : list

    Returns
    -------
    list of int, bool or str

    Raises
    ------
    CountsError
        When one is missing, several in one, or of another type.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.counts.unwrapping import unwrapped
    >>> unwrapped([np.array(3), [4], 5.0]), unwrapped([b"cat"])
    ([3, 4, 5], ['cat'])
    """
    boolean = any(isinstance(label, bool | np.bool) for label in labels)
    plain = [_unwrapped(label, index) for index, label in enumerate(labels)]
    if boolean and not all(isinstance(label, bool | np.bool) for label in plain):
        index = next(i for i, label in enumerate(labels) if isinstance(label, bool | np.bool))
        raise CountsError(
            f"label {labels[index]!r} at position {index} is of type bool, others are not: make all alike"
        )
    return plain


def _unwrapped(label: Any, index: int) -> Any:
    if hasattr(label, "__array__") and getattr(label, "shape", None) in ((), (1,), (1, 1)):
        label = _as_array(label).reshape(-1)[0].item()
    elif isinstance(label, list | tuple) and len(cast(list[Any], label)) == 1:
        return _unwrapped(label[0], index)
    if isinstance(label, bytes):
        return valid_texts(np.array([label]))[0].item()
    if isinstance(label, float) and label % 1 == 0:
        return int(label)
    if isinstance(label, str | Integral):
        return label
    _refuse(label, index)


def _refuse(label: Any, index: int) -> NoReturn:
    if isinstance(label, list | tuple | set) or getattr(label, "ndim", 0):
        raise CountsError(
            f"sample {index} has several labels, {label!r}: this takes one label a sample, and "
            "pen.LabelScatter.from_labels several"
        )
    if str(label).casefold() in ("none", "nan", "<na>", "nat"):
        raise CountsError(f"label {label!r} at position {index} is missing: leave such samples out")
    kind = type(cast(object, label)).__name__
    raise CountsError(f"label {label!r} at position {index} is of type {kind}: labels are whole numbers or text")
