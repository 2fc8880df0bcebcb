"""From class counts and a problem with one layer to a certified solution with its geometry.

The geometry's directions are those of ``M = Z̄D − N G``, G the gradient of the data term at the solution: on surviving
directions its singular values are ``x_i + N μ``, on dead ones below Nμ, so that thresholding M at Nμ gives back Z̄D,
just as thresholding Ŷ does for squared error, where M is Ŷ (docs/theory §5).
"""

import math

import numpy as np
from jaxtyping import Bool, Float

from penultimate.counts import ClassCounts
from penultimate.errors import ProblemError
from penultimate.losses import resolve
from penultimate.minimisers.convex.model import ConvexModel, Unknowns
from penultimate.minimisers.convex.newton import Limits, Run, rounding, run
from penultimate.minimisers.convex.point import Point
from penultimate.minimisers.cost import check_distinct
from penultimate.minimisers.shrinkage import balanced_geometry
from penultimate.minimisers.solution import Outcome, Solution
from penultimate.model.arguments import positive, whole
from penultimate.model.problem import Problem
from penultimate.spectrum.grouped_svd import GroupedSVD, UnseenRows
from penultimate.spectrum.quotient import DenseQuotient

ENDINGS = {"seconds": Outcome.OUT_OF_TIME, "interrupted": Outcome.INTERRUPTED}


def solve(
    counts: ClassCounts,
    problem: Problem,
    *,
    gap: float = 1e-8,
    steps: int = 500,
    seconds: float | None = None,
    warm: Unknowns | None = None,
) -> Solution:
    """Minimise a convex problem with one layer; see `penultimate.minimise`.

    Parameters
    ----------
    counts, problem, gap, steps, seconds
        As for `penultimate.minimise`; a width is passed over.
    warm : Unknowns, optional
        Where to start.

    Returns
    -------
    Solution

    Raises
    ------
    ProblemError
        If the loss does not fit the counts, or a limit is out of range.
    """
    model = build(counts, problem)
    return solution_of(model, problem, run(model, limits(gap, steps, seconds), warm), gap)


def limits(gap: float, steps: int, seconds: float | None) -> Limits:
    """Check limits.

    Raises
    ------
    ProblemError
        If one is not positive.
    """
    try:
        known = math.inf if seconds is None or seconds == math.inf else positive(seconds, "the time in seconds")
        return Limits(positive(gap, "the relative gap"), whole(steps, "the number of steps"), known)
    except ProblemError as error:
        raise ProblemError(f"limits must be positive: {error}") from None


def build(counts: ClassCounts, problem: Problem) -> ConvexModel:
    """Set up the problem on groups of classes that neither counts nor loss tell apart.

    Classes without samples are groups where the loss heeds them.

    Raises
    ------
    ProblemError
        If the loss does not fit the counts, or there are more groups than fit.
    """
    loss = resolve(problem.loss, counts)
    groups = counts.split(*loss.vectors.values(), unseen=loss.heeds_unseen(free_bias=problem.bias == "free"))
    check_distinct(groups.distinct.size, problem)
    return ConvexModel(groups, loss.grouped(groups), problem.kappa(counts.samples), problem.bias)


def solution_of(model: ConvexModel, problem: Problem, found: Run, gap: float) -> Solution:
    """Decompose where a run ended.

    Parameters
    ----------
    model : ConvexModel
        What was solved.
    problem : Problem
        From which it was built.
    found : Run
        How it ended.
    gap : float
        Relative gap to be called optimal.

    Returns
    -------
    Solution
    """
    counts, threshold, certificate = model.seen, model.counts.samples * model.mu, found.certificate
    svd = decompose(model, found.point)
    strength = np.maximum(svd.sigma - threshold, 0.0)
    surviving = np.where(strength > 0, svd.multiplicity, 0)
    geometry = balanced_geometry(
        svd,
        problem,
        counts.samples,
        strength,
        surviving,
        model.group_bias(found.bias)[~model.empty],
        unseen_bias=model.bias_of_unseen(found.bias),
    )
    return Solution(
        counts=counts,
        problem=problem,
        method=_method(found, gap),
        outcome=_outcome(certificate.relative_gap <= gap, found.ended, surviving),
        objective=certificate.primal,
        gap=certificate.gap,
        threshold=threshold,
        strength=strength,
        surviving=surviving,
        tied=np.zeros(strength.size, dtype=bool),
        geometry=geometry,
        certificate=certificate,
    )


def decompose(model: ConvexModel, point: Point) -> GroupedSVD:
    """The directions of ``Z̄D − N G``, with ``x_i + N S_i`` for singular values; those that cannot live left out."""
    kept = model.directions
    sigma, _ = directions(model, point)
    inside = sigma[kept:][~model.empty]
    return grouped_svd(model, point.left[:, :kept], sigma[:kept], point.right[:, :kept], inside)


def grouped_svd(
    model: ConvexModel,
    left: Float[np.ndarray, "m q"],
    sigma: Float[np.ndarray, " q"],
    right: Float[np.ndarray, "m q"],
    inside: Float[np.ndarray, " s"] | None = None,
) -> GroupedSVD:
    """Directions over the classes, those without samples apart."""
    seen = ~model.empty
    return GroupedSVD(model.seen, DenseQuotient(left[seen], sigma, right[seen]), inside, unseen_rows(model, left))


def unseen_rows(model: ConvexModel, left: Float[np.ndarray, "m q"]) -> UnseenRows | None:
    """What classes without samples have of left vectors; None where the loss does not heed them."""
    if not model.empty.any():
        return None
    seen = model.seen
    return UnseenRows(model.counts.group[seen.unseen] - seen.distinct.size, (left * model.row)[model.empty])


def directions(model: ConvexModel, point: Point) -> tuple[Float[np.ndarray, " p"], Bool[np.ndarray, " p"]]:
    """Singular values of ``Z̄D − N G``, mixed ones first, then inside each group; and which are alive."""
    kept, step, alpha = model.directions, model.counts.samples, point.unknowns.inside
    sigma = (point.singular + step * point.subgradient)[:kept]
    inside = np.abs(alpha) + step * np.abs(point.inside_subgradient)
    return np.concatenate([sigma, inside]), np.concatenate([point.singular[:kept] > 0, alpha != 0])


def _method(found: Run, gap: float) -> str:
    relative = found.certificate.relative_gap
    text = f"numerical: {found.steps} Newton steps, relative duality gap {relative:.1g}"
    limited = found.ended == "stalled" and relative > gap
    return f"{text}, where double precision attains about {rounding(found):.1g}" if limited else text


def _outcome(reached: bool, ended: str, surviving: np.ndarray) -> Outcome:
    if reached:
        return Outcome.OPTIMAL if surviving.any() else Outcome.COLLAPSED
    return ENDINGS.get(ended, Outcome.NOT_CONVERGED)
