"""The problem of a network that is not trained yet: its feature decay is that of others, unless it is given."""

from collections.abc import Sequence
from dataclasses import replace

from penultimate.errors import ProblemError
from penultimate.losses import Loss
from penultimate.model.networks import networks_like
from penultimate.model.problem import Bias, Problem


def before_training(
    weight_decay: float | Sequence[float],
    *,
    layers: int | None = None,
    feature_decay: float | None = None,
    feature_ratio: float | None = None,
    like: str | None = None,
    single: bool = True,
    bias: Bias = "free",
    width: int | None = None,
    loss: str | Loss = "mse",
) -> Problem:
    """Build the problem of a forecast from what is known before training.

    Parameters
    ----------
    weight_decay, layers, bias, width, loss
        As for `Problem.from_decays`.
    feature_decay, feature_ratio : float, optional
        λ_H or c where they are given; otherwise N λ_H is the median of trained networks.
    like : str, optional
        Their kind, one of `penultimate.model.networks.kinds`.
    single : bool, default True
        Whether a sample has one label, as in all these networks; otherwise c is 1 where nothing is given.

    Returns
    -------
    Problem

    Raises
    ------
    ProblemError
        As `Problem.from_decays`, for an unknown kind, and for one beside a feature decay or ratio.

    Examples
    --------
    >>> before_training(5e-4, like="perceptron").networks.kind
    'perceptron'
    >>> before_training(5e-4, feature_ratio=1.0).feature_decay_source
    'ratio c = 1'
    """
    ratio = 1.0 if feature_ratio is None else feature_ratio
    problem = Problem.from_decays(
        weight_decay, layers=layers, feature_decay=feature_decay, feature_ratio=ratio, bias=bias, width=width, loss=loss
    )
    if like is not None and not single:
        raise ProblemError(f"networks like {like!r} have one label a sample: leave it out, or give the feature ratio c")
    if single and feature_decay is None and feature_ratio is None:
        return replace(problem, networks=networks_like(like))
    if like is not None:
        raise ProblemError(
            f"networks like {like!r} beside a feature decay or its ratio: these say how strongly features are held "
            "down, so give one or the other"
        )
    return problem
