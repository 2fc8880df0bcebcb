"""Single arrays written as ``.npy``, whole or not at all."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FileError
from penultimate.files import write_whole


def write_npy(array: NDArray[Any], path: "str | os.PathLike[str]") -> None:
    """Write an array as ``.npy``.

    Parameters
    ----------
    array : ndarray
    path : path-like

    Raises
    ------
    FileError
        When the name does not end in ``.npy``, or the file cannot be written; nothing is left half-written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from penultimate.archives.npy_writing import write_npy
    >>> path = pathlib.Path(tempfile.mkdtemp(), "thresholds.npy")
    >>> write_npy(np.array([0.25, 0.5]), path)
    >>> np.load(path)
    array([0.25, 0.5 ])
    """
    if Path(path).suffix.casefold() != ".npy":
        raise FileError(f"{os.fspath(path)}: an array is written as .npy: give a name that ends so")
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    write_whole(path, buffer.getvalue())
