"""Rows that no sample has moved since a known start: one common path, and each its own start, shrunk.

A softmax leaves the rows of classes that it has not met at ``w_u(t) = v(t) + s(t) ξ_u``, with one drift v and one
factor s for all of them, and ξ_u what sets row u apart at the start (docs/theory §8.3). Weight decay makes s; the drift
is whatever the optimiser makes of a gradient that is the same for all. Where the start is known, ``w_u(t) − s ξ_u`` is
one vector for all such rows, up to what the loss itself contracts, and no longer hidden by the noise that they began
with: they are found after some hundred steps.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.special import chdtri

from penultimate.reported import OneLine
from penultimate.scans.candidates import SMALLEST, find_candidates
from penultimate.scans.groups import nearest_outside
from penultimate.scans.rows import Rows
from penultimate.scans.valleys import Valley, find_valleys

# Factors to begin with after that of the middle row, until a group is found; its own is then fitted.
_FACTORS = (1.0, 0.5, 0.0)
# How often a cloud with one mode may be taken for a group.
_ALPHA = 1e-3
_ROUNDS = 8


@dataclass(frozen=True, eq=False, repr=False)
class Unmoved(OneLine):
    """Rows that lie where no sample has moved them.

    Attributes
    ----------
    rows : ndarray of shape (m,)
        Their indices, the nearest to the common path first; empty where none stand out.
    nearly : ndarray
        Rows between these and all others: met once or twice, or unmoved as well.
    factor : float
        s, what is left of their own start: 1 where nothing has shrunk it.
    drift : float
        ‖v‖, how far they have moved together.
    noise : float
        Root mean square of their distances from the common path.
    outside : float
        The 1 % quantile of the distances to the nearest neighbour among all other rows.
    evidence : float
        That a valley parts them from the others, in nats.
    """

    rows: Int[np.ndarray, " m"]
    nearly: Int[np.ndarray, " e"]
    factor: float
    drift: float
    noise: float
    outside: float
    evidence: float

    def among(self, places: Int[np.ndarray, " n"]) -> "Unmoved":
        """The same, where the rows that were looked at are some of a larger head's."""
        return replace(self, rows=places[self.rows], nearly=places[self.nearly])


@dataclass(frozen=True)
class _Path:
    """Members of a group, and what they have in common."""

    members: Bool[np.ndarray, " n"]
    factor: float
    drift: Float[np.ndarray, " q"]
    valley: Valley


@dataclass(frozen=True)
class _Moves:
    """Rows at the start and now, both less the mean start; no distance counts that is below the floor of rounding."""

    start: Float[np.ndarray, "n q"]
    now: Float[np.ndarray, "n q"]
    floor: float

    def apart(self, factor: float) -> Float[np.ndarray, "n q"]:
        """Rows less what is left of their start, if it is this factor."""
        return self.now - factor * self.start

    def distances(self, factor: float, drift: Float[np.ndarray, " q"]) -> Float[np.ndarray, " n"]:
        """How far each row is from a path."""
        least = max(self.floor, np.finfo(np.float64).tiny)
        return np.maximum(np.linalg.norm(self.apart(factor) - drift, axis=1), least)

    def typical(self) -> float:
        """What is left of its start in the middle row: decay shrinks all alike, and samples move a row elsewhere."""
        product = np.einsum("nq,nq->n", self.now - self.now.mean(axis=0), self.start)
        left = product / np.maximum(np.einsum("nq,nq->n", self.start, self.start), 1e-300)
        return float(np.clip(np.median(left), 0.0, 1.0))

    def fitted(self, members: Bool[np.ndarray, " n"]) -> tuple[float, Float[np.ndarray, " q"]]:
        """Factor and drift in least squares; the factor neither negative nor above 1, as decay makes it."""
        began, ended = self.start[members], self.now[members]
        from_middle = began - began.mean(axis=0)
        size = float(np.sum(from_middle**2))
        factor = float(np.clip(np.sum(from_middle * ended) / size, 0.0, 1.0)) if size > 0.0 else 0.0
        return factor, (ended - factor * began).mean(axis=0)


