"""The head monitor as a callback of Hugging Face's Trainer."""

from functools import partial
from typing import TYPE_CHECKING, Any

from penultimate.torch.monitoring.head_watching import HeadWatching
from penultimate.torch.monitoring.trainer import TrainerCallback, add_to_evaluation

if TYPE_CHECKING:
    from transformers import TrainerControl, TrainerState, TrainingArguments


class HeadHuggingFaceCallback(HeadWatching, TrainerCallback):
    """Asks a `HeadMonitor` in every evaluation of a Hugging Face `Trainer`, and adds its figures to the metrics.

    Parameters
    ----------
    monitor : HeadMonitor
    prefix : str, default "head/"
        Of the names, after the evaluation's own: ``eval_head/unmoved``.

    Attributes
    ----------
    unmoved : dict of int to tuple of str
        Names of the rows that no sample had moved, by the trainer's global step.

    Raises
    ------
    MissingDependencyError
        When transformers is not installed.

    Notes
    -----
    The figures are in what ``evaluate()`` returns and in the log history, as those of `HuggingFaceCallback` are.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> monitor = pen.torch.HeadMonitor(torch.nn.Linear(8, 100))
    >>> callback = pen.torch.HeadHuggingFaceCallback(monitor)  # Trainer(…, callbacks=[callback])
    >>> callback.unmoved
    {}
    """

    def on_log(
        self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **kwargs: Any
    ) -> None:
        """Add the figures to those of an evaluation."""
        add_to_evaluation(kwargs["logs"], state, partial(self._look, state.global_step, kwargs["model"]))
