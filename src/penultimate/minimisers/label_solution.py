"""The global minimiser of squared error for targets of any kind, from the directions of their scatter (theory §16).

In closed form with a free bias or none; with a regularised bias b is searched, and the rest in closed form:

    φ(b) = Σ_i [ (x_i − s_i)²/(2N) + ((L+1)/2) κ x_i^p ] + (λ_b/2) ‖b‖²,    s of S + N β βᵀ,  β = ȳ − b,
    ∇φ(b) = −U diag(1 − x/s) Uᵀ β + λ_b b.

With one layer of unrestricted width φ is convex with modulus λ_b: ``φ − φ_min ≤ ‖∇φ‖²/(2λ_b)``.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from penultimate.errors import ProblemError
from penultimate.minimisers.bias_search import TARGET_GAP, best_bias
from penultimate.minimisers.shrinkage import Shrinkage, keep_widest, outcome_of
from penultimate.minimisers.solution import Outcome
from penultimate.model.label_geometry import LabelGeometry
from penultimate.model.problem import Problem
from penultimate.reported import OneLine
from penultimate.spectrum.scatter_spectrum import MOST_DENSE, ScatterSpectrum, scatter_spectrum
from penultimate.targets.label_scatter import LabelScatter

# Singular values this close, relatively, are one: eigenvalues of equal labels differ by rounding alone.
_EQUAL = 1e-10
# A variance below this share of the mean square has lost half of its digits; near zero only constants come to that.
_LOST, _FAR = 1e-8, 1e3


@dataclass(frozen=True, repr=False)
class LabelSolution(OneLine):
    """A minimiser of the unconstrained feature model for targets of any kind.

    Attributes
    ----------
    targets, problem
        What was solved.
    method : str
        "closed form", or what was done.
    outcome : Outcome
        What kind of minimiser this is.
    objective : float or None
        The minimal value; None where more directions may survive than were found.
    gap : float or None
        Upper bound of objective minus minimum: 0 for a closed form, None where there is no proof.
    threshold : float
        θ: the singular value below which a direction dies.
    geometry : LabelGeometry
        Directions, strengths, head, bias.

    Examples
    --------
    >>> import penultimate as pen
    >>> from penultimate.minimisers.label_solution import minimise_label_error
    >>> solution = minimise_label_error(pen.LabelScatter.from_counts([60, 30, 10]), pen.Problem.from_decays(0.5))
    >>> solution.outcome.name, solution.survivors
    ('OPTIMAL', 1)
    """

    targets: LabelScatter
    problem: Problem
    method: str
    outcome: Outcome
    objective: float | None
    gap: float | None
    threshold: float
    geometry: LabelGeometry

    @property
    def samples(self) -> float:
        """N."""
        return self.targets.samples

    @property
    def sigma(self) -> Float[np.ndarray, " r"]:
        """Singular values of the targets, largest first, shape (r,)."""
        return self.geometry.spectrum.sigma

    @property
    def survivors(self) -> int:
        """How many directions survive; at least so many where `is_lower_bound`."""
        return round(float(self.geometry.share.sum()))

    @property
    def is_lower_bound(self) -> bool:
        """Whether more directions may survive than were sought."""
        return not self.geometry.spectrum.complete and self.survivors == self.sigma.size

    @property
    def converged(self) -> bool:
        """Whether this is proven to be a minimum."""
        return self.outcome.proven


def minimise_label_error(targets: LabelScatter, problem: Problem) -> LabelSolution:
    """Find the global minimiser of squared error.

    Parameters
    ----------
    targets : LabelScatter
        Of at least two samples, in which some label varies.
    problem : Problem
        Layers, decays, bias, width; squared error.

    Returns
    -------
    LabelSolution

    Raises
    ------
    ProblemError
        For fewer than two samples, targets that never vary, and a regularised bias with more than 4,096 labels.
    """
    if targets.samples < 2:
        raise ProblemError(f"the targets are of {targets.samples:g} sample: give at least two")
    _check_offsets(targets)
    if not targets.variance.any():
        raise ProblemError("every label is the same in all samples: there is nothing for features to tell apart")
    shrinkage = Shrinkage(targets.samples, problem.kappa(targets.samples), problem.layers)
    if not isinstance(problem.bias, str):
        return _with_regularised_bias(targets, problem, problem.bias, shrinkage)
    bias = targets.mean if problem.bias == "free" else np.zeros(targets.labels)
    spectrum = scatter_spectrum(targets, targets.mean - bias, enough=shrinkage.threshold)
    strength, share, outcome = _thresholded(spectrum, shrinkage, problem.width)
    geometry = _balanced(spectrum, problem, shrinkage, strength, share, bias)
    solution = LabelSolution(targets, problem, "closed form", outcome, None, 0.0, shrinkage.threshold, geometry)
    if solution.is_lower_bound:
        return solution
    return replace(solution, objective=_cost(spectrum, shrinkage, strength, share))


def _check_offsets(targets: LabelScatter) -> None:
    """Refuse real targets whose changes are lost in their squares."""
    if targets.kind != "real":
        return
    lost = np.flatnonzero(
        (np.abs(targets.mean) > _FAR) & (targets.variance < _LOST * targets.samples * targets.mean**2)
    )
    if lost.size:
        raise ProblemError(
            f"target {targets.names[lost[0]]!r} lies about {targets.mean[lost[0]]:g} and hardly changes beside it: "
            "subtract a constant from it, or leave it out"
        )


def _thresholded(
    spectrum: ScatterSpectrum, shrinkage: Shrinkage, width: int | None
) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, " r"], Outcome]:
    """Strength and share of every direction, equal singular values treated alike."""
    sigma = spectrum.sigma
    new = np.append(True, sigma[1:] < sigma[:-1] * (1.0 - _EQUAL))
    group = np.cumsum(new) - 1
    multiplicity = np.bincount(group)
    distinct = sigma[new]
    strength, tied = shrinkage.strength(distinct), shrinkage.tied(distinct)
    surviving = keep_widest(strength, multiplicity, width)
    share = surviving / multiplicity
    outcome = outcome_of(strength, multiplicity, surviving, tied)
    # Of equal values each keeps its own, so that rounding stays where it is.
    kept = shrinkage.strength(sigma) if shrinkage.layers == 1 else strength[group]
    return np.where(share[group] > 0, kept, 0.0), share[group], outcome


def _cost(
    spectrum: ScatterSpectrum,
    shrinkage: Shrinkage,
    strength: Float[np.ndarray, " r"],
    share: Float[np.ndarray, " r"],
) -> float:
    alive = share * shrinkage.cost(spectrum.sigma, strength)
    dead = (1.0 - share) * spectrum.sigma**2 / (2.0 * shrinkage.samples)
    return float(np.sum(alive + dead)) + spectrum.rest / (2.0 * shrinkage.samples)


def _balanced(
    spectrum: ScatterSpectrum,
    problem: Problem,
    shrinkage: Shrinkage,
    strength: Float[np.ndarray, " r"],
    share: Float[np.ndarray, " r"],
    bias: Float[np.ndarray, " K"],
) -> LabelGeometry:
    """Share each strength among the factors: λ_l w_l² = λ_H h² (docs/theory §4)."""
    root = (shrinkage.kappa * strength**problem.exponent) ** 0.5
    features = root / np.sqrt(problem.resolved_feature_decay(shrinkage.samples))
    return LabelGeometry(spectrum, strength, root / np.sqrt(problem.weight_decay[-1]), features, share, bias)


def _with_regularised_bias(
    targets: LabelScatter, problem: Problem, decay: float, shrinkage: Shrinkage
) -> LabelSolution:
    if targets.labels > MOST_DENSE:
        raise ProblemError(f"a regularised bias needs all directions of {targets.labels:,} labels: say bias='free'")
    width = problem.width

    def objective(bias: Float[np.ndarray, " K"]) -> tuple[float, Float[np.ndarray, " K"]]:
        beta = targets.mean - bias
        spectrum = scatter_spectrum(targets, beta)
        strength, share, _ = _thresholded(spectrum, shrinkage, width)
        value = _cost(spectrum, shrinkage, strength, share) + 0.5 * decay * float(bias @ bias)
        # Outside the directions β is zero, so what is left of it along them is all there is.
        left = 1.0 - share * strength / spectrum.sigma
        return value, decay * bias - spectrum.vectors @ (left * (beta @ spectrum.vectors))

    convex = problem.layers == 1 and (width is None or width >= targets.labels)
    bias, value, gap = best_bias(objective, targets.mean / (1.0 + decay), decay, convex=convex)
    spectrum = scatter_spectrum(targets, targets.mean - bias)
    strength, share, outcome = _thresholded(spectrum, shrinkage, width)
    if gap is None:
        outcome = Outcome.BEST_FOUND
    elif gap > TARGET_GAP * value:
        outcome = Outcome.NOT_CONVERGED
    method = "numerical: L-BFGS over the bias, the rest in closed form"
    geometry = _balanced(spectrum, problem, shrinkage, strength, share, bias)
    return LabelSolution(targets, problem, method, outcome, value, gap, shrinkage.threshold, geometry)
