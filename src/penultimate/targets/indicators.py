"""Which labels each sample has, row by row: one column of 0 and 1 a label, however the labels came."""

from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np
from jaxtyping import Bool

from penultimate.counts.class_names import NumberedNames, as_names
from penultimate.errors import CountsError
from penultimate.targets.label_sets import checked_sets, indicator_rows
from penultimate.targets.matrices import is_matrix, rows_of


def indicators_of(labels: object, names: Sequence[str] | None = None) -> tuple[Bool[np.ndarray, "N K"], Sequence[str]]:
    """One column a label, and the names of the labels.

    Parameters
    ----------
    labels : sequence of sequences of str or int, or 0/1 array, data frame or sparse matrix of shape (N, K)
        As for `LabelScatter.from_labels`.
    names : sequence of str, optional
        All labels in order; by default those that occur, sorted, or the columns.

    Returns
    -------
    ndarray of bool of shape (N, K), sequence of str

    Raises
    ------
    CountsError
        As `LabelScatter.from_labels`, and for soft labels.

    Examples
    --------
    >>> from penultimate.targets.indicators import indicators_of
    >>> indicators_of([["cat", "pet"], [], ["pet"]])[0].astype(int)
    array([[1, 1],
           [0, 0],
           [0, 1]])
    """
    if is_matrix(labels):
        return _of_matrix(labels, names)
    if isinstance(labels, str) or not isinstance(labels, Iterable):
        raise CountsError(f"labels are of type {type(labels).__name__}: give a list of labels for each sample")
    rows, found = indicator_rows((own for own, _ in checked_sets(cast(Iterable[Any], labels))), names)
    return rows.toarray() > 0, found


def _of_matrix(matrix: Any, names: Sequence[str] | None) -> tuple[Bool[np.ndarray, "N K"], Sequence[str]]:
    if names is None and hasattr(matrix, "columns") and hasattr(matrix, "to_numpy"):
        names, matrix = as_names(list(map(str, matrix.columns))), matrix.to_numpy()
    blocks = list(rows_of(matrix, any_real=False))
    if any(block.kind != "sets" for block in blocks):
        raise CountsError("labels hold numbers between 0 and 1: give 1 where the sample has the label, else 0")
    out: Bool[np.ndarray, "N K"] = np.concatenate([block.values.toarray() > 0 for block in blocks])
    held = NumberedNames(out.shape[1]) if names is None else names
    if len(held) != out.shape[1]:
        raise CountsError(f"{len(held)} names for {out.shape[1]} labels: give one name for each column")
    return out, held
