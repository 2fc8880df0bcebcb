"""What options mean beside one another, and decays in the model's convention."""

from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from penultimate.errors import ProblemError

if TYPE_CHECKING:
    from penultimate.model.problem import Bias


AUDITED_DECAY = "--torch-loss says how --weight-decay is read, and the audited one is taken: leave it out"


def one_of(feature_decay: float | None, feature_ratio: float | None) -> None:
    """Refuse both."""
    if feature_decay is not None and feature_ratio is not None:
        raise ProblemError("--feature-decay and --feature-ratio say the same thing twice: give one of them")


def given(name: str) -> bool:
    """Whether an option was given, and not left at its default."""
    return click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT


def refuse(name: str, beside: str, why: str) -> None:
    """Refuse an option that was given beside another that leaves it no sense."""
    if given(name):
        option = "--" + name.removesuffix("_path").replace("_", "-")
        raise ProblemError(f"{option} beside {beside}: {why}")


def torch_scale(torch_loss: str | None, loss: str, classes: int) -> float:
    """What multiplies decays that were given as PyTorch's: its squared error averages over outputs (docs/theory §1)."""
    if torch_loss is None:
        return 1.0
    if torch_loss == "bce" and loss.startswith("bce"):
        return float(classes)
    if torch_loss == "bce":
        raise ProblemError(f"--torch-loss bce beside --loss {loss}: it is for sigmoids, whose loss is bce")
    if not loss.startswith("mse"):
        raise ProblemError(
            f"--torch-loss {torch_loss} beside --loss {loss}: cross-entropy's decays are read as they are"
        )
    return classes / 2.0


def scaled(weight_decay: tuple[float, ...], scale: float) -> tuple[float, ...]:
    """Decays of the layers."""
    return tuple(decay * scale for decay in weight_decay)


def scaled_bias(bias: "Bias", scale: float) -> "Bias":
    """The bias, or its decay."""
    return bias if isinstance(bias, str) else bias * scale
