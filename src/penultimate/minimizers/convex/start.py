"""Where the solver starts: logits of the size that optimality asks for, and the bias that fits them.

At a minimiser the gradient of every column is at most μ long, and about μ where the class is alive: for cross-entropy the
probability that its own class lacks is about ``N μ / (ω √n)``. So the start separates every class just that far from all
others, which is a simplex with one length a class. Newton's method needs about 8 steps from here, whatever μ.
"""

import numpy as np
from jaxtyping import Float

from penultimate.minimizers.convex.model import ConvexModel, Unknowns

# A class that lacks more than this is taken for dead; it comes alive in the first proximal step if it is not.
_LOST = 0.9
# Logits of a step of the bias stay within this, where a softmax is well approximated by its second derivative.
_REACH = 2.0
_STEPS = 60


def start(model: ConvexModel) -> Unknowns:
    """Make the first point.

    Parameters
    ----------
    model : ConvexModel
        The problem.

    Returns
    -------
    Unknowns
    """
    counts, classes = model.counts, float(model.size.sum())
    lacking = counts.samples * model.mu / (model.loss.weight * model.root)
    lacking = np.clip(lacking, 1e-12, 1.0)
    apart = np.log(np.maximum((classes - 1.0) * (1.0 - lacking) / lacking, 1.0))
    if model.unseen is None:  # logits are no logarithms: a label is one away from the others
        apart = np.maximum(1.0 - lacking, 0.0)
    apart = np.where(lacking < _LOST, apart, 0.0)
    inside = apart * model.root
    matrix = np.diag(inside) - np.outer(np.sqrt(model.size), np.sqrt(model.size) * inside) / classes
    unknowns = Unknowns(model.project(matrix), np.where(model.several > 0, inside, 0.0), _priors(model))
    return refit_bias(model, unknowns, tolerance=0.1)


def refit_bias(model: ConvexModel, unknowns: Unknowns, tolerance: float = 1e-13) -> Unknowns:
    """Make the bias optimal for the rest of a point, by damped Newton steps.

    Parameters
    ----------
    model : ConvexModel
        The problem.
    unknowns : Unknowns
        A point.
    tolerance : float, default 1e-13
        Stop when no logit moves by more.

    Returns
    -------
    Unknowns
    """
    from scipy.linalg import cho_factor, cho_solve

    if not model.has_bias:
        return unknowns
    bias = unknowns.bias
    for _ in range(_STEPS):
        at = model.loss.at(model.logits(Unknowns(unknowns.matrix, unknowns.inside, bias)))
        change = -cho_solve(cho_factor(model.bias_hessian(at)), model.bias_slope(at, bias))
        moved = model.group_bias(change)
        spread = float(moved.max() - moved.min()) if model.unseen is not None else float(np.abs(moved).max())
        bias = bias + change * (min(1.0, _REACH / spread) if spread > 0 else 1.0)
        if spread <= tolerance:
            break
    return Unknowns(unknowns.matrix, unknowns.inside, bias)


def _priors(model: ConvexModel) -> Float[np.ndarray, " m"]:
    """β of ``b = log(n/N)`` for a loss that takes logarithms, of ``b = n/N`` for others; zero without a free bias."""
    if model.bias != "free":
        return np.zeros_like(model.size)
    share = model.counts.distinct / model.counts.samples
    bias = share if model.unseen is None else np.log(share)
    return bias * np.sqrt(model.counts.samples * model.size)
