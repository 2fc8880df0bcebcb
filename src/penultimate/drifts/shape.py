"""Did a class change in shape, or along directions that no neighbour lies on? Two second tests, both by permutation.

``"mmd"``: maximum mean discrepancy (Gretton et al. 2012, JMLR 13), with a Gaussian kernel on whitened samples of one
class, as wide as the median of their distances. ``"sinkhorn"``: the Sinkhorn divergence by positive features, of
features as they are; it sees no more, and says how much in squared feature units. Samples change sides within a class.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from penultimate.drifts.groups import Groups, one_of_each
from penultimate.drifts.neighbours import Neighbours
from penultimate.drifts.p_values import by_permutation
from penultimate.drifts.sides import Side
from penultimate.errors import ProblemError
from penultimate.features.metrics.sinkhorn import Proposals, divergences, in_their_span, sinkhorn_divergence
from penultimate.features.sources.in_memory import Samples, gather
from penultimate.features.statistics import FeatureStatistics

Floats = NDArray[np.float64]
Shape = Literal["mmd", "sinkhorn"]

# Samples of a class and side: a table of distances of 128 MiB. A thousand Sinkhorn divergences take fewer.
MOST, _PERMUTED = 2000, 300
# Below this ε, in mean squared distances within a class, positive features are off by a tenth and more in any
# dimension; from 1 on, 500 of them do (studies/positive_features.py).
LEAST_EPSILON = 0.3
_FEATURES, _MORE_FEATURES = 500, 2000
# Draws of the divergence of samples that changed sides, for its mean.
_CHANCE = 9


@dataclass(frozen=True)
class Shapes:
    """What the second test says of all classes; NaN for those that are not tested.

    Attributes
    ----------
    p : ndarray of shape (K,)
    divergence, by_chance : ndarray of shape (K,)
        Sinkhorn divergence, and its mean when samples change sides; NaN without it.
    """

    p: Float[np.ndarray, " K"]
    divergence: Float[np.ndarray, " K"]
    by_chance: Float[np.ndarray, " K"]


def check(shape: object, epsilon: float) -> None:
    """Refuse what is no second test, and a regularisation at which positive features fail.

    Raises
    ------
    ProblemError
    """
    if shape not in (None, "mmd", "sinkhorn"):
        raise ProblemError(f"shape={shape!r}: give 'mmd' or 'sinkhorn', or nothing for shifts alone")
    if shape != "sinkhorn" and epsilon != 1.0:
        raise ProblemError(f"epsilon={epsilon} is of shape='sinkhorn': give both or neither")
    if not LEAST_EPSILON <= epsilon < np.inf:
        raise ProblemError(
            f"epsilon={epsilon}: below {LEAST_EPSILON} of the mean squared distance within a class the divergence by "
            f"positive features is off by a tenth and more: give {LEAST_EPSILON} or more, best 1"
        )


def shapes(
    shape: Shape | None,
    sides: tuple[Side, Side],
    about: Neighbours,
    tested: Bool[np.ndarray, " K"],
    least: float,
    rng: np.random.Generator,
    groups: tuple[Groups, Groups] = (None, None),
    epsilon: float = 1.0,
) -> Shapes:
    """Test the shape of classes, on at most 2,000 samples of each side.

    Parameters
    ----------
    shape : {"mmd", "sinkhorn"} or None
        Which test; without one nothing is tested.
    sides : tuple of Side
        With samples.
    about : Neighbours
    tested : ndarray of bool of shape (K,)
    least : float
        The p-value that has to be told from smaller ones.
    rng : numpy Generator
    groups : tuple of ndarray of shape (N,) or None
        Of the samples of each side; of a group the first sample of a class is taken.
    epsilon : float, default 1.0
        Of the Sinkhorn divergence, in mean squared distances within a class.

    Returns
    -------
    Shapes
    """
    p, divergence, by_chance = (np.full(tested.size, np.nan) for _ in range(3))
    if shape is None:
        return Shapes(p, divergence, by_chance)
    samples = [gather(side.given) for side in sides if not isinstance(side.given, FeatureStatistics)]
    for k in np.flatnonzero(tested).tolist():
        before, after = (_of_class(one, k, own) for one, own in zip(samples, groups, strict=True))
        if min(len(before), len(after)) < 2:
            continue
        before, after = before - about.centres[k], after - about.centres[k]
        if shape == "mmd":
            p[k] = _mmd(before @ about.white, after @ about.white, least, rng)
        else:
            p[k], divergence[k], by_chance[k] = _sinkhorn(before, after, epsilon, least, rng)
    return Shapes(p, divergence, by_chance)


def _of_class(samples: Samples, k: int, groups: Groups) -> Floats:
    rows = np.flatnonzero(samples.labels == k)
    rows = rows if groups is None else rows[one_of_each(groups[rows])]
    return samples.take(rows).thinned(MOST).features.astype(np.float64)


def _mmd(one: Floats, other: Floats, least: float, rng: np.random.Generator) -> float:
    z = np.concatenate([one, other])
    squares = np.einsum("nd,nd->n", z, z)
    table = np.maximum(squares[:, None] + squares - 2.0 * (z @ z.T), 0.0)
    width = float(np.median(table[np.triu_indices(len(z), 1)]))
    if not width > 0.0:
        return 1.0
    kernel = np.exp(-0.5 * table / width)
    # About its means, so that the discrepancy of a choice is the sum over its own entries, but for a factor.
    kernel -= kernel.mean(axis=0) + kernel.mean(axis=1)[:, None] - kernel.mean()

    def discrepancies(chosen: Int[np.ndarray, "b s"]) -> Float[np.ndarray, " b"]:
        inside = _inside(chosen, len(z))
        return np.einsum("nb,nb->b", kernel @ inside, inside)

    return _permuted(one, other, discrepancies, least, rng)


def _sinkhorn(
    one: Floats, other: Floats, epsilon: float, least: float, rng: np.random.Generator
) -> tuple[float, float, float]:
    """p, the divergence, and its mean over samples that changed sides."""
    number, seed = (_FEATURES if epsilon >= 1.0 else _MORE_FEATURES), int(rng.integers(1 << 31))
    z = in_their_span(np.concatenate([one, other]))
    one, other = z[: len(one)], z[len(one) :]
    turns = [rng.permutation(len(z)) for _ in range(_CHANCE)]
    pairs = [(one, other)] + [(z[turn[: len(one)]], z[turn[len(one) :]]) for turn in turns]
    found, *chance = (sinkhorn_divergence(*pair, epsilon, features=number, seed=seed) for pair in pairs)
    one, other = (side[:: -(-len(side) // _PERMUTED)] for side in (one, other))
    z = np.concatenate([one, other])
    z = z - z.mean(axis=0)
    scatter = 2.0 * z.T @ z / len(z)
    if not np.trace(scatter) > 0.0:
        return 1.0, found, float(np.mean(chance))
    # About one mean and by one set of proposals: nothing of it changes when samples change sides.
    positive = Proposals.of(scatter, epsilon * float(np.trace(scatter))).features(
        z, rng.standard_normal((number, z.shape[1]))
    )
    table = positive @ positive.T

    def of_choices(chosen: Int[np.ndarray, "b s"]) -> Float[np.ndarray, " b"]:
        inside = _inside(chosen, len(z))
        small = chosen.shape[1]
        return divergences(lambda v: table @ v, inside / small, (1.0 - inside) / (len(z) - small))

    return _permuted(one, other, of_choices, least, rng), found, float(np.mean(chance))


def _permuted(
    one: Floats,
    other: Floats,
    statistic: Callable[[Int[np.ndarray, "b s"]], Float[np.ndarray, " b"]],
    least: float,
    rng: np.random.Generator,
) -> float:
    """How often a choice of as many samples as the smaller side has is as far from the rest as that side is."""
    total, few = len(one) + len(other), min(len(one), len(other))
    small = np.arange(few) if len(one) == few else np.arange(len(one), total)
    return by_permutation(float(statistic(small[None])[0]), statistic, total, few, least, rng)


def _inside(chosen: Int[np.ndarray, "b s"], total: int) -> Float[np.ndarray, "n b"]:
    """One column a choice: 1 for the samples chosen."""
    inside = np.zeros((total, len(chosen)))
    np.put_along_axis(inside, chosen.T, 1.0, axis=0)
    return inside
