"""What stands in a minimiser's place where strengths follow the law of a trained network (docs/theory §15)."""

import numpy as np

from penultimate.counts import ClassCounts
from penultimate.minimisers.shrinkage import balanced_geometry, keep_widest
from penultimate.minimisers.solution import Outcome, Solution
from penultimate.model.problem import Problem
from penultimate.model.strength_law import StrengthLaw
from penultimate.spectrum.label_spectrum import LabelSpectrum


def follow_law(counts: ClassCounts, problem: Problem, law: StrengthLaw) -> Solution:
    """Give every direction of the label matrix the strength that a law says.

    Parameters
    ----------
    counts : ClassCounts
        Samples per class.
    problem : Problem
        Decays, bias ("free" or "none"), width; squared error. How layers share a strength is taken from its decays.
    law : StrengthLaw
        Read off trained networks.

    Returns
    -------
    Solution
        Its outcome is `Outcome.LAW`.

    Examples
    --------
    >>> import penultimate as pen
    >>> from penultimate.minimisers.by_law import follow_law
    >>> from penultimate.model.strength_law import StrengthLaw
    >>> law = StrengthLaw(100.0, 1.0, audited=(1e-2,), usual=(0.5, 0.8, -1.0))
    >>> follow_law(pen.ClassCounts([60, 30, 10]), pen.Problem.from_decays(2e-2), law).strength.round(2)
    array([4.87, 2.52])
    """
    free, samples = problem.bias == "free", counts.samples
    svd = LabelSpectrum(counts, centred=free)
    strength = law.strength(svd.sigma, np.array([problem.mean_decay]), samples)[0]
    surviving = keep_widest(strength, svd.multiplicity, problem.width)
    bias = counts.distinct / samples if free else np.zeros(counts.distinct.size)
    return Solution(
        counts=counts,
        problem=problem,
        method="law read off trained networks",
        outcome=Outcome.LAW,
        objective=float("nan"),
        gap=None,
        threshold=law.threshold(problem.mean_decay, samples),
        strength=np.where(surviving > 0, strength, 0.0),
        surviving=surviving,
        tied=strength < 0.0,
        geometry=balanced_geometry(svd, problem, samples, strength, surviving, bias),
    )
