"""Independent twins of what the package computes: dense linear algebra and high precision."""

from collections.abc import Sequence

import mpmath
import numpy as np


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
