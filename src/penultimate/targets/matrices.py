"""Targets that come as a matrix, one row a sample: checked, told apart by their values, and cut into sparse blocks."""

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from penultimate.counts.checks import MOST
from penultimate.counts.unwrapping import as_array_or_list
from penultimate.errors import CountsError

Kind = Literal["sets", "soft", "real"]
"""What targets are: label sets (0 and 1), soft labels (between 0 and 1), or any real numbers."""

KINDS: tuple[Kind, ...] = ("sets", "soft", "real")

# Rows that are multiplied at once: many, because every product is added to the sum of all before it.
_SPARSE_ROWS = 1 << 17
# Numbers of a dense matrix that are made sparse at once, 32 MiB.
_DENSE_NUMBERS = 1 << 22


class Rows(NamedTuple):
    """Targets of some samples.

    Attributes
    ----------
    values : csr_array of shape (n, K)
    weights : ndarray of shape (n,)
        How many samples each row stands for.
    kind : {"sets", "soft", "real"}
    """

    values: Any
    weights: NDArray[np.float64]
    kind: Kind


def scipy_sparse() -> Any:
    """The module ``scipy.sparse``, when it is needed; untyped, as its stubs take every product for one of any shape."""
    return import_module("scipy.sparse")


def is_matrix(targets: object) -> bool:
    """Whether targets are one matrix, dense or sparse, and no sequence of label sets.

    Parameters
    ----------
    targets : object

    Returns
    -------
    bool

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.targets.matrices import is_matrix
    >>> is_matrix(np.eye(3)), is_matrix([["cat"], ["dog", "cat"]])
    (True, False)
    """
    return hasattr(targets, "tocsr") or (getattr(targets, "ndim", 0) == 2 and hasattr(targets, "shape"))


