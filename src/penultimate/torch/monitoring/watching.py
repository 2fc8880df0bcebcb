"""What the callbacks of every framework share: features and labels into a monitor, figures out of it."""

import math

import numpy as np
from torch import Tensor, nn

from penultimate.errors import FeaturesError
from penultimate.forecasts.foreseeing import FEWEST
from penultimate.torch.capturing.tapping import Tap
from penultimate.torch.monitoring.monitor import FeatureMonitor
from penultimate.torch.monitoring.trajectory import Trajectory


class Watching:
    """A monitor, a tap on the layer that reads its features, and the trajectory of what it measures; inherit it."""

    def __init__(self, monitor: FeatureMonitor, layer: nn.Module | None, prefix: str) -> None:
        watched = [layer] if layer is not None else list(monitor.watched)
        if not watched:
            raise FeaturesError("which layer reads the features is not known: give layer=, or the monitor head=")
        self._monitor = monitor
        self._trajectory = None if monitor.forecast is None else Trajectory(monitor.forecast)
        self._prefix = prefix
        self._layer = watched[0]
        self._tap: Tap | None = None

    @property
    def trajectory(self) -> Trajectory | None:
        """Strength of every direction, so far."""
        return self._trajectory

    def _open_tap(self) -> Tap:
        if self._tap is None:
            self._tap = Tap(self._layer)
        return self._tap

    def _close_tap(self) -> None:
        if self._tap is not None:
            self._tap.close()
            self._tap = None

    def _add(self, labels: Tensor, model: nn.Module) -> None:
        """Add what last entered the layer to the monitor, on the device where it is."""
        tap = self._open_tap()
        # Looked for only where it did not run: a module may be kept where PyTorch does not list it.
        if not tap.times and not any(module is self._layer for module in model.modules()):
            raise FeaturesError(
                f"the layer watched, {self._layer}, is no longer in the model: another was put in its place. Write new "
                "weights into the layer that is there, with pen.torch.put_head(model, head), or make a new monitor"
            )
        features = tap.take()
        if self._monitor.device != features.device:
            self._monitor.to(features.device)
        self._monitor.update(features, labels.to(features.device))

    def _finish(self, step: int, before: str = "", *, until: float | None = None) -> dict[str, float]:
        """Figures of what has been seen, named for the log and noted in the trajectory; the monitor begins anew.

        Where the last step of the run is known, ``foreseen/1``, … are among them, once there are looks enough.
        """
        if not self._monitor.update_called:
            return {}
        figures = {name: float(value) for name, value in self._monitor.compute().items()}
        path = self._trajectory
        means = self._monitor.means() if self._monitor.keep_means and path is not None else None
        self._monitor.reset()
        # The same step may be evaluated twice.
        if path is not None and "direction/1" in figures and (not len(path) or step > path.steps[-1]):
            path.add(step, figures, means)
            known = until is not None and step <= until < math.inf
            # A training that diverged is the trainer's affair.
            if until is not None and known and FEWEST <= len(path) and np.isfinite(path.strength).all():
                ends = path.foresee(int(until)).strength.tolist()
                figures |= {f"foreseen/{rank}": end for rank, end in enumerate(ends, start=1)}
        return {f"{before}{self._prefix}{name}": value for name, value in figures.items()}
