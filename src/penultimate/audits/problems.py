"""The problem that a trained head was made by: as given, or with its layers and its bias."""

from penultimate.errors import ProblemError
from penultimate.features.head import Head
from penultimate.losses import Loss
from penultimate.model.problem import Problem


def problem_of(
    head: Head | None, weight_decay: float | tuple[float, ...], loss: str | Loss, problem: Problem | None
) -> Problem:
    """The problem of an audit, which has to be that of its head.

    Parameters
    ----------
    head : Head or None
        Without one, of one layer with a free bias.
    weight_decay, loss
        As for `Problem.from_decays`.
    problem : Problem or None
        Instead of decay and loss.

    Returns
    -------
    Problem

    Raises
    ------
    ProblemError
        When the problem has other layers than the head, or a bias where that has none, and the other way round.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> from penultimate.audits.problems import problem_of
    >>> problem_of(pen.Head((np.eye(3),)), 5e-4, "ce", None).bias
    'none'
    """
    layers = None if head is None else len(head.weights)
    bias = "none" if head is not None and head.bias is None else "free"
    if problem is None:
        return Problem.from_decays(weight_decay, layers=layers, bias=bias, loss=loss)
    if not isinstance(problem.bias, str):
        near = ", which a small decay comes near" if bias == "free" else ""
        raise ProblemError(
            f"the problem gives the bias a decay of its own ({problem.bias:g}), and an audit knows a free bias or "
            f"none: pass bias={bias!r}{near}"
        )
    if layers is not None and problem.layers != layers:
        raise ProblemError(
            f"the problem has {problem.layers} layers and the head has {layers}: give one weight decay for each layer "
            "of the head"
        )
    if head is not None and problem.bias != bias:
        has, needs = (
            ("no bias but the head has one", "free") if bias == "free" else ("a bias but the head has none", "none")
        )
        raise ProblemError(f"the problem assumes {has}: pass bias={needs!r}")
    return problem
