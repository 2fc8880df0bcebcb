"""The L-extended unconstrained feature model: layers, decays, bias, width, loss, and PyTorch's conventions.

    minimise  1/(2N) ‖W_L ⋯ W_1 H + b1ᵀ − Y‖²  +  Σ_l (λ_l/2) ‖W_l‖²  +  (λ_H/2) ‖H‖²  +  (λ_b/2) ‖b‖²

(docs/theory §1; arXiv 2411.17278 with a free bias, 2301.00437 without bias.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from penultimate.errors import ProblemError
from penultimate.losses import Loss, check_name

Bias = Literal["free", "none"] | float
TorchLoss = Literal["MSELoss", "half_squared_error", "CrossEntropyLoss"]


@dataclass(frozen=True)
class Problem:
    """What is minimised, apart from the class counts.

    Parameters
    ----------
    weight_decay : tuple of float
        λ_1 … λ_L, first layer first: the coefficient of ``½‖W_l‖²`` beside half the squared error, summed over
        classes and averaged over samples. Use `Problem.from_decays` to give one number for all layers.
    feature_decay : float, optional
        λ_H itself. None (the usual case before training) means ``λ_H = feature_ratio · λ_1 / N``.
    feature_ratio : float, default 1.0
        c of docs/theory §1; used when `feature_decay` is None.
    bias : {"free", "none"} or float, default "free"
        Not regularised, absent, or regularised with this λ_b.
    width : int, optional
        The narrowest width r of all layers and of the features; None if it does not bind (r ≥ K).
    loss : str, CrossEntropy or SquaredError, default "mse"
        By name (`penultimate.losses.names`: "mse", "ce", "la:1", "weighted:inverse", …), or a loss with vectors of your
        own.
    measured : {"norms", "strengths"}, optional
        How `feature_decay` was measured on a trained network (docs/theory §6); only changes how it is named.

    Raises
    ------
    ProblemError
        If a decay is not positive and finite, there is no layer, the width is below 1 or the loss is unknown.

    Examples
    --------
    >>> import penultimate as pen
    >>> problem = pen.Problem.from_decays(5e-4, layers=2)
    >>> problem.layers, problem.resolved_feature_decay(samples=1000)
    (2, 5e-07)
    """

    weight_decay: tuple[float, ...]
    feature_decay: float | None = None
    feature_ratio: float = 1.0
    bias: Bias = "free"
    width: int | None = None
    loss: str | Loss = "mse"
    measured: str | None = None

    def __post_init__(self) -> None:
        if not self.weight_decay:
            raise ProblemError("the model needs at least one linear layer, got none: give layers >= 1")
        for layer, decay in enumerate(self.weight_decay, start=1):
            _positive(decay, f"the weight decay of layer {layer}")
        if self.feature_decay is not None:
            _positive(self.feature_decay, "the feature decay")
        _positive(self.feature_ratio, "the feature ratio c")
        self._check_bias()
        if self.width is not None and self.width < 1:
            raise ProblemError(f"the width must be at least 1, got {self.width}: give the narrowest layer's width")
        if isinstance(self.loss, str):
            check_name(self.loss)

    def _check_bias(self) -> None:
        if isinstance(self.bias, str):
            if self.bias not in ("free", "none"):
                raise ProblemError(f"unknown bias {self.bias!r}: give 'free', 'none' or its decay, a positive number")
        else:
            _positive(self.bias, "the decay of the bias")

    @classmethod
    def from_decays(
        cls,
        weight_decay: float | Sequence[float] = 5e-4,
        *,
        layers: int | None = None,
        feature_decay: float | None = None,
        feature_ratio: float = 1.0,
        bias: Bias = "free",
        width: int | None = None,
        loss: str | Loss = "mse",
    ) -> "Problem":
        """Build a problem from one decay for all layers, or one for each.

        Parameters
        ----------
        weight_decay : float or sequence of float, default 5e-4
            λ for every layer, or λ_1 … λ_L.
        layers : int, optional
            L; 1 by default, or the number of decays given.
        feature_decay, feature_ratio, bias, width, loss
            As for `Problem`.

        Returns
        -------
        Problem

        Raises
        ------
        ProblemError
            As `Problem`, and if the number of decays is neither 1 nor `layers`.

        Examples
        --------
        >>> import penultimate as pen
        >>> pen.Problem.from_decays([1e-3, 5e-4]).layers
        2
        """
        decays = tuple(float(decay) for decay in np.atleast_1d(weight_decay))
        if layers is not None and layers < 1:
            raise ProblemError(f"the model needs at least one linear layer, got layers={layers}: give 1 or more")
        if layers is not None and len(decays) == 1:
            decays = decays * layers
        if layers is not None and len(decays) != layers:
            raise ProblemError(f"{len(decays)} weight decays for {layers} layers: give one for all or one for each")
        return cls(decays, feature_decay, feature_ratio, bias, width, loss)

    @classmethod
    def from_torch(
        cls,
        weight_decay: float | Sequence[float],
        *,
        loss: TorchLoss,
        classes: int,
        layers: int | None = None,
        feature_decay: float | None = None,
        feature_ratio: float = 1.0,
        bias: Bias = "free",
        width: int | None = None,
    ) -> "Problem":
        """Translate an optimiser's ``weight_decay`` and a PyTorch loss into the model's decay (docs/theory §1).

        Parameters
        ----------
        weight_decay : float or sequence of float
            As given to ``torch.optim.SGD``, which adds ``(weight_decay/2)‖W‖²`` to the loss; one for all layers or
            one for each.
        loss : {"MSELoss", "half_squared_error", "CrossEntropyLoss"}
            ``nn.MSELoss()`` averages over all N·K entries, which multiplies the decay by K/2; half the squared error
            summed over classes, and cross-entropy, leave it as it is.
        classes : int
            K, the number of outputs.
        layers : int, optional
            L.
        bias : {"free", "none"} or float, default "free"
            As for `Problem`; a number is translated like the weight decay.
        feature_decay, feature_ratio, width
            As for `Problem`: the feature decay is the model's λ_H, no setting of an optimiser, and is not translated.

        Returns
        -------
        Problem

        Raises
        ------
        ProblemError
            If the loss is unknown.

        Examples
        --------
        >>> import penultimate as pen
        >>> pen.Problem.from_torch(1e-4, loss="MSELoss", classes=100).weight_decay
        (0.005,)
        """
        scales = {"MSELoss": classes / 2, "half_squared_error": 1.0, "CrossEntropyLoss": 1.0}
        if loss not in scales:
            raise ProblemError(f"unknown PyTorch loss {loss!r}: give one of {', '.join(map(repr, scales))}")
        scale = scales[loss]
        return cls.from_decays(
            [float(decay) * scale for decay in np.atleast_1d(weight_decay)],
            layers=layers,
            feature_decay=feature_decay,
            feature_ratio=feature_ratio,
            width=width,
            bias=bias if isinstance(bias, str) else bias * scale,
            loss="ce" if loss == "CrossEntropyLoss" else "mse",
        )

    @property
    def layers(self) -> int:
        """L, the number of linear layers."""
        return len(self.weight_decay)

    @property
    def exponent(self) -> float:
        """``p = 2/(L+1)`` of the Schatten quasi-norm that the decays amount to (docs/theory §4)."""
        return 2.0 / (self.layers + 1)

    def resolved_feature_decay(self, samples: float) -> float:
        """λ_H for N samples: as given or measured, else ``c λ_1 / N``."""
        if self.feature_decay is not None:
            return self.feature_decay
        return self.feature_ratio * self.weight_decay[0] / samples

    def kappa(self, samples: float) -> float:
        """``κ = (λ_H λ_1 ⋯ λ_L)^{1/(L+1)}`` (docs/theory §4), by logarithms so that tiny decays do not underflow."""
        logs = [math.log(decay) for decay in (self.resolved_feature_decay(samples), *self.weight_decay)]
        return math.exp(math.fsum(logs) / (self.layers + 1))

    @property
    def feature_decay_source(self) -> str:
        """Where λ_H comes from: "measured by norms", "given", "ratio c = …" or "assumed ratio c = 1"."""
        if self.feature_decay is not None:
            return "given" if self.measured is None else f"measured by {self.measured}"
        if self.feature_ratio == 1.0:
            return "assumed ratio c = 1"
        return f"ratio c = {self.feature_ratio:g}"

    def scaled(self, factor: float) -> "Problem":
        """Return the problem with every layer's weight decay multiplied; a given feature decay stays."""
        return replace(self, weight_decay=tuple(decay * factor for decay in self.weight_decay))

    def to_dict(self, samples: float) -> dict[str, object]:
        """The ``problem`` part of the JSON, with λ_H resolved for N samples."""
        return {
            "loss": str(self.loss),
            "layers": self.layers,
            "weight_decay": list(self.weight_decay),
            "feature_decay": self.resolved_feature_decay(samples),
            "feature_decay_source": self.feature_decay_source,
            "bias": self.bias,
            "width": self.width,
        }


def _positive(value: float, what: str) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ProblemError(f"{what} must be positive and finite, got {value}")
