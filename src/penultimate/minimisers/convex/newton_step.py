"""One Newton step on the surviving directions, by preconditioned conjugate gradients.

With U, V of the point (`point`), a change E = Uᵀ dA V of A may be anything but dead–dead. On such changes the nuclear
norm is smooth, with second derivatives that couple E_ij and E_ji only,

    symmetric part:      0 between surviving directions,  (μ − S_j)/x_i  between a surviving i and a dead j,
    antisymmetric part:  2μ/(x_i + x_j),                  (μ + S_j)/x_i,

so a product with the Hessian costs four m³ products of matrices, whichever basis the change is written in. The bias is
eliminated exactly. Three guards make the
quadratic model trustworthy far from the solution, and all vanish with the residual:

- directions that want to die (G + S > 0 along i) get the curvature that factors A = P Rᵀ would give them, and the step
  is taken on such factors, so that no singular value jumps through zero to the other sign;
- every entry gets a curvature that keeps its own logit from moving by more than `_REACH`;
- the whole step is shortened until no column's logits spread by more than that (a softmax changes slowly within it).

Preconditioners, both pair by pair: near full rank in the standard basis, where the loss is diagonal but for its bias
and the nuclear norm nearly so (condition number about 3 for K = 30, where the Jacobi preconditioner has 30 and the
spectral one 250); below full rank in the basis of U and V, where it is the other way round. Conjugate gradients run in
the basis of the preconditioner, which then costs no product of matrices at all.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float

from penultimate.minimisers.convex.model import Unknowns
from penultimate.minimisers.convex.point import Point

_REACH = 4.0
# One direction in so many may be dead in what is called nearly full rank: with 7 dead of 249 the standard basis takes
# 85 products where the spectral one takes 165, with 24 dead 393 and 181. Unseen classes mostly leave one dead.
_FEW = 16
_TINY, _LOW = 1e-300, 1e-6


@dataclass(frozen=True)
class Step:
    """A direction, in A and √(s − 1) α, with the bias that goes with it."""

    matrix: Float[np.ndarray, "m m"]
    inside: Float[np.ndarray, " m"]
    bias: Float[np.ndarray, " m"]
    iterations: int


class NewtonModel:
    """The quadratic model of the objective around a point.

    Parameters
    ----------
    point : Point
        Where.
    """

    def __init__(self, point: Point) -> None:
        self.point, self.model = point, point.model
        residual, inside_residual, self.bias_residual = point.residual
        self.residual = self._survivors(residual)
        self.inside_residual = np.where(point.alive_inside, inside_residual * self.model.root_several, 0.0)
        self.damping, self.inside_damping = self._damping()

    def solve(self, tolerance: float, most: int) -> Step:
        """Minimise the model.

        Parameters
        ----------
        tolerance : float
            Reduction of the residual, in the preconditioner's norm.
        most : int
            Iterations at most.

        Returns
        -------
        Step
        """
        pull = -self._solve_bias(self.bias_residual)
        through, through_inside = self._loss_product(self._only_bias(pull))
        right = -self._project(self._into_basis(self.residual + through))
        right_inside = -np.where(self.point.alive_inside, self.inside_residual + through_inside, 0.0)
        change, inside, iterations = self._conjugate_gradients(right, right_inside, tolerance, most)
        matrix = self._out_of_basis(change)
        bias = pull + self._bias_of(matrix, inside)
        return Step(matrix, inside, bias, iterations)

    def reach(self, step: Step) -> float:
        """The longest part of a step, at most 1, within which no column's logits spread by more than `_REACH`."""
        change = self.model.logits(self._change(step.matrix, step.inside, step.bias))
        change *= self.model.loss.steepness
        spread = float(np.max(change.max(axis=0) - change.min(axis=0)))
        return min(1.0, _REACH / max(spread, _TINY))

    def move(self, step: Step, length: float) -> Unknowns:
        """Go along a step on factors A = P Rᵀ and α = ±y², so that none of them passes through zero.

        Directions that grow do so linearly: on factors one that was just born would be thrown far beyond its place.
        """
        point, rank = self.point, self.point.rank
        core = length * self.mask * (point.left.T @ step.matrix @ point.right)
        alive = np.arange(rank)
        grown = point.singular.copy()
        grown[:rank] += np.maximum(core[alive, alive], 0.0)
        lift = core / np.where(self.mask, grown[:, None] + grown, 1.0)
        lift[alive, alive] = np.minimum(core[alive, alive], 0.0) / (2.0 * point.singular[:rank])
        root = np.sqrt(grown[:rank])
        left, right = lift[:, :rank] * root, lift.T[:, :rank] * root
        left[alive, alive] += root
        right[alive, alive] += root
        inside, change = point.unknowns.inside, length * step.inside / self.model.root_several
        curved = np.divide(change**2, 4.0 * inside, out=np.zeros_like(inside), where=inside * change < 0)
        return Unknowns(
            (point.left @ left) @ (point.right @ right).T,
            inside + change + curved,
            point.unknowns.bias + length * step.bias,
        )

    def add(self, step: Step) -> Unknowns:
        """Go along a whole step entry by entry: small columns keep the digits that a product of factors rounds away.

        Rounding of ``P Rᵀ`` is as large everywhere as in the largest column, √(n_max/n_min) times what a column of few
        samples should have. Only for a step that is small itself.
        """
        x = self.point.unknowns
        inside = x.inside + step.inside / self.model.root_several
        return Unknowns(x.matrix + step.matrix, inside, x.bias + step.bias)

    @property
    def full(self) -> bool:
        """Whether every direction is alive that can be, or all but a few."""
        return 0 < self.point.rank >= self.model.directions - 1 - self.model.size.size // _FEW

    @cached_property
    def mask(self) -> Bool[np.ndarray, "m m"]:
        """All pairs of directions but dead–dead."""
        alive = np.arange(self.point.singular.size) < self.point.rank
        return alive[:, None] | alive

    @cached_property
    def total(self) -> Float[np.ndarray, "m m"]:
        """x_i + x_j, or 1 for dead–dead."""
        x = self.point.singular
        return np.where(self.mask, x[:, None] + x, 1.0)

    @cached_property
    def nuclear(self) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, "m m"]]:
        """Second derivatives of μ‖·‖_* in E: factors of E_ij and of E_ji; with the curvature of dying directions."""
        x, s, rank, mu = self.point.singular, self.point.subgradient, self.point.rank, self.model.mu
        antisymmetric = np.where(self.mask, (s[:, None] + s) / self.total, 0.0)
        symmetric = np.where(self.mask, (mu - np.minimum(s[:, None], s)) / self.total, 0.0)
        # Along each surviving direction: how much the objective gains by shrinking it.
        slope = np.einsum("ij,ij->j", self.point.left, self.point.gradient[0] @ self.point.right) + s
        dying, alive = np.maximum(slope, 0.0)[:rank], x[:rank]
        symmetric[:rank, :rank] = (dying[:, None] * alive + alive[:, None] * dying) / self.total[:rank, :rank] ** 2
        return (symmetric + antisymmetric) / 2.0, (symmetric - antisymmetric) / 2.0

    @cached_property
    def entry_curvature(self) -> Float[np.ndarray, "m m"]:
        """Second derivative of the data term in each entry of A, damping included."""
        model = self.model
        curvature = self.point.at.pair_curvature() * model.share * (model.row * model.column) ** 2 + self.damping
        return np.where(model.empty, 1.0, curvature)  # an empty column stays empty, whatever its curvature

    @cached_property
    def inside_curvature(self) -> Float[np.ndarray, " m"]:
        """Second derivative in each √(s − 1) α, damping included."""
        model = self.model
        ones = np.where(self.point.alive_inside, 1.0, 0.0)
        change = model.logits(self._change(np.zeros_like(self.residual), ones, np.zeros_like(ones)))
        curvature = model.adjoint(self.point.at.curve(change))[1] + self.inside_damping
        return np.where(self.point.alive_inside, curvature + _TINY, 1.0)

    def _damping(self) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, " m"]]:
        """Curvatures that keep a single entry from moving its logit further than `_REACH`; and dying α likewise."""
        model, inside = self.model, self.point.unknowns.inside
        steepness = model.loss.steepness / _REACH
        matrix = np.abs(self.residual) * model.row * model.column * steepness[:-1]
        slope = self.inside_residual / model.root_several
        dying = np.maximum(np.sign(inside) * slope, 0.0)
        kept = np.divide(dying, 2.0 * np.abs(inside), out=np.zeros_like(inside), where=self.point.alive_inside)
        return matrix, np.abs(self.inside_residual) * steepness[-1] / (model.root_several * model.root) + kept

    def _survivors(self, matrix: Float[np.ndarray, "m m"]) -> Float[np.ndarray, "m m"]:
        """Leave out dead–dead changes."""
        if self.full:
            return self._project(matrix)
        left, right = self.point.left, self.point.right
        return self.model.project(left @ ((left.T @ matrix @ right) * self.mask) @ right.T)

    def _change(
        self, matrix: Float[np.ndarray, "m m"], inside: Float[np.ndarray, " m"], bias: Float[np.ndarray, " m"]
    ) -> Unknowns:
        return Unknowns(matrix, inside / self.model.root_several, bias)

    def _only_bias(self, bias: Float[np.ndarray, " m"]) -> Unknowns:
        return Unknowns(np.zeros_like(self.residual), np.zeros_like(bias), bias)

    def _loss_product(self, change: Unknowns) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, " m"]]:
        return self.model.adjoint(self.point.at.curve(self.model.logits(change)))

    @cached_property
    def _bias_factor(self) -> tuple[Float[np.ndarray, "m m"], bool]:
        from scipy.linalg import cho_factor

        hessian = self.model.bias_hessian(self.point.at)
        steepness = self.model.group_bias(self.model.loss.steepness[-1] / _REACH)
        hessian[np.diag_indices_from(hessian)] += np.abs(self.bias_residual) * steepness
        factor, lower = cho_factor(hessian)
        # From SciPy 1.18 on an array of one truth value.
        return factor, bool(lower)

    def _solve_bias(self, right: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        from scipy.linalg import cho_solve

        return cho_solve(self._bias_factor, right) if self.model.has_bias else np.zeros_like(right)

    def _bias_of(self, matrix: Float[np.ndarray, "m m"], inside: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
        """The change of the bias that a change of A and α asks for."""
        product = self._loss_product(self._change(matrix, inside, np.zeros_like(inside)))[0]
        return -self._solve_bias(product @ self.model.u)

    def _into_basis(self, matrix: Float[np.ndarray, "m m"]) -> Float[np.ndarray, "m m"]:
        """Write a change in the basis of the preconditioner, without its dead–dead part."""
        return matrix if self.full else self.mask * (self.point.left.T @ matrix @ self.point.right)

    def _out_of_basis(self, change: Float[np.ndarray, "m m"]) -> Float[np.ndarray, "m m"]:
        return change if self.full else self.point.left @ change @ self.point.right.T

    @cached_property
    def _left_out(self) -> tuple[Float[np.ndarray, " m"] | None, Float[np.ndarray, " m"] | None]:
        """The left and the right vector, in this basis, that a minimiser does not have (`ConvexModel.project`)."""
        unseen, u = self.model.unseen, self.model.u if self.model.bias == "free" else None
        return None if unseen is None else self.point.left.T @ unseen, None if u is None else self.point.right.T @ u

    @cached_property
    def _dead(self) -> tuple[Float[np.ndarray, "m q"], Float[np.ndarray, "m q"]]:
        """Singular vectors that are dead, on both sides."""
        return self.point.left[:, self.point.rank :], self.point.right[:, self.point.rank :]

    def _project(self, change: Float[np.ndarray, "m m"]) -> Float[np.ndarray, "m m"]:
        if self.full:
            left, right = self._dead
            change = self.model.project(change)
            return change - left @ (left.T @ change @ right) @ right.T
        left, right = self._left_out
        if left is not None:
            change = change - np.outer(left, left @ change)
        if right is not None:
            change = change - np.outer(change @ right, right)
        return change

    def _product(
        self, change: Float[np.ndarray, "m m"], inside: Float[np.ndarray, " m"]
    ) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, " m"]]:
        """Hessian times a change, the bias eliminated."""
        point, model, matrix = self.point, self.model, self._out_of_basis(change)
        out, out_inside = self._loss_product(self._change(matrix, inside, np.zeros_like(inside)))
        if model.has_bias:
            more, more_inside = self._loss_product(self._only_bias(-self._solve_bias(out @ model.u)))
            out, out_inside = out + more, out_inside + more_inside
        out += self.damping * matrix
        straight, crossed = self.nuclear
        core = point.left.T @ matrix @ point.right if self.full else change
        nuclear = straight * core + crossed * core.T
        if self.full:
            nuclear = point.left @ nuclear @ point.right.T
        out = self._project(self._into_basis(out) + nuclear)
        return out, np.where(point.alive_inside, out_inside + self.inside_damping * inside, 0.0)

    def _precondition(
        self, change: Float[np.ndarray, "m m"], inside: Float[np.ndarray, " m"]
    ) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, " m"]]:
        straight, crossed, determinant = self._pairs
        out = (straight.T * change - crossed * change.T) / determinant
        if not self.full:
            out *= self.mask
        return self._project(out), np.where(self.point.alive_inside, inside / self.inside_curvature, 0.0)

    @cached_property
    def _pairs(self) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, "m m"], Float[np.ndarray, "m m"]]:
        """Factors of an entry and of its mirror image, and the determinant of the pair, in the basis that suits."""
        if self.full:
            # Mean over both sides of the diagonals of (AᵀA)^½, (AAᵀ)^½ and of the same for S; twice each.
            squares = self.point.left**2 + self.point.right**2
            height, dual = squares @ self.point.singular, squares @ self.point.subgradient
            height = np.maximum(height, _LOW * height.max())  # a class that is dead by itself has none
            crossed = -(dual[:, None] + dual) / (2.0 * (height[:, None] + height))
            np.fill_diagonal(crossed, 0.0)
            straight = self.entry_curvature - crossed
            crossed[self.model.empty[:, None] | self.model.empty] = 0.0
        else:
            nuclear, crossed = self.nuclear
            squared = (self.point.left**2).T @ self.entry_curvature @ self.point.right**2
            straight = np.where(self.mask, squared + nuclear + _TINY, 1.0)
            crossed = np.where(self.mask, crossed, 0.0)
            crossed = crossed - np.diag(np.diagonal(crossed))
            straight = straight + np.diag(np.where(np.diagonal(self.mask), np.diagonal(self.nuclear[1]), 0.0))
        return straight, crossed, straight * straight.T - crossed**2

    def _conjugate_gradients(
        self, right: Float[np.ndarray, "m m"], right_inside: Float[np.ndarray, " m"], tolerance: float, most: int
    ) -> tuple[Float[np.ndarray, "m m"], Float[np.ndarray, " m"], int]:
        matrix, inside = np.zeros_like(right), np.zeros_like(right_inside)
        residual, residual_inside = right, right_inside
        direction, direction_inside = self._precondition(residual, residual_inside)
        size = first = float(np.vdot(residual, direction) + residual_inside @ direction_inside)
        for iteration in range(most):
            if size <= tolerance**2 * first:
                return matrix, inside, iteration
            product, product_inside = self._product(direction, direction_inside)
            curvature = float(np.vdot(direction, product) + direction_inside @ product_inside)
            if not curvature > 0.0:  # rounding: nothing more to gain along here
                return matrix, inside, iteration
            length = size / curvature
            matrix, inside = matrix + length * direction, inside + length * direction_inside
            residual = residual - length * product
            residual_inside = residual_inside - length * product_inside
            better, better_inside = self._precondition(residual, residual_inside)
            before, size = size, float(np.vdot(residual, better) + residual_inside @ better_inside)
            direction = better + size / before * direction
            direction_inside = better_inside + size / before * direction_inside
        return matrix, inside, most
