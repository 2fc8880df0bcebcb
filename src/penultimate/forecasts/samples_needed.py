"""The survival line on the counts, which has a closed form for every loss with one layer (docs/theory §4, §5)."""

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.losses import resolve
from penultimate.model.problem import Problem


def samples_needed(counts: ClassCounts, problem: Problem, threshold: float) -> Float[np.ndarray, " m"]:
    """Samples from which on classes like those of each group stand above a threshold: ``(threshold / leverage)²``."""
    if problem.is_plain_squared_error:
        return np.full(counts.distinct.size, threshold * threshold)
    return (threshold / resolve(problem.loss, counts).leverage(counts)) ** 2
