"""The monitor as a callback of Hugging Face's Trainer."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from penultimate.errors import FeaturesError
from penultimate.optional import needed
from penultimate.torch.monitoring.monitor import FeatureMonitor
from penultimate.torch.monitoring.watching import Watching

if TYPE_CHECKING:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
else:
    TrainerCallback = needed("transformers", None, "HuggingFaceCallback").TrainerCallback


def _labels(inputs: Mapping[str, Any]) -> Tensor:
    if inputs.get("labels") is None:
        raise FeaturesError(
            f"the model was called with {', '.join(inputs) or 'nothing by name'} and no labels: give labels=, a "
            "function from the model's arguments to the labels. With compute_loss_func or label_smoothing_factor the "
            "Trainer keeps labels from the model: override its compute_loss instead"
        )
    return inputs["labels"]


def add_to_evaluation(logs: dict[str, Any], state: "TrainerState", figures: Callable[[str], dict[str, float]]) -> None:
    """Add figures, named by the evaluation's prefix, to the log of an evaluation; other logs are left alone."""
    kinds = (name.removesuffix("_runtime") for name in logs if name.endswith("_runtime") and name != "train_runtime")
    if (kind := next(kinds, None)) is None:
        return
    named = figures(f"{kind}_")
    logs.update(named)
    if state.log_history:
        state.log_history[-1].update(named)


class HuggingFaceCallback(Watching, TrainerCallback):
    """Feeds a `FeatureMonitor` in every evaluation of a Hugging Face `Trainer`, and adds its figures to the metrics.

    Parameters
    ----------
    monitor : FeatureMonitor
    layer : nn.Module, optional
        Whose input are the features; by default the first layer that the monitor was given as head.
    labels : callable, optional
        From the model's named arguments to the labels; by default ``labels`` among them. Causal language models are
        given labels that their loss shifts by one: shift them here.
    prefix : str, default "collapse/"
        Of the names, after the evaluation's own: ``eval_collapse/nc1``.

    Attributes
    ----------
    trajectory : Trajectory or None
        Strength of every direction at the global steps of the trainer; None when the monitor has no forecast.

    Raises
    ------
    FeaturesError
        When the layer is not known.
    MissingDependencyError
        When transformers is not installed.

    Notes
    -----
    The figures are in what ``evaluate()`` returns (so that ``metric_for_best_model`` can name them) and in the log
    history. `Trainer` calls its reporters before the callbacks that it is given; `report_first` puts this one before
    them.

    Examples
    --------
    >>> import torch, penultimate as pen
    >>> head = torch.nn.Linear(8, 3)
    >>> forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=5e-4, feature_ratio=1)
    >>> monitor = pen.torch.FeatureMonitor(3, 8, head=head, forecast=forecast)
    >>> callback = pen.torch.HuggingFaceCallback(monitor)  # Trainer(…, callbacks=[callback])
    >>> callback.trajectory
    Trajectory(0 steps, 0 directions)
    """

    def __init__(
        self,
        monitor: FeatureMonitor,
        layer: nn.Module | None = None,
        *,
        labels: Callable[[Mapping[str, Any]], Tensor] = _labels,
        prefix: str = "collapse/",
    ) -> None:
        super().__init__(monitor, layer, prefix)
        self._labels = labels
        self._handle: RemovableHandle | None = None
        self._inputs: dict[str, Any] = {}

    def report_first(self, trainer: Any) -> None:
        """Go before the trainer's reporters, so that they see the figures too."""
        callbacks: list[Any] = trainer.callback_handler.callbacks
        if self in callbacks:
            callbacks.remove(self)
        callbacks.insert(0, self)

    def close(self) -> None:
        """Remove the hooks from the model."""
        self._close_tap()
        if self._handle is not None:
            self._handle.remove()
            self._handle, self._inputs = None, {}

    def on_init_end(
        self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **kwargs: Any
    ) -> None:
        """Put hooks on the model, before it is compiled."""
        self._open(kwargs["model"])

    def on_train_begin(
        self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **kwargs: Any
    ) -> None:
        """Put hooks on the model, if the callback came late."""
        self._open(kwargs["model"])

    def on_prediction_step(
        self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **kwargs: Any
    ) -> None:
        """Add the batch that the model has just seen."""
        self._add(self._labels(self._inputs), kwargs["model"])

    def on_log(
        self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", **kwargs: Any
    ) -> None:
        """Add the figures to those of an evaluation."""
        add_to_evaluation(
            kwargs["logs"], state, partial(self._finish, state.global_step, until=state.max_steps or None)
        )

    def on_predict(
        self, args: "TrainingArguments", state: "TrainerState", control: "TrainerControl", metrics: Any, **kwargs: Any
    ) -> None:
        """Forget what predictions were made of: they are no evaluation."""
        self._monitor.reset()

    def _open(self, model: nn.Module) -> None:
        if self._handle is None:
            self._open_tap()
            hook = cast(Any, torch.compiler).disable(self._keep)
            self._handle = model.register_forward_pre_hook(hook, with_kwargs=True)

    def _keep(self, model: nn.Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        self._inputs = named
