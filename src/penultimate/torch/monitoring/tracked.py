"""A monitor's figures into a tracker of experiments, from a loop of one's own."""

from collections.abc import Mapping
from typing import Any, Protocol, SupportsIndex, runtime_checkable

from penultimate.trackers import send


@runtime_checkable
class _Computes(Protocol):
    LOG_PREFIX: str

    def compute(self) -> Mapping[str, Any]: ...


class Tracked:
    """A monitor that logs by itself, where no callback does; made by inheriting."""

    LOG_PREFIX = ""

    def log_to(self: _Computes, run: object, step: SupportsIndex | None = None, *, prefix: str | None = None) -> None:
        """Write what `compute` returns into a tracker of experiments, one figure a class where there are such.

        Callbacks need no such line: what they log goes to every logger that the trainer has.

        Parameters
        ----------
        run : object
            A TensorBoard ``SummaryWriter``; a run of Weights & Biases, trackio or MLflow, or one of these packages
            itself, for its active run; a logger of Lightning.
        step : int, optional
            Of the optimiser.
        prefix : str, optional
            Of the names; by default the callback's: ``collapse/`` of features, ``head/`` of a head.

        Raises
        ------
        ProblemError
            For any other run, and a step that is no whole number.
        """
        before = self.LOG_PREFIX if prefix is None else prefix
        send(run, {f"{before}{name}": float(value) for name, value in self.compute().items()}, step)
