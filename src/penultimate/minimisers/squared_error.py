"""The global minimiser for squared error (docs/theory §4; arXiv 2411.17278, Theorem on the L-extended UFM).

In closed form with a free bias or none. A regularised bias couples the classes (docs/theory §4.1): there the solver of
`regularised_bias` takes over, and the solution's `method` says so.
"""

import numpy as np

from penultimate.counts import ClassCounts
from penultimate.minimisers.by_law import follow_law
from penultimate.minimisers.cost import check_distinct
from penultimate.minimisers.regularised_bias import minimise_regularised_bias
from penultimate.minimisers.shrinkage import Shrinkage, balanced_geometry, keep_widest, outcome_of
from penultimate.minimisers.solution import Solution
from penultimate.model.problem import Problem
from penultimate.spectrum.label_spectrum import LabelSpectrum


def minimise_squared_error(counts: ClassCounts, problem: Problem) -> Solution:
    """Find the global minimiser of the L-extended unconstrained feature model.

    Parameters
    ----------
    counts : ClassCounts
        Samples per class.
    problem : Problem
        Layers, decays, bias, width; squared error.

    Returns
    -------
    Solution
        Strength of every direction, threshold, outcome and `Geometry`. In closed form with a free bias or none; with
        a regularised one numerical, and for one layer of unrestricted width with a bound on the error (`gap`).

    Examples
    --------
    >>> import penultimate as pen
    >>> from penultimate.minimisers.squared_error import minimise_squared_error
    >>> solution = minimise_squared_error(pen.ClassCounts([60, 30, 10]), pen.Problem.from_decays(2e-2, layers=1))
    >>> round(solution.threshold, 6), solution.strength.round(3), solution.outcome.name
    (0.2, array([6.183, 3.44 ]), 'OPTIMAL')
    """
    if problem.law is not None:
        return follow_law(counts, problem, problem.law)
    if isinstance(problem.bias, str):
        return _closed_form(counts, problem)
    check_distinct(counts.distinct.size, problem)
    return minimise_regularised_bias(counts, problem, problem.bias)


def _closed_form(counts: ClassCounts, problem: Problem) -> Solution:
    free = problem.bias == "free"
    samples = counts.samples
    svd = LabelSpectrum(counts, centred=free)
    shrinkage = Shrinkage(samples, problem.kappa(samples), problem.layers)
    strength = shrinkage.strength(svd.sigma)
    tied = shrinkage.tied(svd.sigma)
    surviving = keep_widest(strength, svd.multiplicity, problem.width)
    dead = svd.multiplicity - surviving
    objective = np.sum(surviving * shrinkage.cost(svd.sigma, strength)) + np.sum(dead * svd.sigma**2) / (2 * samples)
    bias = counts.distinct / samples if free else np.zeros(counts.distinct.size)
    return Solution(
        counts=counts,
        problem=problem,
        method="closed form",
        outcome=outcome_of(strength, svd.multiplicity, surviving, tied),
        objective=float(objective),
        gap=0.0,
        threshold=shrinkage.threshold,
        strength=np.where(surviving > 0, strength, 0.0),
        surviving=surviving,
        tied=tied,
        geometry=balanced_geometry(svd, problem, samples, strength, surviving, bias),
    )
