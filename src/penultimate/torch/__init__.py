"""PyTorch: features of a trained model or while it trains, and what to train it with.

``pen.torch`` needs the extra ``penultimate[torch]``; the rest of the package never imports PyTorch. The callbacks
import their framework when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from penultimate.optional import needed

if TYPE_CHECKING:
    from penultimate.torch.capturing.capturing import CapturedFeatures as CapturedFeatures
    from penultimate.torch.capturing.capturing import capture as capture
    from penultimate.torch.capturing.tapping import Tap as Tap
    from penultimate.torch.fixed_head import FixedHead as FixedHead
    from penultimate.torch.monitoring.lightning import LightningCallback as LightningCallback
    from penultimate.torch.monitoring.monitor import FeatureMonitor as FeatureMonitor
    from penultimate.torch.monitoring.trainer import HuggingFaceCallback as HuggingFaceCallback
    from penultimate.torch.monitoring.trajectory import Trajectory as Trajectory
    from penultimate.torch.replacing import put_head as put_head
    from penultimate.torch.training.class_decay import ClassDecay as ClassDecay
    from penultimate.torch.training.class_loss import ClassLoss as ClassLoss
    from penultimate.torch.training.class_sampler import ClassSampler as ClassSampler
    from penultimate.torch.training.grouping import parameter_groups as parameter_groups

_HOMES = {
    "CapturedFeatures": "capturing.capturing",
    "ClassDecay": "training.class_decay",
    "ClassLoss": "training.class_loss",
    "ClassSampler": "training.class_sampler",
    "FeatureMonitor": "monitoring.monitor",
    "FixedHead": "fixed_head",
    "LightningCallback": "monitoring.lightning",
    "Tap": "capturing.tapping",
    "HuggingFaceCallback": "monitoring.trainer",
    "Trajectory": "monitoring.trajectory",
    "capture": "capturing.capturing",
    "parameter_groups": "training.grouping",
    "put_head": "replacing",
}

__all__ = [*_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]

needed("torch", "torch", "penultimate.torch")


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"penultimate.torch.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'penultimate.torch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
