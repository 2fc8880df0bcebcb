"""Plain descent on the model itself, on class means and many starts at once; it knows nothing of singular values.

The model (docs/theory §1) has a free feature for every sample. The gradient of one feature is ``(Wᵀ r + N λ_H h)/N``
with r the residual of its own output: samples of a class that start together stay together, and one row a class holds
them all. Then a step costs O(K² d) instead of O(N K d). Features that start apart are drawn together by the same
gradient; `per_sample` keeps them, for the study that looks at just that.
"""

from dataclasses import dataclass, field

import numpy as np

import penultimate as pen

# Adam's usual constants.
_FIRST, _SECOND, _TINY = 0.9, 0.999, 1e-8


@dataclass
class Point:
    """Parameters of several starts: W_1 … W_L of shape (S, out, in), features (S, rows, d), bias (S, K)."""

    weights: list[np.ndarray]
    features: np.ndarray
    bias: np.ndarray

    def parts(self) -> list[np.ndarray]:
        """All arrays, in a fixed order."""
        return [*self.weights, self.features, self.bias]


@dataclass
class Model:
    """The objective of docs/theory §1 with rows of features that stand for several samples each.

    Attributes
    ----------
    problem : Problem
        Layers, decays, bias (free or none).
    samples : float
        N.
    labels : ndarray of int of shape (rows,)
        Class of each row of features.
    size : ndarray of shape (rows,)
        Samples that each row stands for.
    classes : int
        K.
    """

    problem: pen.Problem
    samples: float
    labels: np.ndarray
    size: np.ndarray
    classes: int
    feature_decay: float = field(init=False)

    def __post_init__(self) -> None:
        self.feature_decay = self.problem.resolved_feature_decay(self.samples)

    @classmethod
    def of_means(cls, counts: pen.ClassCounts, problem: pen.Problem) -> "Model":
        """One row a class."""
        return cls(problem, counts.samples, np.arange(counts.classes), counts.values, counts.classes)

    @classmethod
    def per_sample(cls, counts: pen.ClassCounts, problem: pen.Problem) -> "Model":
        """One row a sample."""
        labels = np.repeat(np.arange(counts.classes), counts.values.astype(int))
        return cls(problem, counts.samples, labels, np.ones(labels.size), counts.classes)

    def start(self, scale: float, starts: int, seed: int) -> Point:
        """Independent normal entries in every factor, K wide, no bias; scale 1 makes products about √n_max strong."""
        rng, d = np.random.default_rng(seed), self.classes
        per_class = np.bincount(self.labels, weights=self.size)
        size = (scale * np.sqrt(per_class.max())) ** (1 / (self.problem.layers + 1)) / np.sqrt(d)
        shapes = [(d, d)] * (self.problem.layers - 1) + [(self.classes, d), (self.labels.size, d)]
        *weights, features = (size * rng.standard_normal((starts, *shape)) for shape in shapes)
        return Point(weights, features / np.sqrt(self.samples / self.classes), np.zeros((starts, self.classes)))

    def value(self, at: Point) -> np.ndarray:
        """Objective of every start."""
        residual = self._residual(at, self._activations(at))
        value = np.sum((self.size / self.samples)[:, None] * residual**2, axis=(1, 2))
        value += self.feature_decay * np.sum(self.size[:, None] * at.features**2, axis=(1, 2))
        for weight, decay in zip(at.weights, self.problem.weight_decay, strict=True):
            value += decay * np.sum(weight**2, axis=(1, 2))
        return 0.5 * value

    def gradient(self, at: Point) -> Point:
        """Its gradient, by back-propagation."""
        activations = self._activations(at)
        back = self._residual(at, activations) / self.samples  # of one sample; a row stands for several
        to_bias = self.size @ back if self.problem.bias == "free" else np.zeros_like(at.bias)
        to_weights = []
        layers = zip(at.weights[::-1], self.problem.weight_decay[::-1], activations[-2::-1], strict=True)
        for weight, decay, below in layers:
            to_weights.append((self.size[:, None] * back).transpose(0, 2, 1) @ below + decay * weight)
            back = back @ weight
        return Point(to_weights[::-1], back + self.feature_decay * at.features, to_bias)

    @staticmethod
    def _activations(at: Point) -> list[np.ndarray]:
        activations = [at.features]
        for weight in at.weights:
            activations.append(activations[-1] @ weight.transpose(0, 2, 1))
        return activations

    def _residual(self, at: Point, activations: list[np.ndarray]) -> np.ndarray:
        residual = activations[-1] + at.bias[:, None, :]
        residual[:, np.arange(self.labels.size), self.labels] -= 1.0
        return residual


class GradientDescent:
    """Steps against the gradient, with momentum."""

    def __init__(self, rate: float, momentum: float = 0.0) -> None:
        self.rate, self.momentum = rate, momentum
        self.velocity: list[np.ndarray] | None = None

    def step(self, at: Point, gradient: Point) -> None:
        """Move the point in place."""
        self.velocity = self.velocity or [np.zeros_like(part) for part in at.parts()]
        for part, slope, velocity in zip(at.parts(), gradient.parts(), self.velocity, strict=True):
            velocity *= self.momentum
            velocity += slope
            part -= self.rate * velocity


class Adam:
    """Adam with the decay in the gradient; its rate falls as 1/√(1 + t/`horizon`), or it would not settle."""

    def __init__(self, rate: float, horizon: int = 500) -> None:
        self.rate, self.horizon, self.done = rate, horizon, 0
        self.moments: list[tuple[np.ndarray, np.ndarray]] | None = None

    def step(self, at: Point, gradient: Point) -> None:
        """Move the point in place."""
        self.moments = self.moments or [(np.zeros_like(part), np.zeros_like(part)) for part in at.parts()]
        self.done += 1
        rate = self.rate / np.sqrt(1.0 + self.done / self.horizon)
        for part, slope, (first, second) in zip(at.parts(), gradient.parts(), self.moments, strict=True):
            first += (1 - _FIRST) * (slope - first)
            second += (1 - _SECOND) * (slope**2 - second)
            unbiased = np.sqrt(second / (1 - _SECOND**self.done)) + _TINY
            part -= rate * first / (1 - _FIRST**self.done) / unbiased


def balanced_problem(counts: pen.ClassCounts, threshold: float, layers: int, bias: str) -> pen.Problem:
    """The problem with this threshold whose decays are all equal, λ_H too: a choice of units for the features."""
    samples = counts.samples
    if layers == 1:
        decay = threshold / samples
    else:  # docs/theory §4: θ = L/(L−1) x*,  x* = ((L−1) N κ)^{(L+1)/(2L)}
        decay = (threshold * (layers - 1) / layers) ** (2 * layers / (layers + 1)) / ((layers - 1) * samples)
    return pen.Problem.from_decays(decay, layers=layers, feature_decay=decay, bias=bias)


def steady_rate(model: Model) -> float:
    """A step well below what is stable, for factors that share √n_max evenly and for the bias, whose curvature is 1."""
    layers, largest = model.problem.layers, np.bincount(model.labels, weights=model.size).max()
    curvature = (layers + 1) * largest ** (layers / (layers + 1)) / model.samples
    return min(0.06 / curvature, 1.5)
