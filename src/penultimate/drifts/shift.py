"""How far the mean of each class moved in the span of its neighbours, and how often noise alone does as much."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.drifts.neighbours import Neighbours
from penultimate.drifts.p_values import ENOUGH, by_moments, by_permutation, own_metric
from penultimate.drifts.samples import Seen
from penultimate.features.statistics import FeatureStatistics

Floats = NDArray[np.float64]

# Squared shift that rounding makes of the same samples, where the scatter of all classes is one.
_ROUNDING = 1e-20


@dataclass(frozen=True)
class Shifts:
    """Shifts of all classes.

    Attributes
    ----------
    of_the_way : ndarray of shape (K,)
        Root of the squared shift, less what noise adds to it, over the distance from the reference to the nearest other
        class.
    times_noise : ndarray of shape (K,)
        Squared shift over its mean under permutation.
    p : ndarray of shape (K,)
        NaN where it cannot be known.
    towards : ndarray of shape (K,)
        Of the nearest classes, the one that the shift points to.
    """

    of_the_way: Float[np.ndarray, " K"]
    times_noise: Float[np.ndarray, " K"]
    p: Float[np.ndarray, " K"]
    towards: Int[np.ndarray, " K"]


def shifts(
    statistics: tuple[FeatureStatistics, FeatureStatistics],
    seen: tuple[Seen, Seen],
    about: Neighbours,
    least: float,
    rng: np.random.Generator,
) -> Shifts:
    """Test every class that has two samples on both sides.

    Parameters
    ----------
    statistics, seen : of the reference and of the current side
    about : Neighbours
    least : float
        The p-value that has to be told from smaller ones.
    rng : numpy Generator
        Of permutations.

    Returns
    -------
    Shifts
    """
    n, m = (side.counts for side in statistics)
    apart = seen[1].mean - seen[0].mean
    square = np.einsum("kr,kr->k", apart, apart)
    # From where the class was: the centre of both sides has gone part of the way itself.
    distance = np.linalg.norm(about.towards - seen[0].mean[:, None, :], axis=2).min(axis=1)
    of_the_way, times, p = (np.full(n.size, np.nan) for _ in range(3))
    # Groups of unlike sizes cannot change sides as samples can.
    grouped = (seen[0].independent < n) | (seen[1].independent < m)
    for k in np.flatnonzero(np.minimum(n, m) >= 2).tolist():
        own = [_own_noise(side, k, count[k]) for side, count in zip(seen, (n, m), strict=True)]
        chance = sum(
            _pooled_noise(side, k, about) if noise is None else noise
            for side, noise in zip(statistics, own, strict=True)
        )
        if distance[k] > 0:
            of_the_way[k] = np.sqrt(max(square[k] - chance, 0.0)) / distance[k]
        both = _together(seen, k, n[k], m[k])
        if both is None:
            continue
        expected = float(np.trace(both))
        if expected <= _ROUNDING:
            times[k], p[k] = 0.0, 1.0
            continue
        times[k] = square[k] / expected
        metric = own_metric(both)
        if min(side.independent[k] for side in seen) >= ENOUGH:
            p[k] = by_moments(float(np.sum((apart[k] @ metric) ** 2)), metric.T @ both @ metric)
        elif not grouped[k] and k in seen[0].coordinates and k in seen[1].coordinates:
            p[k] = _permuted(seen[0].coordinates[k] @ metric, seen[1].coordinates[k] @ metric, least, rng)
    lengths = np.linalg.norm(about.towards, axis=2)
    along = np.einsum("kr,ksr->ks", apart, about.towards) / np.where(lengths > 0, lengths, 1.0)
    towards = np.take_along_axis(about.nearest, along.argmax(axis=1)[:, None], axis=1)[:, 0]
    return Shifts(of_the_way, times, p, towards)


def _own_noise(side: Seen, k: int, count: float) -> float | None:
    """What a side's noise adds to the squared shift, by the scatter about its own mean."""
    if side.scatter is None:
        return None
    within = float(np.trace(side.scatter[k])) - count * float(side.mean[k] @ side.mean[k])
    return max(within, 0.0) / (count - 1.0) / count * float(side.design[k])


def _pooled_noise(statistics: FeatureStatistics, k: int, about: Neighbours) -> float:
    """The same where no scatter of classes was kept: the scatter of all, in the size of the class's own."""
    counts, spreads = statistics.counts, statistics.spreads
    whole = float(spreads.sum()) / max(float(counts.sum()) - np.count_nonzero(counts), 1.0)
    own = spreads[k] / (counts[k] - 1.0) / whole if whole > 0 else 0.0
    return about.basis.shape[2] * own / counts[k]


def _together(seen: tuple[Seen, Seen], k: int, n: float, m: float) -> Floats | None:
    """A: covariance of the class about the mean of both sides, times ``1/n + 1/m``, by each side's design effect."""
    if seen[0].scatter is None or seen[1].scatter is None:
        return None
    widened = float(seen[0].design[k] / n + seen[1].design[k] / m)
    return (seen[0].scatter[k] + seen[1].scatter[k]) / (n + m - 1.0) * widened


def _permuted(one: Floats, other: Floats, least: float, rng: np.random.Generator) -> float:
    """By permutation: of samples about their mean, the shift of a side is its sum times ``1/n + 1/m``."""
    z = np.concatenate([one, other])
    z -= z.mean(axis=0)
    small = one if len(one) <= len(other) else other
    first = 0 if small is one else len(one)
    whole = z[first : first + len(small)].sum(axis=0)

    def squares(chosen: Int[np.ndarray, "b s"]) -> Float[np.ndarray, " b"]:
        sums = z[chosen].sum(axis=1)
        return np.einsum("br,br->b", sums, sums)

    return by_permutation(float(whole @ whole), squares, len(z), len(small), least, rng)
