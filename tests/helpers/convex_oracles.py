"""Independent twins of the convex problem: the dense K × K objective class by class, its cvxpy form, and FISTA."""

import cvxpy as cp
import numpy as np
from scipy.special import logsumexp

LOSSES = [
    "mse",
    "mse:inverse",
    "mse:power:0.4",
    "mse:effective:0.9",
    "ce",
    "weighted:inverse",
    "weighted:power:0.4",
    "weighted:effective:0.9",
    "la:1.5",
    "cdt:0.3",
    "vs:0.2:1",
    "ldam:0.7",
    "smooth:0.2",
]


class DenseProblem:
    """docs/theory §5 written out for every class, from the vectors of a loss; knows nothing of groups.

    `bias` is "free", "none" or λ_b. All classes must have samples.
    """

    def __init__(self, counts, loss, mu, bias):
        self.n = np.asarray(counts, dtype=float)
        self.k, self.mu, self.bias = self.n.size, mu, bias
        ones = np.ones(self.k)
        vectors = loss.vectors
        weights = vectors.get("weights", ones)
        self.share = weights * self.n / (weights @ self.n)
        self.squared = not hasattr(loss, "smoothing")
        self.scale = vectors.get("scales", ones)
        self.offset = np.repeat(vectors.get("offsets", 0 * ones)[:, None], self.k, axis=1)
        self.offset = self.offset - np.diag(vectors.get("margins", 0 * ones))
        smoothing = getattr(loss, "smoothing", 0.0)
        self.target = (1 - smoothing) * np.eye(self.k) + smoothing / self.k

    def value(self, a, b):
        """Objective at A = Z̄D (K × K) and b."""
        z = a / np.sqrt(self.n) + b[:, None]
        if self.squared:
            losses = 0.5 * np.sum((z - np.eye(self.k)) ** 2, axis=0)
        else:
            v = self.scale[:, None] * z + self.offset
            losses = logsumexp(v, axis=0) - np.sum(self.target * v, axis=0)
        decay = 0.0 if isinstance(self.bias, str) else self.bias
        return self.share @ losses + self.mu * np.linalg.norm(a, "nuc") + decay / 2 * b @ b

    def slope(self, a, b):
        """Gradient of the data term in A and in b."""
        z = a / np.sqrt(self.n) + b[:, None]
        if self.squared:
            r = z - np.eye(self.k)
        else:
            v = self.scale[:, None] * z + self.offset
            r = self.scale[:, None] * (np.exp(v - logsumexp(v, axis=0)) - self.target)
        r = r * self.share
        to_bias = r.sum(axis=1) + (0.0 if isinstance(self.bias, str) else self.bias) * b
        return r / np.sqrt(self.n), 0 * to_bias if self.bias == "none" else to_bias

    def cvxpy(self):
        """Minimum by an interior-point method."""
        return self.cvxpy_point()[0]

    def cvxpy_point(self):
        """Minimum, and A and b where it is."""
        a = cp.Variable((self.k, self.k))
        b = cp.Variable(self.k) if self.bias != "none" else np.zeros(self.k)
        terms = []
        for k in range(self.k):
            z = a[:, k] / np.sqrt(self.n[k]) + b
            if self.squared:
                terms.append(self.share[k] * cp.sum_squares(z - np.eye(self.k)[k]) / 2)
            else:
                v = cp.multiply(self.scale, z) + self.offset[:, k]
                terms.append(self.share[k] * (cp.log_sum_exp(v) - self.target[k] @ v))
        penalty = self.mu * cp.normNuc(a)
        if not isinstance(self.bias, str):
            penalty += self.bias / 2 * cp.sum_squares(b)
        value = cp.Problem(cp.Minimize(sum(terms) + penalty)).solve(solver="CLARABEL")
        return value, a.value, b if self.bias == "none" else b.value


def dense_matrix(solution):
    """A = Z̄D of a solution, K × K, and its bias."""
    return solution.geometry.logits.dense() * np.sqrt(solution.counts.values), solution.geometry.bias
