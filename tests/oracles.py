"""Independent twins of what the package computes: dense linear algebra, high precision, plain optimisation."""

from collections.abc import Sequence
from dataclasses import replace

import mpmath
import numpy as np
from scipy.optimize import minimize


def label_matrix(counts: Sequence[float], *, centred: bool = True) -> np.ndarray:
    """``(I − n1ᵀ/N) D``, or D, as an array."""
    n = np.asarray(counts, dtype=float)
    root = np.diag(np.sqrt(n))
    return (np.eye(n.size) - np.outer(n, np.ones(n.size)) / n.sum()) @ root if centred else root


class SecularEquation:
    """f(λ) = Σ s_g c_g / (c_g − λ) in 60-digit arithmetic; increasing between poles, so two signs enclose a root."""

    def __init__(self, poles: np.ndarray, multiplicity: np.ndarray) -> None:
        self.context = mpmath.mp.clone()
        self.context.dps = 60
        self.poles = [self.context.mpf(float(c)) for c in poles]
        self.weights = [self.context.mpf(float(s)) * c for s, c in zip(multiplicity, self.poles, strict=True)]

    def sign(self, root) -> int:
        return int(
            self.context.sign(self.context.fsum(w / (c - root) for w, c in zip(self.weights, self.poles, strict=True)))
        )

    def encloses(self, gap: int, one, other) -> bool:
        """Whether the root of a gap lies between two points; points outside the gap count as its ends."""
        low, high = min(one, other), max(one, other)
        lower, upper = self.poles[gap + 1], self.poles[gap]
        return (low <= lower or self.sign(low) < 0) and (high >= upper or self.sign(high) > 0)


def model_objective(flat: np.ndarray, counts: np.ndarray, problem, shapes: list) -> tuple[float, np.ndarray]:
    """The objective of docs/theory §1 with one feature per sample, and its gradient, in plain NumPy."""
    samples = int(counts.sum())
    labels = np.repeat(np.arange(counts.size), counts)
    blocks, start = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        blocks.append(flat[start : start + size].reshape(shape))
        start += size
    *weights, features, bias = blocks
    activations = [features]
    for weight in weights:
        activations.append(weight @ activations[-1])
    residual = activations[-1] + bias[:, None]
    residual[labels, np.arange(samples)] -= 1.0
    feature_decay = problem.resolved_feature_decay(samples)
    value = np.sum(residual**2) / (2 * samples)
    value += sum(0.5 * decay * np.sum(w**2) for decay, w in zip(problem.weight_decay, weights, strict=True))
    value += 0.5 * feature_decay * np.sum(features**2)
    back = residual / samples
    bias_gradient = back.sum(axis=1)
    if problem.bias == "none":
        bias_gradient = np.zeros_like(bias)
    elif problem.bias != "free":
        value += 0.5 * problem.bias * np.sum(bias**2)
        bias_gradient = bias_gradient + problem.bias * bias
    gradients = []
    for weight, decay, activation in zip(weights[::-1], problem.weight_decay[::-1], activations[-2::-1], strict=True):
        gradients.append(back @ activation.T + decay * weight)
        back = weight.T @ back
    gradients = [*gradients[::-1], back + feature_decay * features, bias_gradient]
    return float(value), np.concatenate([g.ravel() for g in gradients])


def descend(counts: Sequence[int], problem, *, width: int, starts: int, seed: int) -> np.ndarray:
    """Objectives reached by L-BFGS on all factors, one feature per sample, from random starts; best first.

    The starts take every width up to the one allowed in turn, and fit the labels under a hundredth of the decays
    first: with two layers or more, small starts stay at the saddle at zero, and no one start is sure to end with the
    right number of directions.
    """
    reached = []
    easy = replace(
        problem.scaled(0.01), feature_decay=0.01 * problem.resolved_feature_decay(sum(counts)), feature_ratio=1.0
    )
    hard = replace(problem, feature_decay=problem.resolved_feature_decay(sum(counts)))
    n = np.asarray(counts, dtype=np.int64)
    rng = np.random.default_rng(seed)
    for start in range(starts):
        used = width - start % width
        shapes = [(used, used)] * (problem.layers - 1) + [(n.size, used)] + [(used, int(n.sum())), (n.size,)]
        point = rng.standard_normal(sum(int(np.prod(shape)) for shape in shapes))
        point[-n.size :] = 0.0
        for stage, steps in ((easy, 200), (hard, 20000)):
            result = minimize(
                model_objective,
                point,
                args=(n, stage, shapes),
                jac=True,
                method="L-BFGS-B",
                options={"maxiter": steps, "maxfun": 2 * steps, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 30},
            )
            point = result.x
        reached.append(result.fun)
    return np.sort(reached)
