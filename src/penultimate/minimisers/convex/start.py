"""Where the solver starts: logits of the size that optimality asks for, and the bias that fits them.

At a minimiser the gradient of every column is at most μ long, and about μ where the class is alive: for cross-entropy
the probability that its own class lacks is about ``N μ / (ω √n)``. So the start separates every class just that far
from all others, which is a simplex with one length a class. Newton's method needs about 8 steps from here, whatever μ.
"""

import numpy as np

from penultimate.minimisers.convex.model import ConvexModel, Unknowns

# A class that lacks more than this is taken for dead; it comes alive in the first proximal step if it is not.
_LOST = 0.9
# Logits of a step of the bias stay within this, where a softmax is well approximated by its second derivative.
_REACH = 2.0
_STEPS = 60
_TINY = 1e-300


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
    leverage = np.where(model.empty, 0.0, model.loss.weight * model.root)
    lacking = np.clip(counts.samples * model.mu / np.maximum(leverage, _TINY), 1e-12, 1.0)
    steepness = model.loss.steepness[-1]
    exponential = steepness > 0
    # How far apart: in the exponent of a softmax, or as a share of the label where logits are fitted to it.
    apart = np.where(exponential, np.log(np.maximum((classes - 1.0) * (1.0 - lacking) / lacking, 1.0)), 1.0 - lacking)
    apart = np.where(lacking < _LOST, apart, 0.0) * model.root
    scale = np.where(exponential, steepness, 1.0)
    inside = apart / scale
    matrix = np.diag(inside) - np.outer(np.sqrt(model.size) / scale, np.sqrt(model.size) * apart) / classes
    unknowns = Unknowns(model.project(matrix), np.where(model.several > 0, inside, 0.0), np.zeros_like(model.size))
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
        spread = float(np.ptp(model.group_bias(change) * model.loss.steepness[-1]))
        bias = bias + change * (_REACH / spread if spread > _REACH else 1.0)
        if spread <= tolerance:
            break
    return Unknowns(unknowns.matrix, unknowns.inside, bias)
