"""The solver: Newton steps on the surviving directions, each followed by a proximal step that decides who survives.

A proximal step never raises the objective and finds the rank; a Newton step (`newton_step`) on the directions it left
alive converges quadratically once the rank is right. Each iteration costs one SVD of the m × m quotient and, for every
step of conjugate gradients, four to eight products of m × m matrices.

Tried on the way, K = 100 distinct counts, cross-entropy, relative gap 1e-8, one core: accelerated proximal gradient 4
to 14 s to 1e-7 (benchmarks/bench_convex.py keeps it); this with the Jacobi preconditioner in the spectral basis 0.20 s
(280 steps of conjugate gradients), in the standard basis 0.15 s (190), with the bias eliminated too 0.03 s (21).
"""

import contextlib
import time
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from penultimate.minimisers.certificate import ROUNDING, Certificate, certify
from penultimate.minimisers.convex.model import ConvexModel, Unknowns
from penultimate.minimisers.convex.newton_step import NewtonModel
from penultimate.minimisers.convex.point import Point, proximal_step
from penultimate.minimisers.convex.start import refit_bias, start
from penultimate.threads import one_thread_of_blas

_LOOSEST = 0.1  # reduction that conjugate gradients reach at least
_TIGHT = 1e-6  # the same for the very last step
_MOST_PRODUCTS = 400
_HALVINGS = 12
# Groups up to which two threads of BLAS are slower than one, by up to four times: they wait for one another.
_SMALL = 600
_ROUNDING, _NOISE = 1e-14, 1e-12


@dataclass(frozen=True)
class Limits:
    """When to stop.

    Attributes
    ----------
    gap : float
        Relative duality gap that is good enough.
    steps : int
        Newton steps at most.
    seconds : float
        Time at most.
    """

    gap: float = 1e-8
    steps: int = 500
    seconds: float = float("inf")


@dataclass(frozen=True)
class Run:
    """Where the solver stopped.

    Attributes
    ----------
    point : Point
        The best point, but for the bias.
    bias : ndarray of shape (m,)
        β, optimal for this point.
    certificate : Certificate
        Of that point.
    ended : {"converged", "stalled", "steps", "seconds", "interrupted"}
        Why.
    steps, products : int
        Newton steps, and products with the Hessian in all of them.
    """

    point: Point
    bias: Float[np.ndarray, " m"]
    certificate: Certificate
    ended: str
    steps: int
    products: int


def run(model: ConvexModel, limits: Limits, warm: Unknowns | None = None) -> Run:
    """Minimise.

    Parameters
    ----------
    model : ConvexModel
        The problem.
    limits : Limits
        When to stop.
    warm : Unknowns, optional
        Where to start, from a problem nearby.

    Returns
    -------
    Run
        An interrupt (Ctrl-C) ends it early with the best point so far.
    """
    with one_thread_of_blas() if model.size.size <= _SMALL else contextlib.nullcontext():
        return _run(model, limits, warm)


def _run(model: ConvexModel, limits: Limits, warm: Unknowns | None) -> Run:
    begun = time.monotonic()
    length = model.counts.samples / model.loss.bound
    point = proximal_step(model, start(model) if warm is None else warm, length)
    products, steps, ended = 0, -1, "steps"
    judged: tuple[Unknowns, Certificate] | None = None
    try:
        while (steps := steps + 1) < limits.steps:
            if _may_be_good(point, limits):
                judged = judge(model, point.unknowns)
                if judged[1].relative_gap <= limits.gap:
                    break
            if time.monotonic() - begun > limits.seconds:
                ended = "seconds"
                break
            better, used = _iterate(model, point, length)
            products += used
            if better is None:
                ended, judged = "stalled", _refined(model, point)
                break
            point, judged = better, None
    except KeyboardInterrupt:
        ended, judged = "interrupted", None
    unknowns, certificate = judge(model, point.unknowns) if judged is None else judged
    if certificate.relative_gap <= limits.gap:
        ended = "converged"
    return Run(point, unknowns.bias, certificate, ended, steps, products)


def rounding(run: Run) -> float:
    """The relative gap that double precision attains: a smaller one is luck.

    An entry of A that is off by half a unit in its last place moves ``‖G‖₂/μ`` by its curvature times that; for a free
    bias the residuals of all samples add up to zero but for rounding, which the spread of the bias multiplies.
    """
    point, model = run.point, run.point.model
    curvature = point.at.pair_curvature() * model.share * (model.row * model.column) ** 2
    of_matrix = np.max(curvature * np.spacing(np.abs(point.unknowns.matrix))) / (2.0 * model.mu)
    spread = np.ptp(model.group_bias(run.bias)) if model.bias == "free" else 0.0
    return float(max(of_matrix, np.finfo(np.float64).eps / 2.0 * spread / run.certificate.primal, ROUNDING))


def judge(model: ConvexModel, unknowns: Unknowns) -> tuple[Unknowns, Certificate]:
    """Refit the bias exactly and certify a point."""
    x = refit_bias(model, unknowns)
    bias = model.group_bias(x.bias)
    return x, certify(model.counts, model.loss, model.mu, model.bias, x.matrix, x.inside, bias)


def _refined(model: ConvexModel, point: Point) -> tuple[Unknowns, Certificate]:
    """The point where steps on factors lose more to rounding than they gain, or better: one step entry by entry."""
    newton = NewtonModel(point)
    whole = newton.add(newton.solve(_TIGHT, _MOST_PRODUCTS))
    return min((judge(model, x) for x in (point.unknowns, whole)), key=lambda judged: judged[1].gap)


def _may_be_good(point: Point, limits: Limits) -> bool:
    """Whether the certificate is worth its price: the residual bounds the gap to first order."""
    size = max(point.model.penalty(point.singular, point.unknowns.inside), np.sqrt(point.model.counts.samples))
    return bool(point.error * point.model.mu * size <= 30.0 * limits.gap * point.objective)


def _iterate(model: ConvexModel, point: Point, length: float) -> tuple[Point | None, int]:
    """One Newton step and one proximal step; None when rounding leaves nothing to gain."""
    newton = NewtonModel(point)
    step = newton.solve(min(_LOOSEST, point.error**0.5), _MOST_PRODUCTS)
    part = newton.reach(step)
    for _ in range(_HALVINGS):
        found = proximal_step(model, newton.move(step, part), length)
        if found.objective <= point.objective * (1.0 + _NOISE):
            # Where the objective cannot tell better from worse any more, the residual can.
            gained = found.objective < point.objective * (1.0 - _ROUNDING) or found.error < 0.9 * point.error
            return (found if gained else None), step.iterations
        part /= 4.0
    plain = proximal_step(model, point.unknowns, length)
    return (plain if plain.objective < point.objective else None), step.iterations
