"""The weight decay at which each direction dies: in closed form for squared error, by following solutions otherwise.

What following costs grows with the number of distinct counts. So beyond some, deaths under cross-entropy are read off
solutions on bins of counts, and under other losses only the first and those that have a closed form are found; beyond
some more none. What is not known is NaN, and `CriticalDecays.note` says why.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.losses import Loss, resolve
from penultimate.minimisers.convex.binned_deaths import (
    BinnedDeaths,
    binned_deaths,
    expected_solutions,
    first_binned_death,
)
from penultimate.minimisers.convex.bins import has_bins
from penultimate.minimisers.convex.deaths import CriticalDecay, closed_deaths, find_deaths, first_death
from penultimate.minimisers.cost import expected
from penultimate.minimisers.solution import Solution
from penultimate.model.problem import Bias, Problem
from penultimate.reported import OneLine
from penultimate.spectrum.grouped_svd import GroupedSVD

# Distinct counts up to which all deaths are bracketed closely, or loosely, or only the first: seconds, not minutes.
_CLOSELY, ALL_DEATHS, _FIRST_DEATH = 24, 128, 500
# First deaths that are remembered: those of one set of counts under a few losses.
_KEPT = 4
# And up to which they are read off solutions on bins: half a minute for all, half of it for the first.
_ON_BINS = 100_000
_CLOSE, _LOOSE, _FIRST = 1e-6, 2e-2, 1e-3  # their brackets
# Seconds of one core of a server of 2023: of a solution on bins (14 of 609 counts in 3, 20 of 3,303 in 11, 30 of 526
# from 1 to 1e9 in 13), for each distinct count more (all of 10,000 in 6, of 100,000 in 30), and of all deaths for each
# pair of counts (51 in 2.4, 104 in 11). The first takes some four solutions (246 counts in 4, 429 in 14), on bins two
# at the smallest decays, which take twice as long (10,000 in 2.4, 100,000 in 13).
_BINNED, _COUNT, _PAIR, _SOLUTIONS, _ON_BINS_TAKES = 0.4, 2e-5, 1e-3, 4.0, 4.0


@dataclass(frozen=True, repr=False)
class CriticalDecays(OneLine):
    """Where directions die.

    Attributes
    ----------
    decay : ndarray of shape (t,)
        λ_1 at which each distinct direction dies; NaN where it is not known.
    bracket : ndarray of shape (t, 2)
        Decays between which it dies; both the same for a closed form.
    note : str
        What is not known, and why, or how exact the figures are; empty where there is nothing to say.
    """

    decay: Float[np.ndarray, " t"]
    bracket: Float[np.ndarray, "t 2"]
    note: str


def is_closed(solution: Solution) -> bool:
    """Whether the singular values do not depend on the decay: squared error without weights, its bias free or none."""
    return solution.problem.is_plain_squared_error and isinstance(solution.problem.bias, str)


def followed(solution: Solution) -> Problem | None:
    """The problem whose solutions can be followed over weight decay, without a width that has room for everything.

    None for plain squared error, which needs no following, for several layers, and for a width that may bind.
    """
    problem = solution.problem
    if problem.is_plain_squared_error or problem.layers > 1 or solution.width_binds:
        return None
    return replace(problem, width=None)


def find_first(solution: Solution) -> CriticalDecay | None:
    """The directions that die first as decay grows, for a problem that is followed; None where it is not looked for."""
    problem, groups = followed(solution), solution.counts.distinct.size
    if problem is None or groups > _FIRST_DEATH:
        return None
    counts, bracket = solution.counts, _CLOSE if groups <= ALL_DEATHS else _FIRST
    found = _first_by_kappa(counts, counts.multiplicity.tobytes(), problem.loss, problem.bias, bracket)
    if found is None:
        return None
    kappas, samples = (found.weight_decay, *found.bracket), counts.samples
    decay, low, high = (problem.decay_of(kappa, samples) for kappa in kappas)
    return replace(found, weight_decay=decay, bracket=(low, high))


@lru_cache(_KEPT)
def _first_by_kappa(
    counts: ClassCounts, groups: bytes, loss: str | Loss, bias: Bias, bracket: float
) -> CriticalDecay | None:
    """The same with κ for weight decays: whoever tries one decay after the other has it searched for once.

    Counts that are equal may be grouped otherwise, and where a direction stands is said by groups: the key has them.
    """
    # With λ_H = λ_1, κ is λ_1.
    problem = Problem.from_decays(1.0, feature_ratio=counts.samples, loss=loss, bias=bias)
    return first_death(counts, problem, bracket)


def find_first_on_bins(solution: Solution) -> BinnedDeaths | None:
    """The same read off solutions on bins, without a proof; None where they are not read off."""
    problem = _by_bins(solution)
    if problem is None or solution.counts.distinct.size <= _FIRST_DEATH:
        return None
    return first_binned_death(solution.counts, problem, solution.geometry.svd.rank - 1)


def search_seconds(counts: ClassCounts, problem: Problem, *, every: bool) -> float:
    """Seconds of one core that deaths will take.

    Parameters
    ----------
    counts : ClassCounts
    problem : Problem
        With room for every direction.
    every : bool
        All of them, or the first alone, as a verdict needs it.

    Returns
    -------
    float
    """
    groups = counts.distinct.size
    if problem.is_plain_squared_error or problem.layers > 1:
        return 0.0
    first = _SOLUTIONS * expected(counts, problem).seconds if groups <= _FIRST_DEATH else 0.0
    if every and groups <= ALL_DEATHS:
        return first + _PAIR * groups**2
    if (every or not first) and _has_ranks(counts, problem):
        solutions = expected_solutions(counts, problem) if every else 0.0
        return first + (_BINNED + _COUNT * groups) * (solutions + (0.0 if first else _ON_BINS_TAKES))
    return first


def find_critical(
    solution: Solution, first: CriticalDecay | None, first_on_bins: BinnedDeaths | None = None
) -> CriticalDecays:
    """λ_1 at which each distinct direction dies, all layers' decays scaled together.

    Parameters
    ----------
    solution : Solution
        At some decay.
    first : CriticalDecay or None
        Of `find_first`.
    first_on_bins : BinnedDeaths or None
        Of `find_first_on_bins`.

    Returns
    -------
    CriticalDecays
    """
    if is_closed(solution):
        svd, problem = solution.geometry.svd, solution.problem
        if problem.law is not None:
            law = problem.law.critical(svd.sigma, solution.counts.samples)
            critical = problem.weight_decay[0] / problem.mean_decay * law
        else:
            critical = problem.weight_decay[0] * (svd.sigma / solution.threshold) ** problem.decay_exponent
        before = np.cumsum(svd.multiplicity) - svd.multiplicity
        critical = np.where(before < (problem.width or np.inf), critical, np.nan)
        return CriticalDecays(critical, np.stack([critical, critical], axis=1), "")
    out = np.full((solution.sigma.size, 3), np.nan)
    by_bins = _by_bins(solution)
    if by_bins is not None:
        out = _found_on_bins(solution, by_bins)
    if first_on_bins is not None:  # which says for itself what is the first
        out[-1] = first_on_bins.decay[0], *first_on_bins.bracket[0]
        out[:, 0] = np.fmax(out[:, 0], first_on_bins.decay[0])
    deaths = {(death.kind, death.index): death for death in (() if by_bins else _deaths(solution, first))}
    if first is not None:  # which is bracketed more closely than the others
        deaths[first.kind, first.index] = first
    for index, death in _joined(solution.geometry.svd, list(deaths.values())):
        out[index] = death.weight_decay, *death.bracket
    if first is not None:  # of deaths closer together than their brackets none may come before the first
        out[:, 0] = np.maximum(out[:, 0], first.weight_decay)
    return CriticalDecays(out[:, 0], out[:, 1:], _note(solution, out))


def _by_bins(solution: Solution) -> Problem | None:
    """The problem whose deaths are read off solutions on bins; None where they are not."""
    problem = followed(solution)
    return problem if problem is not None and _has_ranks(solution.counts, problem) else None


def _has_ranks(counts: ClassCounts, problem: Problem) -> bool:
    """Whether ranks on bins say which direction dies: weights turn the order of deaths round."""
    if not ALL_DEATHS < counts.distinct.size <= _ON_BINS or not has_bins(counts, problem):
        return False
    return "weights" not in resolve(problem.loss, counts).vectors


def _found_on_bins(solution: Solution, problem: Problem) -> Float[np.ndarray, "t 3"]:
    """Decays and brackets by the rank of singular values; inside groups, which die at θ = √c, in closed form."""
    counts, svd = solution.counts, solution.geometry.svd
    found = binned_deaths(counts, problem, np.cumsum(svd.multiplicity) - 1)
    out = np.column_stack([found.decay, found.bracket])
    for group in np.flatnonzero(svd.inside_index >= 0):
        root = float(np.sqrt(counts.distinct[group]))
        out[svd.inside_index[group]] = problem.decay_of(root / counts.samples, counts.samples)
    return out


def _joined(svd: GroupedSVD, deaths: list[CriticalDecay]) -> list[tuple[int, CriticalDecay]]:
    """Each death with the index of the distinct σ whose direction dies.

    Deaths are numbered by the rank of their σ where they die, and singular values cross on the way there: a loss that
    turns the order of classes round kills first what is strongest at small decays. So mixed directions are joined by
    their right vectors, as a whole for the largest overlap.
    """
    inside = [(int(svd.inside_index[death.index]), death) for death in deaths if death.kind == "inside"]
    mixed = [(death, death.right) for death in deaths if death.right is not None]
    if not mixed:
        return inside
    columns = svd.mixed_like(np.stack([right for _, right in mixed], axis=1))
    return inside + [(int(svd.mixed_index[at]), death) for at, (death, _) in zip(columns, mixed, strict=True)]


def _deaths(solution: Solution, first: CriticalDecay | None) -> tuple[CriticalDecay, ...]:
    problem, groups = followed(solution), solution.counts.distinct.size
    if problem is None or first is None:
        return ()
    if groups > ALL_DEATHS:
        return closed_deaths(solution.counts, problem)
    return find_deaths(solution.counts, problem, _CLOSE if groups <= _CLOSELY else _LOOSE)


def _note(solution: Solution, found: Float[np.ndarray, "t 3"]) -> str:
    """Why some are not known, or how exact they are."""
    problem, groups = solution.problem, solution.counts.distinct.size
    if problem.is_plain_squared_error:
        return "no closed form with a regularised bias: forecast several weight decays"
    if followed(solution) is None:
        return "not searched for with this loss and several layers, or a width: forecast several weight decays"
    known = np.isfinite(found[:, 0])
    directions = solution.multiplicity
    if _by_bins(solution) is not None:
        return (
            "those of classes of equal count in closed form, the others read off solutions on bins of nearly equal "
            "counts, without a proof: the first within 2 % in examples, and so all with a free bias, else within 9 %; "
            "critical_bracket says between what the bins have them"
        )
    if not known.any():
        return f"not searched for among {groups:,} distinct counts: penultimate.solution_path finds them, in longer"
    if groups > ALL_DEATHS:
        return (
            f"known for {directions[known].sum():,} of {directions.sum():,} directions: the first to die and those "
            f"that have a closed form; with {groups:,} distinct counts "
            "penultimate.solution_path finds the others, which takes long"
        )
    notes: list[str] = []
    if groups > _CLOSELY:
        notes.append(
            f"bracketed to {_LOOSE:g}, the first to {_CLOSE:g}, relative; penultimate.solution_path: all to 1e-6"
        )
    if not known.all():
        notes.append(f"{directions[~known].sum():,} of {directions.sum():,} directions live at no weight decay")
    wide = found[:, 2] > found[:, 1] * (1.0 + 1.01 * (_CLOSE if groups <= _CLOSELY else _LOOSE))
    if wide.any():
        notes.append(f"not closely found for {directions[wide].sum():,} directions: critical_bracket says between what")
    return "; ".join(notes)
