"""Numbers as a caller gives them, checked: one clear error for what is no number, or lies out of range."""

import math
from collections.abc import Sequence
from typing import Any, SupportsFloat, cast

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.errors import ProblemError

# Squares of numbers within these are doubles, too; whole numbers up to the last are exact as doubles.
_SMALLEST, _LARGEST, _LARGEST_WHOLE = 1e-150, 1e150, 2**53


def number(value: object, what: str) -> float:
    """A finite number; text, truth values and None are none.

    Raises
    ------
    ProblemError
        With what was expected and what was given.

    Examples
    --------
    >>> number("0.1", "the momentum")
    Traceback (most recent call last):
    ...
    penultimate.errors.ProblemError: the momentum must be a number, got '0.1'
    """
    if isinstance(value, str | bool | np.bool_) or not isinstance(value, SupportsFloat):
        raise ProblemError(f"{what} must be a number, got {value!r}")
    try:
        known = float(value)
    except (TypeError, ValueError, OverflowError):
        raise ProblemError(f"{what} must be a number, got {value!r}") from None
    if not math.isfinite(known):
        raise ProblemError(f"{what} must be finite, got {known}")
    return known


def positive(value: object, what: str) -> float:
    """A positive number between 1e-150 and 1e150.

    Raises
    ------
    ProblemError
        If it is none.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ProblemError(f"{what} must be positive and finite, got {value}")
    known = number(value, what)
    if known <= 0:
        raise ProblemError(f"{what} must be positive and finite, got {known:g}")
    if not _SMALLEST <= known <= _LARGEST:
        raise ProblemError(f"{what} must lie between {_SMALLEST:g} and {_LARGEST:g}, got {known:g}")
    return known


def whole(value: object, what: str, least: int = 1) -> int:
    """A whole number of at least `least`.

    Raises
    ------
    ProblemError
        If it is none.
    """
    known = number(value, what)
    if known != int(known) or not least <= known <= _LARGEST_WHOLE:
        raise ProblemError(f"{what} must be at least {least}, and a whole number; got {known:g}")
    return int(known)


def checked_seed(value: object) -> int:
    """A seed: a whole number, at least 0.

    Raises
    ------
    ProblemError
        If it is none.
    """
    return whole(value, "the seed", 0)


def generator_of(random_state: object) -> np.random.Generator:
    """NumPy's generator of what scikit-learn calls ``random_state``.

    Parameters
    ----------
    random_state : int of at least 0, Generator, RandomState, or None
        None is another one each time.

    Returns
    -------
    Generator

    Raises
    ------
    ProblemError
        If it is none of these.

    Examples
    --------
    >>> generator_of(-1)
    Traceback (most recent call last):
    ...
    penultimate.errors.ProblemError: random_state must be a whole number, at least 0; got -1
    """
    try:
        return np.random.default_rng(cast(Any, random_state))
    except (TypeError, ValueError):
        raise ProblemError(f"random_state must be a whole number, at least 0; got {random_state!r}") from None


def decays(value: object) -> tuple[float, ...]:
    """One weight decay, or one for each layer.

    Raises
    ------
    ProblemError
        If there is none, or one is not a positive number.
    """
    layers = _each(value)
    if not layers:
        raise ProblemError("the model needs at least one linear layer, got no weight decay: give at least one")
    return tuple(positive(decay, f"the weight decay of layer {layer}") for layer, decay in enumerate(layers, start=1))


def several_decays(value: object) -> Float[np.ndarray, " w"]:
    """Weight decays to look at one after another, each for all layers.

    Raises
    ------
    ProblemError
        If there is none, or one is not a positive number.
    """
    known = [positive(decay, "each weight decay") for decay in _each(value)]
    if not known:
        raise ProblemError("there is no weight decay to look at: give at least one")
    return np.array(known)


def _each(value: object) -> list[object]:
    """The entries of a sequence or a vector; anything else is one entry."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return list(cast(NDArray[Any], value))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(cast(Sequence[object], value))
    return [value]
