"""The solver: Newton steps on the surviving directions, each followed by a proximal step that decides who survives.

As `minimisers.convex.newton`, for label sets: a proximal step never raises the objective and finds the rank, and a
Newton step on the directions that it left alive converges quadratically once the rank is right.
"""

import contextlib
import time
from dataclasses import dataclass

import numpy as np

from penultimate.minimisers.certificate import Certificate
from penultimate.minimisers.convex.newton import Limits
from penultimate.minimisers.label_sets.model import LabelSetModel
from penultimate.minimisers.label_sets.newton_step import NewtonModel
from penultimate.minimisers.label_sets.point import Point, proximal_step
from penultimate.threads import one_thread_of_blas

_LOOSEST = 0.1  # reduction that conjugate gradients reach at least
_MOST_PRODUCTS = 400
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
    try:
        while (steps := steps + 1) < limits.steps:
            certificate = _certified(point)
            if certificate.relative_gap <= limits.gap:
                ended = "converged"
                break
            if time.monotonic() - begun > limits.seconds:
                ended = "seconds"
                break
            better, used = _iterate(model, point)
            products += used
            if better is None:
                ended = "stalled"
                break
            point = better
    except KeyboardInterrupt:
        ended = "interrupted"
    return Run(point, _certified(point), ended, steps, products)


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
    return proximal_step(model, spread[:, None] * rows, bias, model.longest)


def _iterate(model: LabelSetModel, point: Point) -> tuple[Point | None, int]:
    """One Newton step and one proximal step; None when rounding leaves nothing to gain."""
    used = 0
    if point.singular.size:
        newton = NewtonModel(point)
        step = newton.solve(min(_LOOSEST, point.error**0.5), _MOST_PRODUCTS)
        used, part = step.iterations, newton.reach(step)
        for _ in range(_QUARTERINGS):
            found = proximal_step(model, newton.move(step, part), point.bias, model.longest)
            if found.objective <= point.objective * (1.0 + _NOISE):
                # Where the objective cannot tell better from worse any more, the residual can.
                gained = found.objective < point.objective * (1.0 - _ROUNDING) or found.error < 0.9 * point.error
                return (found if gained else None), used
            part /= 4.0
    plain = proximal_step(model, point.matrix, point.bias, model.longest)
    return (plain if plain.objective < point.objective else None), used
