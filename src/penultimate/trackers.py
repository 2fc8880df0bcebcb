"""Figures into a run of TensorBoard, Weights & Biases, MLflow or trackio, or into a logger of Lightning.

None of them is imported: a run is told by the package that its class comes from.
"""

import re
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice
from operator import index
from types import ModuleType
from typing import Any, SupportsIndex

from penultimate.errors import ProblemError

# The method that takes figures: one by one, or all of a step.
_METHODS = {
    "torch": "add_scalar",
    "tensorboardX": "add_scalar",
    "wandb": "log",
    "trackio": "log",
    "pytorch_lightning": "log_metrics",
    "lightning": "log_metrics",
}
# What MLflow takes in a name on every system, how long that may be, and how many it takes at once
# (mlflow.utils.validation).
_UNFIT = re.compile(r"[^\w .-]|^\.+$|^$")
_LONGEST, _AT_ONCE = 250, 1000


def send(run: object, figures: Mapping[str, float], step: SupportsIndex | None) -> None:
    """Write figures into a run.

    Parameters
    ----------
    run : object
        A TensorBoard ``SummaryWriter``; a run of Weights & Biases, trackio or MLflow, or that package itself, for the
        run that is active; a logger of Lightning.
    figures : mapping of str to float
    step : int or None

    Raises
    ------
    ProblemError
        For any other run, and a step that is no whole number.
    """
    at = _step(step)
    package = _package(run)
    if package == "mlflow":
        _to_mlflow(run, figures, at)
        return
    method = getattr(run, _METHODS.get(package, ""), None)
    if method is None:
        raise ProblemError(
            f"run is of type {type(run).__name__}: give a SummaryWriter of TensorBoard, a run of wandb, mlflow or "
            "trackio, or a logger of Lightning"
        )
    if _METHODS[package] == "add_scalar":
        for name, value in figures.items():
            method(name, value, at)
    else:
        method(dict(figures), step=at)


def _step(step: Any) -> int | None:
    if step is None:
        return None
    if isinstance(step, SupportsIndex) and not isinstance(step, bool):
        return index(step)
    raise ProblemError(f"step is {step!r}: give a whole number, or nothing")


def _package(run: object) -> str:
    """The package of a tracker that a run is of; also of a class that its user derived from one of them."""
    if isinstance(run, ModuleType):
        return run.__name__
    packages = (base.__module__.partition(".")[0] for base in type(run).__mro__)
    return next((package for package in packages if package in (*_METHODS, "mlflow")), "")


def _to_mlflow(run: Any, figures: Mapping[str, float], step: int | None) -> None:
    own = {} if isinstance(run, ModuleType) else {"run_id": getattr(getattr(run, "info", None), "run_id", None)}
    if None in own.values():
        raise ProblemError(f"run is MLflow's {type(run).__name__}: give what mlflow.start_run() returns, or mlflow")
    log: Callable[..., Any] = partial(sys.modules["mlflow"].log_metrics, step=step, **own)
    named = iter([(_fit(name), value) for name, value in figures.items()])
    while some := dict(islice(named, _AT_ONCE)):
        log(some)


def _fit(name: str) -> str:
    """A name as MLflow takes it, different for different names: what it refuses is written as its number."""
    whole = "/".join(_parts(name))
    return whole if len(whole) <= _LONGEST else f"{whole[: _LONGEST - 9]}_{zlib.crc32(name.encode()):08x}"


def _parts(name: str) -> Iterator[str]:
    for part in name.split("/"):
        yield _UNFIT.sub(lambda found: "".join(f"_x{ord(letter):x}_" for letter in found[0]) or "_x_", part)
