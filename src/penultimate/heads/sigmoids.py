"""One logistic regression a label, all at once: the log loss of many sigmoids, and a path of weight decays."""

from dataclasses import dataclass
from typing import Any, Self, cast

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from penultimate.heads.softmax import descend

_MAX_ITER = 300
# Largest slope where it stops, in nats per unit of a variable of about unit curvature: far less than a sample weighs.
_TOL = 0.1
_ROWS = 512
# The curvature p (1 − p) of a sigmoid is less where scores spread: about this factor at a spread of one.
_FLATTER = float(np.exp(-0.5))


@dataclass(frozen=True)
class Rotated:
    """Features about their mean, along their principal directions, in units of their mean spread.

    Attributes
    ----------
    rows : ndarray of shape (N, r), float32
    variances : ndarray of shape (r,)
        Along each direction; their mean over all d directions is 1.
    centre : ndarray of shape (d,)
    turn : ndarray of shape (d, r)
        Rows are ``(X − centre) @ turn``.
    """

    rows: Float[np.ndarray, "N r"]
    variances: Float[np.ndarray, " r"]
    centre: Float[np.ndarray, " d"]
    turn: Float[np.ndarray, "d r"]

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Self:
        """Turn features; directions without any spread are left out."""
        centre = features.mean(axis=0, dtype=np.float64)
        centred = (features - centre).astype(np.float64)
        scale = float(np.linalg.norm(centred)) / centred.size**0.5 or 1.0
        few = len(centred) < centred.shape[1]
        _, strengths, right = np.linalg.svd(centred if few else _root(centred), full_matrices=False)
        strengths = strengths / (scale * np.sqrt(len(features)))
        kept = strengths > 1e-6 * max(float(strengths.max()), 1.0)
        turn = right[kept].T / scale
        return cls((centred @ turn).astype(np.float32), strengths[kept] ** 2, centre, turn)


def _root(rows: Float[np.ndarray, "N d"]) -> Float[np.ndarray, "d d"]:
    return cast(Any, np.linalg.qr)(rows, mode="r")


def log_loss(scores: Float[np.ndarray, "N K"], truth: Bool[np.ndarray, "N K"]) -> float:
    """Sum of ``softplus(z) − y z`` over samples and labels."""
    losses: NDArray[np.floating] = np.logaddexp(np.zeros_like(scores), scores)
    return float(losses.sum(dtype=np.float64)) - float(scores[truth].sum(dtype=np.float64))


class Logistic:
    """Logistic regressions on rotated features, from a strong weight decay to weaker ones.

    Parameters
    ----------
    rows : ndarray of shape (N, r), float32
    variances : ndarray of shape (r,)
    truth : ndarray of bool of shape (N, K)
        A label that is the same in all rows gets no weights, and the bias of half a sample more of either kind.
    pos_weight : ndarray of shape (K,), optional
        How many samples a positive of each label counts like; one by default.

    Attributes
    ----------
    weights : ndarray of shape (r, K)
    biases : ndarray of shape (K,)
    """

    weights: Float[np.ndarray, "r K"]
    biases: Float[np.ndarray, " K"]

    def __init__(
        self,
        rows: Float[np.ndarray, "N r"],
        variances: Float[np.ndarray, " r"],
        truth: Bool[np.ndarray, "N K"],
        pos_weight: Float[np.ndarray, " K"] | None = None,
    ) -> None:
        self._rows, self._variances = rows, variances
        number: Int[np.ndarray, " K"] = truth.sum(axis=0)
        weight = np.ones(number.size) if pos_weight is None else pos_weight
        on, off = weight * (number + 0.5), len(truth) - number + 0.5
        self._vary = (number > 0) & (number < len(truth))
        # What a positive counts, and, where that is not one, what every sample counts.
        self._pull = truth[:, self._vary] * weight[self._vary].astype(np.float32)
        self._count = None if pos_weight is None else np.where(truth[:, self._vary], self._pull, np.float32(1.0))
        self._curvature = (on * off / (on + off))[self._vary]
        self.weights = np.zeros((rows.shape[1], truth.shape[1]))
        self.biases = np.log(on) - np.log(off)

    def fit(self, weight_decay: float) -> Self:
        """Minimise ``Σ log loss + (N λ/2) ‖w‖²`` from where the last fit ended."""
        if not self._vary.any():
            return self
        decay = weight_decay * len(self._rows)
        width = 1.0 / np.sqrt(self._curvature * self._variances[:, None] * _FLATTER + decay)
        wide: NDArray[np.float64] = 1.0 / np.sqrt(self._curvature)
        shape: tuple[int, int] = (self._rows.shape[1] + 1, self._curvature.size)

        def objective(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            both = flat.reshape(shape)
            weights: NDArray[np.float64] = both[:-1] * width
            value, down, bias_down = self._loss(weights.astype(np.float32), (both[-1] * wide).astype(np.float32))
            value += 0.5 * decay * float(np.square(weights).sum())
            return value, np.vstack([(down + decay * weights) * width, bias_down * wide]).ravel()

        start = np.vstack([self.weights[:, self._vary] / width, self.biases[self._vary] / wide])
        found = descend(objective, start.ravel(), _MAX_ITER, _TOL)[0].reshape(shape)
        self.weights[:, self._vary], self.biases[self._vary] = found[:-1] * width, found[-1] * wide
        return self

    def scores(self, rows: Float[np.ndarray, "n r"]) -> Float[np.ndarray, "n K"]:
        """Of other rows."""
        return rows @ self.weights.astype(np.float32) + self.biases.astype(np.float32)

    def _loss(
        self, weights: Float[np.ndarray, "r K"], biases: Float[np.ndarray, " K"]
    ) -> tuple[float, Float[np.ndarray, "r K"], Float[np.ndarray, " K"]]:
        """The sum of the log losses, and its slopes; a few rows at a time, which stay in the processor's cache."""
        value, down, bias_down = 0.0, np.zeros(weights.shape), np.zeros(biases.shape)
        for start in range(0, len(self._rows), _ROWS):
            some = slice(start, start + _ROWS)
            rows, pull = self._rows[some], self._pull[some]
            scores = rows @ weights
            scores += biases
            sure = np.exp(-np.abs(scores))  # becomes the probability of the likelier answer
            sure += 1.0
            np.reciprocal(sure, out=sure)
            losses = np.maximum(scores, 0.0) - np.log(sure)
            sure -= 0.5
            slope = np.copysign(sure, scores)
            slope += 0.5
            if self._count is not None:
                losses *= self._count[some]
                slope *= self._count[some]
            value += float((losses - pull * scores).sum(dtype=np.float64))
            slope -= pull
            down += rows.T @ slope
            bias_down += slope.sum(axis=0, dtype=np.float64)
        return value, down, bias_down
