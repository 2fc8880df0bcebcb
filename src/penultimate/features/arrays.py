"""What users hand in, as NumPy arrays: features as a matrix of floats, labels as whole numbers, all of it checked."""

import sys
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FeaturesError

# What is done with NaN: it is refused, its rows are dropped, or the entries that are there are used.
Gaps = Literal["refuse", "drop", "observed"]

_FLOATS = (np.float16, np.float32, np.float64)
# Largest features: differences of two still are numbers of their type, and sums of squares of 1e18 such are in float64.
_MOST = {"float16": np.inf, "float32": 1e38, "float64": 1e145}
# And what their sum of squares must not fall below, unless all are zero: the smallest such features are 1e-145.
_LEAST_SQUARES = 1e-290


def as_array(values: object, what: str) -> NDArray[Any]:
    """Turn an array of any library into NumPy's, without a copy where the memory can be shared.

    Parameters
    ----------
    values : ndarray, tensor, anything with ``__dlpack__`` or ``__array__``, or nested lists of numbers
        bfloat16 becomes float32; tensors on other devices are copied to this one.
    what : str
        Named in messages.

    Returns
    -------
    ndarray

    Raises
    ------
    FeaturesError
        When it is no array of numbers (objects are refused, whatever they hold).
    """
    refuse_masked(values, what)
    try:
        if _is_tensor(values):
            array = _of_tensor(values)
        elif hasattr(values, "__dlpack__") and not hasattr(values, "__array__"):
            array = np.from_dlpack(cast(Any, values))
        else:
            array = np.asarray(values)  # of a matrix or a masked array without a mask the plain array
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise FeaturesError(
            f"{what} cannot be read as one array ({_first_line(error)}): give numbers, dense and on this machine"
        ) from None
    if array.dtype.name == "bfloat16":  # of the library ml_dtypes
        array = array.astype(np.float32)
    if array.dtype.kind not in "fiub":
        raise FeaturesError(f"{what} are of type {array.dtype}, not numbers: give an array of numbers")
    return array


def refuse_masked(values: object, what: str) -> None:
    """Refuse masked entries, which NumPy's functions for plain arrays would take at what lies below the mask.

    Raises
    ------
    FeaturesError
    """
    if np.ma.is_masked(values):
        raise FeaturesError(
            f"masked entries in {what}, of which nothing is known: fill them, or leave their samples out"
        )


def plain_array(values: object, what: str) -> object:
    """What another library reads as it is meant: tensors as arrays, nothing masked, all else as it is.

    Parameters
    ----------
    values : object
        Tensors may be of bfloat16, on another device, or part of a graph of gradients.
    what : str
        Named in messages.

    Returns
    -------
    object

    Raises
    ------
    FeaturesError
        When entries are masked, or a tensor cannot be read.
    """
    refuse_masked(values, what)
    foreign = hasattr(values, "__dlpack__") and not hasattr(values, "__array__")
    narrow = str(getattr(values, "dtype", "")) == "bfloat16"
    return as_array(values, what) if foreign or narrow or _is_tensor(values) else values


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__).rstrip(".")


def _is_tensor(values: object) -> bool:
    # Looked up, never imported: who has a tensor has imported torch.
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(values, torch.Tensor)


def _of_tensor(tensor: Any) -> NDArray[Any]:
    import torch

    plain = tensor.detach()
    return (plain.float() if plain.dtype == torch.bfloat16 else plain).cpu().numpy()


def as_features(values: object, dimension: int | None = None) -> NDArray[np.floating]:
    """Check features: a matrix of finite floats, one row a sample.

    Parameters
    ----------
    values : array-like of shape (N, d)
        float16, float32, float64, or bfloat16.
    dimension : int, optional
        The d that is expected.

    Returns
    -------
    ndarray of shape (N, d)

    Raises
    ------
    FeaturesError
        When the shape is another, or values are no floats.
    """
    array = as_array(values, "features")
    if array.ndim != 2 or (dimension is not None and array.shape[1] != dimension):
        expected = "(samples, width)" if dimension is None else f"(samples, {dimension})"
        raise FeaturesError(f"features have shape {array.shape}, expected {expected}: give one row a sample")
    if array.dtype.type not in _FLOATS:
        if array.dtype.kind == "f":
            raise FeaturesError(f"features are {array.dtype}: give float16, bfloat16, float32 or float64")
        array = array.astype(np.float64)
    return array


def wide_of(features: NDArray[np.floating]) -> NDArray[np.floating]:
    """The same in float32 where they are float16, which neither Numba nor BLAS has; not copied otherwise.

    Parameters
    ----------
    features : ndarray of shape (N, d)

    Returns
    -------
    ndarray of shape (N, d)
    """
    return features.astype(np.float32) if features.dtype == np.float16 else features


