"""From targets and a loss to a certified minimiser over their label sets, with what it says of each label."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from penultimate.errors import ProblemError
from penultimate.losses.binary_cross_entropy import BinaryCrossEntropy, leverages, spread_of
from penultimate.losses.cross_entropy import CrossEntropy
from penultimate.losses.label_sets import PickAll, Sigmoids
from penultimate.minimisers.certificate import ROUNDING, Certificate
from penultimate.minimisers.convex.newton import Limits
from penultimate.minimisers.label_sets.model import LabelSetModel
from penultimate.minimisers.label_sets.solving import Run, run
from penultimate.minimisers.solution import Outcome
from penultimate.model.problem import Problem
from penultimate.reported import OneLine
from penultimate.spectrum.scatter_spectrum import strongest
from penultimate.targets.label_scatter import LabelScatter

# Numbers of A, labels times label sets, up to which the problem is solved: at most some two minutes of one core.
MOST_SOLVED = 200_000
# Numbers of A up to which label sets give a lower bound: 80 MiB each of a few matrices.
_MOST_BOUNDED = 10_000_000
# Of a largest singular value from Lanczos, which lies below the true one, by far less than this.
_MARGIN = 1e-9
_ENDINGS = {"seconds": Outcome.OUT_OF_TIME, "interrupted": Outcome.INTERRUPTED}

SetLoss = BinaryCrossEntropy | CrossEntropy


@dataclass(frozen=True, repr=False)
class LabelSetSolution(OneLine):
    """A minimiser over distinct label sets, one layer, free bias.

    Attributes
    ----------
    targets, problem, loss
        What was solved.
    kept : ndarray of bool of shape (K,)
        Labels that some samples have and some have not; a free bias answers for the others at no cost.
    sets : ndarray of shape (k, M)
        The label sets, of the labels kept.
    run : Run
        Where the solver stopped.

    Examples
    --------
    >>> import penultimate as pen
    >>> targets = pen.LabelScatter.from_labels([["cat", "pet"]] * 6 + [["dog", "pet"]] * 3 + [[]] * 9)
    >>> solution = pen.forecast(targets, weight_decay=0.05, loss="bce").sets
    >>> solution.outcome.name, solution.certificate.relative_gap < 1e-8, solution.survivors
    ('OPTIMAL', True, 2)
    """

    targets: LabelScatter
    problem: Problem
    loss: SetLoss
    kept: Bool[np.ndarray, " K"]
    sets: Float[np.ndarray, "k M"]
    run: Run

    @property
    def model(self) -> LabelSetModel:
        """The problem on label sets."""
        return self.run.point.model

    @property
    def certificate(self) -> Certificate:
        """Proof of how good this is."""
        return self.run.certificate

    @property
    def objective(self) -> float:
        """The loss with its decays."""
        return self.certificate.primal

    @property
    def outcome(self) -> Outcome:
        """What kind of minimiser this is."""
        if self.run.ended == "converged":
            return Outcome.OPTIMAL if self.survivors else Outcome.COLLAPSED
        return _ENDINGS.get(self.run.ended, Outcome.NOT_CONVERGED)

    @property
    def method(self) -> str:
        """What was done."""
        gap = self.certificate.relative_gap
        return (
            f"numerical: {self.run.steps} Newton steps over {self.sets.shape[1]:,} label sets, relative gap {gap:.1g}"
        )

    @property
    def survivors(self) -> int:
        """Directions that survive."""
        return self.run.point.singular.size

    @property
    def directions(self) -> int:
        """Directions that can: a softmax does not see one, and a free bias takes one."""
        rows, columns = self.sets.shape
        return min(rows - (self.model.loss.unseen_shift is not None), columns - 1)

    @property
    def logits(self) -> Float[np.ndarray, "k M"]:
        """Of every label set, one a column, shape (k, M)."""
        point = self.run.point
        return point.matrix / self.model.root + point.bias[:, None]

    @cached_property
    def scores(self) -> Float[np.ndarray, "k M"]:
        """What stands against the targets of every label set, shape (k, M)."""
        return self.model.loss.scores(self.logits)

    @cached_property
    def score_on(self) -> Float[np.ndarray, " K"]:
        """Mean score where a label is on; NaN for labels that are not kept."""
        return self._mean_scores(self.sets)

    @cached_property
    def score_off(self) -> Float[np.ndarray, " K"]:
        """Mean score where it is off; NaN where it never is, as a softmax may have it."""
        return self._mean_scores(1.0 - self.sets)

    @cached_property
    def retained(self) -> Float[np.ndarray, " K"]:
        """Share of each label's pull, ``Z̄D − N G``, that lies in directions that survive (docs/theory §17)."""
        point, samples = self.run.point, self.model.samples
        alive = point.left**2 @ (point.singular + samples * self.model.mu) ** 2
        whole = np.sum((point.matrix + samples * point.subgradient) ** 2, axis=1)
        return self._of_all(np.clip(alive / whole, 0.0, 1.0))

    @cached_property
    def head_gram(self) -> Float[np.ndarray, "K K"]:
        """Inner products of the head's rows; zero for labels that are not kept."""
        left = np.zeros((self.kept.size, self.survivors))
        left[self.kept] = self.run.point.left
        return (left * (self.model.mu / self.problem.weight_decay[-1] * self.run.point.singular)) @ left.T

    def scores_of(self, labels: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """Scores of a sample with these labels.

        Raises
        ------
        ProblemError
            Where no sample has exactly these.
        """
        found = np.flatnonzero(np.all(self.sets == labels[self.kept][:, None], axis=0))
        fixed = np.where(self.targets.positives > 0, 1.0, 0.0)
        if not found.size or not np.array_equal(fixed[~self.kept], labels[~self.kept]):
            raise ProblemError(
                "no sample has exactly these labels: with this loss only label sets that occur have scores"
            )
        fixed[self.kept] = self.scores[:, found[0]]
        return fixed

    def _mean_scores(self, of: Float[np.ndarray, "k M"]) -> Float[np.ndarray, " K"]:
        sums, samples = (of * self.scores) @ self.model.times, of @ self.model.times
        return self._of_all(np.divide(sums, samples, out=np.full_like(sums, np.nan), where=samples > 0.0))

    def _of_all(self, figures: Float[np.ndarray, " k"]) -> Float[np.ndarray, " K"]:
        out = np.full(self.kept.size, np.nan)
        out[self.kept] = figures
        return out


def solve_label_sets(targets: LabelScatter, problem: Problem, loss: SetLoss) -> LabelSetSolution | None:
    """Minimise over the distinct label sets; None where there are too many of them, or they are not known.

    Parameters
    ----------
    targets : LabelScatter
    problem : Problem
        One layer, free bias.
    loss : BinaryCrossEntropy or CrossEntropy

    Returns
    -------
    LabelSetSolution or None
    """
    size = numbers_of(targets)
    if size is None or size > MOST_SOLVED:
        return None
    model, kept = model_of(targets, problem, loss)
    return LabelSetSolution(targets, problem, loss, kept, model.loss.targets, run(model, Limits()))


def lower_bound(targets: LabelScatter, problem: Problem, loss: SetLoss) -> float | None:
    """What the loss with its decays never falls below, proven without solving.

    Label sets give a close one, pairs of labels one for sigmoids at any size; None where neither is known.

    Parameters
    ----------
    targets : LabelScatter
    problem : Problem
    loss : BinaryCrossEntropy or CrossEntropy

    Returns
    -------
    float or None
    """
    size, bounds = numbers_of(targets), list[float]()
    if size is not None and size <= _MOST_BOUNDED:
        bounds.append(model_of(targets, problem, loss)[0].bound_from_nothing())
    if isinstance(loss, BinaryCrossEntropy) and targets.kind == "sets":
        bounds.append(_bound_from_pairs(targets, problem, loss))
    return max(bounds, default=None)


def _bound_from_pairs(targets: LabelScatter, problem: Problem, loss: BinaryCrossEntropy) -> float:
    """Every label as if it were alone, all shrunk until ``‖G‖₂ ≤ μ``: feasible, and exact for uncorrelated labels."""
    from scipy.special import entr

    kept, theta = targets.variance > 0, targets.samples * problem.kappa(targets.samples)
    weights, mean, spread = loss.of(targets), targets.mean, spread_of(targets)
    pull = leverages(targets, weights)
    part = np.divide(theta, pull * spread, out=np.ones(mean.size), where=kept)
    pull = np.where(kept, pull * np.minimum(part, 1.0), 0.0)
    pull *= min(1.0, theta / (strongest(targets, pull) * (1.0 + _MARGIN)))
    missing, wrong = pull * (1.0 - mean) / weights, pull * mean
    on, off = entr(missing) + entr(1.0 - missing), entr(wrong) + entr(1.0 - wrong)
    bound = float(np.sum((mean * weights * on + (1.0 - mean) * off)[kept]))
    return bound * (1.0 - ROUNDING)


def numbers_of(targets: LabelScatter) -> int | None:
    """Labels times label sets; None where label sets are not known."""
    return None if targets.sets is None else targets.labels * targets.sets.times.size


def how_large(targets: LabelScatter) -> str:
    """The same in words."""
    if targets.sets is None:
        return "its different label sets are not known, or more than 20,000"
    return f"there are {targets.labels:,} labels and {targets.sets.times.size:,} different label sets"


def model_of(targets: LabelScatter, problem: Problem, loss: SetLoss) -> tuple[LabelSetModel, Bool[np.ndarray, " K"]]:
    """The problem on label sets, and the labels that are in it."""
    assert targets.sets is not None
    varying = targets.variance > 0
    rows, times = targets.sets.rows.toarray().T, targets.sets.times
    mu = problem.kappa(targets.samples)
    if isinstance(loss, BinaryCrossEntropy):
        return LabelSetModel(Sigmoids(rows[varying], loss.of(targets)[varying]), times, targets.samples, mu), varying
    seen, some = targets.positives > 0, rows.any(axis=0)
    return LabelSetModel(PickAll(rows[seen][:, some]), times[some], targets.samples, mu), seen
