"""Ridge heads fitted on all folds of a dump but one and judged on that, at the counts there are and at others.

What other counts change is derived in docs/theory §9.4: the mean head, and the noise about it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy.linalg import solve

from penultimate.equivalents import Population, ScoreLaw
from penultimate.equivalents.weights import weights_by_class
from penultimate.learning_curves.fold_scores import FoldScores

# Weight decays that are tried, over the mean variance of a feature.
_DECAYS = (1e-3, 1e-2, 1e-1, 1.0)

Sums = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class CrossFit:
    """A dump in folds, in each of which every class has its share.

    Attributes
    ----------
    rows : ndarray of shape (N, d)
    labels : ndarray of shape (N,)
    classes : int
        K.
    class_weight : "balanced", array of shape (K,), or None
        ω.
    offsets : ndarray of shape (K,)
        Added to scores before the largest is sought.
    folds, seed : int
    """

    rows: Float[np.ndarray, "N d"]
    labels: Int[np.ndarray, " N"]
    classes: int
    class_weight: object
    offsets: Float[np.ndarray, " K"]
    folds: int
    seed: int

    @cached_property
    def counts(self) -> Float[np.ndarray, " K"]:
        """Samples of each class."""
        return np.bincount(self.labels, minlength=self.classes).astype(np.float64)

    @cached_property
    def fold(self) -> Int[np.ndarray, " N"]:
        """Which fold each sample is in."""
        order = np.random.default_rng(self.seed).permutation(len(self.labels))
        fold = np.empty_like(self.labels)
        for k in range(self.classes):
            own = order[self.labels[order] == k]
            fold[own] = np.arange(own.size) % self.folds
        return fold

    def best_weight_decay(self) -> float:
        """The weight decay with the best balanced accuracy of a few; the largest of equals."""
        tried = float(self.rows.var(axis=0).mean()) * np.array(_DECAYS)
        balanced = self.recalls(tried).mean(axis=1).round(4)
        return float(tried[balanced == balanced.max()].max())

    def recalls(self, weight_decays: Float[np.ndarray, " D"]) -> Float[np.ndarray, "D K"]:
        """Measured at the counts there are, on samples that the heads were not fitted on; a row for each decay."""
        right = np.empty((len(weight_decays), len(self.labels)))
        for fold in range(self.folds):
            out = self.fold == fold
            moment, cross = self._moments_of(~out)
            for i, decay in enumerate(weight_decays):
                weight, bias = _head(moment, cross, decay)
                best = (self.rows[out] @ weight.T + bias + self.offsets).argmax(axis=1)
                right[i, out] = best == self.labels[out]
        return np.stack([np.bincount(self.labels, own, self.classes) for own in right]) / self.counts

    def scores(self, counts: Float[np.ndarray, "B K"], weight_decay: float) -> list[FoldScores]:
        """Held-out scores of heads that were fitted on so many samples of each class, for every row of counts.

        Raises
        ------
        ProblemError
            When the law has no solution.
        """
        # Folds outside: the covariances of one are in memory at a time.
        parts = [self._scored(self.fold == fold, counts, weight_decay) for fold in range(self.folds)]
        return [FoldScores(*map(np.stack, zip(*made, strict=True))) for made in zip(*parts, strict=True)]

    def leverage(self, weight_decay: float) -> float:
        """How much of its own answer a sample decides in a head fitted on it, on average; 1 is interpolation."""
        kept = self.fold > 0
        moment, _ = self._moments_of(kept)
        return float(np.trace(solve(_with_decay(moment, weight_decay), moment, assume_a="pos"))) / int(kept.sum())

    def _scored(self, out: Bool[np.ndarray, " N"], counts: Float[np.ndarray, "B K"], weight_decay: float) -> list[Sums]:
        """Counts, sums of scores, of their squares, and of noise, of the samples of one fold."""
        population, held = self._population(~out), self._held(~out)
        rows = [self.rows[out & (self.labels == k)] for k in range(self.classes)]
        number, judged = np.array([len(own) for own in rows], dtype=np.float64), _moments(rows)
        made: list[Sums] = []
        for wanted in counts:
            shares = self._shares(wanted)
            now = ScoreLaw(population, held, weight_decay, shares * held.sum() / held)
            then = ScoreLaw(population, wanted, weight_decay, shares * wanted.sum() / wanted)
            weight, bias = _head(*_weighted(population, held, shares), weight_decay)
            weight, bias = weight + then.weight - now.weight, bias + then.offset - now.offset
            scores = [own @ weight.T + bias for own in rows]
            noise = (then.class_noise(judged) - now.class_noise(judged)) * number[:, None, None]
            sums, squares = [own.sum(axis=0) for own in scores], [own.T @ own for own in scores]
            made.append((number, np.stack(sums), np.stack(squares), noise))
        return made

    def _moments_of(self, kept: Bool[np.ndarray, " N"]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Weighted second moment of some samples, extended by one, and their products with the targets."""
        rows, labels = self.rows[kept], self.labels[kept]
        weights = (self._shares(self.counts) / self._held(kept))[labels]
        wide = np.hstack([rows, np.ones((len(rows), 1))])
        weighted = wide * weights[:, None]
        return wide.T @ weighted, weighted.T @ np.eye(self.classes)[labels]

    def _shares(self, counts: Float[np.ndarray, " K"]) -> NDArray[np.float64]:
        """``f_k = ω_k n_k/N``."""
        return weights_by_class(self.class_weight, counts) * counts / counts.sum()

    def _held(self, kept: Bool[np.ndarray, " N"]) -> NDArray[np.float64]:
        return np.bincount(self.labels[kept], minlength=self.classes).astype(np.float64)

    def _population(self, kept: Bool[np.ndarray, " N"]) -> Population:
        return Population.from_features(self.rows[kept], self.labels[kept], self.classes)


def _weighted(
    population: Population, held: Float[np.ndarray, " K"], shares: Float[np.ndarray, " K"]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same from means and covariances."""
    wide = population.extended
    scatter = np.bincount(wide.groups, shares * (1.0 - 1.0 / held), len(wide.covariances)).astype(np.float64)
    lifted = wide.means * shares[:, None]
    moment: NDArray[np.float64] = np.tensordot(scatter, wide.covariances, axes=1) + wide.means.T @ lifted
    return moment, lifted.T


def _head(
    moment: Float[np.ndarray, "e e"], cross: Float[np.ndarray, "e K"], weight_decay: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """W and b of the ridge head."""
    wide = solve(_with_decay(moment, weight_decay), cross, assume_a="pos").T
    return wide[:, :-1], wide[:, -1]


def _with_decay(moment: Float[np.ndarray, "e e"], weight_decay: float) -> NDArray[np.float64]:
    """On all but the bias."""
    return moment + np.diag(np.append(np.full(len(moment) - 1, weight_decay), 0.0))


def _moments(rows: list[NDArray[np.float64]]) -> Population:
    """Means and covariances as they are, of classes that may have one sample here or none."""
    width = rows[0].shape[1]
    means = np.stack([own.mean(axis=0) if len(own) else np.zeros(width) for own in rows])
    spread = [own - mean for own, mean in zip(rows, means, strict=True)]
    return Population(means, np.stack([own.T @ own / max(len(own), 1) for own in spread]))
