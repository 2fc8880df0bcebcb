"""Classes that are Gaussian, and heads fitted on samples of them: the law's independent twin."""

from dataclasses import dataclass

import numpy as np

from penultimate.equivalents import Population


@dataclass(frozen=True)
class Mixture:
    """Means, and a square root of each covariance."""

    means: np.ndarray
    roots: np.ndarray

    @classmethod
    def random(cls, classes: int, dimension: int, seed: int, apart: float = 2.2) -> "Mixture":
        """Covariances differ in shape and size; means are `apart` standard deviations from their centre."""
        rng = np.random.default_rng(seed)
        means = rng.normal(size=(classes, dimension)) * apart / np.sqrt(dimension)
        spread = np.exp(0.5 * rng.normal(size=(classes, 1, dimension)))
        return cls(means, np.linalg.qr(rng.normal(size=(classes, dimension, dimension)))[0] * spread)

    @property
    def population(self) -> Population:
        return Population(self.means, self.roots @ self.roots.swapaxes(1, 2))

    def draw(self, counts, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        rows = [
            m + rng.normal(size=(n, len(m))) @ root.T for m, root, n in zip(self.means, self.roots, counts, strict=True)
        ]
        return np.concatenate(rows), np.repeat(np.arange(len(counts)), counts)


def fitted_head(features, labels, targets, weight_decay, weights=None):
    """Rows of W, the bias last: the normal equations as they stand."""
    own = np.ones(len(features)) if weights is None else np.asarray(weights)[labels]
    wide = np.hstack([features, np.ones((len(features), 1))])
    penalty = np.diag([weight_decay] * features.shape[1] + [0.0])
    system = wide.T @ (own[:, None] * wide) / len(features) + penalty
    return np.linalg.solve(system, wide.T @ (own[:, None] * targets[labels]) / len(features)).T


def answers(head, features):
    return features @ head[:, :-1].T + head[:, -1]


def recalls(scores, labels):
    best = scores.argmax(axis=1)
    return np.array([np.mean(best[labels == k] == k) for k in range(scores.shape[1])])