def rows_of(targets: Any, weights: Any = None, *, any_real: bool | None, first: int = 0) -> Iterator[Rows]:
    """Cut a matrix of targets into blocks of rows.

    Parameters
    ----------
    targets : array-like or sparse matrix of shape (N, K)
    weights : array-like of shape (N,), optional
        How many samples each row stands for; one by default.
    any_real : bool or None
        Whether numbers outside 0 … 1 are meant; None where floating-point numbers are, and whole ones may be ids.
    first : int, default 0
        Number of the first row, for messages.

    Yields
    ------
    Rows

    Raises
    ------
    CountsError
        For NaN, infinities, other shapes, and numbers outside 0 … 1 where they are not meant, with the row and the
        label; and for weights that are not one positive number for each row.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.targets.matrices import rows_of
    >>> next(rows_of(np.array([[1, 0], [1, 1]]), None, any_real=False)).kind
    'sets'
    """
    sparse = scipy_sparse()
    held: Any = targets.tocsr() if hasattr(targets, "tocsr") else _dense(targets)
    if held.ndim != 2 or 0 in held.shape:
        raise CountsError(
            f"targets have shape {held.shape}: give one row for each sample and one column for each label"
        )
    if held.dtype.kind not in "biuf":
        raise CountsError(f"targets are of type {held.dtype}, not numbers: give 0 and 1, or lists of label names")
    samples, labels = held.shape
    known = as_weights(weights, samples)
    step = _SPARSE_ROWS if sparse.issparse(held) else max(1, min(_SPARSE_ROWS, _DENSE_NUMBERS // labels))
    for start in range(0, samples, step):
        block = sparse.csr_array(held[start : start + step], dtype=np.float64)
        block.sum_duplicates()
        block.eliminate_zeros()
        whole = held.dtype.kind in "iu"
        kind = _kind_of(block, first + start, whole=whole, any_real=not whole if any_real is None else any_real)
        count = np.ones(block.shape[0]) if known is None else known[start : start + step]
        yield Rows(block, count, kind)


def _dense(targets: Any) -> NDArray[Any]:
    held = as_array_or_list(targets)
    try:
        return np.asarray(held)
    except ValueError:
        raise CountsError("targets have rows of several lengths: give each sample as many numbers") from None


def spread_columns(rows: Any, columns: ArrayLike, labels: int) -> Any:
    """Sparse rows among more labels: each column in its new place.

    Parameters
    ----------
    rows : csr_array of shape (n, k)
    columns : array_like of int of shape (k,)
    labels : int
        K.

    Returns
    -------
    csr_array of shape (n, K)

    Examples
    --------
    >>> from scipy.sparse import csr_array
    >>> from penultimate.targets.matrices import spread_columns
    >>> spread_columns(csr_array([[1, 0], [1, 1]]), [2, 0], 3).toarray()
    array([[0, 0, 1],
           [1, 0, 1]])
    """
    place = np.asarray(columns, dtype=np.int64)
    out = scipy_sparse().csr_array((rows.data, place[rows.indices], rows.indptr), shape=(rows.shape[0], labels))
    out.sort_indices()
    return out


def as_weights(weights: Any, samples: int) -> NDArray[np.float64] | None:
    """Numbers of samples that rows stand for, checked.

    Parameters
    ----------
    weights : array-like of shape (N,), or None
    samples : int
        N.

    Returns
    -------
    ndarray of shape (N,), or None

    Raises
    ------
    CountsError
        When they are not one positive, finite number for each row.
    """
    if weights is None:
        return None
    try:
        held = np.asarray(weights, dtype=np.float64)
    except (TypeError, ValueError):
        raise CountsError("weights are no numbers: give how many samples each row stands for") from None
    if held.shape != (samples,):
        raise CountsError(f"weights have shape {held.shape} for {samples} rows: give one number for each row")
    bad = np.flatnonzero(~((held > 0) & np.isfinite(held)))
    if bad.size:
        raise CountsError(f"the weight of row {bad[0]} is {held[bad[0]]:g}: give a positive number of samples")
    return held


def widest(kinds: Iterable[Kind]) -> Kind:
    """The kind that takes in all of these.

    Parameters
    ----------
    kinds : iterable of str

    Returns
    -------
    str

    Examples
    --------
    >>> from penultimate.targets.matrices import widest
    >>> widest(["sets", "soft", "sets"])
    'soft'
    """
    return KINDS[max(map(KINDS.index, kinds), default=0)]


def _kind_of(block: Any, start: int, *, whole: bool, any_real: bool) -> Kind:
    values: NDArray[np.float64] = block.data
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        where = _place(block, int(bad[0]), start)
        raise CountsError(f"the target of {where} is {values[bad[0]]:g}: leave out samples whose targets are not known")
    large = np.flatnonzero(np.abs(values) > MOST)
    if large.size:
        where = _place(block, int(large[0]), start)
        raise CountsError(f"the target of {where} is beyond {MOST:g}, whose square overflows: divide all by one number")
    if np.isin(values, (0.0, 1.0)).all():
        return "sets"
    outside = np.flatnonzero((values < 0) | (values > 1))
    if not outside.size:
        return "soft"
    if any_real:
        return "real"
    at = int(outside[0])
    where, value = _place(block, at, start), values[at]
    if whole and block.shape[1] == 1:
        raise CountsError(
            f"the target of {where} is {value:g}: a single column of whole numbers is the class of each sample, it "
            "seems; give it as a vector of shape (N,), and amounts as float64"
        )
    if whole:
        raise CountsError(
            f"the target of {where} is {value:g}: whole numbers beyond 0 and 1 may be ids of labels, padded with −1, "
            "or amounts; give ids as lists, [[0, 4], [2]], and amounts as float64, a forecast's by "
            "LabelScatter.from_targets"
        )
    raise CountsError(
        f"the target of {where} is {value:g}, and labels lie between 0 and 1: for regression use "
        "LabelScatter.from_targets and loss='mse'"
    )


def _place(block: Any, entry: int, start: int) -> str:
    row = int(np.searchsorted(block.indptr, entry, side="right")) - 1
    return f"row {start + row}, label {int(block.indices[entry])}"
