"""How many samples a class, or all that have too few, must gain to stand above the threshold, which grows with them."""

import bisect
import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from penultimate.counts import ClassCounts

_MAX_STEPS = 100
_TRIED = 65  # floors, evenly by logarithm, among which the first that does is looked for before it is narrowed down


def samples_to_gain(n: Float[np.ndarray, " m"], samples: float, needed: float, power: float) -> Float[np.ndarray, " m"]:
    """Fewest whole samples with ``n + gain > needed · ((N + gain)/N)^power``, each class gaining alone.

    Parameters
    ----------
    n : ndarray of shape (m,)
        Counts.
    samples : float
        N, before anything is gained.
    needed : float
        threshold² at N samples.
    power : float
        How threshold² grows with N: 1 when λ_H = c λ_1/N, (L+1)/L when λ_H is fixed; at least 1.

    Returns
    -------
    ndarray of shape (m,)
        Zero for a class that stands above already; infinite where the threshold outruns any number of samples.

    Examples
    --------
    >>> samples_to_gain(np.array([90.0, 10.0]), samples=100.0, needed=12.0, power=1.0)
    array([0., 3.])
    """
    # What is missing is convex in the gain, so Newton from zero rises to its first root, or finds no descent.
    gain = np.zeros_like(n)
    with np.errstate(divide="ignore", invalid="ignore"):
        for _ in range(_MAX_STEPS):
            bar = needed * ((samples + gain) / samples) ** power
            missing, slope = bar - n - gain, power * bar / (samples + gain) - 1.0
            step = np.where(missing > 0, np.where(slope < 0, -missing / slope, np.inf), 0.0)
            gain = gain + step
            if np.all((step <= 1e-9 * (1.0 + gain)) | np.isinf(gain)):
                break
    return np.where(needed < n, 0.0, np.floor(gain) + 1.0)


def common_floor(n: Float[np.ndarray, " m"], multiplicity: Int[np.ndarray, " m"], needed: float, power: float) -> float:
    """Smallest whole number above the threshold when every class with fewer samples is raised to it.

    The smallest f with ``f > needed · (N(f)/N)^power``, N(f) the samples there are then. As many directions survive as
    classes stand above, or one fewer (docs/theory §4), and the last is one of those that are raised.

    Parameters
    ----------
    n : ndarray of shape (m,)
        Distinct counts.
    multiplicity : ndarray of shape (m,)
        Classes that have each.
    needed, power : float
        As for `samples_to_gain`.

    Returns
    -------
    float
        The smallest count where that is above already; infinite where the threshold outruns any number of samples.

    Examples
    --------
    >>> common_floor(np.array([90.0, 10.0, 5.0]), np.array([1, 1, 2]), needed=12.0, power=1.0)
    15.0
    """
    floor, samples = float(n.min()), float(n @ multiplicity)
    if needed < floor:
        return floor
    # What is missing is convex in the floor: Newton from below rises to its first root, or finds no descent.
    for _ in range(_MAX_STEPS):
        raised = float(np.maximum(n, floor) @ multiplicity)
        bar = needed * (raised / samples) ** power
        slope = power * bar / raised * float(multiplicity[n <= floor].sum()) - 1.0
        if slope >= 0:
            return float("inf")
        step = (bar - floor) / -slope
        floor += step
        if step <= 1e-9 * floor:
            break
    return float(np.floor(floor)) + 1.0


def raised_to(counts: ClassCounts, floor: float) -> ClassCounts:
    """The counts with every seen class at `floor` or above.

    Parameters
    ----------
    counts : ClassCounts
        As they are.
    floor : float
        Samples.

    Returns
    -------
    ClassCounts
    """
    return ClassCounts(np.where(counts.values > 0, np.maximum(counts.values, floor), 0.0), counts.names)


def smallest_floor(counts: ClassCounts, survives: Callable[[ClassCounts], bool], known: float) -> float:
    """Smallest whole number of samples at which every direction survives when all classes with fewer are raised to it.

    The threshold grows with all samples, so a floor may be too high as well as too low: some are tried from the
    smallest count up, and what lies below the first that does is halved.

    Parameters
    ----------
    counts : ClassCounts
        At which some direction dies.
    survives : callable
        Whether all directions survive for other counts.
    known : float
        A floor that is tried too, such as `common_floor`; infinite if there is none.

    Returns
    -------
    float
        Infinite where no floor tried does.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts([10000, 1])       # σ² = 2 n_1 n_2 / N, and one direction
    >>> smallest_floor(counts, lambda raised: pen.LabelSpectrum(raised).count_above(10.0) == 1, known=101.0)
    51.0
    """
    low = math.floor(counts.smallest)
    tried = np.ceil(np.geomspace(counts.smallest, max(counts.largest, 1.0), _TRIED))
    tried = np.unique(np.append(tried, known if math.isfinite(known) else []))
    for floor in tried[tried > low].astype(np.int64).tolist():
        if survives(raised_to(counts, floor)):
            return float(bisect.bisect_left(range(floor), True, low + 1, key=lambda f: survives(raised_to(counts, f))))
        low = floor
    return math.inf