def find_unmoved(
    start: Float[np.ndarray, "n q"], now: Float[np.ndarray, "n q"], rounding: float, rng: np.random.Generator
) -> Unmoved:
    """Find the rows that no sample has moved.

    Parameters
    ----------
    start, now : ndarray of shape (n, q)
        Rows as they were and as they are, or the same sketch of both.
    rounding : float
        Relative rounding of the numbers.
    rng : numpy.random.Generator
        Of the search.

    Returns
    -------
    Unmoved
        Of all rows where none has moved at all; of none where no group stands out.

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.scans.unmoved import find_unmoved
    >>> rng = np.random.default_rng(0)
    >>> start = rng.normal(size=(300, 32))
    >>> now = 0.8 * start + rng.normal(size=32)                 # decay and a drift for all
    >>> now[20:] += 0.5 * rng.normal(size=(280, 32))            # and samples for most
    >>> found = find_unmoved(start, now, 1e-6, rng)
    >>> sorted(found.rows.tolist()) == list(range(20)), round(found.factor, 3)
    (True, 0.8)
    """
    if not len(now):
        return _none()
    floor = rounding * float(max(np.median(np.linalg.norm(rows, axis=1)) for rows in (start, now)))
    middle = start.mean(axis=0)
    moves = _Moves(start - middle, now - middle, floor)
    if np.linalg.norm(moves.apart(1.0), axis=1).max() <= floor:
        return Unmoved(np.arange(len(now)), np.empty(0, dtype=np.int64), 1.0, 0.0, 0.0, np.nan, np.inf)
    for factor in (moves.typical(), *_FACTORS):
        paths = _paths(moves, factor, rng)
        found = _judged(moves, max(paths, key=lambda path: path.valley.evidence), rng) if paths else None
        if found is not None:
            return found
    return _none()


def _none() -> Unmoved:
    empty = np.empty(0, dtype=np.int64)
    return Unmoved(empty, empty, np.nan, np.nan, np.nan, np.nan, 0.0)


def _paths(moves: _Moves, factor: float, rng: np.random.Generator) -> list[_Path]:
    """Groups around the candidates for one factor, and around the middle row, which is that of a majority."""
    apart = moves.apart(factor).astype(np.float32)
    centres = find_candidates(Rows(apart), np.linalg.norm(apart, axis=1).astype(np.float64), rng)
    settled = (_settle(moves, factor, centre) for centre in [np.median(apart, axis=0), *centres])
    return [path for path in settled if path is not None]


def _settle(moves: _Moves, factor: float, drift: Float[np.ndarray, " q"]) -> _Path | None:
    """Rows left of the most certain valley, to which factor and drift are fitted until nothing changes."""
    path: _Path | None = None
    for _ in range(_ROUNDS):
        x = np.log(moves.distances(factor, drift))
        valley = max(find_valleys(x, _ALPHA), key=lambda valley: valley.evidence, default=None)
        if valley is None or np.sum(x <= valley.left) < SMALLEST:
            return None
        last, path = path, _Path(x <= valley.left, factor, drift, valley)
        if last is not None and np.array_equal(last.members, path.members):
            break
        factor, drift = moves.fitted(path.members)
    return path


def _judged(moves: _Moves, path: _Path, rng: np.random.Generator) -> Unmoved | None:
    """The group with its tail, if its members are nearer to one another than other rows ever are."""
    factor, drift, members = path.factor, path.drift, path.members
    distance = moves.distances(factor, drift)
    end = float(np.exp(path.valley.right))
    for _ in range(_ROUNDS):
        wider = members | (distance <= min(_reach(moves.apart(factor)[members] - drift, len(members)), end))
        if np.array_equal(wider, members):
            break
        members = wider
        factor, drift = moves.fitted(members)
        distance = moves.distances(factor, drift)
    others = np.flatnonzero(~members & (distance >= end))
    noise = float(np.sqrt(np.mean(distance[members] ** 2)))
    outside = nearest_outside(Rows(moves.apart(factor)[others].astype(np.float32)), rng)
    if not noise * np.sqrt(2) < outside:
        return None
    rows = np.flatnonzero(members)
    return Unmoved(
        rows=rows[np.argsort(distance[rows], kind="stable")],
        nearly=np.flatnonzero(~members & (distance < end)),
        factor=factor,
        drift=float(np.linalg.norm(drift)),
        noise=noise,
        outside=outside,
        evidence=path.valley.evidence,
    )


def _reach(apart: Float[np.ndarray, "m q"], rows: int) -> float:
    """How far one of so many Gaussian rows strays that spread over as many directions as the members do.

    What the loss contracts lies in the few directions that all features share, so that its tail is long and begins
    within the valley.
    """
    median = float(np.median(np.linalg.norm(apart, axis=1)))
    squares = np.linalg.svd(apart - apart.mean(axis=0), compute_uv=False) ** 2
    total = float(squares.sum())
    directions = max(total**2 / float(squares @ squares), 1.0) if total > 0.0 else 1.0
    return median * float(np.sqrt(chdtri(directions, 1.0 / rows) / chdtri(directions, 0.5)))
