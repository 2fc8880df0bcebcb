"""The head monitor as a callback of Lightning."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from penultimate.torch.monitoring.head_watching import HeadWatching
from penultimate.torch.monitoring.lightning import Callback

if TYPE_CHECKING:
    from pytorch_lightning import LightningModule, Trainer


class HeadLightningCallback(HeadWatching, Callback):
    """Asks a `HeadMonitor` at the end of every validation of a Lightning `Trainer`, and logs its figures.

    Parameters
    ----------
    monitor : HeadMonitor
    prefix : str, default "head/"
        Of the names in the log.

    Attributes
    ----------
    unmoved : dict of int to tuple of str
        Names of the rows that no sample had moved, by the trainer's global step.

    Raises
    ------
    MissingDependencyError
        When Lightning is not installed.

    Notes
    -----
    The sanity check before training is left out. The start is kept in the trainer's checkpoints, so that training
    which is taken up again goes on from there.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> monitor = pen.torch.HeadMonitor(torch.nn.Linear(8, 100))
    >>> callback = pen.torch.HeadLightningCallback(monitor)  # Trainer(callbacks=[callback])
    >>> callback.unmoved
    {}
    """

    def on_validation_epoch_end(self, trainer: "Trainer", pl_module: "LightningModule") -> None:
        """Look, and log."""
        if not trainer.sanity_checking:
            # All processes have the same figures; saying so keeps Lightning from warning that they may not.
            pl_module.log_dict(self._look(trainer.global_step, pl_module), sync_dist=True)

    def state_dict(self) -> dict[str, Any]:
        """The start, for a checkpoint."""
        return self._monitor.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on from the start in a checkpoint."""
        self._monitor.load_state_dict(state_dict)
