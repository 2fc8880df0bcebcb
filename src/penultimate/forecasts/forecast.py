"""What a practitioner reads off a minimiser before training: which classes keep a direction of their own.

counts → `penultimate.forecast` → `Forecast`: thresholds, critical weight decays, and for every class what it retains.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import ArrayLike, NDArray

from penultimate.counts import ClassCounts
from penultimate.forecasts.by_ratio import RatioForecast, by_ratio
from penultimate.forecasts.critical_decays import (
    CriticalDecays,
    find_critical,
    find_first,
    find_first_on_bins,
    is_closed,
)
from penultimate.forecasts.over_decay import shares_at, strengths_at
from penultimate.forecasts.samples_needed import samples_needed
from penultimate.forecasts.samples_to_gain import samples_to_gain
from penultimate.forecasts.status import FATES, LOST, OWN, STATUSES
from penultimate.forecasts.timeline import Timeline, timeline
from penultimate.losses.consistency import is_consistent
from penultimate.minimisers.convex.binned_deaths import BinnedDeaths
from penultimate.minimisers.convex.deaths import CriticalDecay
from penultimate.minimisers.solution import Solution
from penultimate.model.geometry import Geometry
from penultimate.model.problem import Problem
from penultimate.model.strength_law import GONE
from penultimate.reported import Reported


@dataclass(frozen=True, eq=False, repr=False)
class Forecast(Reported, presenter="forecast"):
    """The geometry that class counts and decays force on the last layer, read for every class.

    Made by `penultimate.forecast`. Per-group figures, one for each distinct count (largest first), cost O(m²) time for
    m distinct counts and O(K) memory; figures of single classes are taken from them.

    Attributes
    ----------
    solution : Solution
        The minimiser: strengths, outcome, objective.
    band : tuple of Forecast or None
        The same at the favourable and at the cautious end of what is known: of the 90 % interval of a trained network's
        law, of the quartiles of its feature decay where no law was read (see `penultimate.audits.calibration`), or,
        before training, of four in five of other networks. None where the feature decay was given.
    doubts : tuple of str
        What speaks against the audit that it is calibrated by, or that its counts are others.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts({"cat": 600, "dog": 300, "newt": 12, "axolotl": 9})
    >>> forecast = pen.forecast(counts, weight_decay=0.12, feature_ratio=1)
    >>> forecast.status
    array(['own', 'own', 'shared', 'shared'], dtype='<U6')
    >>> round(forecast.samples_needed, 2), forecast.smallest_surviving_count
    (13.26, 300.0)
    """

    solution: Solution
    band: "tuple[Forecast, Forecast] | None" = None
    doubts: tuple[str, ...] = ()

    @property
    def counts(self) -> ClassCounts:
        """The class counts."""
        return self.solution.counts

    @property
    def problem(self) -> Problem:
        """Layers, decays, bias, width, loss."""
        return self.solution.problem

    @property
    def geometry(self) -> Geometry:
        """Class means, head, bias and logits of the minimiser."""
        return self.solution.geometry

    @property
    def threshold(self) -> float:
        """The singular value below which a direction dies."""
        return self.solution.threshold

    @cached_property
    def group_samples_needed(self) -> Float[np.ndarray, " m"]:
        """Samples from which on classes like those of each group stand above the threshold, shape (m,).

        ``(threshold / leverage)²``, the leverage being what the loss multiplies a class's pull by, such as its weight:
        for two classes of equal count and features all zero this is where their difference dies, exactly.
        """
        return samples_needed(self.counts, self.problem, self.threshold)

    @property
    def samples_needed(self) -> float:
        """threshold²: as many directions survive as classes have more samples, or one fewer (docs/theory §4).

        For other losses than squared error, about as many. NaN where classes need unequal numbers
        (`group_samples_needed`), and for several layers with such a loss.
        """
        needed = self.group_samples_needed
        return float(needed[0]) if np.ptp(needed) <= 1e-9 * needed[0] else float("nan")

    @property
    def has_own_paths(self) -> bool:
        """Whether each direction has an audited path of its own; `samples_needed` is then that of the median path."""
        law = self.problem.law
        return law is not None and law.measured(self.solution.sigma, self.counts.samples)

    @property
    def classes_below(self) -> int:
        """How many seen classes have no more samples than they need to stand above the threshold."""
        return int(self.counts.multiplicity[self.counts.distinct <= self.group_samples_needed].sum())

    @property
    def survivors(self) -> int:
        """Directions that survive, of `directions`."""
        return self.solution.survivors

    @property
    def width_binds(self) -> bool:
        """Whether the width holds fewer directions than there are, however small the decay."""
        return self.solution.width_binds

    @property
    def directions(self) -> int:
        """Directions that there are: seen − 1 with a free bias, seen otherwise."""
        return self.geometry.svd.rank

    @cached_property
    def group_status(self) -> Int[np.ndarray, " m"]:
        """Index into `STATUSES` for each group's classes: own (retained ≥ 0.9), shared, lost (< 0.1)."""
        retained = self.geometry.group_retained
        # A projector's diagonal carries rounding; a class at exactly 0.9 should not flip with it.
        return np.where(retained >= OWN - 1e-12, 0, np.where(retained < LOST, 2, 1))

    @property
    def retained(self) -> Float[np.ndarray, " K"]:
        """Share of each class's own direction that survives, shape (K,); NaN for classes without samples."""
        return self.geometry.retained

    @property
    def status(self) -> np.ndarray:
        """``own``, ``shared``, ``lost`` or ``unseen`` for every class, shape (K,)."""
        return np.array([*STATUSES, "unseen"])[np.append(self.group_status, 3)[self.counts.group]]

    @cached_property
    def fate(self) -> np.ndarray:
        """``survives``, ``dies`` or ``uncertain`` for every distinct direction, shape (t,).

        Uncertain are those that survive at one end of the `band` and not at the other.
        """
        best, worst = (alive > 0 for alive in self._at_ends(lambda end: end.solution.surviving, 0))
        return np.where(worst, FATES[0], np.where(best, FATES[2], FATES[1]))

    @cached_property
    def group_fate(self) -> np.ndarray:
        """The same for the classes of each group, shape (m,): whether they keep a direction of their own.

        A class survives that has its own at both ends of the `band`, and dies that has lost it at both.
        """
        best, worst = (end.group_status for end in self.band or (self, self))
        return np.where(worst == 0, FATES[0], np.where(best == 2, FATES[1], FATES[2]))

    def directions_with(self, fate: str) -> int:
        """How many directions survive, die or are uncertain."""
        return int(self.solution.multiplicity[self.fate == fate].sum())

    @property
    def strength_interval(self) -> Float[np.ndarray, "t 2"]:
        """Strengths of every distinct direction at the cautious and at the favourable end of the `band`, shape (t, 2).

        Below a tenth of σ they are not told from zero: a direction that dies has the upper end there.
        """
        best, worst = self._at_ends(lambda end: end.solution.strength, 0.0)
        least = GONE * self.solution.sigma if self.problem.law is not None else 0.0
        return np.stack([worst, np.maximum(best, least)], axis=1)

    @property
    def critical_interval(self) -> Float[np.ndarray, "t 2"]:
        """`critical_weight_decay` at both ends of the `band`, shape (t, 2); the same twice without one."""
        best, worst = self._at_ends(lambda end: end.critical_weight_decay, math.nan)
        return np.stack([worst, best], axis=1)

    def _at_ends(
        self, figure: "Callable[[Forecast], NDArray[Any]]", beyond: float
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """A figure of every distinct direction of this forecast at the favourable and cautious end of the `band`.

        By rank: where singular values move with the decay, two that are one here may be two there, or the other way
        round.
        """
        first = np.cumsum(self.solution.multiplicity) - self.solution.multiplicity
        best, worst = (
            np.append(np.repeat(figure(end), end.solution.multiplicity), beyond) for end in self.band or (self, self)
        )
        return best[np.minimum(first, best.size - 1)], worst[np.minimum(first, worst.size - 1)]

    def classes_with(self, status: str) -> int:
        """How many seen classes are ``own``, ``shared`` or ``lost``."""
        return int(self.counts.multiplicity[self.group_status == STATUSES.index(status)].sum())

    @cached_property
    def negative_margins(self) -> int:
        """How many seen classes the head answers with another class, even for their own class mean."""
        return int(self.counts.multiplicity[self.geometry.group_margins < 0].sum())

    @cached_property
    def smallest_surviving_count(self) -> float | None:
        """The smallest count among classes that keep their own direction; None if none does."""
        own = self.counts.distinct[self.group_status == 0]
        return float(own.min()) if own.size else None

    @property
    def has_critical_weight_decays(self) -> bool:
        """Whether one is known: see `critical_note` for why not."""
        return is_closed(self.solution) or self.largest_safe_weight_decay is not None

    @property
    def critical_weight_decay(self) -> Float[np.ndarray, " t"]:
        """λ_1 at which each distinct direction dies, all layers' decays scaled together, largest σ first, shape (t,).

        NaN where the width leaves no room for the direction, and with a regularised bias, where the singular values
        themselves move with the decay. For other losses found by following solutions: all of them for up to 128
        distinct counts (`critical_bracket` says how closely); beyond, for cross-entropy of up to 100,000 on bins of
        counts, else for up to 500 the first and those that have a closed form. `penultimate.solution_path` finds all,
        however long that takes.
        """
        return self._critical.decay

    @property
    def critical_bracket(self) -> Float[np.ndarray, "t 2"]:
        """Decays between which each direction dies, shape (t, 2); both the same for squared error, in closed form."""
        return self._critical.bracket

    @property
    def critical_note(self) -> str:
        """Which critical weight decays are not known, and why, or how exact they are; empty if all are exact."""
        return self._critical.note

    @property
    def largest_safe_weight_decay(self) -> float | None:
        """λ_1 below which every direction survives; None if the width takes some, or where it is not known.

        `critical_note` says why: with a regularised bias, and with other losses beyond 500 distinct counts (100,000 for
        cross-entropy).
        """
        if self.width_binds:
            return None
        if is_closed(self.solution):
            return float(self.critical_weight_decay.min())
        if self._first_death is not None:
            return self._first_death.weight_decay
        found = None if self._first_on_bins is None else float(self._first_on_bins.decay[0])
        return None if found is None or math.isnan(found) else found

    @property
    def is_safe_decay_estimated(self) -> bool:
        """Whether `largest_safe_weight_decay` is read off solutions on bins of nearly equal counts, without a proof."""
        return not is_closed(self.solution) and self._first_death is None and self.largest_safe_weight_decay is not None

    @cached_property
    def _first_death(self) -> CriticalDecay | None:
        return find_first(self.solution)

    @cached_property
    def _first_on_bins(self) -> BinnedDeaths | None:
        return find_first_on_bins(self.solution)

    @cached_property
    def _critical(self) -> CriticalDecays:
        return find_critical(self.solution, self._first_death, self._first_on_bins)

    @cached_property
    def group_samples_to_gain(self) -> Float[np.ndarray, " m"]:
        """Whole samples that one class of each group must gain, alone, to stand above threshold²; shape (m,).

        Zero where it does; infinite where the threshold outruns any number of samples, because N grows with them. NaN
        with class weights or scales, which move with the counts, and for a class that is lost on an audited path of its
        own though it has as many.
        """
        if math.isnan(self.samples_needed):
            return np.full(self.counts.distinct.size, np.nan)
        power = self.problem.samples_exponent
        gain = samples_to_gain(self.counts.distinct, self.counts.samples, self.samples_needed, power)
        if not self.has_own_paths:
            return gain
        return np.where(self.group_status == 0, 0.0, np.where(gain > 0.0, gain, np.nan))

    @cached_property
    def by_ratio(self) -> tuple[RatioForecast, ...]:
        """The answer as a function of c, when the feature decay is not known; empty when it is."""
        known = self.problem.feature_decay is not None or self.problem.networks is not None
        if known or math.isnan(self.threshold):
            return ()
        return by_ratio(self.solution, self.group_samples_needed, self.samples_needed, self.largest_safe_weight_decay)

    def strengths_at(self, weight_decay: ArrayLike) -> Float[np.ndarray, "w t"]:
        """Strength of every distinct direction at other weight decays λ_1 (all layers scaled alike), shape (w, t).

        Raises
        ------
        ProblemError
            If a decay is not positive and finite.
        """
        return strengths_at(self.solution, weight_decay)

    def shares_at(self, weight_decay: ArrayLike) -> Float[np.ndarray, "w t"]:
        """Strength over singular value of every distinct direction at other weight decays, shape (w, t)."""
        return shares_at(self.solution, weight_decay)

    @cached_property
    def over_corrects(self) -> bool:
        """Whether the loss puts the largest class below the smallest: its margin is smaller by a tenth or more."""
        margins = self.geometry.group_margins
        return bool(self.survivors > 0 and margins[0] < 0.9 * margins[-1])

    @cached_property
    def smaller_margins_intended(self) -> bool:
        """Whether frequent classes end with smaller training margins because the loss is made for balanced accuracy.

        Then it is no over-correction, unless a direction is lost by it: what decides best depends on where classes
        overlap, not on training margins (`penultimate.losses.consistency`).
        """
        whole = self.over_corrects and self.survivors == self.directions
        return whole and is_consistent(self.problem.loss, self.counts)

    def worst_groups(self, number: int) -> Int[np.ndarray, " b"]:
        """First class of each of the groups (distinct counts) that retain least, then have the fewest samples."""
        return self.counts.representatives[self._worst_first[:number], 0]

    def worst_classes(self, number: int) -> Int[np.ndarray, " b"]:
        """Indices of the classes that retain least, then have the fewest samples; unseen ones are left out."""
        order = self._worst_first
        enough = np.searchsorted(np.cumsum(self.counts.multiplicity[order]), number) + 1
        place = np.full(self.counts.distinct.size + 1, -1)
        place[order[:enough]] = np.arange(min(enough, order.size))
        rank = place[self.counts.group]
        candidates = np.flatnonzero(rank >= 0)
        return candidates[np.argsort(rank[candidates], kind="stable")][:number]

    @cached_property
    def _worst_first(self) -> Int[np.ndarray, " m"]:
        # Rounded, so that among classes that keep all of their direction the smallest count comes first.
        return np.lexsort((self.counts.distinct, self.geometry.group_retained.round(9)))

    def timeline(
        self, lr: float, momentum: float = 0.0, steps: int = 1000, *, start: float = 1e-3, points: int = 200
    ) -> Timeline:
        """When each direction is learnt (docs/theory §7).

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
        Timeline

        Raises
        ------
        ProblemError
            For more than one layer, a regularised bias, or arguments out of range.

        Examples
        --------
        >>> import penultimate as pen
        >>> forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-3, feature_ratio=1)
        >>> forecast.timeline(lr=0.1, momentum=0.9, steps=500).learnt_at.round()
        array([ 69., 113.])
        """
        return timeline(self.solution, learning_rate=lr, momentum=momentum, steps=steps, start=start, points=points)

    @property
    def is_squared_error(self) -> bool:
        """Whether the loss is squared error as it stands, without weights of classes."""
        return self.problem.is_plain_squared_error
