"""Samples that belong together, as frames of one video do: by how much less they tell than as many independent ones.

The design effect (Kish 1965) of a class and side: the variance of its mean over that of independent samples. Sums over
groups tell it without a model of the correlation (docs/theory, "Drift of every class").
"""

import os
from typing import Any, cast

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.drifts.sides import Side
from penultimate.errors import FeaturesError
from penultimate.features.sources.opening import array_beside

Groups = NDArray[np.int64] | None

_SIDES = ("the reference", "the current side")


def groups_of_both(groups: object, given: tuple[object, object], sides: tuple[Side, Side]) -> tuple[Groups, Groups]:
    """The group of every sample of both sides, as numbers; None where samples are independent.

    Parameters
    ----------
    groups : str, pair of array-like or None, or None
        The name of an array beside the features of both sides; or the arrays.
    given : tuple
        Both sides as they were given.
    sides : tuple of Side

    Returns
    -------
    tuple of ndarray of shape (N,) or None

    Raises
    ------
    FeaturesError
        When there is not one group a sample, or a side has no samples.
    FileError
        When a file has no such array.
    """
    if groups is None:
        return None, None
    if isinstance(groups, str):
        pair: list[object] = [_named(groups, *one) for one in zip(given, sides, _SIDES, strict=True)]
    elif isinstance(groups, list | tuple) and len(cast("list[object]", groups)) == 2:
        pair = list(cast("list[object]", groups))
    else:
        raise FeaturesError(
            "groups are a pair, of the reference and of the current side: an array of one group a sample each, or None "
            "where samples are independent; or the name of such an array in the files of both"
        )
    first, second = (_numbered(one, side) for one, side in zip(pair, sides, strict=True))
    return first, second


def design_effect(samples: Float[np.ndarray, "n r"], groups: Int[np.ndarray, " n"]) -> float:
    """Variance of a mean over that of independent samples, at least 1: ``Σ_g ‖Σ_{i ∈ g} z_i‖² / Σ_i ‖z_i‖²``.

    Parameters
    ----------
    samples : ndarray of shape (n, r)
        About a centre.
    groups : ndarray of shape (n,)
        The group of each.

    Returns
    -------
    float
        Samples that do not vary count as one a group.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.drifts.groups import design_effect
    >>> z = np.array([[1.0], [1.0], [-1.0], [-1.0]])
    >>> design_effect(z, np.array([0, 0, 1, 1])), design_effect(z, np.array([0, 1, 0, 1]))
    (2.0, 1.0)
    """
    number, own = np.unique(groups, return_inverse=True)
    sums = np.zeros((number.size, samples.shape[1]))
    np.add.at(sums, own, samples)
    whole = float(np.sum(samples**2))
    return max(1.0, float(np.sum(sums**2)) / whole) if whole > 0 else len(groups) / number.size


def one_of_each(groups: Int[np.ndarray, " n"]) -> Int[np.ndarray, " g"]:
    """The first sample of each group, in order."""
    return np.sort(np.unique(groups, return_index=True)[1])


def _named(name: str, given: object, side: Side, which: str) -> object:
    if not isinstance(given, str | os.PathLike) or side.source is None:
        raise FeaturesError(
            f"groups={name!r} names an array in the files of both sides, and {which} is no file of features: give the "
            "groups as arrays"
        )
    return array_beside(cast("os.PathLike[str]", given), name)


def _numbered(groups: object, side: Side) -> Groups:
    if groups is None:
        return None
    if side.source is None:
        raise FeaturesError("statistics keep no samples, so groups of them mean nothing: give the features")
    array: NDArray[Any] = np.asarray(groups)
    # What is missing in a column of texts is no group of its own.
    if array.dtype.kind == "O" and all(isinstance(one, str) for one in array.ravel().tolist()):
        array = array.astype(str)
    if array.shape != (side.source.samples,) or array.dtype.kind not in "iuUS":
        raise FeaturesError(
            f"groups of {side.source} are {array.dtype} of shape {array.shape} for {side.source.samples} samples: give "
            "one whole number or name for each sample"
        )
    return np.unique(array, return_inverse=True)[1].astype(np.int64)
