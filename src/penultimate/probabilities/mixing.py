"""The mix of classes that makes probabilities most likely, for many weightings of the samples at once."""

import numpy as np
from jaxtyping import Float, Int

_MAX_STEPS = 2000
# How much likelihood a sample may be left: the largest slope less one bounds it, because it is concave in the mix.
_TOL = 1e-6
_KEPT = 0.1
_LEAST = 1e-12


def most_likely_mix(
    ratios: Float[np.ndarray, "N K"],
    weights: Float[np.ndarray, "B N"],
    start: Float[np.ndarray, "B K"],
    tol: float = _TOL,
) -> Float[np.ndarray, "B K"]:
    """Maximise ``Σ_i weights_i log(ratios_i · mix)`` over mixes, by expectation maximisation.

    Parameters
    ----------
    ratios : ndarray of shape (N, K)
        Probabilities over the shares that they were trained on.
    weights : ndarray of shape (B, N)
        How often each sample counts, one row for each answer that is wanted.
    start : ndarray of shape (B, K)
        Where to start from; positive.
    tol : float
        Largest slope, less one, at which to stop: no mix has more likelihood than that, a sample.

    Returns
    -------
    ndarray of shape (B, K)

    Notes
    -----
    Saerens, Latinne and Decaestecker 2002 (doi:10.1162/089976602753284446); the likelihood is concave. Two steps and
    the third that they point to: Varadhan and Roland 2008 (doi:10.1111/j.1467-9469.2007.00585.x).

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.probabilities.mixing import most_likely_mix
    >>> ratios = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]]) / 0.5
    >>> most_likely_mix(ratios, np.ones((1, 3)), np.full((1, 2), 0.5)).round(3)
    array([[0.678, 0.322]])
    """
    total = weights.sum(axis=1, keepdims=True)

    def slope(mix: Float[np.ndarray, "B K"]) -> Float[np.ndarray, "B K"]:
        return ((weights / np.maximum(mix @ ratios.T, _LEAST)) @ ratios) / total

    def step(mix: Float[np.ndarray, "B K"]) -> Float[np.ndarray, "B K"]:
        new = mix * slope(mix)
        return new / new.sum(axis=1, keepdims=True)

    mix = start
    for _ in range(_MAX_STEPS):
        rising = slope(mix)
        if rising.max() < 1.0 + tol:
            break
        one = mix * rising
        two = step(one)
        first, second = one - mix, two - 2.0 * one + mix
        length = np.linalg.norm(second, axis=1, keepdims=True)
        stride = np.maximum(1.0, np.linalg.norm(first, axis=1, keepdims=True) / np.maximum(length, _LEAST))
        # A leap may not empty a class: from nothing its share would rise too slowly ever to be seen.
        leapt = np.maximum(mix + 2.0 * stride * first + stride**2 * second, _KEPT * two)
        mix = step(leapt / leapt.sum(axis=1, keepdims=True))
    return mix


def corrected_mix(
    ratios: Float[np.ndarray, "N K"],
    weights: Float[np.ndarray, "B N"],
    known: tuple[Float[np.ndarray, "M K"], Int[np.ndarray, " M"], Float[np.ndarray, "B M"]],
    start: Float[np.ndarray, "B K"],
    tol: float = _TOL,
    steps: int = 3,
) -> Float[np.ndarray, "B K"]:
    """The most likely mix, less the error that the same method makes on samples whose classes are known.

    The known samples are weighed so that their mix is the one found; what the method finds there tells how far it is
    off; and so on. Calibration never takes all of its bias: on a bundled network three steps halve the error where
    there are 3,000 known samples, and more than three change nothing.

    Parameters
    ----------
    ratios, weights, start, tol
        As for `most_likely_mix`.
    known : tuple of ndarray
        Ratios of the known samples, their classes, and their weights, one row for each answer.
    steps : int

    Returns
    -------
    ndarray of shape (B, K)

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.probabilities.mixing import corrected_mix
    >>> p = np.array([[0.9, 0.1], [0.1, 0.9]])                  # in truth right in eight of ten only
    >>> known = p[[0] * 8 + [1] * 2 + [1] * 8 + [0] * 2] / 0.5, np.repeat([0, 1], 10), np.ones((1, 20))
    >>> current = p[[0] * 74 + [1] * 26] / 0.5                  # nine of ten samples are of the first class
    >>> corrected_mix(current, np.ones((1, 100)), known, np.full((1, 2), 0.5)).round(1)
    array([[0.9, 0.1]])
    """
    others, labels, counted = known
    shares = np.stack([counted[:, labels == k].sum(axis=1) for k in range(ratios.shape[1])], axis=1)
    shares /= shares.sum(axis=1, keepdims=True)
    found = mix = most_likely_mix(ratios, weights, start, tol)
    for _ in range(steps):
        reweighed = counted * (mix / np.maximum(shares, _LEAST))[:, labels]
        seen = most_likely_mix(others, reweighed, mix, tol)
        mix = np.maximum(mix + found - seen, mix / 2.0)
        mix /= mix.sum(axis=1, keepdims=True)
    return mix
