"""The spectrum of a scatter matrix that is noise: its density and edges, for classes with covariances of their own.

``(1/N) Σ_i h_i h_iᵀ`` of samples of mean zero has no eigenvalue outside the edges, but for fluctuations. With equal
covariances this is Marchenko and Pastur's law; docs/theory §9.5 has the general one.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.errors import FeaturesError, ProblemError

# Height above the real line, over the largest eigenvalue of the mean covariance, at which a density is read, and how
# many steps lead down to it from a height of one, where any start will do.
_HEIGHT, _DESCENT = 1e-4, 7
# Newton's steps at most, and the relative change at which to stop: 3 … 6 are taken away from an edge.
_STEPS, _TOLERANCE = 60, 1e-10
# Halvings of an edge's bracket.
_HALVINGS = 45

Floats = NDArray[np.float64]


def scatter_density(covariances: object, counts: object, at: object) -> Float[np.ndarray, " M"]:
    """Density of the eigenvalues of ``(1/N) Σ_i h_i h_iᵀ``, for n_k samples of covariance Σ_k and mean zero.

    Parameters
    ----------
    covariances : array-like of shape (K, d, d)
    counts : array-like of shape (K,)
        n_k.
    at : array-like of shape (M,)
        Positive eigenvalues.

    Returns
    -------
    ndarray of shape (M,)
        Integrates to one, less the share of eigenvalues that are zero where N < d; smoothed over a ten-thousandth of
        the largest eigenvalue.

    Raises
    ------
    FeaturesError, ProblemError
        When shapes do not fit, or a point is not positive.

    Notes
    -----
    The deterministic equivalent of the resolvent, ``(Σ p_k Σ_k − z)⁻¹`` (Louart and Couillet 2021, arXiv 2109.02644).

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> pen.equivalents.scatter_density(np.eye(20)[None], [80], [0.2, 1.0, 2.5]).round(3)
    array([0.   , 0.616, 0.   ])
    """
    held, numbers, samples = _checked(covariances, counts)
    points = np.asarray(at, dtype=np.float64)
    if points.ndim != 1 or not np.all(points > 0.0):
        raise ProblemError("a density is read at positive eigenvalues: give a list of them")
    top = _largest(held, numbers / samples)
    heights = top * np.geomspace(1.0, _HEIGHT, _DESCENT)
    density = np.empty(points.size)
    for i, x in enumerate(points.tolist()):
        delta, inverse = _solved(held, numbers, complex(x, heights[0]), np.full(len(held), 1j))
        for height in heights[1:]:
            delta, inverse = _solved(held, numbers, complex(x, height), delta)
        density[i] = np.trace(inverse).imag / (np.pi * held.shape[1])
    return density


def scatter_edges(covariances: object, counts: object) -> tuple[float, float]:
    """Between which values the eigenvalues of ``(1/N) Σ_i h_i h_iᵀ`` lie, zeros aside.

    Parameters
    ----------
    covariances, counts
        As for `scatter_density`.

    Returns
    -------
    lower, upper : float
        An eigenvalue of measured scatter well above the upper edge is a direction that this noise does not explain.
        The lower edge is 0 where N ≤ d.

    Raises
    ------
    FeaturesError, ProblemError
        As `scatter_density`.

    Notes
    -----
    Outside, the fixed point is real and can be reached from where it is plain: from infinity, and from zero.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> lower, upper = pen.equivalents.scatter_edges(np.eye(20)[None], [80])
    >>> round(lower, 4), round(upper, 4)              # (1 ± √(d/N))²
    (0.25, 2.25)
    """
    held, numbers, samples = _checked(covariances, counts)
    mean = np.tensordot(numbers / samples, held, axes=1)
    width, widest = held.shape[1], float(np.linalg.eigvalsh(held)[:, -1].max())
    # Every covariance is at most the largest eigenvalue of any, for which the edge is Marchenko and Pastur's.
    beyond = float(1.001 * widest * (1.0 + np.sqrt(width / samples)) ** 2)
    upper = _edge(held, numbers, float(np.linalg.eigvalsh(mean)[-1]), beyond)
    return (0.0 if samples <= width else _edge(held, numbers, float(np.linalg.eigvalsh(mean)[0]), 0.0)), upper


def _edge(covariances: Floats, counts: Floats, inside: float, outside: float) -> float:
    """Where the fixed point stops being real, on the way from outside in."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (inside + outside)
        if _is_outside(covariances, counts, middle):
            outside = middle
        else:
            inside = middle
    return outside


def _is_outside(covariances: Floats, counts: Floats, x: float) -> bool:
    """Whether the fixed point is real here, and the resolvent of one sign."""
    with np.errstate(all="ignore"):
        try:
            delta, inverse = _solved(covariances, counts, x, np.zeros(len(covariances)))
        except (ProblemError, np.linalg.LinAlgError):
            return False
    values = np.linalg.eigvalsh(inverse)
    return bool((1.0 + delta > 0.0).all() and values[0] * values[-1] > 0.0 and np.sign(delta[0]) == np.sign(values[0]))


def _solved(
    covariances: Floats, counts: Floats, z: complex | float, start: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """δ with ``δ_k = tr(Σ_k Q)/N`` and ``Q = (Σ p_k Σ_k − z)⁻¹``, by Newton's method; ProblemError without one."""
    samples = float(counts.sum())
    delta: NDArray[Any] = start
    identity = np.eye(covariances.shape[1])
    for _ in range(_STEPS):
        pulls: NDArray[Any] = counts / samples / (1.0 + delta)
        inverse: NDArray[Any] = np.linalg.inv(np.tensordot(pulls, covariances, axes=1) - z * identity)
        seen: NDArray[Any] = inverse @ covariances
        move: NDArray[Any] = np.trace(seen, axis1=1, axis2=2) / samples - delta
        if not np.isfinite(move).all():
            break
        if np.abs(move).max() <= _TOLERANCE * (1.0 + np.abs(delta).max()):
            return delta, inverse
        coupling: NDArray[Any] = np.einsum("kij,lji->kl", seen, seen, optimize=True) / samples
        system: NDArray[Any] = np.eye(len(counts)) - coupling * (pulls / (1.0 + delta))
        delta = delta + np.linalg.solve(system, move)
    raise ProblemError(f"no density was found at {z}: ask at another point")


def _largest(covariances: Floats, shares: Floats) -> float:
    return float(np.linalg.eigvalsh(np.tensordot(shares, covariances, axes=1))[-1])


def _checked(covariances: object, counts: object) -> tuple[Floats, Floats, float]:
    held, numbers = np.asarray(covariances, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if held.ndim != 3 or held.shape[1] != held.shape[2] or not np.isfinite(held).all():
        raise FeaturesError(f"covariances of shape {held.shape}: give finite ones of shape (K, d, d)")
    if numbers.shape != held.shape[:1] or not np.all(np.isfinite(numbers) & (numbers > 0.0)):
        raise ProblemError(f"counts must be {len(held)} positive numbers, one for each covariance; got {counts}")
    return held, numbers, float(numbers.sum())
