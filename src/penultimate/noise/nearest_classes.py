"""Which classes are one, which are apart, and of which the samples cannot say.

Each class is held against the one nearest to it, along the directions of the class means that stand above the noise. A
pair is *merged* where a gap of 1.35 standard deviations, at which the best linear rule errs on a quarter of the
samples, would have been seen and was not; *apart* where the means differ; and *undecided* where such a gap would not
have been seen (docs/theory §12.4).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy.special import fdtrc, fdtri, ncfdtr, ndtr, ndtri

from penultimate.errors import ProblemError
from penultimate.features.metrics.centred import Projected
from penultimate.features.metrics.sweeping import sampled
from penultimate.noise.class_means import ClassDirections, MeansOutcome
from penultimate.noise.row_pairs import LEVEL, POWER, holm, nearest_of
from penultimate.reported import OneLine

Floats = NDArray[np.float64]

# Classes are merged where the best rule along a line errs half as often as a coin: their means are then so many
# standard deviations apart.
MERGED_AT = 0.25
GAP = -2.0 * float(ndtri(MERGED_AT))
# Own covariances need so many times as many degrees of freedom as directions: with fewer the test names too many.
_SURE = 2.0
# Of an undecided pair at least so many times as many samples are asked for.
_MORE = 1.25
# The most samples that are proposed.
_MOST = 10_000_000
# Beyond so many different degrees of freedom what they give is interpolated, to a part in 10⁴ over seven powers of ten.
_NODES = 1024
# Halvings of an interval for a root within it: to 10⁻¹² of the interval, and better than 10⁻⁹ of the root.
_HALVINGS = 40


@dataclass(frozen=True, eq=False, repr=False)
class ClassPairs(OneLine):
    """Every class with the one nearest to it.

    Made by `class_pairs`; those of the smallest gap first.

    Attributes
    ----------
    outcome : MeansOutcome
        Whether anything could be tested; its value says what happened.
    directions : int
        Along how many directions; 0 where none stands above the noise, and all are looked at.
    own_covariances : bool
        Whether each class's own covariance was used; otherwise the pooled one in the size of the class's own.
    pairs : ndarray of shape (p, 2)
        Classes, the smaller number first.
    p_value : ndarray of shape (p,)
        How often classes of one mean look so different, adjusted for the number of pairs (Holm).
    gap : ndarray of shape (p,)
        Distance of the means in standard deviations, less what chance adds to its square.
    min_gap : ndarray of shape (p,)
        The gap that would have been seen with a probability of 0.8.
    merged, apart : ndarray of bool of shape (p,)
        See `class_pairs`; what is neither is undecided.
    enough : ndarray of shape (p,)
        With so many samples of each of the two a pair would be decided; NaN beyond ten million, and where it is.
    sample : ndarray of shape (n,) or None
        Classes that were held against all others, where there are too many to compare all with all.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng, labels = np.random.default_rng(0), np.repeat(np.arange(3), [300, 300, 300])
    >>> features = np.array([[0.0] * 4, [0.0] * 4, [9.0] * 4])[labels] + rng.normal(size=(900, 4))
    >>> pairs = pen.noise.class_pairs(pen.noise.class_directions(pen.FeatureStatistics.from_features(features, labels)))
    >>> pairs.pairs.tolist(), pairs.merged.tolist()
    ([[0, 1], [1, 2]], [True, False])
    """

    outcome: MeansOutcome
    directions: int
    own_covariances: bool
    pairs: Int[np.ndarray, "p 2"]
    p_value: Float[np.ndarray, " p"]
    gap: Float[np.ndarray, " p"]
    min_gap: Float[np.ndarray, " p"]
    merged: Bool[np.ndarray, " p"]
    apart: Bool[np.ndarray, " p"]
    enough: Float[np.ndarray, " p"]
    sample: Int[np.ndarray, " n"] | None = None

    @property
    def undecided(self) -> Bool[np.ndarray, " p"]:
        """Pairs of which the samples cannot say."""
        return ~(self.merged | self.apart)

    @property
    def error(self) -> Float[np.ndarray, " p"]:
        """What the best linear rule gets wrong of either class at that gap, for Gaussian classes."""
        return np.asarray(ndtr(-0.5 * self.gap), dtype=np.float64)


def class_pairs(directions: ClassDirections, scatters: object = None) -> ClassPairs:
    """Test whether classes have the mean of the class nearest to them.

    Parameters
    ----------
    directions : ClassDirections
        Of the class means.
    scatters : array-like of shape (K, r, r), optional
        ``Σ z zᵀ`` over the samples of each class, with z a sample less the mean of its class along the directions. By
        default covariances are the pooled one in the size of each class's own.

    Returns
    -------
    ClassPairs
        *Merged*: a gap of 1.35 standard deviations would have been seen along the directions with a probability of 0.8,
        and less was seen, in all other directions too. *Apart*: equal means are excluded at 1 %, for all pairs
        together, and the pair is not merged. *Undecided*: neither.

    Raises
    ------
    ProblemError
        When scatters are of another shape.

    Notes
    -----
    Welch's test in r dimensions, with the degrees of freedom of Krishnamoorthy and Yu (2004,
    doi 10.1016/j.spl.2003.10.012). A class's own covariance is drawn to the pooled one with the weight of r samples.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng, labels = np.random.default_rng(0), np.repeat(np.arange(2), 3)
    >>> features = rng.normal(size=(6, 2))
    >>> pairs = pen.noise.class_pairs(pen.noise.class_directions(pen.FeatureStatistics.from_features(features, labels)))
    >>> pairs.undecided.tolist(), pairs.enough.tolist()
    ([True], [18.0])
    """
    seen = np.flatnonzero(directions.counts > 0)
    if directions.outcome is MeansOutcome.TOO_FEW_SAMPLES:
        return _nothing(directions)
    rank = directions.singular_values.size
    basis, own = (directions.basis, scatters) if rank else (directions.white, None)
    if directions.freedom < _SURE * directions.dimension:
        own = None
    # By the distance alone: over its noise, the class of fewest samples would be nearest to all.
    points = Projected(directions.means, basis)
    sample = sampled(*points.shape)
    nearest = seen[nearest_of(points, np.ones(seen.size), sample)]
    compared = seen if sample is None else seen[sample]
    pairs = np.unique(np.sort(np.column_stack([compared, nearest]), axis=1), axis=0)
    test = equal_means(directions, basis, pairs, _checked(own, (directions.counts.size, basis.shape[1])))
    value = np.asarray(fdtrc(test.rank, test.second, test.ratio), dtype=np.float64)
    least = np.sqrt(_shift(test.rank, test.second, LEVEL / len(pairs)) / test.scale)
    missed = np.asarray(ncfdtr(test.rank, test.second, GAP**2 * test.scale, test.ratio), dtype=np.float64)
    missed = np.maximum(missed, _missed_elsewhere(directions, pairs))
    merged = (least <= GAP) & (missed <= 1.0 - POWER)
    adjusted = holm(value)
    apart = (adjusted <= LEVEL) & ~merged
    gap = np.sqrt(np.maximum(test.ratio / test.per_square - test.rank, 0.0) / test.scale)
    order = np.argsort(gap, kind="stable")
    enough = np.full(len(pairs), np.nan)
    unsure = ~(merged | apart)
    enough[unsure] = _enough(directions, pairs[unsure], len(pairs), test.rank, own is not None)
    return ClassPairs(
        directions.outcome,
        rank,
        own is not None,
        pairs[order],
        adjusted[order],
        gap[order],
        least[order],
        merged[order],
        apart[order],
        enough[order],
        None if sample is None else compared,
    )


@dataclass(frozen=True)
class EqualMeans:
    """``F = per_square · q`` of each pair, with its degrees of freedom; q grows by `scale` a squared gap."""

    rank: int
    second: Floats
    ratio: Floats
    per_square: Floats
    scale: Floats


def equal_means(
    directions: ClassDirections, basis: Floats, pairs: Int[np.ndarray, "p 2"], scatters: Floats | None
) -> EqualMeans:
    """Welch's test of every pair, in the coordinates to which a basis takes features."""
    one, other = pairs.T
    rank = basis.shape[1]
    counts = directions.counts
    # What whitening by an estimate takes off the scatter along directions that were chosen with it.
    freedom, dimension = directions.freedom, directions.dimension
    lost = freedom / max(freedom - dimension - 1.0, 1.0)
    apart = directions.between(pairs) @ basis
    if scatters is None:
        noise = lost * directions.size / np.maximum(counts, 1.0)
        both = noise[one] + noise[other]
        ratio = np.einsum("pr,pr->p", apart, apart) / both / rank
        scale = 0.5 * lost * (directions.size[one] + directions.size[other]) / both
        free = _welch(noise[one], counts[one], noise[other], counts[other])
        return EqualMeans(rank, free, ratio, np.full(len(pairs), 1.0 / rank), scale)
    tests = np.empty((len(pairs), 4))
    for i, both in enumerate(pairs.tolist()):
        samples = [float(counts[k]) for k in both]
        own = [lost * (scatters[k] + rank * np.eye(rank)) / (counts[k] - 1.0 + rank) for k in both]
        tests[i] = _of_pair(apart[i], own, samples)
    second, ratio, per_square, scale = tests.T
    return EqualMeans(rank, second, ratio, per_square, scale)


