"""What the callbacks of every framework share: features and labels into a monitor, figures out of it."""

from torch import Tensor, nn

from penultimate.errors import FeaturesError
from penultimate.torch.capturing.tapping import Tap
from penultimate.torch.monitoring.monitor import FeatureMonitor
from penultimate.torch.monitoring.trajectory import Trajectory


class Watch:
    """A monitor, a tap on the layer that reads its features, and the trajectory of what it measures.

    Parameters
    ----------
    monitor : FeatureMonitor
    layer : nn.Module, optional
        Whose input are the features; by default the first layer that the monitor was given as head.

    Attributes
    ----------
    trajectory : Trajectory or None
        None when the monitor has no forecast.

    Raises
    ------
    FeaturesError
        When neither is known.
    """

    def __init__(self, monitor: FeatureMonitor, layer: nn.Module | None) -> None:
        watched = [layer] if layer is not None else list(monitor.watched)
        if not watched:
            raise FeaturesError("which layer reads the features is not known: give layer=, or the monitor head=")
        self.monitor = monitor
        self.trajectory = None if monitor.forecast is None else Trajectory(monitor.forecast)
        self._layer = watched[0]
        self._tap: Tap | None = None

    def open(self) -> None:
        """Put the tap on the layer, if it is not there."""
        if self._tap is None:
            self._tap = Tap(self._layer)

    def close(self) -> None:
        """Remove the tap."""
        if self._tap is not None:
            self._tap.close()
            self._tap = None

    def add(self, labels: Tensor) -> None:
        """Add what last entered the layer to the monitor, on the device where it is."""
        self.open()
        assert self._tap is not None
        features = self._tap.take()
        if self.monitor.device != features.device:
            self.monitor.to(features.device)
        self.monitor.update(features, labels.to(features.device))

    def finish(self, step: int) -> dict[str, float]:
        """Figures of what has been seen, noted in the trajectory; none if nothing was. The monitor begins anew."""
        if not self.monitor.update_called:
            return {}
        figures = {name: float(value) for name, value in self.monitor.compute().items()}
        self.monitor.reset()
        path = self.trajectory
        # The same step may be evaluated twice.
        if path is not None and "direction/1" in figures and (not len(path) or step > path.steps[-1]):
            path.add(step, figures)
        return figures
