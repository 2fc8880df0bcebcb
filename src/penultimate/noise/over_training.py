"""Class means at several checkpoints against noise that is made of the same samples by flips of signs.

docs/theory §14.1. Everything here is white noise about the truth: features whitened by the covariance within classes,
pooled over classes and checkpoints, each checkpoint at a scale of its own, means times the root of their samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.noise.rank_one import best_rank_one
from penultimate.noise.spiked_tensor import SpikedTensor

# Of the variance within classes that whitened features keep, and the share of their mean above which modes of time are
# kept: smaller ones are not known from the samples (checked on a training run, docs/theory §14.1).
_VARIANCE, _MODES = 0.95, 0.3
# Dimensions of features for each degree of freedom of their covariance: of more it is not known well enough.
_KNOWN = 0.25
# Of the largest entry of the means: sums that are kept in single precision know no less.
_ROUNDING = 1e-6
# Sets of signs: a p goes down to 1/200.
REFERENCES = 199
# Gaussian matrices whose median norm says how large the noise is.
_GAUSSIAN = 99


@dataclass(frozen=True)
class Tested:
    """Some directions of the class mode, J of them, over T checkpoints.

    Attributes
    ----------
    p : ndarray of shape (J,)
        Of all checkpoints together.
    p_at : ndarray of shape (J, T)
        Of one checkpoint, for whichever of the T is the largest by chance.
    profile : ndarray of shape (J, T)
        The direction's feature vector on the mean of each checkpoint; noise has standard deviation 1.
    alignment : ndarray of shape (J,)
        |cos| of the feature vector that was found with the true one; 0 where none can be said to be.
    """

    p: Float[np.ndarray, " J"]
    p_at: Float[np.ndarray, "J T"]
    profile: Float[np.ndarray, "J T"]
    alignment: Float[np.ndarray, " J"]


@dataclass(frozen=True)
class Free:
    """The free test: p, and the unit vectors of the best rank-one approximation; the profile as of `Tested`."""

    p: float
    classes: Float[np.ndarray, " K"]
    features: Float[np.ndarray, " d"]
    profile: Float[np.ndarray, " T"]


class MeansOverTraining:
    """Class means and residuals of parts of the same samples at T checkpoints.

    Parameters
    ----------
    counts : ndarray of shape (K,)
        Of each class, all in two parts or more.
    means : ndarray of shape (T, K, d)
    part_counts : ndarray of shape (K, G)
    residuals : ndarray of shape (T, K, G, d)
        Sums over parts about the class mean.

    Raises
    ------
    FeaturesError
        When features do not scatter within classes at some checkpoint, or are not finite.
    """

    def __init__(
        self,
        counts: Float[np.ndarray, " K"],
        means: Float[np.ndarray, "T K d"],
        part_counts: Float[np.ndarray, "K G"],
        residuals: NDArray[np.floating],
    ) -> None:
        if not (np.isfinite(means).all() and np.isfinite(residuals).all()):
            raise FeaturesError("class means hold NaN or infinity: keep them of looks before training diverged")
        self.counts = counts
        # What a sum over signs is divided by, to have the covariance of √n times a mean.
        root = np.sqrt(counts - np.square(part_counts).sum(axis=1) / counts)
        free = float(np.sum(root**2))
        self._unit = np.sqrt(counts / counts.sum())
        scale = np.sqrt(np.square(residuals, dtype=np.float64).sum(axis=(1, 2, 3)) / (free * means.shape[2]))
        centred = means - np.einsum("k,tkd->td", self._unit**2, means)[:, None]
        rounding = _ROUNDING * np.abs(means).max(axis=(1, 2))
        still = scale <= rounding
        # Features that are one vector have no direction; those of collapsed classes have nothing to be judged by.
        if still.all() or np.any(np.abs(centred[still]).max(initial=0.0, axis=(1, 2)) > rounding[still]):
            raise FeaturesError("features do not scatter within classes at some checkpoint: noise is not known")
        sums: NDArray[np.float64] = np.where(still[:, None, None, None], 0.0, residuals)
        centred, scale = np.where(still[:, None, None], 0.0, centred), np.where(still, 1.0, scale)
        rest = sums / scale[:, None, None, None]
        known = float(np.sum(np.count_nonzero(part_counts, axis=1) - 1)) * _independent(rest)
        flat = rest.reshape(-1, rest.shape[-1])
        values, vectors = np.linalg.eigh(flat.T @ flat / (free * np.count_nonzero(~still)))
        values, vectors = values[::-1], vectors[:, ::-1]
        kept = np.count_nonzero(np.cumsum(values) < _VARIANCE * float(values.sum())) + 1
        kept = max(1, min(kept, int(_KNOWN * known)))
        self._pattern = vectors[:, :kept] * np.sqrt(values[:kept])
        whiten = vectors[:, :kept] / np.sqrt(values[:kept])
        # Residuals are whitened by a covariance of their own, means by one that does not know them: larger on average,
        # by the mean of an inverse Wishart matrix.
        noise = np.moveaxis(rest @ whiten, 0, -1) * np.sqrt(known / max(known - kept - 1, 1.0))  # (K, G, m, T)
        over_time = np.einsum("kgmt,kgms->ts", noise, noise) / (free * kept)
        sizes, modes = np.linalg.eigh(over_time)
        held = sizes > _MODES * sizes.mean()
        self._to_modes = modes[:, held] / np.sqrt(sizes[held])
        self._noise = noise / root[:, None, None, None]
        self._signal = np.sqrt(counts)[:, None, None] * np.moveaxis(centred / scale[:, None, None] @ whiten, 0, -1)

    @property
    def widths(self) -> tuple[int, int]:
        """Features that are kept, and independent modes of time."""
        return self._signal.shape[1], self._to_modes.shape[1]

    def test(self, rows: Float[np.ndarray, "r K"], entry: Int[np.ndarray, " r"], seed: int) -> Tested:
        """Whether each direction of the class mode stands above noise.

        Parameters
        ----------
        rows : ndarray of shape (r, K)
            Unit vectors orthogonal to √n.
        entry : ndarray of int of shape (r,)
            Which direction a row belongs to, from 0, ascending; the rows of one span it.
        seed : int
            Of the signs.

        Returns
        -------
        Tested
        """
        starts = np.flatnonzero(np.diff(entry, prepend=-1))
        top, at, vector = self._norms(rows, starts, self._signal)
        found = [self._norms(rows, starts, noise)[:2] for noise in self._references(seed)]
        tops, most = np.array([one[0] for one in found]), np.array([one[1].max(axis=1) for one in found])
        whole = np.einsum("rk,kmt->rmt", rows, self._signal)
        profile = np.array(
            [np.einsum("rm,rmt->t", x, own) for x, own in zip(vector, np.split(whole, starts[1:]), strict=True)]
        )
        profile *= np.where(np.abs(profile.min(axis=1)) > np.abs(profile.max(axis=1)), -1.0, 1.0)[:, None]
        sizes = np.diff(starts, append=len(entry))
        return Tested(
            _rank(top, tops),
            _rank(at, most[:, :, None]),
            profile,
            self._alignments(top, np.median(tops, axis=0), sizes),
        )

    def test_free(self, seed: int) -> Free:
        """Whether any direction that classes, features and checkpoints share stands above noise.

        Parameters
        ----------
        seed : int
            Of the signs.

        Returns
        -------
        Free
        """
        norm, (classes, features, _) = best_rank_one(self._signal @ self._to_modes)
        norms = np.array([best_rank_one(noise @ self._to_modes)[0] for noise in self._references(seed)])
        profile = np.einsum("k,m,kmt->t", classes, features, self._signal)
        sign = -1.0 if abs(profile.min()) > abs(profile.max()) else 1.0
        pattern = self._pattern @ features
        return Free(
            float(_rank(np.array([norm]), norms[:, None])[0]),
            sign * classes,
            pattern / np.linalg.norm(pattern),
            sign * profile,
        )

    def _references(self, seed: int) -> Iterator[Float[np.ndarray, "K m T"]]:
        rng = np.random.default_rng(seed)
        for _ in range(REFERENCES):
            signs = rng.choice(np.array([-1.0, 1.0]), self._noise.shape[:2])
            drawn = np.einsum("kg,kgmt->kmt", signs, self._noise)
            yield drawn - self._unit[:, None, None] * np.tensordot(self._unit, drawn, axes=1)

    def _norms(
        self, rows: Float[np.ndarray, "r K"], starts: Int[np.ndarray, " J"], tensor: Float[np.ndarray, "K m T"]
    ) -> tuple[Float[np.ndarray, " J"], Float[np.ndarray, "J T"], list[Float[np.ndarray, "_ m"]]]:
        """Of each direction the largest singular value over modes of time, the norm at each checkpoint, the vector."""
        own = np.tensordot(rows, tensor, axes=1)
        at = np.sqrt(np.add.reduceat(np.square(own).sum(axis=1), starts))
        over = own @ self._to_modes
        values, vectors = np.linalg.eigh(np.add.reduceat(np.swapaxes(over, 1, 2) @ over, starts))
        top = np.sqrt(np.maximum(values[:, -1], 0.0))
        blocks = np.split(over, starts[1:])
        found = [block @ v[:, -1] / max(s, 1e-300) for block, v, s in zip(blocks, vectors, top, strict=True)]
        return top, at, found

    def _alignments(
        self, top: Float[np.ndarray, " J"], noise: Float[np.ndarray, " J"], sizes: Int[np.ndarray, " J"]
    ) -> Float[np.ndarray, " J"]:
        """By the law of a matrix in noise, whose size is that of the references over Gaussian noise's."""
        out = np.zeros(top.size)
        features, modes = self.widths
        for size in np.unique(sizes).tolist():
            chosen = sizes == size
            shape = (size * features, modes)
            typical = noise[chosen] / _typical(shape)
            shares = np.divide(top[chosen], typical, out=np.zeros(typical.size), where=typical > 0)
            out[chosen] = SpikedTensor(shape).behind(shares).alignments[:, 0]
        return out


def _independent(residuals: NDArray[np.floating]) -> float:
    """How many independent checkpoints there are, (Σ eig R)²/Σ eig R² of the correlation R of their noise."""
    flat = residuals.reshape(len(residuals), -1)
    over_time = flat @ flat.T
    return float(np.trace(over_time) ** 2 / np.sum(np.square(over_time)))


def _typical(shape: tuple[int, int]) -> float:
    """Median norm of Gaussian matrices."""
    rng = np.random.default_rng(0)
    return float(np.median([np.linalg.norm(rng.standard_normal(shape), 2) for _ in range(_GAUSSIAN)]))


def _rank(found: NDArray[np.float64], references: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of references, and of what was found, that are as large."""
    return (1 + (references >= found).sum(axis=0)) / (1 + len(references))