def _of_pair(apart: Floats, covariances: list[Floats], counts: list[float]) -> tuple[float, float, float, float]:
    """Second degrees of freedom, F, F over the squared distance, and what that grows by a squared gap."""
    rank = len(apart)
    noise = [covariance / count for covariance, count in zip(covariances, counts, strict=True)]
    inverse: Floats = np.asarray(np.linalg.inv(noise[0] + noise[1]), dtype=np.float64)
    spent = 0.0
    for part, count in zip(noise, counts, strict=True):
        share: Floats = part @ inverse
        spent += (float(np.sum(share * share.T)) + float(np.trace(share)) ** 2) / (count - 1.0 + rank)
    whole = (rank + rank**2) / spent
    second = max(whole - rank + 1.0, 1.0)
    per_square = second / (rank * whole)
    scale = 0.5 * float(np.sum((covariances[0] + covariances[1]) * inverse)) / rank
    return second, float(apart @ inverse @ apart) * per_square, per_square, scale


def _welch(one: Floats, count: Floats, other: Floats, counts: Floats) -> Floats:
    """Degrees of freedom of a sum of two variances, each known from so many samples (Welch 1947)."""
    return (one + other) ** 2 / (one**2 / count + other**2 / counts)


def _shift(rank: int, second: Floats, level: float) -> Floats:
    """Noncentrality with which F exceeds its critical value with the power asked for.

    SciPy's `ncfdtrinc` has three digits and ends at 10,000; `scipy.optimize` takes longer to load than halving does.
    """

    def solved(second: Floats) -> Floats:
        critical = np.asarray(fdtri(rank, second, 1.0 - level), dtype=np.float64)
        low, high = np.zeros_like(critical), 4.0 * rank * (critical + 10.0)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            enough = ncfdtr(rank, second, middle, critical) <= 1.0 - POWER
            low, high = np.where(enough, low, middle), np.where(enough, middle, high)
        return high

    # Pairs of classes of equal counts have one answer, and many alike are read off between some.
    values, back = np.unique(np.log(second).round(9), return_inverse=True)
    if values.size <= _NODES:
        return solved(np.exp(values))[back]
    nodes: Floats = np.linspace(float(values[0]), float(values[-1]), _NODES)
    return np.exp(np.interp(values, nodes, np.log(solved(np.exp(nodes)))))[back]


