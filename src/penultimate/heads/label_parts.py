"""What `MultiLabelHead` is made of: several losses on the same labels, calibrated out of fold, and their pool."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy.special import expit

from penultimate.heads.label_calibration import Lines, label_lines
from penultimate.heads.label_ridge import LabelRidge
from penultimate.heads.nystroem import centre_and_unit, lift
from penultimate.heads.sigmoids import Logistic, Rotated, log_loss
from penultimate.heads.softmax import descend

# Weight decays in units of the mean variance of a feature, strong ones first, two a decade. A path ends where the loss
# of held-out samples rises.
_DECAYS: tuple[float, ...] = tuple((10.0 ** (-np.arange(13) / 2)).tolist())
# Of Gaussian kernels, in units of how far features are from their mean; and the landmarks, all alike.
BANDWIDTHS = (0.5, 1.0, 2.0)
_LANDMARKS = 1000
_MAX_ITER, _TOL = 100, 1e-3


@dataclass(frozen=True)
class Part:
    """One loss: calibrated logits out of fold, and what gives them for other samples.

    Attributes
    ----------
    weight_decay : float
        In units of the mean variance of a feature.
    logits : ndarray of shape (N, K), float32
    weights : ndarray of shape (d, K), or (m, K)
        On the features, or on the kernel with m landmarks.
    biases : ndarray of shape (K,)
    landmarks : ndarray of shape (m, d) or None
        None on the features.
    widths : ndarray of shape (m,) or None
        σ of the kernel about each of them.
    """

    weight_decay: float
    logits: Float[np.ndarray, "N K"]
    weights: Float[np.ndarray, "r K"]
    biases: Float[np.ndarray, " K"]
    landmarks: Float[np.ndarray, "m d"] | None = None
    widths: Float[np.ndarray, " m"] | None = None

    @classmethod
    def of(
        cls,
        weight_decay: float,
        scores: Float[np.ndarray, "N K"],
        truth: Bool[np.ndarray, "N K"],
        turned: Rotated,
        fitted: Logistic | LabelRidge,
    ) -> Self:
        """Calibrate scores out of fold, and with them what was fitted to all samples."""
        sizes = scores.std(axis=0, dtype=np.float64)
        sizes = np.where(sizes > 0.0, sizes, 1.0)
        lines: Lines = label_lines(scores / sizes, truth)
        factors = lines[:, 1] / sizes
        weights = turned.turn @ (fitted.weights * factors)
        biases = lines[:, 0] + factors * fitted.biases - turned.centre @ weights
        return cls(weight_decay, (lines[:, 0] + factors * scores).astype(np.float32), weights, biases)


def logistic_part(turned: Rotated, truth: Bool[np.ndarray, "N K"], fold: Int[np.ndarray, " N"]) -> Part:
    """The weight decay of least log loss on the first fold: one is enough, all labels of its samples have a say."""
    rest = fold != 0
    first = Logistic(turned.rows[rest], turned.variances, truth[rest])
    chosen, least, held = _DECAYS[0], np.inf, np.empty(0)
    for decay in _DECAYS:
        scores = first.fit(decay).scores(turned.rows[~rest])
        loss = log_loss(scores, truth[~rest])
        if loss > least:
            break
        chosen, least, held = decay, loss, scores
    out = np.empty(truth.shape, dtype=np.float32)
    out[~rest] = held
    for index in range(1, int(fold.max()) + 1):
        rest = fold != index
        fitted = Logistic(turned.rows[rest], turned.variances, truth[rest]).fit(chosen)
        out[~rest] = fitted.scores(turned.rows[~rest])
    return Part.of(chosen, out, truth, turned, Logistic(turned.rows, turned.variances, truth).fit(chosen))


def ridge_part(turned: Rotated, truth: Bool[np.ndarray, "N K"], fold: Int[np.ndarray, " N"]) -> Part:
    """The weight decay whose scores correlate best with the labels: their size is left to the calibration."""
    rests = [fold != index for index in range(int(fold.max()) + 1)]
    fits = [LabelRidge(turned.rows[rest], truth[rest]) for rest in rests]
    chosen, most, held = _DECAYS[0], -np.inf, np.empty(0)
    for decay in _DECAYS:
        scores = np.empty(truth.shape, dtype=np.float32)
        for rest, fitted in zip(rests, fits, strict=True):
            scores[~rest] = fitted.fit(decay).scores(turned.rows[~rest])
        explained = _explained(scores, truth)
        if explained < most:
            break
        chosen, most, held = decay, explained, scores
    return Part.of(chosen, held, truth, turned, LabelRidge(turned.rows, truth).fit(chosen))


def landmarks_of(features: NDArray[np.floating], seed: int) -> NDArray[np.floating]:
    """Some of the samples, without a look at their labels."""
    return features[np.sort(np.random.default_rng(seed).permutation(len(features))[:_LANDMARKS])]


def kernel_part(
    features: NDArray[np.floating],
    landmarks: NDArray[np.floating],
    bandwidth: float,
    truth: Bool[np.ndarray, "N K"],
    fold: Int[np.ndarray, " N"],
) -> Part:
    """A ridge as above, on the kernel: one eigendecomposition a fold, which logistic regression would take many of."""
    widths = np.full(len(landmarks), bandwidth * centre_and_unit(features)[1])
    lifted, root = lift(features, landmarks, widths)
    part = ridge_part(Rotated.of(lifted), truth, fold)
    return replace(part, weights=root @ part.weights, landmarks=landmarks, widths=widths)


def pooled(logits: list[Float[np.ndarray, "N K"]], truth: Bool[np.ndarray, "N K"]) -> Float[np.ndarray, " J"]:
    """Weights, none negative, with which a sum of logits has the least log loss; one number each for all labels.

    Parameters
    ----------
    logits : list of ndarray of shape (N, K)
        Out of fold.
    truth : ndarray of bool of shape (N, K)

    Returns
    -------
    ndarray of shape (J,)

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.heads.label_parts import pooled
    >>> rng = np.random.default_rng(0)
    >>> told = rng.normal(size=(4000, 2)).astype(np.float32)
    >>> noise = rng.normal(size=(4000, 2)).astype(np.float32)
    >>> truth = rng.random((4000, 2)) < 1 / (1 + np.exp(-2 * told))
    >>> pooled([told, noise], truth).round()
    array([2., 0.])
    """
    scale = 1.0 / max(truth.sum(), 1)

    def objective(shares: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        scores = sum(np.float32(share) * one for share, one in zip(shares, logits, strict=True))
        slope = expit(scores) - truth
        down = [float(np.vdot(slope, one)) for one in logits]
        return scale * log_loss(np.asarray(scores), truth), scale * np.array(down)

    start = np.full(len(logits), 1.0 / len(logits))
    return descend(objective, start, _MAX_ITER, _TOL, [(0.0, np.inf)] * len(logits))[0]


def _explained(scores: Float[np.ndarray, "N K"], truth: Bool[np.ndarray, "N K"]) -> float:
    """Squared correlation of scores and labels, on average over labels, so that rare ones have a say."""
    centred = scores - scores.mean(axis=0)
    shared = np.einsum("nk,nk->k", centred, truth - truth.mean(axis=0), dtype=np.float64)
    sizes = np.square(centred).sum(axis=0, dtype=np.float64) * truth.var(axis=0) * len(truth)
    return float((shared**2 / np.where(sizes > 0.0, sizes, np.inf)).mean())
