"""The monitor as a callback of Lightning."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from torch import nn

from penultimate.optional import needed
from penultimate.torch.capturing.items import Unpack, unpack, unpacked
from penultimate.torch.monitoring.monitor import FeatureMonitor
from penultimate.torch.monitoring.watching import Watching


def _base() -> type:
    """The class of callbacks of the Lightning that is in use: there are two packages of it."""
    packages = ("lightning.pytorch", "pytorch_lightning")
    loaded = [name for name in packages if name in sys.modules]
    for name in (*loaded, *packages):
        try:
            return import_module(name).Callback
        except ImportError:
            continue
    return needed(packages[0], None, "LightningCallback").Callback


if TYPE_CHECKING:
    from pytorch_lightning import Callback, LightningModule, Trainer
else:
    Callback = _base()


class LightningCallback(Watching, Callback):
    """Feeds a `FeatureMonitor` while a Lightning `Trainer` runs, and logs its figures at the end of every epoch.

    Parameters
    ----------
    monitor : FeatureMonitor
    layer : nn.Module, optional
        Whose input are the features; by default the first layer that the monitor was given as head.
    stage : {"validate", "train"}, default "validate"
        Which batches are looked at. Validation sees the network as it stands; training batches cost no further pass,
        but are spread over an epoch in which the network moves, with dropout and augmentation on.
    unpack : callable, optional
        From a batch to ``(inputs, labels)``.
    prefix : str, default "collapse/"
        Of the names in the log.

    Attributes
    ----------
    trajectory : Trajectory or None
        Strength of every direction at the global steps of the trainer; None when the monitor has no forecast.

    Raises
    ------
    FeaturesError
        When the layer is not known.
    MissingDependencyError
        When Lightning is not installed.

    Notes
    -----
    The sanity check before training is not counted. Of several validation loaders all are counted together.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> head = torch.nn.Linear(8, 3)
    >>> forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=5e-4, feature_ratio=1)
    >>> monitor = pen.torch.FeatureMonitor(3, 8, head=head, forecast=forecast)
    >>> callback = pen.torch.LightningCallback(monitor)  # Trainer(callbacks=[callback])
    >>> callback.trajectory
    Trajectory(0 steps, 0 directions)
    """

    def __init__(
        self,
        monitor: FeatureMonitor,
        layer: nn.Module | None = None,
        *,
        stage: Literal["validate", "train"] = "validate",
        unpack: Unpack = unpack,
        prefix: str = "collapse/",
    ) -> None:
        super().__init__(monitor, layer, prefix)
        self._stage = stage
        self._unpack = unpack

    def setup(self, trainer: "Trainer", pl_module: "LightningModule", stage: str) -> None:
        """Put the tap on the layer, before anything is compiled."""
        self._open_tap()

    def teardown(self, trainer: "Trainer", pl_module: "LightningModule", stage: str) -> None:
        """Remove it."""
        self._close_tap()

    def on_exception(self, trainer: "Trainer", pl_module: "LightningModule", exception: BaseException) -> None:
        """Remove it too: Lightning does not tear down what fails."""
        self._close_tap()

    def on_train_epoch_start(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """Begin anew."""
        self._begin("train")

    def on_train_batch_end(
        self, trainer: "Trainer", pl_module: "LightningModule", outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Add a batch."""
        self._look("train", batch, pl_module)

    def on_train_epoch_end(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """Log the figures."""
        self._log("train", trainer, pl_module.log_dict)

    def on_validation_epoch_start(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """Begin anew."""
        self._begin("validate")

    def on_validation_batch_end(
        self,
        trainer: "Trainer",
        pl_module: "LightningModule",
        outputs: Any,
        batch: Any,
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add a batch."""
        if not trainer.sanity_checking:
            self._look("validate", batch, pl_module)

    def on_validation_epoch_end(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """Log the figures."""
        self._log("validate", trainer, pl_module.log_dict)

    def _begin(self, stage: str) -> None:
        if stage == self._stage:
            self._monitor.reset()

    def _look(self, stage: str, batch: Any, model: nn.Module) -> None:
        if stage == self._stage:
            self._add(unpacked(self._unpack, batch)[1], model)

    def _log(self, stage: str, trainer: "Trainer", log: Callable[..., None]) -> None:
        if stage == self._stage:
            # All processes have the same figures; saying so keeps Lightning from warning that they may not.
            until = trainer.estimated_stepping_batches if trainer.state.fn == "fit" else None
            log(self._finish(trainer.global_step, until=until), sync_dist=True)
