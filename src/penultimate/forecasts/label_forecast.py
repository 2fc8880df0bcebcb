"""What a practitioner reads off before training on several labels a sample: which of them will ever be predicted.

label scatter → `penultimate.forecast` → `LabelForecast`.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from penultimate.errors import ProblemError
from penultimate.forecasts.by_ratio import RATIOS
from penultimate.forecasts.label_decays import alive_and_answered, at_ratio, largest_answering
from penultimate.forecasts.label_figures import LabelFigures, squared_error_figures
from penultimate.forecasts.label_pairs import LabelPair, one_label_twice, told_apart_by_no_head
from penultimate.forecasts.label_rows import LabelRatio, LabelRow
from penultimate.forecasts.label_timeline import LabelTimeline, label_timeline
from penultimate.forecasts.sigmoid_figures import (
    answering_threshold,
    collapse_threshold,
    sigmoid_figures,
    solved_figures,
)
from penultimate.forecasts.status import LABEL_STATUSES, LOST, OWN
from penultimate.forecasts.timeline import timeline
from penultimate.losses import BinaryCrossEntropy, CrossEntropy
from penultimate.minimisers.label_sets.solution import LabelSetSolution, SetLoss, lower_bound
from penultimate.minimisers.label_solution import LabelSolution
from penultimate.minimisers.solution import Outcome
from penultimate.model.label_geometry import LabelGeometry
from penultimate.model.problem import Problem
from penultimate.reported import Reported
from penultimate.targets.label_scatter import LabelScatter


@dataclass(frozen=True, eq=False, repr=False)
class LabelForecast(Reported, presenter="label_forecast"):
    """The geometry that targets of any kind and decays force on the last layer, read for every label.

    Made by `penultimate.forecast` of a `LabelScatter`; for class counts there is `Forecast`.

    Attributes
    ----------
    solution : LabelSolution
        The minimiser of squared error: directions, strengths, objective.
    loss : BinaryCrossEntropy, CrossEntropy or None
        Of sigmoids, or of one softmax over all labels; None for squared error.
    sets : LabelSetSolution or None
        For such a loss: its certified minimiser over the distinct label sets. None where there are too many, beyond
        200,000 labels times sets: figures of labels then are closed forms.

    Examples
    --------
    >>> import penultimate as pen
    >>> sets = [["cat", "pet"]] * 60 + [["dog", "pet"]] * 30 + [["newt"]] * 4 + [[]] * 6
    >>> forecast = pen.forecast(pen.LabelScatter.from_labels(sets), weight_decay=0.02)
    >>> forecast.survivors, forecast.directions
    (3, 3)
    >>> dict(zip(forecast.targets.names, forecast.answered.tolist()))
    {'cat': True, 'dog': True, 'newt': True, 'pet': True}
    >>> forecast.scores(["cat", "pet"]).round(2)
    array([0.99, 0.01, 0.  , 1.  ])
    """

    solution: LabelSolution
    loss: SetLoss | None = None
    sets: LabelSetSolution | None = None

    @property
    def targets(self) -> LabelScatter:
        """The sums over targets."""
        return self.solution.targets

    @property
    def problem(self) -> Problem:
        """Layers, decays, bias, width."""
        return self.solution.problem

    @property
    def geometry(self) -> LabelGeometry:
        """Head, label vectors, features and scores of the minimiser."""
        return self.solution.geometry

    @property
    def threshold(self) -> float:
        """θ: the singular value below which a direction dies."""
        return self.solution.threshold

    @property
    def survivors(self) -> int:
        """Directions that survive; at least so many where `solution.is_lower_bound`.

        For a loss that was not solved these are squared error's, which may be more.
        """
        return self.solution.survivors if self.sets is None else self.sets.survivors

    @property
    def directions(self) -> int | None:
        """Directions that there are; None for more than 4,096 labels, where only the leading ones are found."""
        if self.sets is not None:
            return self.sets.directions
        return self.geometry.spectrum.rank if self.geometry.spectrum.complete else None

    @property
    def knows_directions(self) -> bool:
        """Whether survivors are of this loss, and not squared error's in its place."""
        return self.loss is None or self.sets is not None

    @property
    def loss_name(self) -> str:
        """The loss, as it is asked for."""
        return "mse" if self.loss is None else "ce" if isinstance(self.loss, CrossEntropy) else str(self.loss)

    @property
    def is_squared_error(self) -> bool:
        """Whether the loss is squared error."""
        return self.loss is None

    @property
    def method(self) -> str:
        """How the figures were found."""
        return self.solution.method if self.sets is None else self.sets.method

    @property
    def outcome(self) -> Outcome:
        """What kind of minimiser this is."""
        if self.loss is None:
            return self.solution.outcome
        return Outcome.NOT_SOLVED if self.sets is None else self.sets.outcome

    @property
    def objective(self) -> float | None:
        """The minimal value of the loss with its decays; None where it is not known."""
        if self.loss is None:
            return self.solution.objective
        return None if self.sets is None else self.sets.objective

    @cached_property
    def lower_bound(self) -> float | None:
        """What the loss with its decays never falls below, proven; None where it is not known."""
        if self.loss is None:
            gap, objective = self.solution.gap, self.solution.objective
            return None if gap is None or objective is None else objective - gap
        if self.sets is not None:
            return self.sets.certificate.dual
        return lower_bound(self.targets, self.problem, self.loss)

    @cached_property
    def figures(self) -> LabelFigures:
        """All figures of labels."""
        if self.loss is None:
            return squared_error_figures(self.solution)
        if self.sets is not None:
            return solved_figures(self.solution, self.sets)
        assert isinstance(self.loss, BinaryCrossEntropy)
        return sigmoid_figures(self.solution, self.loss)

    @property
    def retained(self) -> Float[np.ndarray, " K"]:
        """Share of each label's variance that lies in directions that survive, shape (K,); NaN if it never varies."""
        return self.figures.retained

    @property
    def lift(self) -> Float[np.ndarray, " K"]:
        """Mean score where a label is on less that where it is off, shape (K,)."""
        return self.figures.lift

    @property
    def score_on(self) -> Float[np.ndarray, " K"]:
        """Mean score where a label is on, shape (K,); NaN for labels that never are, and for real targets."""
        return self.figures.score_on

    @property
    def score_off(self) -> Float[np.ndarray, " K"]:
        """Mean score where a label is off, shape (K,)."""
        return self.figures.score_off

    @property
    def answered(self) -> Bool[np.ndarray, " K"]:
        """Whether the mean score where a label is on exceeds ½, shape (K,)."""
        # Dead labels of "balanced" weights stand at a half, give or take rounding.
        return np.nan_to_num(self.score_on) > 0.5 + 1e-12

    @property
    def to_keep(self) -> Float[np.ndarray, " K"]:
        """About how many samples a label needs to keep a direction, ≈ θ², shape (K,); NaN for real targets."""
        return self.figures.to_keep

    @property
    def to_answer(self) -> Float[np.ndarray, " K"]:
        """About how many samples a label needs to be answered at ½, ≈ 4θ² for one layer, shape (K,)."""
        return self.figures.to_answer

    @cached_property
    def status(self) -> np.ndarray:
        """``own``, ``shared``, ``lost``, ``unseen`` or ``always`` for every label, shape (K,)."""
        # A projector's diagonal carries rounding; a label at exactly 0.9 should not flip with it.
        kept = np.where(self.retained >= OWN - 1e-12, 0, np.where(self.retained < LOST, 2, 1))
        fixed = np.where(self.targets.positives > 0, 4, 3)
        return np.array(LABEL_STATUSES)[np.where(np.isnan(self.retained), fixed, kept)]

    def labels_with(self, status: str) -> int:
        """How many labels are ``own``, ``shared``, ``lost``, ``unseen`` or ``always``."""
        return int(np.count_nonzero(self.status == status))

    @property
    def varying(self) -> Bool[np.ndarray, " K"]:
        """Which labels some samples have and some have not, shape (K,)."""
        return ~np.isnan(self.retained)

    @property
    def never_answered(self) -> int:
        """How many labels that some samples have are never answered at ½."""
        return int(np.count_nonzero(self.varying & ~self.answered))

    @cached_property
    def one_label_twice(self) -> tuple[LabelPair, ...]:
        """Labels that are one in two columns: equal in every sample, or each the other's complement."""
        return one_label_twice(self.targets)

    @cached_property
    def alike(self) -> tuple[LabelPair, ...] | None:
        """Labels that no head can tell apart at this decay: their scores correlate at 0.99 or more.

        None above 4,096 labels, where they are not compared.
        """
        return told_apart_by_no_head(self.solution)

    @property
    def critical_weight_decay(self) -> Float[np.ndarray, " r"]:
        """λ_1 at which each direction dies, all layers' decays scaled together, shape (r,).

        NaN where the width leaves no room for the direction; with a regularised bias an estimate, since the directions
        themselves move with the decay.
        """
        decay = np.array([self._decay_of(sigma) for sigma in self.solution.sigma.tolist()])
        return np.where(np.arange(decay.size) < (self.problem.width or np.inf), decay, np.nan)

    @property
    def largest_safe_weight_decay(self) -> float | None:
        """λ_1 below which every direction survives; None if the width takes some, or where not all were found.

        None for other losses than squared error, where it is not known in closed form.
        """
        there = self.directions
        if self.loss is not None or there is None or (self.problem.width or there) < there:
            return None
        return float(self.critical_weight_decay.min())

    @cached_property
    def largest_answering_weight_decay(self) -> float | None:
        """λ_1 up to which every label is answered at ½; None for real targets, a width, or where not all is known."""
        if isinstance(self.loss, CrossEntropy):
            return None
        if self.loss is not None and not self.loss.is_plain:
            least = float(answering_threshold(self.targets, self.loss)[self.varying].min())
            return None if math.isinf(least) else self._decay_of(least)
        bounded = self.problem.width is not None or self.directions is None
        if bounded or not isinstance(self.problem.bias, str) or self.targets.kind == "real":
            return None
        return largest_answering(self.solution, self.varying, float(self.critical_weight_decay.max()))

    @cached_property
    def collapse_weight_decay(self) -> float:
        """λ_1 from which on all features are zero, and only the bias is learnt: exact for any labels."""
        if self.loss is None:
            return self._decay_of(float(self.solution.sigma[0]))
        return self._decay_of(collapse_threshold(self.targets, self.loss))

    def with_pos_weight(self, rule: str) -> "LabelForecast":
        """The same with positives weighted by a rule: "sqrt", "balanced" or "equal"; in closed form."""
        return replace(self, loss=BinaryCrossEntropy(rule), sets=None)

    @property
    def by_ratio(self) -> tuple[LabelRatio, ...]:
        """The answer as a function of c, when the feature decay is not known; empty when it is."""
        if self.problem.feature_decay is not None or self.solution.is_lower_bound or self.loss is not None:
            return ()
        return tuple(at_ratio(self.solution, self.varying, ratio) for ratio in RATIOS)

    @cached_property
    def labels(self) -> tuple[LabelRow, ...]:
        """What is said of each label, in their order."""
        return self.rows(np.arange(self.targets.labels))

    def rows(self, labels: Int[np.ndarray, " b"]) -> tuple[LabelRow, ...]:
        """What is said of some labels, by index."""
        nearest, cosine = self.geometry.nearest(labels)
        known = self.varying & (self.targets.kind != "real")
        names: tuple[str, ...] = tuple(self.targets.names)
        n = self.targets.positives
        return tuple(
            LabelRow(
                label=names[k],
                samples=float(n[k]),
                status=str(self.status[k]),
                retained=_known(float(self.retained[k])),
                lift=_known(float(self.lift[k])),
                score_on=_known(float(self.score_on[k])),
                answered=bool(self.answered[k]) if known[k] else None,
                to_keep=_known(float(self.to_keep[k])),
                to_answer=_known(float(self.to_answer[k])),
                nearest=names[near] if near >= 0 else None,
                cosine=_known(cos),
            )
            for k, near, cos in zip(map(int, labels), map(int, nearest), map(float, cosine), strict=True)
        )

    def worst_labels(self, number: int) -> Int[np.ndarray, " b"]:
        """Indices of the labels with the least score where they are on, or that retain least; unseen ones left out."""
        figures = self.retained if self.targets.kind == "real" else self.score_on
        # Rounded, so that among labels that are alike the fewest samples come first.
        order = np.lexsort((self.targets.positives, figures.round(9)))
        return order[self.varying[order]][:number]

    def scores(self, labels: Iterable[str]) -> Float[np.ndarray, " K"]:
        """Scores of a sample that has exactly these labels.

        Parameters
        ----------
        labels : iterable of str
            Names; none for a sample without labels.

        Returns
        -------
        ndarray of shape (K,)

        Raises
        ------
        ProblemError
            For a name that is no label; and with sigmoids or a softmax for label sets that do not occur.
        """
        place = {name: k for k, name in enumerate(self.targets.names)}
        row = np.zeros((1, self.targets.labels))
        for name in [labels] if isinstance(labels, str) else labels:
            if name not in place:
                raise ProblemError(f"{name!r} is none of the {self.targets.labels:,} labels: give names of labels")
            row[0, place[name]] = 1.0
        return self.geometry.scores(row)[0] if self.sets is None else self.sets.scores_of(row[0])

    def at(self, decay: float) -> tuple[tuple[str, int], tuple[str, int]]:
        """Directions alive, and labels answered at ½, at another weight decay of a free bias or none."""
        kappa = self.problem.scaled(decay / self.problem.weight_decay[0]).kappa(self.targets.samples)
        alive, answered = alive_and_answered(self.solution, self.varying, kappa)
        return ("directions alive", alive), ("labels answered at ½", int(np.count_nonzero(answered)))

    def timeline(
        self, lr: float, momentum: float = 0.0, steps: int = 1000, *, start: float = 1e-3, points: int = 200
    ) -> LabelTimeline:
        """When each direction is learnt, and since when each label is answered at ½ (docs/theory §7).

        Parameters
        ----------
        lr : float
            Learning rate of SGD.
        momentum : float, default 0
            Of SGD; a step advances time by ``lr / (1 − momentum)``.
        steps : int, default 1000
            How far to look.
        start : float, default 1e-3
            x_0, the strength that every direction starts with.
        points : int, default 200
            How many steps are reported.

        Returns
        -------
        LabelTimeline

        Raises
        ------
        ProblemError
            For other losses than squared error, more than one layer, a regularised bias, or arguments out of range.

        Examples
        --------
        >>> import penultimate as pen
        >>> targets = pen.LabelScatter.from_labels([["cat", "pet"]] * 40 + [["newt"]] * 9 + [[]] * 51)
        >>> curve = pen.forecast(targets, weight_decay=1e-3, feature_ratio=1).timeline(lr=0.1, steps=2000)
        >>> curve.learnt_at.round(), curve.answered_at.round()
        (array([ 635., 1446.]), array([ 520., 1368.,  520.]))
        """
        if not self.is_squared_error:
            raise ProblemError("the timeline is known for squared error: change the loss")
        curve = timeline(self.solution, learning_rate=lr, momentum=momentum, steps=steps, start=start, points=points)
        return label_timeline(self.solution, curve)

    def __repr__(self) -> str:
        size = f"{self.targets.labels:,} labels and {self.targets.samples:,.6g} samples"
        return f"<LabelForecast of {size}: print it for its verdict>"

    def _decay_of(self, threshold: float) -> float:
        """The weight decay at which θ is this, all layers' decays scaled together."""
        return self.problem.weight_decay[0] * (threshold / self.threshold) ** self.problem.decay_exponent


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None
