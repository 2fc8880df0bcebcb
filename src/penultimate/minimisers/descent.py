"""Plain descent on every factor, one feature a sample: knows nothing of spectra, so it can check the closed form.

The objective is docs/theory §1 to the letter. L-BFGS descends it from random starts. With two layers or more the model
has many stationary points (zero is one), so no single start is sure to end at the global minimum: the starts take every
width up to the one allowed in turn, and fit the labels under a hundredth of the decays first.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from penultimate.counts.given import Counts, counts_of
from penultimate.errors import CountsError
from penultimate.model.problem import Problem
from penultimate.reported import OneLine

_EASY = 0.01  # decays of the first stage, relative
_EASY_STEPS, _STEPS = 200, 20_000
# Of the random entries. At 1.0 hardly a start of three layers ends at the global minimum, at 0.5 all of full width do
# (counts 12 … 1, decay 2e-2).
_SCALE = 0.5


@dataclass(frozen=True, repr=False)
class Descent(OneLine):
    """Where descent ended.

    Attributes
    ----------
    objectives : ndarray of shape (starts,)
        The objective reached from each start, smallest first.
    weights : tuple of ndarray
        ``W_1 … W_L`` of the best, in PyTorch's shapes.
    features : ndarray of shape (N, d)
        One feature a sample, classes in order.
    labels : ndarray of int of shape (N,)
        The class of each sample.
    bias : ndarray of shape (K,)
        Zero without a bias.

    Examples
    --------
    >>> import penultimate as pen
    >>> found = descend(pen.ClassCounts([6, 3, 2]), pen.Problem.from_decays(2e-2), starts=1)
    >>> found.features.shape, found.within_class_spread < 1e-6
    ((11, 3), True)
    """

    objectives: Float[np.ndarray, " starts"]
    weights: tuple[Float[np.ndarray, "_out _in"], ...]
    features: Float[np.ndarray, "N d"]
    labels: Int[np.ndarray, " N"]
    bias: Float[np.ndarray, " K"]

    @property
    def within_class_spread(self) -> float:
        """Σ‖h − h̄_class‖² over Σ‖h‖²: zero when features have collapsed to their class means (finding 1)."""
        counts = np.bincount(self.labels, minlength=self.bias.size)
        sums = np.zeros((self.bias.size, self.features.shape[1]))
        np.add.at(sums, self.labels, self.features)
        means = sums / np.maximum(counts, 1)[:, None]
        return float(np.sum((self.features - means[self.labels]) ** 2) / np.sum(self.features**2))


def descend(counts: Counts, problem: Problem, *, width: int | None = None, starts: int = 8, seed: int = 0) -> Descent:
    """Minimise the model on all its factors numerically, with one free feature for every sample.

    Parameters
    ----------
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
        Whole numbers; N·d numbers are optimised, so keep N small.
    problem : Problem
        Layers, decays, bias.
    width : int, optional
        Width of the features and hidden layers; by default the problem's, or K.
    starts : int, default 8
        Random starts, of every width in turn.
    seed : int, default 0
        Of the random starts.

    Returns
    -------
    Descent

    Raises
    ------
    CountsError
        If a count is not a whole number: samples are made one by one here.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts, problem = pen.ClassCounts([6, 3, 2]), pen.Problem.from_decays(2e-2)
    >>> found = descend(counts, problem, starts=1).objectives[0]
    >>> bool(abs(found / pen.minimise(counts, problem).objective - 1) < 1e-9)
    True
    """
    counts = counts_of(counts)
    if not counts.is_integral:
        raise CountsError("descent has one feature for every sample: give whole counts")
    labels = np.repeat(np.arange(counts.classes), counts.values.astype(np.int64))
    widest = width or problem.width or counts.classes
    decay = problem.resolved_feature_decay(counts.samples)
    hard = replace(problem, feature_decay=decay)
    easy = replace(problem.scaled(_EASY), feature_decay=_EASY * decay)
    rng = np.random.default_rng(seed)
    ends: list[tuple[float, _Parameters]] = []
    for start in range(starts):
        parameters = _Parameters.draw(rng, problem.layers, widest - start % widest, counts.classes, labels.size)
        for stage, steps in ((easy, _EASY_STEPS), (hard, _STEPS)):
            value, parameters = _lbfgs(parameters, labels, stage, steps)
        ends.append((value, parameters))
    ends.sort(key=lambda end: end[0])
    best = ends[0][1]
    return Descent(np.array([value for value, _ in ends]), best.weights, best.features, labels, best.bias)


@dataclass(frozen=True)
class _Parameters:
    """Everything that is optimised."""

    weights: tuple[Float[np.ndarray, "_out _in"], ...]
    features: Float[np.ndarray, "N d"]
    bias: Float[np.ndarray, " K"]

    @classmethod
    def draw(cls, rng: np.random.Generator, layers: int, width: int, classes: int, samples: int) -> "_Parameters":
        shapes = [(width, width)] * (layers - 1) + [(classes, width), (samples, width)]
        *weights, features = (_SCALE * rng.standard_normal(shape) for shape in shapes)
        return cls(tuple(weights), features, np.zeros(classes))

    @property
    def flat(self) -> Float[np.ndarray, " all"]:
        return np.concatenate([part.ravel() for part in (*self.weights, self.features, self.bias)])

    def like(self, flat: Float[np.ndarray, " all"]) -> "_Parameters":
        """Cut a flat vector into the same shapes."""
        parts = (*self.weights, self.features, self.bias)
        pieces = np.split(flat, np.cumsum([part.size for part in parts])[:-1])
        *weights, features, bias = (piece.reshape(part.shape) for piece, part in zip(pieces, parts, strict=True))
        return _Parameters(tuple(weights), features, bias)


def objective_and_gradient(
    parameters: _Parameters, labels: Int[np.ndarray, " N"], problem: Problem
) -> tuple[float, _Parameters]:
    """Evaluate docs/theory §1 and its gradient by back-propagation; the feature decay must be given."""
    samples = labels.size
    activations: list[Float[np.ndarray, "N _d"]] = [parameters.features]
    for weight in parameters.weights:
        activations.append(activations[-1] @ weight.T)
    residual = activations[-1] + parameters.bias
    residual[np.arange(samples), labels] -= 1.0
    feature_decay = problem.resolved_feature_decay(samples)
    bias_decay = 0.0 if isinstance(problem.bias, str) else problem.bias
    value = np.sum(residual**2) / (2 * samples) + 0.5 * feature_decay * np.sum(parameters.features**2)
    value += 0.5 * bias_decay * np.sum(parameters.bias**2)
    back = residual / samples
    to_bias = np.zeros_like(parameters.bias) if problem.bias == "none" else back.sum(0) + bias_decay * parameters.bias
    to_weights: list[Float[np.ndarray, "_out _in"]] = []
    for weight, decay, activation in zip(
        parameters.weights[::-1], problem.weight_decay[::-1], activations[-2::-1], strict=True
    ):
        value += 0.5 * decay * np.sum(weight**2)
        to_weights.append(back.T @ activation + decay * weight)
        back = back @ weight
    gradient = _Parameters(tuple(to_weights[::-1]), back + feature_decay * parameters.features, to_bias)
    return float(value), gradient


def _lbfgs(
    start: _Parameters, labels: Int[np.ndarray, " N"], problem: Problem, steps: int
) -> tuple[float, _Parameters]:
    from scipy.optimize import minimize

    def fun(flat: Float[np.ndarray, " all"]) -> tuple[float, Float[np.ndarray, " all"]]:
        value, gradient = objective_and_gradient(start.like(flat), labels, problem)
        return value, gradient.flat

    result = minimize(
        fun,
        start.flat,
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": steps, "maxfun": 2 * steps, "ftol": 1e-15, "gtol": 1e-10, "maxcor": 30},
    )
    return float(result.fun), start.like(result.x)
