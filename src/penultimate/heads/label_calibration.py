"""Scores of many labels to probabilities: a line of logits a label, rare labels held near what all labels say.

``p = σ(α_k + β_k s)``, (α_k, β_k) normal around ``(a_0 + a_1 log π_k, b_0)``. The line and the spread about it are
estimated from all labels together (empirical Bayes; EM, with a Laplace approximation in the E step). A label of many
positives keeps its own line; one of two positives gets that of labels like it.
"""

from typing import Any

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray
from scipy.special import expit

_ROUNDS = 40
_CLOSE = 1e-3
# The spread before any label is seen, standard deviations of α and β, and the labels that this counts like.
_SPREAD, _LIKE = (1.0, 0.3), 2.0
# Keeps the common line finite where scores tell all labels apart without an error; against it stand N samples.
_PRIOR = 1e-2
# No step is longer: beyond it the quadratic picture is no longer one.
_STEP = 1.0

Lines = Float[np.ndarray, "K 2"]


def label_lines(scores: Float[np.ndarray, "N K"], truth: Bool[np.ndarray, "N K"]) -> Lines:
    """α and β of every label.

    Parameters
    ----------
    scores : ndarray of shape (N, K)
        Of samples that the scores were not fitted to; of about unit size in all labels.
    truth : ndarray of bool of shape (N, K)
        Every label is on somewhere and off somewhere.

    Returns
    -------
    ndarray of shape (K, 2)

    Notes
    -----
    One line a label: Platt 1999. That all labels lend one another strength is this project's
    (docs/theory §22).

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.heads.label_calibration import label_lines
    >>> rng = np.random.default_rng(0)
    >>> scores = rng.normal(size=(4000, 3))
    >>> truth = rng.random((4000, 3)) < 1 / (1 + np.exp(1 - 2 * scores))
    >>> label_lines(scores, truth).round().astype(int)
    array([[-1,  2],
           [-1,  2],
           [-1,  2]])
    """
    shares = np.log(truth.mean(axis=0))
    design = np.column_stack([np.ones(len(shares)), shares - shares.mean()])
    scores = scores.astype(np.float32)
    common = _common(scores, truth, design)
    lines = middle = np.column_stack([design @ common[:2], np.full(len(shares), common[2])])
    spread = np.diag(np.square(_SPREAD))
    for _ in range(_ROUNDS):
        slope, curvature = _of_labels(scores, truth, lines)
        inverse = np.linalg.inv(spread)
        step = np.linalg.solve(curvature + inverse, (slope + (lines - middle) @ inverse)[:, :, None])[:, :, 0]
        lines = lines - np.clip(step, -_STEP, _STEP)
        doubt: Any = np.linalg.inv(curvature + inverse)
        middle, spread = _around(lines, doubt, spread, design)
        if np.abs(step).max() < _CLOSE:
            break
    return lines


def _around(
    lines: Lines, doubt: NDArray[np.float64], spread: NDArray[np.float64], design: NDArray[np.float64]
) -> tuple[Lines, NDArray[np.float64]]:
    """The line of all labels, each weighed by how well it is known, and the spread about it."""
    weights = 1.0 / (spread + doubt)[:, [0, 1], [0, 1]]
    root = np.sqrt(weights[:, :1])
    offset = np.linalg.lstsq(design * root, lines[:, 0] * root[:, 0], rcond=None)[0]
    new = np.column_stack([design @ offset, np.full(len(lines), np.average(lines[:, 1], weights=weights[:, 1]))])
    away = lines - new
    total = np.einsum("ki,kj->ij", away, away) + doubt.sum(axis=0) + _LIKE * np.diag(np.square(_SPREAD))
    return new, total / (len(lines) + _LIKE)


def _of_labels(
    scores: Float[np.ndarray, "N K"], truth: Bool[np.ndarray, "N K"], lines: Lines
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope and curvature of the log loss of every label, shapes (K, 2) and (K, 2, 2)."""
    p = expit(lines[:, 0].astype(np.float32) + lines[:, 1].astype(np.float32) * scores)
    excess, bend = p - truth, p * (1.0 - p)
    bent = bend * scores
    slope = np.stack([excess.sum(axis=0, dtype=np.float64), np.einsum("nk,nk->k", excess, scores)], axis=1)
    curvature = np.empty((len(lines), 2, 2))
    curvature[:, 0, 0] = bend.sum(axis=0, dtype=np.float64)
    curvature[:, 0, 1] = curvature[:, 1, 0] = bent.sum(axis=0, dtype=np.float64)
    curvature[:, 1, 1] = np.einsum("nk,nk->k", bent, scores)
    return slope, curvature


def _common(
    scores: Float[np.ndarray, "N K"], truth: Bool[np.ndarray, "N K"], design: NDArray[np.float64]
) -> NDArray[np.float64]:
    """a_0, a_1 and b_0 of one regression for all labels."""
    start = np.array([0.0, 0.0, 1.0], dtype=np.float64)
    into = np.zeros((len(design), 2, 3))  # how a label's α and β follow from the three numbers
    into[:, 0, :2], into[:, 1, 2] = design, 1.0
    numbers: NDArray[np.float64] = start
    for _ in range(_ROUNDS):
        slope, curvature = _of_labels(scores, truth, into @ numbers)
        down: NDArray[np.float64] = np.einsum("kin,ki->n", into, slope) + _PRIOR * (numbers - start)
        bend: NDArray[np.float64] = np.einsum("kim,kij,kjn->mn", into, curvature, into) + _PRIOR * np.eye(3)
        step: Any = np.linalg.solve(bend, down)
        numbers = numbers - np.clip(step, -_STEP, _STEP)
        if np.abs(step).max() < _CLOSE:
            break
    return numbers
