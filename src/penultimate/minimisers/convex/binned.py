"""Cross-entropy at any number of distinct counts: solved on bins of counts, with a proof for the counts themselves.

A solution for bins costs what a hundred distinct counts cost. Its objective is also that of a point of the true
problem, and `lift` turns its dual point into one for the true counts: both hold the true minimum between them
(docs/theory §18). The gap falls with the square of the width of bins, which are halved until it is as small as asked.

Figures of single classes come from the bins' by interpolation in log n: strengths x/√n and biases inside, as neighbours
have them. They are estimates, as every figure of a solution with a gap is.
"""

import math
import time
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from penultimate.counts import ClassCounts
from penultimate.losses import resolve
from penultimate.minimisers.certificate import Certificate
from penultimate.minimisers.convex.bins import Bins, make_bins
from penultimate.minimisers.convex.lift import certify_lifted, certify_scores, has_score_flow
from penultimate.minimisers.convex.model import ConvexModel
from penultimate.minimisers.convex.newton import Run, judge, run
from penultimate.minimisers.convex.solving import ENDINGS, build, directions, limits, unseen_rows
from penultimate.minimisers.shrinkage import balanced_geometry
from penultimate.minimisers.solution import Outcome, Solution
from penultimate.model.problem import Problem
from penultimate.spectrum.binned_quotient import BinnedQuotient
from penultimate.spectrum.grouped_svd import GroupedSVD, UnseenRows
from penultimate.spectrum.quotient import DenseQuotient

# Bins at first and at most. 128 leave some 0.03 % of the objective open, and norms 0.3 % off, rms; 512 take as long as
# 512 distinct counts.
_FIRST, _MOST = 128, 512
# Of the gap asked for, what the solver of the bins may leave.
_SHARE = 0.1
# Relative gap of a solution on bins that only its singular values are wanted of.
_ENOUGH = 1e-4
_LEVEL = 1e-9  # of log ω√n: rounding


def solve_binned(
    counts: ClassCounts, problem: Problem, *, gap: float, steps: int = 500, seconds: float | None = None
) -> Solution:
    """Minimise cross-entropy on bins of counts.

    Parameters
    ----------
    counts, problem, steps, seconds
        As for `penultimate.minimise`; a width is passed over.
    gap : float
        Relative duality gap, of the true problem, to refine bins for.

    Returns
    -------
    Solution
        With outcome `Outcome.BRACKETED` where the gap is met; an interrupt ends it early with the best so far.
    """
    begun, number, most = time.monotonic(), _FIRST, _MOST
    while True:
        bins = make_bins(counts, problem, number)
        if bins.binned.distinct.size > _MOST:  # weights that are no function of the count
            number = most = number // 2
            continue
        left = None if seconds is None else max(seconds - (time.monotonic() - begun), 1e-3)
        model = build(bins.binned, bins.problem)
        found = run(model, limits(_SHARE * gap, steps, left))
        unknowns, _ = judge(model, found.point.unknowns)
        certificate = certify_lifted(bins, model, unknowns)
        if certificate.relative_gap > gap and has_score_flow(bins):
            certificate = max(certificate, certify_scores(bins, model, unknowns), key=lambda proof: proof.dual)
        whole = bins.binned.distinct.size == bins.counts.distinct.size
        # Where rounding ends the solver of the bins before its own gap is met, finer bins are no help.
        rounded = found.ended != "converged" and found.certificate.relative_gap > gap
        if certificate.relative_gap <= gap or rounded or whole or 2 * number > most:
            return _Lifted(bins, model, found, certificate, problem).solution(gap)
        # The gap falls with the square of the width.
        times = min(math.sqrt(certificate.relative_gap / gap), most / number)
        number = min(most, number * max(2, math.ceil(times)))


def sigma_on_bins(counts: ClassCounts, problem: Problem) -> tuple[Float[np.ndarray, " t"], Int[np.ndarray, " t"]]:
    """Distinct singular values of a solution on bins, largest first, and their multiplicities; without a proof."""
    bins = make_bins(counts, problem, _FIRST)
    model = build(bins.binned, bins.problem)
    found = run(model, limits(_ENOUGH, 200, None))
    if found.ended == "interrupted":
        raise KeyboardInterrupt
    svd = _Lifted(bins, model, found, found.certificate, problem).decomposition()
    return svd.sigma, svd.multiplicity


