"""Groups of rows that are one vector and little noise: refined in all dimensions, judged, and named for what they are.

A softmax with weight decay leaves the rows of classes that it has not seen on one common path, each with its own
initial noise, shrunk (docs/theory §8.1). So an untrained group is a spherical cloud: a centre v, and noise that is the
same in every direction. It is accepted when its members are nearer to one another than other rows ever are, or when it
has exactly the shape of such noise.
"""

from dataclasses import dataclass
from enum import Enum

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.special import chdtri

from penultimate.scans.rows import Rows
from penultimate.scans.valleys import Valley, find_valleys

# How often a cloud with one mode may be taken for a group.
_ALPHA = 1e-3
_ROUNDS = 8
# Rows whose deviations tell the shape of a cloud.
_SHAPED = 4000
# Rows outside whose nearest neighbours are looked up, and the quantile of those distances that members have to beat.
_PROBES, _NEAREST = 512, 0.01
# Isotropic noise has a participation ratio of 1 in these units and trained rows a few hundredths; of planted clouds the
# least isotropic kept 0.87 (bracketed from below; chosen).
_ISOTROPIC = 0.5
# The spread of squared lengths is 1 for Gaussian noise and 0.63 for uniform; planted and real clouds had 0.62 … 1.30
# (chosen to bracket them).
_SHELL = (0.55, 1.35)
# Rows that keep within this part of the centre's length are called one vector, though they moved by unequal amounts.
_UNEQUAL = 0.03
# What libraries draw their initial rows with, a coordinate: 0.02 of language models; 1/√(3d) of PyTorch's Linear.
_USUAL_NOISE = 0.02


class Kind(Enum):
    """What a group of rows is."""

    ONE_VECTOR = "one vector"
    EQUAL_AS_STORED = "equal as stored"
    INITIAL = "still at initialisation"
    NEAR_ZERO = "near zero"
    DRIFTED = "one vector, moved by unequal amounts"
    HALO = "seen a little"


@dataclass(frozen=True)
class Group:
    """Rows that hardly differ, and what they have in common.

    Attributes
    ----------
    kind : Kind
    rows : ndarray of shape (m,)
        Their indices, the nearest to the centre first.
    nearly : ndarray
        Rows in the valley between these and all others.
    centre : ndarray of shape (d,)
        v, their mean.
    equal : int
        How many of them agree to the rounding of what was stored: lie that near to the median row.
    noise : float
        s, root mean square of their distances from it.
    isotropy : float
        Participation ratio of the deviations over that of noise without direction; NaN for equal rows.
    shell : float
        Spread of the squared distances over that of Gaussian noise; NaN for equal rows.
    evidence : float
        That a valley parts them from the others, in nats.
    outside : float
        The 1 % quantile of the distances to the nearest neighbour among rows outside; NaN where there are none.
    """

    kind: Kind
    rows: Int[np.ndarray, " m"]
    nearly: Int[np.ndarray, " e"]
    centre: Float[np.ndarray, " d"]
    equal: int
    noise: float
    isotropy: float
    shell: float
    evidence: float
    outside: float

    @property
    def centre_norm(self) -> float:
        """‖v‖."""
        return float(np.linalg.norm(self.centre))


@dataclass(frozen=True)
class _Cloud:
    centre: Float[np.ndarray, " d"]
    log_distance: Float[np.ndarray, " n"]
    valley: Valley

    def members(self) -> NDArray[np.bool_]:
        return self.log_distance <= self.valley.left


def find_group(
    rows: Rows,
    centres: list[Float[np.ndarray, " d"]],
    typical: float,
    rounding: float,
    earlier: list[Group],
    rng: np.random.Generator,
) -> Group | None:
    """The most certain group around some centres, if it stands the test.

    Parameters
    ----------
    rows : Rows
    centres : list of ndarray of shape (d,)
        Candidates.
    typical : float
        Median length of all rows.
    rounding : float
        Relative rounding of the storage.
    earlier : list of Group
        Found before: a group whose ball holds the centre of one of these is its halo.
    rng : numpy.random.Generator
        Of the rows outside that are probed.

    Returns
    -------
    Group or None
    """
    clouds = _refine(rows, centres, typical, rounding)
    if not clouds:
        return None
    return _judge(rows, max(clouds, key=lambda cloud: cloud.valley.evidence), rounding, typical, earlier, rng)


