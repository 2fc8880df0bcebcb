"""The forecast that a trajectory was measured beside: what is saved of it, and whether another is the same."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from penultimate.errors import FeaturesError, FileError
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.label_forecast import LabelForecast

if TYPE_CHECKING:
    import os

_NOTE = "problem"


def note_of(forecast: Forecast | LabelForecast) -> dict[str, str]:
    """What is saved of a forecast beside its singular values."""
    return {_NOTE: json.dumps(_settings(forecast))}


def check_beside(
    path: "str | os.PathLike[str]",
    arrays: Mapping[str, NDArray[Any]],
    note: Mapping[str, str],
    forecast: Forecast | LabelForecast,
) -> None:
    """Refuse a forecast of other counts, at another weight decay, or of another loss or bias.

    Parameters
    ----------
    path : path-like
        For the message.
    arrays : mapping of str to ndarray
        Of the file.
    note : mapping of str to str
        Of the file; one of an earlier version holds singular values alone.
    forecast : Forecast or LabelForecast

    Raises
    ------
    FeaturesError
        If it is another.
    FileError
        If the note is damaged.
    """
    sigma, own = arrays["sigma"], forecast.solution.sigma
    alike = sigma.shape == own.shape
    same = alike and np.allclose(sigma, own, rtol=1e-9)
    # With squared error singular values are those of the counts; with another loss they move with the decays.
    if not same and (forecast.is_squared_error or not alike):
        raise FeaturesError(f"{path} was measured beside a forecast of other counts: give that one")
    _check_note(path, note, forecast)
    if not same:
        raise FeaturesError(
            f"{path} was measured beside a forecast of other counts or another feature decay: give that one"
        )


def _check_note(path: "str | os.PathLike[str]", note: Mapping[str, str], forecast: Forecast | LabelForecast) -> None:
    if _NOTE not in note:
        return
    try:
        held = cast(object, json.loads(note[_NOTE]))
    except ValueError as error:
        raise FileError(f"{path}: the file is damaged ({error}): write it again") from None
    if not isinstance(held, dict):
        raise FileError(f"{path}: the file is damaged ({_NOTE} is no object): write it again")
    saved = cast(dict[str, object], held)
    for name, value in _settings(forecast).items():
        if (other := saved.get(name)) != value:
            raise FeaturesError(
                f"{path} was measured beside a forecast of another {name} ({other} there, {value} here): give that one"
            )


def _settings(forecast: Forecast | LabelForecast) -> dict[str, str]:
    """As text, in which decays are told apart to the last bit."""
    problem = forecast.problem
    return {
        "weight decay": ", ".join(repr(float(decay)) for decay in problem.weight_decay),
        "loss": forecast.loss_name if isinstance(forecast, LabelForecast) else str(problem.loss),
        "bias": str(problem.bias),
    }
