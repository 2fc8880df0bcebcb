"""Descent on the factors, for what is not convex: two or more layers with any loss, or a width that binds.

With features collapsed to class means the objective of docs/theory §5 is, in factors of equal decay κ,

    Σ_k w_k ℓ_k(F_L ⋯ F_1 F_0ᵀ D⁻¹ + b)  +  (κ/2) Σ_l ‖F_l‖²,      κ = (λ_H λ_1 ⋯ λ_L)^{1/(L+1)},

a Schatten quasi-norm with exponent 2/(L+1). L-BFGS descends from many starts: from the solution of the one-layer
problem, cut to every few of its ranks, and from random ones. The best point is returned and called just that. Every
class is its own group here, for a minimum need not treat equal classes alike; so K² numbers are optimised, and K is
limited.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.errors import ProblemError
from penultimate.losses import resolve
from penultimate.minimisers.convex.model import ConvexModel, Unknowns
from penultimate.minimisers.convex.solving import grouped_svd, solve
from penultimate.minimisers.cost import expected
from penultimate.minimisers.shrinkage import Shrinkage, balanced_geometry
from penultimate.minimisers.solution import Outcome, Solution
from penultimate.model.problem import Problem
from penultimate.spectrum.grouped_svd import GroupedSVD

_MOST_CLASSES = 2000
_CUTS, _RANDOM = 8, 4
_STEPS = 5000
_ALIVE = 1e-6  # of the largest singular value: what descent leaves of a direction that dies


def solve_factored(counts: ClassCounts, problem: Problem, *, near: Solution | None = None, seed: int = 0) -> Solution:
    """Minimise on factors from many starts; see `penultimate.minimise`.

    Parameters
    ----------
    counts, problem
        As for `penultimate.minimise`.
    near : Solution, optional
        Of the same problem with one layer and unrestricted width; found if not given.
    seed : int, default 0
        Of the random starts.

    Returns
    -------
    Solution
        With outcome `Outcome.BEST_FOUND`. With one layer `gap` is a valid bound: the convex problem bounds this one.

    Raises
    ------
    ProblemError
        If the loss does not fit the counts, or there are too many classes.
    """
    check_classes(counts, problem)
    samples = counts.samples
    single = replace(problem, weight_decay=(problem.kappa(samples),), feature_decay=problem.kappa(samples), width=None)
    if near is None:
        near = solve(counts, single)
    base, seen = _alone(counts, replace(single, loss=problem.loss)), counts.seen
    objective = _Factored(base, problem.layers, min(problem.width or seen, seen))
    ends = [objective.descend(begin) for begin in objective.starts(near, np.random.default_rng(seed))]
    value, factors, bias = min(ends, key=lambda end: end[0])
    return _solution(objective, problem, value, factors, bias, near)


def check_classes(counts: ClassCounts, problem: Problem) -> None:
    """Refuse more classes than the search is made for.

    Raises
    ------
    ProblemError
        With what the classes, the width and the loss would take.
    """
    if counts.seen > _MOST_CLASSES:
        what, instead = "several layers", "use one layer"
        if problem.layers == 1:
            what = f"a width of {problem.width} that binds"
            instead = (
                f"leave out the width (then {expected(counts, problem)}), say how long features may be for an estimate "
                "(features='free' or 'sphere', --features)"
            )
        raise ProblemError(
            f"{counts.seen:,} classes, but {what} with the loss {str(problem.loss)!r} take a numerical search over K² "
            f"numbers, made for at most {_MOST_CLASSES:,}: {instead}, or take squared error"
        )


def _alone(counts: ClassCounts, problem: Problem) -> ConvexModel:
    """The model with every class its own group, but for those without samples: of these an optimum has one row."""
    loss = resolve(problem.loss, counts)
    number = np.where(counts.values > 0, np.arange(counts.classes), -1)
    unseen = loss.heeds_unseen(free_bias=problem.bias == "free")
    alone = counts.split(number, *loss.vectors.values(), unseen=unseen)
    return ConvexModel(alone, loss.grouped(alone), problem.kappa(counts.samples), problem.bias)


_Factors = list[Float[np.ndarray, "_K _r"]]


@dataclass(frozen=True)
class _Factored:
    """The objective in factors ``F_0 (K × r), F_1 (r × r), …, F_L (K × r)`` and β."""

    model: ConvexModel
    layers: int
    width: int

    @property
    def classes(self) -> int:
        return self.model.size.size

    def cut(self, flat: Float[np.ndarray, " all"]) -> tuple[_Factors, Float[np.ndarray, " K"]]:
        """Cut a flat vector into factors and bias."""
        shapes = [
            (self.classes, self.width),
            *[(self.width, self.width)] * (self.layers - 1),
            (self.classes, self.width),
        ]
        ends = np.cumsum([rows * columns for rows, columns in shapes])
        *pieces, bias = np.split(flat, ends)
        return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)], bias

    def __call__(self, flat: Float[np.ndarray, " all"]) -> tuple[float, Float[np.ndarray, " all"]]:
        """Value and gradient, by back-propagation."""
        model, (factors, bias) = self.model, self.cut(flat)
        forward = [factors[0]]
        for factor in factors[1:]:
            forward.append(forward[-1] @ factor.T)
        at = model.loss.at(model.logits(Unknowns(forward[-1].T, np.zeros(self.classes), bias)))
        slope = model.adjoint(at.slope)[0]
        to_bias = slope @ model.u + model.bias_decay * bias if model.has_bias else np.zeros_like(bias)
        value, back = model.data_term(at, bias), slope.T
        gradients: _Factors = []
        for factor, before in zip(factors[:0:-1], forward[-2::-1], strict=True):
            gradients.append(back.T @ before + model.mu * factor)
            back = back @ factor
        gradients.append(back + model.mu * factors[0])
        value += 0.5 * model.mu * sum(float(np.sum(factor**2)) for factor in factors)
        return value, np.concatenate([part.ravel() for part in (*gradients[::-1], to_bias)])

    def descend(self, start: Float[np.ndarray, " all"]) -> tuple[float, _Factors, Float[np.ndarray, " K"]]:
        """Descend with L-BFGS."""
        from scipy.optimize import minimize

        result = minimize(
            self,
            start,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": _STEPS, "maxfun": 2 * _STEPS, "ftol": 1e-16, "gtol": 1e-11, "maxcor": 30},
        )
        return float(result.fun), *self.cut(result.x)

    def starts(self, near: Solution, rng: np.random.Generator) -> list[Float[np.ndarray, " all"]]:
        """The one-layer solution cut to several ranks, and random factors of its size."""
        classes = self.model.counts.representatives[:, 0].tolist()
        # Outputs of classes without samples are not in there: they begin at zero.
        logits = np.nan_to_num(near.geometry.logits.block(classes, classes))
        left, x, right = np.linalg.svd(logits * self.model.root)
        bias = near.geometry.bias[classes] * np.sqrt(self.model.counts.samples * self.model.size)
        out: list[Float[np.ndarray, " all"]] = []
        for rank in np.unique(np.linspace(1, self.width, _CUTS).astype(int)):
            root = np.append(x[:rank], np.zeros(self.width - rank)) ** (1.0 / (self.layers + 1))
            ends = [right[: self.width].T * root, left[:, : self.width] * root]
            out.append(self._flat([ends[0], *[np.diag(root)] * (self.layers - 1), ends[1]], bias))
        size = max(float(x[0]), 1.0) ** (1.0 / (self.layers + 1)) / np.sqrt(self.classes)
        for _ in range(_RANDOM):
            draws = [rng.standard_normal(factor.shape) for factor in self.cut(out[0])[0]]
            out.append(self._flat([size * draw for draw in draws], bias))
        return out

    def _flat(self, factors: _Factors, bias: Float[np.ndarray, " K"]) -> Float[np.ndarray, " all"]:
        return np.concatenate([part.ravel() for part in (*factors, bias)])


def _solution(
    objective: _Factored,
    problem: Problem,
    value: float,
    factors: _Factors,
    bias: Float[np.ndarray, " K"],
    near: Solution,
) -> Solution:
    model, samples = objective.model, objective.model.counts.samples
    product = factors[0]
    for factor in factors[1:]:
        product = product @ factor.T
    svd, strength = _decompose(model, product.T, bias)
    surviving = np.where(strength > 0, svd.multiplicity, 0)
    one = problem.layers == 1
    return Solution(
        counts=model.seen,
        problem=problem,
        method=f"numerical: L-BFGS on the factors from {_CUTS + _RANDOM} starts at most, best found",
        outcome=Outcome.BEST_FOUND,
        objective=value,
        gap=value - near.objective + (near.gap or 0.0) if one else None,
        threshold=Shrinkage(samples, model.mu, 1).threshold if one else float("nan"),
        strength=strength,
        surviving=surviving,
        tied=np.zeros(strength.size, dtype=bool),
        geometry=balanced_geometry(
            svd,
            problem,
            samples,
            strength,
            surviving,
            model.group_bias(bias)[~model.empty],
            unseen_bias=model.bias_of_unseen(bias),
        ),
    )


def _decompose(
    model: ConvexModel, matrix: Float[np.ndarray, "K K"], bias: Float[np.ndarray, " K"]
) -> tuple[GroupedSVD, Float[np.ndarray, " t"]]:
    """Surviving directions from A, dead ones from what is left of ``A − N G``; largest singular value first."""
    slope = model.adjoint(model.loss.at(model.logits(Unknowns(matrix, np.zeros_like(bias), bias))).slope)[0]
    left, x, right = np.linalg.svd(matrix)
    rank = int(np.count_nonzero(x > _ALIVE * max(float(x[0]), 1e-6 * np.sqrt(model.counts.samples))))
    left, x, right = left[:, :rank], x[:rank], right[:rank].T
    rest = -model.counts.samples * model.project(slope)
    alive = x + np.einsum("ij,ij->j", left, rest @ right)
    rest = rest - left @ (left.T @ rest)
    rest = rest - (rest @ right) @ right.T
    more_left, more, more_right = np.linalg.svd(rest)
    dead = model.directions - rank
    sigma = np.concatenate([alive, more[:dead]])
    order = np.argsort(-sigma, kind="stable")
    columns_left = np.hstack([left, more_left[:, :dead]])[:, order]
    columns_right = np.hstack([right, more_right[:dead].T])[:, order]
    svd = grouped_svd(model, columns_left, sigma[order], columns_right)
    mean = np.zeros(svd.sigma.size)
    # Equal singular values share an entry of `sigma`; their strengths are equal to rounding, too.
    np.add.at(mean, svd.mixed_index, np.concatenate([x, np.zeros(dead)])[order])
    return svd, mean / svd.multiplicity
