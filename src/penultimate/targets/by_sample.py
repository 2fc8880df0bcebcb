"""Targets of a file sample by sample, in its order: to stand beside features."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from penultimate.counts.class_names import as_names
from penultimate.counts.opening import opened
from penultimate.counts.readers import named
from penultimate.errors import CountsError
from penultimate.targets.label_sets import indicator_rows
from penultimate.targets.matrices import scipy_sparse
from penultimate.targets.readers import read_targets


def targets_by_sample(
    path: str | PathLike[str], column: str | None = None, *, separator: str | None = None
) -> tuple[Any, Sequence[str] | None]:
    r"""The targets of every sample, one column a label.

    Parameters
    ----------
    path : path-like
        A file as for `LabelScatter.read`.
    column, separator : str, optional
        As there.

    Returns
    -------
    csr_array of shape (N, K), and sequence of str or None
        The names of the labels, where the file has names.

    Raises
    ------
    FileError, CountsError
        As `LabelScatter.read`; and for a folder, whose images have no order.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from penultimate.targets.by_sample import targets_by_sample
    >>> path = pathlib.Path(tempfile.mkdtemp(), "tags.csv")
    >>> _ = path.write_text("id,tags\n1,pet;cat\n2,\n3,pet\n")
    >>> rows, names = targets_by_sample(path, separator=";")
    >>> rows.toarray(), names
    (array([[1., 1.],
           [0., 0.],
           [0., 1.]]), ('cat', 'pet'))
    """
    if Path(path).is_dir():
        raise CountsError(f"{path}: images of a folder stand in no order that features share: give a file of labels")
    with named(path), opened(Path(path), None) as file:
        found = read_targets(file, separator, column)
        if found.sets is not None:
            return indicator_rows((labels for labels, _ in found.sets), found.names)
        blocks = [block.values for block in found.blocks]
    if not blocks:
        raise CountsError("there are no samples: give the labels, or targets, of each")
    return scipy_sparse().vstack(blocks, format="csr"), None if found.names is None else as_names(found.names)
