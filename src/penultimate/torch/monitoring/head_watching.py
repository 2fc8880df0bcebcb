"""What the callbacks for heads share: a look at each evaluation, its figures and its names."""

from torch import nn

from penultimate.errors import FeaturesError
from penultimate.torch.monitoring.head_monitor import HeadMonitor


class HeadWatching:
    """A head monitor that is asked at each evaluation; inherit it."""

    def __init__(self, monitor: HeadMonitor, *, prefix: str = "head/") -> None:
        self._monitor, self._prefix = monitor, prefix
        self._unmoved: dict[int, tuple[str, ...]] = {}

    @property
    def unmoved(self) -> dict[int, tuple[str, ...]]:
        """Names of the rows that no sample had moved, by the step of each evaluation."""
        return self._unmoved

    def _look(self, step: int, model: nn.Module, before: str = "") -> dict[str, float]:
        """Figures named for the log; names are noted."""
        if not any(module is self._monitor.layer for module in model.modules()):
            raise FeaturesError(
                f"the layer watched, {self._monitor.layer}, is no longer in the model: another was put in its place. "
                "Make a new monitor, which begins with the new one"
            )
        figures = self._monitor.compute()
        self._unmoved[step] = self._monitor.unmoved
        return {f"{before}{self._prefix}{name}": value for name, value in figures.items()}