@dataclass(frozen=True)
class _Lifted:
    """A solution for bins, and what it says of the classes."""

    bins: Bins
    model: ConvexModel
    found: Run
    certificate: Certificate
    problem: Problem

    def solution(self, gap: float) -> Solution:
        """Put together what is known for the true counts."""
        counts, certificate = self.seen.counts, self.certificate
        threshold = counts.samples * self.model.mu
        svd = self.decomposition()
        strength = np.maximum(svd.sigma - threshold, 0.0)
        surviving = np.where(strength > 0, svd.multiplicity, 0)
        return Solution(
            counts=counts,
            problem=self.problem,
            method=(
                f"numerical, on {self.model.size.size} bins of the {counts.distinct.size:,} distinct counts: "
                f"{self.found.steps} Newton steps, relative duality gap {certificate.relative_gap:.1g} for the counts "
                "themselves"
            ),
            outcome=self._outcome(gap, surviving),
            objective=certificate.primal,
            gap=certificate.gap,
            threshold=threshold,
            strength=strength,
            surviving=surviving,
            tied=np.zeros(strength.size, dtype=bool),
            geometry=balanced_geometry(
                svd,
                self.problem,
                counts.samples,
                strength,
                surviving,
                self._bias(),
                unseen_bias=self.model.bias_of_unseen(self.found.bias),
            ),
            certificate=certificate,
        )

    @cached_property
    def seen(self) -> Bins:
        """Bins of classes with samples: of the others no figures are asked."""
        return self.bins.seen

    def _outcome(self, gap: float, surviving: np.ndarray) -> Outcome:
        if self.certificate.relative_gap <= gap:
            return Outcome.BRACKETED if surviving.any() else Outcome.COLLAPSED
        return ENDINGS.get(self.found.ended, Outcome.NOT_CONVERGED)

    def decomposition(self) -> GroupedSVD:
        """The bins' mixed directions, and for groups inside a bin a singular value each."""
        threshold = self.model.counts.samples * self.model.mu
        bins, point, kept, some = self.seen, self.found.point, self.model.directions, ~self.model.empty
        sigma, _ = directions(self.model, point)
        mixed = DenseQuotient(point.left[some, :kept], sigma[:kept], point.right[some, :kept])
        log_count, log_weight = np.log(bins.counts.distinct), np.log(bins.weight)
        inside = self._levels(log_count, log_weight, threshold)
        between = self._levels(_halfway(log_count, bins.of), _halfway(log_weight, bins.of), threshold)
        # A dead class's column is √n times what all of its bin have, and its row what the bin's have times its weight.
        left, right = (
            raw / (bins.sums(raw) / self.model.size[some])[bins.of]
            for raw in (bins.share, np.sqrt(bins.counts.distinct))
        )
        position = self._position(log_count, log_weight)
        quotient = BinnedQuotient(mixed, bins.of, bins.size, position, between, left, right)
        return GroupedSVD(bins.counts, quotient, inside, self._unseen(quotient.sigma.size))

    def _unseen(self, columns: int) -> UnseenRows | None:
        """The rows of classes without samples, which have nothing of directions inside a bin."""
        rows = unseen_rows(self.model, self.found.point.left[:, : self.model.directions])
        if rows is None:
            return None
        return replace(rows, left=np.pad(rows.left, ((0, 0), (0, columns - rows.left.shape[1]))))

    def _levels(
        self, log_count: Float[np.ndarray, " m"], log_weight: Float[np.ndarray, " m"], threshold: float
    ) -> Float[np.ndarray, " m"]:
        """Singular values inside a bin: ω√n itself where dead, the threshold plus √n times the margin where alive."""
        model, alpha = self.model, np.abs(self.found.point.unknowns.inside)
        nodes = np.flatnonzero((model.several > 0) & (alpha > 0))
        at = self._position(2.0 * np.log(model.root[nodes]), np.log(model.loss.weight[nodes]))
        margin = alpha[nodes] / model.root[nodes]
        if not self.level:  # at the threshold a margin is zero
            at, margin = np.append(at, math.log(threshold)), np.append(margin, 0.0)
        order = np.argsort(at, kind="stable")
        strength = np.exp(log_count / 2.0)
        strength *= np.interp(self._position(log_count, log_weight), at[order], margin[order]) if at.size else 0.0
        return np.where(
            self.seen.alive, threshold + strength, np.minimum(np.exp(log_weight + log_count / 2), threshold)
        )

    @cached_property
    def level(self) -> bool:
        """Whether weights take ω√n to one number, as n^(−½) does: then all classes die at once."""
        return bool(np.ptp(np.log(self.seen.weight) + np.log(self.seen.counts.distinct) / 2.0) < _LEVEL)

    def _position(
        self, log_count: Float[np.ndarray, " a"], log_weight: Float[np.ndarray, " a"]
    ) -> Float[np.ndarray, " a"]:
        """Along which margins are smooth: log ω√n, which decides about life, where that is not one number."""
        return log_count if self.level else log_weight + log_count / 2.0

    def _bias(self) -> Float[np.ndarray, " m"]:
        """Bias of each group, its loss's offset given back; a free one has the mean 0, as a shift is not seen."""
        bins, bias = self.seen, self.model.group_bias(self.found.bias)[~self.model.empty]
        if np.ptp(bins.weight) == 0.0:  # then bins follow one another by count
            bias = np.interp(-np.log(bins.counts.distinct), -np.log(bins.binned.distinct), bias)
        else:
            bias = bias[bins.of]
        offsets = resolve(self.problem.loss, bins.counts).vectors.get("offsets")
        if offsets is not None:
            bias = bias - offsets[bins.counts.representatives[:, 0]]
        return bias - np.average(bias, weights=bins.size) if self.problem.bias == "free" else bias


def _halfway(figures: Float[np.ndarray, " m"], of: Int[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    """Mean of each group's figure and that of the group before it in its bin; of the first in a bin it says nothing."""
    order, out = np.argsort(of, kind="stable"), figures.copy()
    out[order[1:]] = (figures[order[1:]] + figures[order[:-1]]) / 2.0
    return out
