"""Features to a file, block by block, so that what was computed once is read ever after; and heads."""

import io
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FeaturesError, FileError
from penultimate.features.sources import FeatureSource, open_features
from penultimate.features.sources.source import Batch
from penultimate.files import open_whole, reporting_refusal, write_whole

if TYPE_CHECKING:
    from penultimate.features.head import Head

# Room for names and shapes, written last: the format lets a header end in spaces. Class names come on top.
_HEADER = 4096
_CODES = {"float16": "F16", "float32": "F32", "float64": "F64", "int64": "I64", "uint8": "U8"}


def save_features(
    source: FeatureSource, path: "str | os.PathLike[str]", progress: Callable[[int], object] | None = None
) -> FeatureSource:
    """Stream a source once into a ``.safetensors`` file, with its head and class names.

    Parameters
    ----------
    source : FeatureSource
    path : path-like
        Written whole or not at all. In memory are one block, the labels and, where there are any, the weights.
    progress : callable, optional
        Called with the number of rows of every block, for a progress bar.

    Returns
    -------
    FeatureSource
        The file.

    Raises
    ------
    FileError
        When it cannot be written, or has another ending.
    FeaturesError
        When there are no samples.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import penultimate as pen
    >>> from penultimate.features.sources.writing import save_features
    >>> path = pathlib.Path(tempfile.mkdtemp(), "features.safetensors")
    >>> save_features(pen.datasets.features("cnn-mse"), path).samples
    14886
    """
    write_features(source.batches(), path, source.dimension, source.head, source.names, progress)
    return open_features(path)


def write_features(
    batches: Iterable[Batch],
    path: "str | os.PathLike[str]",
    dimension: int,
    head: "Head | None",
    names: Sequence[str] | None,
    progress: Callable[[int], object] | None = None,
) -> None:
    """Stream batches into a ``.safetensors`` file, with a head and class names.

    Parameters
    ----------
    batches : iterable of Batch
        Labels one a sample, or 0 and 1 in bytes, (n, K).
    path, progress
        As for `save_features`, with its errors.
    dimension : int
    head : Head, optional
    names : sequence of str, optional
    """
    if Path(path).suffix != ".safetensors":
        raise FileError(f"{os.fspath(path)}: features are written as .safetensors: give a name that ends so")
    note = {} if names is None else {"classes": json.dumps(list(names))}
    room = _HEADER + (len(json.dumps(note)) + 7) // 8 * 8
    with open_whole(path) as file:
        with reporting_refusal(path):
            file.write(b" " * (8 + room))
        layout, beside = _stream(batches, dimension, file, path, progress)
        tensors = beside | _arrays_of(head)
        header: dict[str, Any] = {"H": layout, "__metadata__": note}
        end = int(layout["data_offsets"][1])
        with reporting_refusal(path):
            for name, array in tensors.items():
                file.write(array.tobytes())
                header[name] = _entry(array.dtype.name, array.shape, end, end + array.nbytes)
                end += array.nbytes
            file.seek(0)
            file.write(room.to_bytes(8, "little") + json.dumps(header).encode().ljust(room))


def _stream(
    batches: Iterable[Batch],
    dimension: int,
    file: IO[bytes],
    path: "str | os.PathLike[str]",
    progress: Callable[[int], object] | None,
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Write the features; return where they lie, and what goes beside them."""
    rows = size = 0
    dtype, labels, weights = "", list[NDArray[np.integer]](), list[NDArray[np.float64]]()
    for batch in batches:
        with reporting_refusal(path):
            file.write(np.ascontiguousarray(batch.features).tobytes())
        dtype, rows, size = batch.features.dtype.name, rows + len(batch.labels), size + batch.features.nbytes
        labels.append(batch.labels.astype(np.int64 if batch.labels.ndim == 1 else np.uint8))
        if batch.weights is not None:
            weights.append(batch.weights.astype(np.float64))
        if progress is not None:
            progress(len(batch.labels))
    if not rows:
        raise FeaturesError("there are no samples to write: give a source that has some")
    beside: dict[str, NDArray[Any]] = {"y": np.concatenate(labels)}
    if weights:
        beside["weights"] = np.concatenate(weights)
    return _entry(dtype, (rows, dimension), 0, size), beside


def _entry(dtype: str, shape: tuple[int, ...], begin: int, end: int) -> dict[str, Any]:
    return {"dtype": _CODES[dtype], "shape": list(shape), "data_offsets": [begin, end]}


def _arrays_of(head: "Head | None") -> dict[str, NDArray[Any]]:
    if head is None:
        return {}
    names = ["W"] if len(head.weights) == 1 else [f"W_{index}" for index in range(1, len(head.weights) + 1)]
    arrays: dict[str, NDArray[Any]] = dict(zip(names, head.weights, strict=True))
    return arrays if head.bias is None else arrays | {"b": head.bias}


def check_head_name(path: "str | os.PathLike[str]") -> None:
    """Check the name of a file for a head, as `save_head` does: for what takes long to make.

    Raises
    ------
    FeaturesError
        When it does not end in ``.npz``.
    """
    if Path(path).suffix != ".npz":
        raise FeaturesError(f"{path}: heads are written as .npz: give a name that ends so")


def save_head(head: "Head", names: Sequence[str], path: "str | os.PathLike[str]", **beside: Any) -> None:
    """Write W (the product of the layers), b and class names as ``.npz``, whole or not at all; `Head.read` reads it.

    Parameters
    ----------
    head : Head
        Written in float32.
    names : sequence of str
        Of the classes.
    path : path-like
    **beside : ndarray
        More arrays to write, as thresholds.

    Raises
    ------
    FeaturesError
        When the file's name does not end in ``.npz``.
    FileError
        When the file cannot be written.
    """
    check_head_name(path)
    buffer = io.BytesIO()
    weight, bias = head.product.astype(np.float32), head.offset.astype(np.float32)
    np.savez(buffer, W=weight, b=bias, classes=np.array(list(names)), **beside)
    write_whole(path, buffer.getvalue())
