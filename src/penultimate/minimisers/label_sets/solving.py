"""The solver: Newton steps on the surviving directions, each followed by a proximal step that decides who survives.

As `minimisers.convex.newton`, for label sets: a proximal step never raises the objective and finds the rank, and a
Newton step on the directions that it left alive converges quadratically once the rank is right.
"""

import contextlib
import time
from dataclasses import dataclass, replace

import numpy as np

from penultimate.minimisers.certificate import Certificate
from penultimate.minimisers.convex.newton import Limits
from penultimate.minimisers.label_sets.model import LabelSetModel
from penultimate.minimisers.label_sets.newton_step import NewtonModel
from penultimate.minimisers.label_sets.point import Point, proximal_step
from penultimate.threads import one_thread_of_blas

_LOOSEST = 0.1  # reduction that conjugate gradients reach at least
_TIGHT = 1e-6  # the same for the very last step
_MOST_PRODUCTS = 400
# Steps that neither halve the gap nor gain this share of the objective: then rounding leaves nothing to gain.
_PATIENCE, _GAINED = 20, 1e-6
_QUARTERINGS = 12
_ROUNDING, _NOISE = 1e-14, 1e-12
# Labels up to which two threads of BLAS wait for one another more than they help, as in minimisers.convex.newton.
_SMALL = 600
# A label that would lack more than this share of its target starts dead.
_LOST = 0.95


@dataclass(frozen=True)
class Run:
    """Where the solver stopped.

    Attributes
    ----------
    point : Point
        The best point.
    certificate : Certificate
        Of that point.
    ended : {"converged", "stalled", "steps", "seconds", "interrupted"}
        Why.
    steps, products : int
        Newton steps, and products with the Hessian in all of them.
    """

    point: Point
    certificate: Certificate
    ended: str
    steps: int
    products: int


def run(model: LabelSetModel, limits: Limits) -> Run:
    """Minimise.

    Parameters
    ----------
    model : LabelSetModel
    limits : Limits
        When to stop.

    Returns
    -------
    Run
        An interrupt (Ctrl-C) ends it early with the best point so far.
    """
    with one_thread_of_blas() if min(model.loss.targets.shape) <= _SMALL else contextlib.nullcontext():
        return _run(model, limits)


def _run(model: LabelSetModel, limits: Limits) -> Run:
    begun = time.monotonic()
    point = _start(model)
    products, steps, ended = 0, -1, "steps"
    best, since = (np.inf, np.inf), 0
    certificate = _certified(point)
    try:
        while (steps := steps + 1) < limits.steps:
            certificate = _certified(point)
            if certificate.relative_gap <= limits.gap:
                ended = "converged"
                break
            if time.monotonic() - begun > limits.seconds:
                ended = "seconds"
                break
            if certificate.relative_gap < 0.5 * best[0] or certificate.primal < best[1] * (1.0 - _GAINED):
                best, since = (certificate.relative_gap, certificate.primal), steps
            better, used = _iterate(model, point) if steps - since < _PATIENCE else (None, 0)
            products += used
            if better is None:
                ended, (point, certificate) = "stalled", _refined(point, certificate)
                break
            point = better
        else:
            certificate = _certified(point)
    except KeyboardInterrupt:
        ended, certificate = "interrupted", _certified(point)
    if certificate.relative_gap <= limits.gap:
        ended = "converged"
    return Run(point, certificate, ended, steps, products)


def _refined(point: Point, certificate: Certificate) -> tuple[Point, Certificate]:
    """The point where steps on factors lose more to rounding than they gain; or better, one step entry by entry."""
    if not point.singular.size:
        return point, certificate
    matrix = point.matrix + NewtonModel(point).whole(_TIGHT, _MOST_PRODUCTS)
    bias, at = point.model.refitted(matrix, point.bias)
    found = point.model.certificate(at, matrix, np.linalg.svd(matrix, compute_uv=False))
    if found.gap >= certificate.gap:
        return point, certificate
    return replace(point, matrix=matrix, bias=bias, at=at), found


def _certified(point: Point) -> Certificate:
    return point.model.certificate(point.at, point.matrix, point.singular)


def _start(model: LabelSetModel) -> Point:
    """Every label by itself, as far from its mean as optimality asks for were it uncorrelated with all others."""
    # Its rows' lengths say at which μ a label dies that is uncorrelated with all others.
    bias, pull = model.at_nothing
    length = np.linalg.norm(pull, axis=1)
    lacking = np.clip(model.mu / np.maximum(length, np.finfo(float).tiny), 1e-12, 1.0)
    # Of a label that lacks this much: how far apart the logits of its two sides are.
    spread = np.where(lacking < _LOST, np.log((1.0 - lacking) / lacking + 1.0), 0.0)
    scale = np.max(np.abs(pull / model.root), axis=1) * model.samples
    rows = pull * (model.samples / np.maximum(scale, np.finfo(float).tiny))[:, None]
    matrix = spread[:, None] * rows
    if model.loss.unseen_shift is not None:
        matrix -= matrix.mean(axis=0)
    return proximal_step(model, matrix, bias, model.longest)


def _iterate(model: LabelSetModel, point: Point) -> tuple[Point | None, int]:
    """One Newton step and one proximal step; None when rounding leaves nothing to gain."""
    used = 0
    if point.singular.size:
        newton = NewtonModel(point)
        step = newton.solve(min(_LOOSEST, point.error**0.5), _MOST_PRODUCTS)
        used, part = step.iterations, newton.reach(step)
        for _ in range(_QUARTERINGS):
            with np.errstate(all="ignore"):
                moved = newton.move(step, part)
            part /= 4.0
            # Factors of directions that are all but dead can leave the range of numbers.
            if not np.isfinite(moved).all():
                continue
            found = proximal_step(model, moved, point.bias, model.longest)
            if found.objective <= point.objective * (1.0 + _NOISE):
                # Where the objective cannot tell better from worse any more, the residual can.
                gained = found.objective < point.objective * (1.0 - _ROUNDING) or found.error < 0.9 * point.error
                return (found if gained else None), used
    plain = proximal_step(model, point.matrix, point.bias, model.longest)
    return (plain if plain.objective < point.objective else None), used
