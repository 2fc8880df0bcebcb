"""What can be said of a forecast at once, while its solution is still worked on."""

import numpy as np

from penultimate.counts import ClassCounts
from penultimate.forecasts.samples_needed import samples_needed
from penultimate.minimisers.cost import expected
from penultimate.model.problem import Problem
from penultimate.report.kit.numbers import number

# Seconds that a solution may take before something is said first.
_AT_ONCE = 0.02


def draft(counts: ClassCounts, problem: Problem) -> str:
    """Say what the closed form of the survival line tells; nothing where there is none, or a solution comes at once.

    Parameters
    ----------
    counts : ClassCounts
    problem : Problem

    Returns
    -------
    str

    Examples
    --------
    >>> counts = ClassCounts.long_tailed(100, 500, 100)
    >>> draft(counts, Problem.from_decays(0.01, loss="ce")).partition(". ")[0]
    'Being solved at weight decay 0.01'
    """
    if problem.is_plain_squared_error or problem.layers > 1 or expected(counts, problem).seconds < _AT_ONCE:
        return ""
    needed = samples_needed(counts, problem, counts.samples * problem.kappa(counts.samples))
    few = int(counts.multiplicity[counts.distinct <= needed].sum())
    below = f"{number(few)} of {number(counts.seen)} have no more" if few else f"all {number(counts.seen)} have more"
    return (
        f"Being solved at weight decay {number(problem.weight_decay[0])}. Known in closed form: a class needs "
        f"{_span(float(needed.min()), float(needed.max()))} to keep a direction of its own, and {below}. The rest of "
        "the page still shows the previous setting."
    )


def _span(low: float, high: float) -> str:
    if high < 1.0:
        return "less than one sample"
    return f"about {number(low, 3)}{'' if np.isclose(low, high) else f' to {number(high, 3)}'} samples"
