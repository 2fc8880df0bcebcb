"""Fixed points of positive maps by Anderson's mixing: a K-dimensional secant method (docs/theory §9)."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from penultimate.errors import ProblemError

# Points kept, and by how much a step may be worse than the best: of 2 × 4 settings tried on eleven mixtures these took
# the fewest steps. Away from N ≈ d they take 9 … 13.
_MEMORY, _WORSE = 5, 10.0
# Relative change at which to stop, and the most steps: the worst case seen, N = d and λ = 1e-8, took 164.
_TOLERANCE = 1e-11
_STEPS = 1000
# Beyond, the square of a number leaves the range of float64, and the law takes squares.
_LARGEST = 350.0


def positive_fixed_point(
    step: Callable[[Float[np.ndarray, " K"]], Float[np.ndarray, " K"]], start: Float[np.ndarray, " K"]
) -> Float[np.ndarray, " K"]:
    """Find x = g(x) for a map of positive numbers to positive numbers.

    Parameters
    ----------
    step : callable
        g.
    start : ndarray of shape (K,)
        Positive.

    Returns
    -------
    ndarray of shape (K,)

    Raises
    ------
    ProblemError
        When it is not found, as with next to no weight decay and fewer samples than features.

    Notes
    -----
    Mixing is done in the logarithm of x, so that every step stays positive. After a step that made matters much worse
    the memory is emptied, and the next step is the plain one.

    Examples
    --------
    >>> positive_fixed_point(lambda x: np.sqrt(x + 2.0), np.ones(1)).round(9)
    array([2.])
    """
    x = np.log(start)
    value = np.log(step(start))
    points, moves, best = [x], [value - x], np.inf
    for _ in range(_STEPS):
        size = float(np.abs(moves[-1]).max())
        if size < _TOLERANCE:
            return np.exp(x + moves[-1])
        if size > _WORSE * best:
            points, moves = points[-1:], moves[-1:]
        best = min(best, size)
        x = _mixed(points, moves)
        if not float(np.abs(x).max()) < _LARGEST:  # a secant of two nearly parallel steps may lead anywhere
            points, moves = points[-1:], moves[-1:]
            x = _mixed(points, moves)
        if not float(np.abs(x).max()) < _LARGEST:
            break
        points.append(x)
        moves.append(np.log(step(np.exp(x))) - x)
        points, moves = points[-_MEMORY:], moves[-_MEMORY:]
    raise ProblemError("the law has no solution that could be found: give a larger weight decay")


def _mixed(points: list[Float[np.ndarray, " K"]], moves: list[Float[np.ndarray, " K"]]) -> Float[np.ndarray, " K"]:
    plain = points[-1] + moves[-1]
    if len(points) == 1:
        return plain
    turns, shifts = np.diff(moves, axis=0).T, np.diff(points, axis=0).T
    weights = np.linalg.lstsq(turns, moves[-1], rcond=1e-12)[0]
    return plain - (shifts + turns) @ weights
