"""Random small matrices whose leading singular vectors are found by few reads, and held against exact ones."""

from dataclasses import dataclass

import numpy as np

from penultimate.noise.krylov import Krylov
from penultimate.noise.oriented import Oriented


@dataclass(frozen=True)
class Measured:
    """One matrix.

    Attributes
    ----------
    holds : bool
        Whether no sine exceeds its certificate, nor the next singular value its bound.
    says_something : bool
        Whether every certificate is below one.
    slack : float
        Certificate over true sine, of the largest.
    loose : float
        The bound of the next singular value over itself.
    """

    holds: bool
    says_something: bool
    slack: float
    loose: float


def drawn(rng: np.random.Generator) -> tuple[np.ndarray, int]:
    """Noise with directions from below its edge to four times it, rows equal or not, or a spectrum that decays."""
    rows, columns = int(rng.integers(30, 150)), int(rng.integers(30, 120))
    rank, least = int(rng.integers(1, 8)), min(rows, columns)
    if rng.random() < 0.25:
        left, right = (np.linalg.qr(rng.standard_normal((side, least)))[0] for side in (rows, columns))
        return (left * np.arange(1, least + 1) ** -rng.uniform(0.2, 2)) @ right.T, rank
    noise = rng.standard_normal((rows, columns))
    if rng.random() < 0.3:
        noise *= rng.gamma(0.5, size=(rows, 1))
    strengths = (np.sqrt(rows) + np.sqrt(columns)) * rng.uniform(0.8, 4, rank)
    left, right = (np.linalg.qr(rng.standard_normal((side, rank)))[0] for side in (rows, columns))
    return 10.0 ** rng.integers(-3, 4) * (noise + (left * strengths) @ right.T), rank


def measured(seed: int) -> Measured:
    """Draw a matrix, a target and a precision, and find its leading vectors."""
    rng = np.random.default_rng(seed)
    matrix, rank = drawn(rng)
    matrix = matrix.astype(rng.choice(["float32", "float64"]))
    scale = np.exp(0.3 * rng.standard_normal(len(matrix))) if rng.random() < 0.3 else np.ones(len(matrix))
    oriented = Oriented(matrix, scale)
    found = Krylov(oriented, rank, seed).certified(rank, 10.0 ** rng.uniform(-8, -0.5))
    u, s, vt = np.linalg.svd(matrix.astype(np.float64) * scale[:, None], full_matrices=False)
    own, exact = (found.right, vt[:rank].T) if oriented.tall else (found.left, u[:, :rank])
    sine = np.linalg.norm(own - exact @ (exact.T @ own), axis=0)
    worst, bound = int(sine.argmax()), found.next_at_most / s[rank]
    return Measured(
        bool((sine <= found.sine).all() and bound >= 1 - 1e-6),
        bool(found.sine.max() < 1),
        float(found.sine[worst] / sine[worst]),
        float(bound),
    )
