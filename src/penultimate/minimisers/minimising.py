"""The way in: a problem goes to the solver made for it."""

from penultimate.counts.given import Counts, counts_of
from penultimate.losses import resolve
from penultimate.minimisers.convex.binned import solve_binned
from penultimate.minimisers.convex.bins import is_binned
from penultimate.minimisers.convex.solving import limits, solve
from penultimate.minimisers.cost import expected
from penultimate.minimisers.factored import check_classes, solve_factored
from penultimate.minimisers.solution import Solution
from penultimate.minimisers.squared_error import minimise_squared_error
from penultimate.model.problem import Problem

# Relative gaps asked for count by count, and on bins; and the smallest for which bins are worth trying.
_EXACT, _BRACKET, _FINE = 1e-8, 1e-3, 1e-5
_LONG = 30.0  # seconds that nobody should wait for a refusal


def minimise(
    counts: Counts, problem: Problem, *, gap: float | None = None, steps: int = 500, seconds: float | None = None
) -> Solution:
    """Find the global minimiser of the unconstrained feature model.

    Parameters
    ----------
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
        Samples per class.
    problem : Problem
        Layers, decays, bias, width, loss.
    gap : float, optional
        Relative duality gap that a numerical solution of a convex problem must reach. 1e-8 by default, and 1e-3 for
        cross-entropy of more than 500 distinct counts, which is then solved on bins of nearly equal counts; a gap of
        1e-5 or less is solved for count by count, however long that takes.
    steps : int, default 500
        Newton steps at most, for such a solution: most take ten, a bias of tiny decay one or two hundred.
    seconds : float, optional
        Time at most, for such a solution.

    Returns
    -------
    Solution
        Strength of every direction, outcome and `Geometry`. Squared error without weights is solved in closed form
        (with a regularised bias numerically), other losses with one layer numerically, with a `certificate`; where no
        optimality can be proven `converged` is False and `outcome` says why.

    Raises
    ------
    ProblemError
        If the loss does not fit the counts.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts([60, 30, 10])
    >>> pen.minimise(counts, pen.Problem.from_decays(2e-2)).method
    'closed form'
    >>> solution = pen.minimise(counts, pen.Problem.from_decays(2e-2, loss="ce"))
    >>> solution.converged, solution.survivors
    (True, 2)
    """
    counts = counts_of(counts)
    limits(_EXACT if gap is None else gap, steps, seconds)
    resolve(problem.loss, counts)  # vectors of one's own must be one number a class
    if problem.is_plain_squared_error:
        return minimise_squared_error(counts, problem)
    if problem.layers > 1:
        return solve_factored(counts, problem)
    if problem.width is not None and problem.width < counts.seen - 1 and expected(counts, problem).seconds > _LONG:
        check_classes(counts, problem)  # before the work: only where it is short is it worth seeing whether it binds
    if is_binned(counts, problem) and (gap is None or gap > _FINE):
        solution = solve_binned(counts, problem, gap=_BRACKET if gap is None else gap, steps=steps, seconds=seconds)
    else:
        solution = solve(counts, problem, gap=_EXACT if gap is None else gap, steps=steps, seconds=seconds)
    if problem.width is not None and solution.survivors > problem.width:
        return solve_factored(counts, problem, near=solution)
    return solution
