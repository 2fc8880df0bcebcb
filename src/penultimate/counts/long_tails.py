"""The literature's long-tailed profiles, with their rounding written down.

Every profile is a real number truncated to a whole one, as the reference implementations do with ``int(…)``. Before it
is cut, the number is raised by one part in 10¹², so that 49 · (1/49), which is 0.9999999999999999 in doubles, counts as
1 and not as 0; no split in common use (CIFAR-10, CIFAR-100 and Fashion-MNIST at ratios 10, 20, 50, 100, 200) changes
by it.
"""

import math
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import CountsError

Profile = Literal["exponential", "step", "zipf"]

_NUDGE = 1 + 1e-12


def long_tail(classes: int, largest: float, ratio: float, profile: str = "exponential") -> NDArray[np.float64]:
    """Make the counts of a long-tailed training set.

    Parameters
    ----------
    classes : int
        Number of classes, K, at least 2.
    largest : float
        Samples of class 0.
    ratio : float
        Largest count over smallest, at least 1.
    profile : {"exponential", "step", "zipf"}, default "exponential"
        See `penultimate.ClassCounts.long_tailed`.

    Returns
    -------
    ndarray of shape (K,), float64
        Whole numbers, falling.

    Raises
    ------
    CountsError
        When an argument is out of range, or the smallest class would have no sample.

    Examples
    --------
    >>> from penultimate.counts.long_tails import long_tail
    >>> long_tail(4, 1000, 10)
    array([1000.,  464.,  215.,  100.])
    """
    if profile not in _PROFILES:
        raise CountsError(f"profile={profile!r} is not known: choose one of {', '.join(_PROFILES)}")
    if classes < 2:
        raise CountsError(f"classes={classes}: a long tail needs at least two")
    if not 1 <= ratio < math.inf:
        raise CountsError(f"ratio={ratio}: give largest count over smallest, a finite number of at least 1")
    if not ratio <= largest * _NUDGE < math.inf:
        raise CountsError(
            f"largest={largest} at ratio={ratio} leaves the smallest class less than one sample: "
            "give a finite largest of at least the ratio"
        )
    counts = np.fromiter(_PROFILES[profile](classes, largest, ratio), dtype=np.float64, count=classes)
    return np.floor(counts * _NUDGE)


def _exponential(classes: int, largest: float, ratio: float) -> Iterable[float]:
    # Python's power, not NumPy's, whose vectorised one may differ from the reference implementations in the last bit.
    return (largest * (1 / ratio) ** (k / (classes - 1)) for k in range(classes))


def _step(classes: int, largest: float, ratio: float) -> Iterable[float]:
    return (largest if k < classes // 2 else largest / ratio for k in range(classes))


def _zipf(classes: int, largest: float, ratio: float) -> Iterable[float]:
    exponent = math.log(ratio) / math.log(classes)
    return (largest * (k + 1) ** -exponent for k in range(classes))


_PROFILES: dict[str, Callable[[int, float, float], Iterable[float]]] = {
    "exponential": _exponential,
    "step": _step,
    "zipf": _zipf,
}