def find_majority(rows: Rows, typical: float, rounding: float, rng: np.random.Generator) -> Group | None:
    """More than half of all rows, if these are one vector.

    Trained rows may well be a crowd with a few outliers far away, so only rows that agree to a few hundredths of their
    length are taken, or rows that are zero beside the others.

    Parameters
    ----------
    rows : Rows
    typical : float
        Median length of all rows.
    rounding : float
        Relative rounding of the storage.
    rng : numpy.random.Generator
        Of the rows outside that are probed.

    Returns
    -------
    Group or None
    """
    centre = np.median(rows.read(np.arange(0, len(rows), max(1, len(rows) // _SHAPED))), axis=0).astype(np.float64)
    x = _log_distances(rows, [centre], typical, rounding)[0]
    held = [valley for valley in find_valleys(x, _ALPHA) if np.sum(x <= valley.left) > x.size / 2]
    if not held:
        return None
    cloud = _Cloud(centre, x, max(held, key=lambda valley: valley.evidence))
    found = _judge(rows, cloud, rounding, typical, [], rng)
    if found is None:
        return None
    lengths = rows.distances([np.zeros(rows.dimension)])[0]
    others = np.median(lengths[~cloud.members()])
    return found if found.noise <= max(_UNEQUAL * found.centre_norm, rounding * others) else None


def _log_distances(
    rows: Rows, centres: list[Float[np.ndarray, " d"]], typical: float, rounding: float
) -> list[Float[np.ndarray, " n"]]:
    """Logarithms of distances from each centre, none below the rounding of what was stored."""
    sizes = [max(float(np.linalg.norm(centre)), typical, float(np.finfo(np.float32).tiny)) for centre in centres]
    pairs = zip(rows.distances(centres), sizes, strict=True)
    return [np.log(np.maximum(distance, rounding * size)) for distance, size in pairs]


def _refine(rows: Rows, centres: list[Float[np.ndarray, " d"]], typical: float, rounding: float) -> list[_Cloud]:
    """Rows left of the most certain valley around each centre, which moves to their mean until nothing changes."""
    settled: list[_Cloud] = []
    moving = list(centres)
    before: list[NDArray[np.bool_] | None] = [None] * len(moving)
    for turn in range(_ROUNDS):
        still: list[Float[np.ndarray, " d"]] = []
        held: list[NDArray[np.bool_] | None] = []
        for x, centre, old in zip(_log_distances(rows, moving, typical, rounding), moving, before, strict=True):
            fitting = [valley for valley in find_valleys(x, _ALPHA) if np.sum(x <= valley.left) <= x.size / 2]
            if not fitting:
                continue
            cloud = _Cloud(centre, x, max(fitting, key=lambda valley: valley.evidence))
            members = cloud.members()
            if turn == _ROUNDS - 1 or (old is not None and np.array_equal(members, old)):
                settled.append(cloud)
            else:
                still.append(rows.among(np.flatnonzero(members)).mean())
                held.append(members)
        moving, before = still, held
        if not moving:
            break
    return settled


def _judge(
    rows: Rows, cloud: _Cloud, rounding: float, typical: float, earlier: list[Group], rng: np.random.Generator
) -> Group | None:
    x, d = cloud.log_distance, rows.dimension
    inside = cloud.members()
    isotropy = _isotropy(rows, np.flatnonzero(inside), cloud.centre)
    if isotropy > _ISOTROPIC:  # noise without direction ends at a shell, which may lie within the valley
        middle = float(np.exp(np.median(x[inside])))
        reach = middle * np.sqrt(chdtri(d, 1 / len(rows)) / chdtri(d, 0.5))
        inside |= x <= min(np.log(reach), cloud.valley.right)
    members = np.flatnonzero(inside)
    nearly = np.flatnonzero(~inside & (x < cloud.valley.right))
    centre = rows.among(members).mean()
    squared = rows.among(members).distances([centre])[0] ** 2
    noise = float(np.sqrt(squared.mean()))
    isotropy = _isotropy(rows, members, centre)
    shell = float(np.sqrt(d / 2) * squared.std() / squared.mean()) if noise else np.nan
    others = np.ones(len(rows), dtype=bool)
    others[members] = others[nearly] = False
    outside = nearest_outside(rows.among(np.flatnonzero(others)), rng)
    together = noise * np.sqrt(2) < outside
    shaped = isotropy > _ISOTROPIC and _SHELL[0] < shell < _SHELL[1]
    if not (together or shaped):
        return None
    return Group(
        kind=_kind(centre, noise, isotropy, shell, shaped, rounding, typical, squared, earlier),
        rows=rows.chosen[members[np.argsort(squared, kind="stable")]],
        nearly=rows.chosen[nearly],
        centre=centre,
        equal=_equal(rows.among(members), typical, rounding),
        noise=noise,
        isotropy=isotropy,
        shell=shell,
        evidence=cloud.valley.evidence,
        outside=outside,
    )


def _equal(rows: Rows, typical: float, rounding: float) -> int:
    """How many rows lie within rounding of the median row, which the farther ones do not move as they move the mean."""
    middle = np.median(rows.read(np.arange(0, len(rows), max(1, len(rows) // _SHAPED))), axis=0).astype(np.float64)
    return int(np.sum(rows.distances([middle])[0] <= rounding * max(float(np.linalg.norm(middle)), typical)))


def _kind(
    centre: Float[np.ndarray, " d"],
    noise: float,
    isotropy: float,
    shell: float,
    shaped: bool,
    rounding: float,
    typical: float,
    squared: Float[np.ndarray, " m"],
    earlier: list[Group],
) -> Kind:
    length, d = float(np.linalg.norm(centre)), centre.size
    if any(np.linalg.norm(centre - group.centre) <= np.sqrt(squared.max()) for group in earlier):
        return Kind.HALO
    usual = np.sqrt(d) * min(_USUAL_NOISE, 1 / np.sqrt(3 * d))
    if (length < noise < usual / 2) or np.hypot(length, noise) <= rounding * typical:
        return Kind.NEAR_ZERO
    if noise <= rounding * length:
        return Kind.EQUAL_AS_STORED
    if shaped:
        return Kind.INITIAL
    return (
        Kind.DRIFTED if shell > _SHELL[1] and isotropy <= _ISOTROPIC and noise > _UNEQUAL * length else Kind.ONE_VECTOR
    )


def _isotropy(rows: Rows, members: Int[np.ndarray, " m"], centre: Float[np.ndarray, " d"]) -> float:
    """Participation ratio of deviations over that of as many rows of noise: about 1 where no direction is preferred."""
    apart = rows.read(members[:_SHAPED]).astype(np.float64) - centre
    apart -= apart.mean(axis=0)
    m, d = apart.shape
    total = float(np.einsum("md,md->", apart, apart))
    if total == 0.0 or m < 2:
        return np.nan
    gram = apart @ apart.T if m < d else apart.T @ apart
    return total**2 / float(np.einsum("ij,ij->", gram, gram)) * (1 / d + 1 / (m - 1))


def nearest_outside(rows: Rows, rng: np.random.Generator) -> float:
    """How near rows outside are to their nearest neighbour: the 1 % quantile over some of them."""
    if len(rows) <= 2:
        return np.nan
    picked = np.sort(rng.choice(len(rows), min(_PROBES, len(rows)), replace=False))
    probes = rows.read(picked)
    nearest = np.full(picked.size, np.inf)
    lengths = np.einsum("pd,pd->p", probes, probes)
    for place, block in rows.blocks():
        squared = lengths[:, None] + np.einsum("bd,bd->b", block, block) - 2.0 * probes @ block.T
        here = (picked >= place.start) & (picked < place.stop)
        squared[np.flatnonzero(here), picked[here] - place.start] = np.inf
        nearest = np.minimum(nearest, squared.min(axis=1))
    return float(np.quantile(np.sqrt(np.maximum(nearest, 0.0)), _NEAREST))
