"""PyTorch: features of a trained model or while it trains, and what to train it with.

``pen.torch`` needs the extra ``penultimate[torch]``; the rest of the package never imports PyTorch. The callbacks
import their framework when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from penultimate.errors import MissingDependencyError

if TYPE_CHECKING:
    from penultimate.torch.capturing import CapturedFeatures as CapturedFeatures
    from penultimate.torch.capturing import capture as capture
    from penultimate.torch.class_decay import ClassDecay as ClassDecay
    from penultimate.torch.class_loss import ClassLoss as ClassLoss
    from penultimate.torch.class_sampler import ClassSampler as ClassSampler
    from penultimate.torch.fixed_head import FixedHead as FixedHead
    from penultimate.torch.grouping import parameter_groups as parameter_groups
    from penultimate.torch.lightning_callback import LightningMonitor as LightningMonitor
    from penultimate.torch.monitor import FeatureMonitor as FeatureMonitor
    from penultimate.torch.tapping import Tap as Tap
    from penultimate.torch.trainer_callback import TrainerMonitor as TrainerMonitor
    from penultimate.torch.trajectory import Trajectory as Trajectory

_HOMES = {
    "CapturedFeatures": "capturing",
    "ClassDecay": "class_decay",
    "ClassLoss": "class_loss",
    "ClassSampler": "class_sampler",
    "FeatureMonitor": "monitor",
    "FixedHead": "fixed_head",
    "LightningMonitor": "lightning_callback",
    "Tap": "tapping",
    "TrainerMonitor": "trainer_callback",
    "Trajectory": "trajectory",
    "capture": "capturing",
    "parameter_groups": "grouping",
}

__all__ = [*_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]

try:
    import_module("torch")
except ImportError:
    raise MissingDependencyError(
        "penultimate.torch needs PyTorch, which is not installed: pip install 'penultimate[torch]'"
    ) from None


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(f"penultimate.torch.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'penultimate.torch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
