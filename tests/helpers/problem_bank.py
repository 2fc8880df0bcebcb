"""Problems of the model whose minimum is known in closed form, each derived here by hand and not from the package.

The model: counts n_k of K classes, N samples, L linear layers of decay λ, features of decay λ_H. With
κ = (λ_H λ^L)^{1/(L+1)} the decays cost a direction of strength x as much as κ (L+1)/2 x^{2/(L+1)}, by the inequality of
arithmetic and geometric means. One strength for each direction remains to be found.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, logit

import penultimate as pen

DECAY = 2e-2
FEATURE_DECAY = 3e-4


@dataclass(frozen=True, eq=False)
class Known:
    """A problem, the strengths of its directions that live (largest first), and the objective at them."""

    name: str
    counts: Sequence[int]
    problem: pen.Problem
    strengths: np.ndarray
    objective: float

    def __str__(self) -> str:
        return self.name


def kappa(layers: int = 1) -> float:
    return (FEATURE_DECAY * DECAY**layers) ** (1 / (layers + 1))


def problem(**choices: object) -> pen.Problem:
    return pen.Problem.from_decays(DECAY, feature_decay=FEATURE_DECAY, **choices)


def two_groups(frequent: int, many: int, rare: int, few: int) -> np.ndarray:
    """σ of the centred label matrix: differences within each group, and one between them."""
    between = np.sqrt((frequent + rare) * many * few / (frequent * many + rare * few))
    return np.sort([np.sqrt(many)] * (frequent - 1) + [between] + [np.sqrt(few)] * (rare - 1))[::-1]


def strength(sigma: float, samples: float, layers: int) -> float:
    """Minimise ½ (σ − x)² + N κ (L+1)/2 x^{2/(L+1)}: zero, or the largest root of a polynomial in x^{1/(L+1)}."""
    scale = samples * kappa(layers)
    # x − σ + Nκ x^{(1−L)/(L+1)} = 0 with x = y^{L+1}, times y^{L−1}
    coefficients = np.zeros(2 * layers + 1)
    np.add.at(coefficients, [0, layers + 1, 2 * layers], [1.0, -sigma, scale])
    roots = np.roots(coefficients)
    real = roots[np.abs(roots.imag) < 1e-9].real
    x = max(real.max(initial=0.0), 0.0) ** (layers + 1)
    return x if squared(sigma, x, samples, layers) < squared(sigma, 0.0, samples, layers) else 0.0


def squared(sigma: float, x: float, samples: float, layers: int) -> float:
    """What a direction adds to the objective of squared error."""
    return (sigma - x) ** 2 / (2 * samples) + kappa(layers) * (layers + 1) / 2 * x ** (2 / (layers + 1))


def squared_error(name: str, counts: Sequence[int], sigma: np.ndarray, **choices: object) -> Known:
    samples, layers, width = float(np.sum(counts)), choices.get("layers", 1), choices.get("width", len(sigma))
    strengths = np.array([strength(s, samples, layers) if i < width else 0.0 for i, s in enumerate(sigma)])
    value = sum(squared(s, x, samples, layers) for s, x in zip(sigma, strengths, strict=True))
    return Known(name, counts, problem(**choices), strengths[strengths > 0], value)


def inverse_weights(counts: Sequence[int]) -> Known:
    """Squared error, a class weighing 1/n_k, no bias: every class is alone, min (1 − x/√n)²/(2K) + κ x."""
    roots, classes = np.sqrt(counts), len(counts)
    strengths = np.maximum(0.0, roots - classes * np.array(counts) * kappa())
    value = np.sum((1 - strengths / roots) ** 2) / (2 * classes) + kappa() * strengths.sum()
    known = problem(loss="mse:inverse", bias="none")
    return Known("mse:inverse, no bias", counts, known, np.sort(strengths[strengths > 0])[::-1], float(value))


def balanced_entropy(loss: str, classes: int, count: int) -> Known:
    """Softmax on equal counts: K − 1 equal strengths x, every margin x/√n; 1 − p = κ (K − 1) √n at the minimum."""
    # No classifier misses more than one that knows nothing: from there on all are dead.
    missing = min(kappa() * (classes - 1) * np.sqrt(count), (classes - 1) / classes)
    x = (np.log(classes - 1) - logit(missing)) * np.sqrt(count)
    strengths = np.full(classes - 1, x)[: (classes - 1) * (x > 1e-9)]
    value = -np.log1p(-missing) + kappa() * strengths.sum()
    return Known(f"{loss}, {classes} × {count}", [count] * classes, problem(loss=loss), strengths, float(value))


def two_classes(loss: str, counts: tuple[int, int], share: tuple[float, float]) -> Known:
    """Two classes with a free bias: one direction, σ² = 2 n_1 n_2/N; x = σ (m_1 + m_2)/2, the bias deals out margins.

    The bias makes both classes pull alike, w_k (1 − p_k) = g, with w_k the share of the loss, and g = κ σ/2.
    """
    sigma = np.sqrt(2 * counts[0] * counts[1] / sum(counts))
    pull = kappa() * sigma / 2
    margins = np.array([-logit(pull / weight) for weight in share])
    x = sigma * margins.sum() / 2
    value = np.dot(share, -np.log(expit(margins))) + kappa() * x
    return Known(f"{loss}, {counts[0]} and {counts[1]}", counts, problem(loss=loss), np.array([x]), float(value))


def bank() -> list[Known]:
    tail, ties = [60, 30, 10, 4], [40, 40, 9, 9, 9]
    roots = np.sqrt(tail)
    equal = np.full(4, 5.0)
    shares = (0.8, 0.2)
    return [
        squared_error("mse, equal counts", [25] * 4, equal[:3]),
        squared_error("mse, ties", ties, two_groups(2, 40, 3, 9)),
        squared_error("mse, two classes", [50, 8], two_groups(1, 50, 1, 8)),
        squared_error("mse, no bias", tail, roots, bias="none"),
        squared_error("mse, no bias, width 2", tail, roots, bias="none", width=2),
        squared_error("mse, width 2 of ties", [25] * 4, equal[:3], width=2),
        squared_error("mse, equal counts, no bias", [25] * 4, equal, bias="none"),
        squared_error("mse, rare classes dead", [400, 300, 3, 2], np.sqrt([400, 300, 3, 2]), bias="none"),
        *(squared_error(f"mse, ties, L = {depth}", ties, two_groups(2, 40, 3, 9), layers=depth) for depth in (2, 3)),
        *(squared_error(f"mse, no bias, L = {depth}", tail, roots, bias="none", layers=depth) for depth in (2, 3, 4)),
        inverse_weights(tail),
        inverse_weights([900, 60, 30]),
        *(balanced_entropy(loss, classes, count) for loss in ("ce", "la:1") for classes, count in ((2, 30), (5, 20))),
        balanced_entropy("ce", 5, 40_000),
        two_classes("ce", (40, 10), shares),
        two_classes("la:1", (40, 10), shares),
        two_classes("weighted:inverse", (40, 10), (0.5, 0.5)),
    ]


BANK: list[Known] = bank()


def inverse_deaths(counts: Sequence[int]) -> np.ndarray:
    """Where class k dies with "mse:inverse", no bias and λ_H = λ/N: λ = N/(K √(n_k N)), rarest last."""
    n = np.array(counts, dtype=float)
    return n.sum() / (n.size * np.sqrt(n * n.sum()))