def _missed_elsewhere(directions: ClassDirections, pairs: Int[np.ndarray, "p 2"]) -> Floats:
    """How often a gap of 1.35, in any direction, would look as small as what is seen in all of them."""
    one, other = pairs.T
    noise = directions.size / np.maximum(directions.counts, 1.0)
    both = noise[one] + noise[other]
    apart = directions.between(pairs) @ directions.white
    square = np.einsum("pm,pm->p", apart, apart) / both
    scale = 0.5 * (directions.size[one] + directions.size[other]) / both
    wide, second = directions.dimension, directions.freedom - directions.dimension + 1.0
    ratio = square * second / (directions.freedom * wide)
    return np.asarray(ncfdtr(wide, second, GAP**2 * scale, ratio), dtype=np.float64)


def _enough(directions: ClassDirections, pairs: Int[np.ndarray, "u 2"], tests: int, rank: int, own: bool) -> Floats:
    """Samples of each of the two with which either the gap would be seen, or its absence."""
    one, other = pairs.T
    size, wide = directions.size, directions.dimension
    elsewhere = directions.freedom - wide + 1.0
    usual = float(fdtri(wide, elsewhere, POWER))

    def told(number: NDArray[np.int64]) -> NDArray[np.bool_]:
        count, counts = (np.maximum(directions.counts[of], number) for of in (one, other))
        noise, noises = size[one] / count, size[other] / counts
        scale = 0.5 * (size[one] + size[other]) / (noise + noises)
        extra = rank - 1.0 if own else 0.0
        second = np.maximum(_welch(noise, count + extra, noises, counts + extra) - extra, 1.0)
        critical = fdtri(rank, second, 1.0 - LEVEL / tests)
        along = ncfdtr(rank, second, GAP**2 * scale, critical) <= 1.0 - POWER
        return along & (ncfdtr(wide, elsewhere, GAP**2 * scale, usual) <= 1.0 - POWER)

    low, high = np.ones(len(pairs), dtype=np.int64), np.full(len(pairs), _MOST)
    never = ~told(high)
    while (high - low > 1).any():
        # The geometric middle, for numbers of thousands are as likely as those of tens.
        between = np.clip(np.sqrt(low * high).astype(np.int64), low + 1, high - 1)
        middle = np.where(high - low > 1, between, high)
        short = ~told(middle)
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    least = _MORE * np.minimum(directions.counts[one], directions.counts[other])
    return np.where(never, np.nan, np.ceil(np.maximum(high, least)))


def _checked(scatters: object, shape: tuple[int, ...]) -> Floats | None:
    if scatters is None:
        return None
    given, wanted = np.asarray(scatters, dtype=np.float64), (shape[0], shape[1], shape[1])
    if given.shape != wanted:
        raise ProblemError(f"scatters of shape {given.shape}: give one of each class along the directions, {wanted}")
    return given


def _nothing(directions: ClassDirections) -> ClassPairs:
    none, never = np.empty(0), np.zeros(0, dtype=bool)
    pairs = np.empty((0, 2), dtype=np.int64)
    return ClassPairs(directions.outcome, 0, False, pairs, none, none, none, never, never, none)