def finite_rows(features: NDArray[np.floating]) -> NDArray[np.bool_] | None:
    """Which rows hold neither NaN nor infinity; None when all do, which is found out at the speed of memory.

    Parameters
    ----------
    features : ndarray of shape (N, d)

    Returns
    -------
    ndarray of bool of shape (N,), or None

    Raises
    ------
    FeaturesError
        When some are too large for their squares to be summed, or all are too small.
    """
    with np.errstate(all="ignore"):
        wide = wide_of(features)
        sums = np.vdot(wide, wide)  # squares of large float32 numbers overflow: then every row is looked at
    if np.isfinite(sums) and (sums >= _LEAST_SQUARES or not features.any()):
        return None
    if np.isfinite(sums) and wide.dtype == np.float64:
        raise FeaturesError(
            f"features are no larger than {np.abs(features).max():.3g}, so that their squares leave the range of "
            "numbers: multiply them all by one number, which no measure of collapse sees"
        )
    rows = np.asarray(np.isfinite(features).all(axis=1))
    largest = float(np.abs(features[rows]).max(initial=0.0))
    if largest > _MOST[features.dtype.name]:
        raise FeaturesError(
            f"features are as large as {largest:.3g}, so that their squares leave the range of numbers: divide them "
            "all by one number, which no measure of collapse sees"
        )
    return None if bool(rows.all()) else rows


def usable_rows(rows: NDArray[np.floating], seen: int, *, gaps: Gaps) -> NDArray[np.bool_] | None:
    """Which rows may be used: None for all, else a mask, or an error unless bad ones may be dropped.

    Parameters
    ----------
    rows : ndarray of shape (N, d)
    seen : int
        Samples before these, for the message.
    gaps : {"refuse", "drop", "observed"}
        Whether rows that hold NaN or infinity may be left out.

    Returns
    -------
    ndarray of bool of shape (N,), or None

    Raises
    ------
    FeaturesError
        When there are such rows and they may not.
    """
    kept = finite_rows(rows)
    if kept is None or gaps != "refuse":
        return kept
    row = int(np.argmin(kept))
    column = int(np.argmin(np.isfinite(rows[row])))
    raise FeaturesError(
        f"{int((~kept).sum())} of {len(kept)} rows hold NaN or infinity, the first is sample {seen + row} "
        f"(column {column}: {rows[row, column]}): mend the features. An audit can also drop such rows "
        "(gaps='drop', --gaps drop), or use the entries that are there (gaps='observed', --gaps observed)"
    )


def classes_of(labels: object) -> int:
    """How many classes labels tell of: one more than the largest.

    Parameters
    ----------
    labels : array-like of shape (N,)

    Returns
    -------
    int

    Raises
    ------
    FeaturesError
        When they are no whole numbers.

    Examples
    --------
    >>> from penultimate.features.arrays import classes_of
    >>> classes_of([0, 2, 2])
    3
    """
    array = as_array(labels, "labels")
    if array.dtype.kind not in "iu" and array.size:
        raise FeaturesError(f"labels are {array.dtype}: give whole numbers from 0 on")
    return int(array.max(initial=0)) + 1


def as_labels(values: object, samples: int, classes: int, what: str = "labels") -> NDArray[np.int64]:
    """Check labels: one whole number from 0 to K − 1 for each sample.

    Parameters
    ----------
    values : array-like of shape (N,)
    samples, classes : int
        N and K.
    what : str, default "labels"
        Named in messages.

    Returns
    -------
    ndarray of shape (N,), int64

    Raises
    ------
    FeaturesError
        When there is not one for each sample, or one is no whole number or out of range; the message says which.
    """
    array = as_array(values, what)
    if array.shape != (samples,):
        raise FeaturesError(f"{what} have shape {array.shape} for {samples} samples: give one for each sample")
    if array.dtype.kind not in "iu":
        raise FeaturesError(f"{what} are {array.dtype}: give whole numbers from 0 to {classes - 1}")
    if samples and (int(array.min()) < 0 or int(array.max()) >= classes):
        row = int(np.flatnonzero((array < 0) | (array >= classes))[0])
        raise FeaturesError(
            f"{what}: row {row} has {array[row]}, outside 0 … {classes - 1}: mend it, or give the number of classes"
        )
    return array.astype(np.int64, copy=False)


def as_weights(values: object, samples: int) -> NDArray[np.float64]:
    """Check weights: one finite number, zero or above, for each sample.

    Parameters
    ----------
    values : array-like of shape (N,)
    samples : int
        N.

    Returns
    -------
    ndarray of shape (N,), float64

    Raises
    ------
    FeaturesError
        When there is not one for each sample, or one is negative, NaN or infinite.
    """
    array = as_array(values, "weights").astype(np.float64)
    if array.shape != (samples,):
        raise FeaturesError(f"weights have shape {array.shape} for {samples} samples: give one for each sample")
    wrong = np.flatnonzero(~(np.isfinite(array) & (array >= 0)))
    if wrong.size:
        row = int(wrong[0])
        raise FeaturesError(f"weights: row {row} has {array[row]}: give finite numbers, zero or above")
    return array
