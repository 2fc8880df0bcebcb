"""A lower bound for the true counts from a solution for bins of counts: proven, and off by their width squared.

With ``F_jk = w_k p_jk`` for j ≠ k, what the samples of class k give to class j, a point of the dual of cross-entropy is
a flow of non-negative numbers between classes whose *Laplacian* ``diag(outflow) − F``, its columns divided by √n, has
spectral norm μ at most; with a free bias every class gives what it takes; and the bound is the mean entropy of the
columns of ``P = F/w`` (docs/theory §18). Between two bins B and C a flow is taken that
varies as it does from bin to bin,

    F_jk = F_BC (1 + α_BC τ_j) (1 + β_BC τ_k),        Σ τ = 0 in every bin,

which balances exactly for any slopes whose means are 1. Its Laplacian is diagonal but for two vectors a bin, so its
norm comes from matrices of four rows a bin, and its entropies from sums over bins: O(m + G³).
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
from jaxtyping import Bool, Float

from penultimate.minimisers.certificate import Certificate, certify
from penultimate.minimisers.convex.bins import Bins
from penultimate.minimisers.convex.model import ConvexModel, Unknowns

_TINY = 1e-300
# The least that a class keeps: below, its share of the entropy is less than rounding.
_LEAST = 1e-16
# Largest |α τ| that neighbours are asked for, and the largest for which the series of the entropy bounds it.
_REACH, _SERIES = 0.5, 0.8
# The norm is looked for from this much above its lower bound on, and found to a fifth of the excess.
_EXCESS, _HALVINGS = 1e-6, 2
# A Cholesky factorisation succeeds where the smallest eigenvalue is above some hundred roundings.
_ROUNDING = 1e-12


def certify_lifted(bins: Bins, model: ConvexModel, unknowns: Unknowns) -> Certificate:
    """Bound how far a point for bins is from the minimum for the true counts.

    Parameters
    ----------
    bins : Bins
        The true counts, and which bin they are in.
    model : ConvexModel
        The problem for bins.
    unknowns : Unknowns
        A point of it, its bias optimal.

    Returns
    -------
    Certificate
        Its primal value is that of the point, which is the same for both problems.
    """
    return _certificate(bins, model, unknowns, _flow_of(model, unknowns))


def has_score_flow(bins: Bins) -> bool:
    """Whether `certify_scores` has a bound: no weights, and a free bias."""
    return bins.problem.bias == "free" and bool(np.ptp(bins.weight) == 0.0)


def certify_scores(bins: Bins, model: ConvexModel, unknowns: Unknowns) -> Certificate:
    """The same with squared error's scores as the point of the dual, which no solver has to find (docs/theory).

    With ``C = diag(n) − nnᵀ/N`` their flow is −h(C), ``h(c) = min(c, θ√c)``. Where that leaves the range ``h(c) =
    θc/(θ + √c)`` takes its place, a complete Bernstein function: of a Laplacian it is one.
    """
    count, size, theta = model.counts.distinct, model.size, model.counts.samples * model.mu
    pull = np.sqrt(size) * count
    values, vectors = np.linalg.eigh(np.diag(count) - np.outer(pull, pull) / model.counts.samples)
    root = np.sqrt(np.maximum(values, 0.0))

    def flow(share: Float[np.ndarray, " G"], inside: Float[np.ndarray, " G"]) -> Float[np.ndarray, "G G"]:
        whole = -((vectors * (share * root)) @ vectors.T) / np.sqrt(np.outer(size, size))
        whole[np.diag_indices_from(whole)] += inside * model.root / size
        whole[np.diag_indices_from(whole)] *= model.several > 0
        return whole / model.counts.samples

    exact = flow(np.minimum(root, theta), np.minimum(model.root, theta))
    if np.any(exact < 0.0):
        exact = np.maximum(flow(theta * root / (theta + root), theta * model.root / (theta + model.root)), 0.0)
    return _certificate(bins, model, unknowns, exact)


def _certificate(bins: Bins, model: ConvexModel, unknowns: Unknowns, between: Float[np.ndarray, "G G"]) -> Certificate:
    bias = model.group_bias(unknowns.bias)
    own = certify(model.counts, model.loss, model.mu, model.bias, unknowns.matrix, unknowns.inside, bias)
    flow = _Flow(bins, between, free=model.bias == "free")
    if flow.reach > _SERIES:  # bins too wide for any bound but that no cross-entropy is negative
        return replace(own, dual=0.0)
    norm = flow.norm(model.mu)
    gives = bins.share > 0
    shrink = min(1.0, model.mu / norm, float(np.min(bins.share[gives] / flow.out[gives])))
    dual = flow.entropy(shrink)
    if model.bias == "free":
        dual -= 2.0 * shrink * flow.residual * float(np.ptp(bias))
    elif not isinstance(model.bias, str):
        dual -= shrink**2 * flow.imbalance / (2.0 * model.bias)
    return replace(own, dual=min(own.primal, max(dual - _ROUNDING * own.primal, 0.0)), spectral=norm / model.mu)


def _flow_of(model: ConvexModel, unknowns: Unknowns) -> Float[np.ndarray, "G G"]:
    """``w_C p_BC``, from a class of one bin to another class of each; zero where a bin has no other."""
    logits = model.logits(unknowns)
    flow = model.loss.slope(logits)[:-1] * (model.share / model.size)
    flow[np.diag_indices_from(flow)] *= model.several > 0
    return flow


@dataclass(frozen=True)
class _Flow:
    """The flow between all classes, by bins and two slopes for each pair of them."""

    bins: Bins
    between: Float[np.ndarray, "G G"]
    free: bool

    @cached_property
    def size(self) -> Float[np.ndarray, " G"]:
        return self.bins.binned.multiplicity.astype(np.float64)

    @cached_property
    def alive(self) -> Bool[np.ndarray, " G"]:
        return self.bins.sums(self.bins.alive * 1.0) > 0

    @cached_property
    def tau(self) -> Float[np.ndarray, " m"]:
        """What a class gives, over its bin's mean, less one: like √n above the threshold, like its weight below."""
        bins = self.bins
        raw = np.where(bins.alive, np.sqrt(bins.counts.distinct), bins.share)
        raw[bins.counts.distinct == 0] = 1.0  # they give nothing, and take alike
        return raw / (bins.sums(raw) / self.size)[bins.of] - 1.0

    @cached_property
    def spread(self) -> Float[np.ndarray, " G"]:
        """Largest |τ| of each bin."""
        most = np.zeros(self.size.size)
        np.maximum.at(most, self.bins.of, np.abs(self.tau))
        return most

    @property
    def reach(self) -> float:
        """Largest |α τ| and |β τ|."""
        taker, giver = self.slopes
        return float(max(np.max(np.abs(taker) * self.spread[:, None]), np.max(np.abs(giver) * self.spread)))

    @cached_property
    def slopes(self) -> tuple[Float[np.ndarray, "G G"], Float[np.ndarray, "G G"]]:
        """α and β: how the flow changes with the taker's and with the giver's τ, as from one bin to its neighbours."""
        logs = np.log(np.maximum(self.between, _TINY))
        last = np.count_nonzero(self.bins.binned.distinct) - 1
        alone = np.flatnonzero(self.size[: last + 1] == 1)
        # A class alone in its bin gives itself nothing: what would be there is read off its neighbours.
        near = np.clip(np.stack([alone - 1, alone + 1]), 0, last)
        near = np.where(near == alone, near[::-1], near)
        logs[alone, alone] = (logs[near, alone].mean(axis=0) + logs[alone, near].mean(axis=0)) / 2.0
        reach = _REACH / np.maximum(self.spread, _TINY)
        taker = np.clip(self._slope(logs), -reach[:, None], reach[:, None])
        giver = np.clip(self._slope(logs.T).T, -reach, reach)
        giver += 1.0 - _mean(self.between.T * self.size, giver.T)
        if self.free:
            taker += (1.0 - _mean(self.between * self.size, taker))[:, None]
        return taker, giver

    def _slope(self, logs: Float[np.ndarray, "G G"]) -> Float[np.ndarray, "G G"]:
        """Derivatives in τ down the rows, from neighbours that are both alive or both dead; 1 where there is none."""
        count = self.bins.binned.distinct
        position = np.log(np.maximum(count, _TINY)) * np.where(self.alive, 0.5, 1.0)
        step = np.diff(position)
        near = (np.diff(self.alive.astype(int)) == 0) & (step != 0.0) & (count[1:] > 0)
        secant = np.diff(logs, axis=0) / np.where(near, step, 1.0)[:, None]
        # Weights of the secants before and after each bin that make a parabola through three.
        weight = np.where(near, 1.0 / np.abs(np.where(near, step, 1.0)), 0.0)
        before, after = np.append(0.0, weight), np.append(weight, 0.0)
        zero = np.zeros((1, logs.shape[1]))
        total = before[:, None] * np.vstack([zero, secant]) + after[:, None] * np.vstack([secant, zero])
        both = (before + after)[:, None]
        return np.divide(total, both, out=np.ones_like(total), where=both > 0.0)

    @cached_property
    def given(self) -> Float[np.ndarray, " G"]:
        """What a mean class of each bin gives, itself included."""
        return self.size @ self.between

    @cached_property
    def itself(self) -> Float[np.ndarray, " m"]:
        """What a class would give itself."""
        taker, giver = (np.diagonal(slope)[self.bins.of] * self.tau for slope in self.slopes)
        return np.diagonal(self.between)[self.bins.of] * (1.0 + taker) * (1.0 + giver)

    @cached_property
    def out(self) -> Float[np.ndarray, " m"]:
        """What a class of each group gives to others."""
        return self.given[self.bins.of] * (1.0 + self.tau) - self.itself

    @property
    def residual(self) -> float:
        """``‖δ‖₁`` where slopes balance, δ what a class takes less what it gives."""
        return float(self.size @ np.abs(self.between @ self.size - self.given))

    @property
    def imbalance(self) -> float:
        """``‖δ‖²``, δ what a class takes less what it gives."""
        taken = self.between @ self.size
        slope = _mean(self.between * self.size, self.slopes[0])
        spread = self.bins.sums(self.tau**2)
        return float(self.size @ (taken - self.given) ** 2 + spread @ (taken * slope - self.given) ** 2)

    def norm(self, mu: float) -> float:
        """An upper bound of the spectral norm of the Laplacian over √n, close where it exceeds μ.

        The Laplacian is −D + E F Cᵀ, D diagonal and E, C two vectors a bin. Its norm is at most t where
        ``[[t, −D], [−D, t]] + …`` is positive, that is, where ``1 + Λᵀ [[0, F], [Fᵀ, 0]] Λ`` is, with ΛΛᵀ the Gram
        matrix of E and C under the inverse of the first: block-diagonal, four rows a bin.
        """
        bins = self.bins
        diagonal = self.given[bins.of] * (1.0 + self.tau) * self.column
        least = max(float(diagonal.max()), mu)
        low, high = 0.0, _EXCESS
        while not self._is_below(diagonal, least * (1.0 + high)):
            low, high = high, 4.0 * high
        for _ in range(_HALVINGS if low else 0):
            middle = np.sqrt(low * high)
            low, high = (low, middle) if self._is_below(diagonal, least * (1.0 + middle)) else (middle, high)
        return least * (1.0 + high)

    @property
    def column(self) -> Float[np.ndarray, " m"]:
        """1/√n; a class without samples has no column."""
        count = self.bins.counts.distinct
        return np.where(count > 0, 1.0 / np.sqrt(np.where(count > 0, count, 1.0)), 0.0)

    def _is_below(self, diagonal: Float[np.ndarray, " m"], norm: float) -> bool:
        gram = self._gram(diagonal, norm)
        scale = np.sqrt(np.maximum(np.einsum("gii->gi", gram), _TINY))
        gram /= scale[:, :, None] * scale[:, None, :]
        # A class alone has τ = 0 and leaves zeros; and rounding must not make the rest singular.
        gram[:, range(4), range(4)] = 1.0 + _ROUNDING
        factor = cast(Float[np.ndarray, "G 4 4"], np.linalg.cholesky(gram)) * scale[:, :, None]
        half = np.einsum("gai,abgh,hbj->gihj", factor[:, :2], self._pairs, factor[:, 2:], optimize=True)
        side = 4 * self.size.size
        whole = half.reshape(side, side)
        whole = whole + whole.T
        whole[np.diag_indices(side)] += 1.0
        try:
            np.linalg.cholesky(whole)
        except np.linalg.LinAlgError:
            return False
        return True

    def _gram(self, diagonal: Float[np.ndarray, " m"], norm: float) -> Float[np.ndarray, "G 4 4"]:
        """Of ``(1, τ, 0, 0)`` and ``(0, 0, 1, τ)/√n`` over each bin, by both eigenvalues t ∓ D of a class's block."""
        tau, column = self.tau, self.column
        less, more = 0.5 / (norm - diagonal), 0.5 / (norm + diagonal)
        powers = (np.ones_like(tau), tau, tau**2)
        gram = np.empty((self.size.size, 4, 4))
        factors = {(0, 0): less + more, (0, 1): (less - more) * column, (1, 1): (less + more) * column**2}
        for (row, other), weight in factors.items():
            sums = [self.bins.sums(weight * power) for power in powers]
            block = np.moveaxis(np.array([[sums[0], sums[1]], [sums[1], sums[2]]]), 2, 0)
            gram[:, 2 * row : 2 * row + 2, 2 * other : 2 * other + 2] = block
            gram[:, 2 * other : 2 * other + 2, 2 * row : 2 * row + 2] = block
        return gram

    @cached_property
    def _pairs(self) -> Float[np.ndarray, "2 2 G G"]:
        """F for the powers of both τ."""
        taker, giver = self.slopes
        flow = self.between
        return np.array([[flow, flow * giver], [flow * taker, flow * taker * giver]])

    def entropy(self, shrink: float) -> float:
        """A lower bound of ``Σ_k w_k H(P_k)`` for the flow times a number that keeps P in range.

        ``(1 + ε) log(1 + ε) ≤ ε + ε²/2 + |ε|³/3`` for |ε| ≤ 0.8, summed over the classes of a bin.
        """
        bins, tau, flow = self.bins, self.tau, self.between
        taker, giver = self.slopes
        logs = np.where(flow > 0, np.log(np.maximum(flow, _TINY)), 0.0)
        square, cube = bins.sums(tau**2), bins.sums(np.abs(tau) ** 3)
        inner = self.size[:, None] * logs + taker**2 * square[:, None] / 2.0 + np.abs(taker) ** 3 * cube[:, None] / 3.0
        constant, linear = (flow * inner).sum(axis=0), (flow * giver * inner).sum(axis=0)
        whole = self.size[:, None] * flow
        terms = [(whole * np.abs(giver) ** power).sum(axis=0) for power in (2, 3)]
        linear += (whole * giver).sum(axis=0)
        rate, of = np.divide(shrink, bins.share, out=np.zeros_like(bins.share), where=bins.share > 0), bins.of
        others = constant[of] + linear[of] * tau + terms[0][of] * tau**2 / 2.0 + terms[1][of] * np.abs(tau) ** 3 / 3.0
        others += self.given[of] * (1.0 + tau) * np.log(np.maximum(rate, _TINY))
        others -= self.itself * np.log(np.maximum(rate * self.itself, _TINY))
        # What a class gives may be far below rounding of the one that it has: log1p keeps it.
        gives = np.minimum(rate * self.out, 1.0 - _LEAST)
        return float((bins.size * bins.share) @ (-rate * others - (1.0 - gives) * np.log1p(-gives)))


def _mean(weight: Float[np.ndarray, "G G"], slopes: Float[np.ndarray, "G G"]) -> Float[np.ndarray, " G"]:
    """Mean of each row; 1 where nothing flows."""
    total = weight.sum(axis=1)
    return np.divide((weight * slopes).sum(axis=1), total, out=np.ones_like(total), where=total > 0.0)
