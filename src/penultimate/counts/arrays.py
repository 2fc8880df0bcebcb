"""Counts from array files, .npy and .npz, read in blocks. Nothing is ever unpickled."""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from penultimate.archives.archive import Layout, reporting_damage
from penultimate.archives.npy_header import read_header
from penultimate.archives.npz import open_npz
from penultimate.counts.class_names import as_names
from penultimate.counts.columns import is_training, label_rank, names_counts, words_of
from penultimate.counts.counted import Counted, Wish, believe_labels, of_counts, of_labels
from penultimate.counts.labels import assign, tally_blocks
from penultimate.errors import FileError

# Bytes of labels that are held at once.
_BLOCK = 16 << 20


def read_npy(path: Path, wish: Wish) -> Counted:
    """Read one array of labels, or of counts with ``holds="counts"``.

    Parameters
    ----------
    path : Path
    wish : Wish
        Without a column: there is none.

    Returns
    -------
    Counted

    Raises
    ------
    FileError
        When the file is damaged, holds Python objects or numbers that cannot be labels, or a column is asked for.
    CountsError
        When labels or counts cannot be, or the numbers may be either.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from penultimate.counts.arrays import read_npy
    >>> from penultimate.counts.counted import Wish
    >>> path = pathlib.Path(tempfile.mkdtemp(), "labels.npy")
    >>> np.save(path, [0, 1, 1])
    >>> read_npy(path, Wish()).values
    [1, 2]
    """
    if wish.column is not None:
        raise FileError(f"a .npy file has no columns: leave out column={wish.column!r}")
    with reporting_damage(path, "a .npy array"), path.open("rb") as file:
        region = read_header(file, path, "the array", 0, path.stat().st_size)
    if wish.holds == "counts":
        return Counted(flat(region.read(), "counts"), None, "counts, an array")
    _check_labels(region.layout, wish)
    found = tally_blocks(region.blocks(0, _rows(region.layout)))
    return of_labels(found.by_name(), wish)._replace(origin="labels, an array")


def read_npz(path: Path, wish: Wish) -> Counted:
    """Read an archive with counts or labels, and perhaps ``classes``, each under a name that says so.

    Parameters
    ----------
    path : Path
        A .npz file; only the arrays needed are read.
    wish : Wish

    Returns
    -------
    Counted

    Raises
    ------
    FileError
        When the archive is damaged, holds Python objects, or has no such key.
    CountsError
        When labels or counts cannot be.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import numpy as np
    >>> from penultimate.counts.arrays import read_npz
    >>> from penultimate.counts.counted import Wish
    >>> path = pathlib.Path(tempfile.mkdtemp(), "train.npz")
    >>> np.savez(path, y=[0, 1, 1], classes=["cat", "dog", "eel"])
    >>> read_npz(path, Wish()).values
    array([1., 2., 0.])
    """
    with path.open("rb") as file:
        if file.read(4) != b"PK\x03\x04":
            raise FileError("the file is no .npz archive (a pickle is never loaded): write it with numpy.savez")
    with open_npz(path) as archive, reporting_damage(path, "a .npz archive"):
        keys = archive.names()
        named = next((key for key in keys if _names_classes(key)), None)
        key, holds = _choose(keys, archive.layout, wish)
        classes = None if named is None or named == key else as_names(flat(archive.read(named), "names").tolist())
        if holds == "counts":
            values = flat(archive.read(key), "counts")
            names = None if classes is None or len(classes) != values.size else classes
            certain = wish.holds is not None or names_counts(key)
            origin = f"counts in {key!r}" + ("" if names is None else f", classes in {named!r}")
            return of_counts(values, names, wish, origin, certain)
        _check_labels(archive.layout(key), wish)
        found = tally_blocks(archive.blocks(key, 0, _rows(archive.layout(key))))
    where = f" in {key!r}"
    if classes is None:
        return of_labels(found.by_name(), wish, where)
    if wish.holds is None:
        believe_labels(found.by_name(), where)
    return Counted(*assign(found, classes), f"labels{where}, classes in {named!r}")


def flat(array: NDArray[Any], what: str) -> NDArray[Any]:
    """An array of one number, or text, for each class or sample: (K,), or (K, 1).

    Parameters
    ----------
    array : ndarray
    what : str
        Named in the message.

    Returns
    -------
    ndarray of shape (K,)

    Raises
    ------
    FileError
        When it has more numbers than one for each.
    """
    if array.size != max(array.shape, default=0):
        raise FileError(f"the {what} have shape {array.shape}: give one for each class, shape (K,)")
    return array.ravel()


def _rows(layout: Layout) -> int:
    """How many labels are read at once."""
    bits = re.search(r"\d+$", layout.dtype)  # NumPy's names of types end in them: int64, str96
    return max(1, 8 * _BLOCK // max(8, int(bits[0]) if bits else 8))


def _check_labels(layout: Layout, wish: Wish) -> None:
    if wish.holds is None and layout.dtype.startswith(("float", "bfloat")):
        raise FileError(
            f"{layout.dtype} numbers may be counts, and are hardly labels: say --holds counts or --holds labels"
        )


def _names_classes(key: str) -> bool:
    words = words_of(key)
    return (bool(words) and words[-1] in ("classes", "names") and label_rank(key) is not None) or words == ["names"]


def _choose(keys: Sequence[str], layout: Any, wish: Wish) -> tuple[str, str]:
    """The array to read, and what it holds."""
    if wish.column is not None:
        found = next((k for k in (*keys,) if k == wish.column), None)
        found = found or next((k for k in keys if k.casefold() == wish.column.casefold()), None)
        if found is None:
            raise FileError(f"there is no column {wish.column!r}: choose one of {_listed(keys)}")
        return found, wish.holds or ("counts" if names_counts(found) else "labels")
    vectors = [k for k in keys if not _names_classes(k) and _is_vector(layout(k).shape)]
    counts = [k for k in vectors if names_counts(k)]
    labels = sorted((k for k in vectors if label_rank(k) is not None), key=lambda k: label_rank(k) or 0)
    labels = [k for k in labels if label_rank(k) == label_rank(labels[0])]
    training = [k for k in labels if any(map(is_training, words_of(k)))]
    holds = wish.holds or ("counts" if counts else "labels")
    exact = [k for k in counts if k.casefold() in ("count", "counts")]
    fitting = (exact or counts) if holds == "counts" else (training or labels)
    if len(fitting) != 1:
        fault = "several arrays may hold" if fitting else "no array is named like"
        raise FileError(f"{fault} {holds}: choose with --column one of {_listed(fitting or keys)}")
    return fitting[0], holds


def _is_vector(shape: tuple[int, ...]) -> bool:
    return len(shape) > 0 and int(np.prod(shape)) == max(shape)


def _listed(keys: Iterable[str]) -> str:
    return ", ".join(map(repr, keys)) or "(there are none)"
