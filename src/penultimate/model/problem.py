"""The L-extended unconstrained feature model: layers, decays, bias, width, loss, and PyTorch's conventions.

    minimise  1/(2N) ‖W_L ⋯ W_1 H + b1ᵀ − Y‖²  +  Σ_l (λ_l/2) ‖W_l‖²  +  (λ_H/2) ‖H‖²  +  (λ_b/2) ‖b‖²

(docs/theory §1; arXiv 2411.17278 with a free bias, 2301.00437 without bias.)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from penultimate.errors import ProblemError
from penultimate.losses import Loss, SquaredError, plainly
from penultimate.model.arguments import decays, positive, whole
from penultimate.model.networks import Networks
from penultimate.model.strength_law import StrengthLaw, mean_decay

Bias = Literal["free", "none"] | float
TorchLoss = Literal["MSELoss", "half_squared_error", "CrossEntropyLoss"]
_MOST_LAYERS = 1000  # a typing error otherwise makes as many decays


@dataclass(frozen=True)
class Problem:
    """What is minimised, apart from the class counts.

    Parameters
    ----------
    weight_decay : tuple of float
        λ_1 … λ_L, first layer first: the coefficient of ``½‖W_l‖²`` beside half the squared error, summed over
        classes and averaged over samples. Use `Problem.from_decays` to give one number for all layers.
    feature_decay : float, optional
        λ_H itself. None means what `networks` tell, or else ``λ_H = feature_ratio · λ_1 / N``.
    feature_ratio : float, default 1.0
        c of docs/theory §1; used where neither `feature_decay` nor `networks` is given.
    bias : {"free", "none"} or float, default "free"
        Not regularised, absent, or regularised with this λ_b.
    width : int, optional
        The narrowest width r of all layers and of the features; None if it does not bind (r ≥ K).
    loss : str, CrossEntropy or SquaredError, default "mse"
        By name (`penultimate.losses.names`: "mse", "ce", "la:1", "weighted:inverse", …), or a loss with vectors of your
        own.
    measured : {"norms", "strengths"}, optional
        How `feature_decay` was measured on a trained network (docs/theory §6); only changes how it is named.
    law : StrengthLaw, optional
        Read off trained networks (docs/theory §15). Strengths are then what it says, not those of the minimiser; for
        another loss than squared error, and one layer, it says how the penalty grows with weight decay.
    networks : Networks, optional
        Trained networks whose feature decay is taken, as `forecast` does before training.

    Raises
    ------
    ProblemError
        If a decay is no positive number (between 1e-150 and 1e150), there is no layer, the width is no whole number of
        at least 1, or the loss is unknown.

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
    law: StrengthLaw | None = None
    networks: Networks | None = None

    def __post_init__(self) -> None:
        checked: dict[str, object] = {
            "weight_decay": decays(self.weight_decay),
            "feature_ratio": positive(self.feature_ratio, "the feature ratio c"),
            "bias": _checked_bias(self.bias),
            "loss": plainly(self.loss),
        }
        if self.feature_decay is not None:
            checked["feature_decay"] = positive(self.feature_decay, "the feature decay")
        if self.width is not None:
            checked["width"] = whole(self.width, "the width")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

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
        given = decays(weight_decay)
        if layers is not None:
            layers = whole(layers, "layers (the model needs at least one linear layer)")
            given = given * layers if len(given) == 1 and layers <= _MOST_LAYERS else given
            if len(given) != layers:
                raise ProblemError(
                    f"{_several(len(given), 'weight decay')} for {_several(layers, 'layer')}: give one for all or one "
                    f"for each, of at most {_MOST_LAYERS:,} layers"
                )
        return cls(given, feature_decay, feature_ratio, bias, width, loss)

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
        outputs = whole(classes, "the number of classes")
        scales = {"MSELoss": outputs / 2, "half_squared_error": 1.0, "CrossEntropyLoss": 1.0}
        if loss not in scales:
            raise ProblemError(f"unknown PyTorch loss {loss!r}: give one of {', '.join(map(repr, scales))}")
        scale = scales[loss]
        return cls.from_decays(
            [decay * scale for decay in decays(weight_decay)],
            layers=layers,
            feature_decay=feature_decay,
            feature_ratio=feature_ratio,
            width=width,
            bias=bias if isinstance(bias, str) else positive(bias, "the decay of the bias") * scale,
            loss="ce" if loss == "CrossEntropyLoss" else "mse",
        )

    @property
    def layers(self) -> int:
        """L, the number of linear layers."""
        return len(self.weight_decay)

    @property
    def is_plain_squared_error(self) -> bool:
        """Whether the loss is squared error that weighs all classes alike: then the minimiser has a closed form."""
        return self.loss == "mse" or (isinstance(self.loss, SquaredError) and self.loss.weighs_alike)

    @property
    def mean_decay(self) -> float:
        """The geometric mean of the layers' weight decays, which a law takes for all of them."""
        return mean_decay(self.weight_decay)

    @property
    def decay_exponent(self) -> float:
        """``λ ∝ θ^this`` for the threshold θ, all layers' decays scaled together (docs/theory §4).

        The threshold grows like κ^{(L+1)/(2L)}, and κ^{L+1} like λ^{L+1}, or λ^L where λ_H is fixed.
        """
        fixed = self.feature_decay is not None or self.networks is not None
        return 2.0 if fixed else 2.0 * self.layers / (self.layers + 1)

    @property
    def samples_exponent(self) -> float:
        """``θ² ∝ N^this``: how the samples that a class needs grow with those there are, as far as that is known."""
        if self.law is not None:
            return 1.0
        return (self.layers + 1) / self.layers if self.feature_decay is not None else 1.0

    @property
    def exponent(self) -> float:
        """``p = 2/(L+1)`` of the Schatten quasi-norm that the decays amount to (docs/theory §4)."""
        return 2.0 / (self.layers + 1)

    def resolved_feature_decay(self, samples: float) -> float:
        """λ_H for N samples: as given or measured, as of `networks`, or ``c λ_1 / N``."""
        if self.feature_decay is not None:
            return self.feature_decay
        if self.networks is not None:
            return self.networks.decay / samples
        return self.feature_ratio * self.weight_decay[0] / samples

    def kappa(self, samples: float) -> float:
        """``κ = (λ_H λ_1 ⋯ λ_L)^{1/(L+1)}`` (docs/theory §4), by logarithms so that tiny decays do not underflow.

        With a law, and another loss than squared error, C/N of the law.
        """
        if self.law is not None and not self.is_plain_squared_error:
            return self.law.pull(self.mean_decay, samples) / samples
        logs = [math.log(decay) for decay in (self.resolved_feature_decay(samples), *self.weight_decay)]
        return math.exp(math.fsum(logs) / (self.layers + 1))

    def decay_of(self, kappa: float, samples: float) -> float:
        """The λ_1 whose κ this is, all layers' decays scaled together, or what a law read off a network says."""
        if self.law is not None and not self.is_plain_squared_error:
            return self.law.decay_of(kappa * samples, samples)
        return self.weight_decay[0] * (kappa / self.kappa(samples)) ** self.decay_exponent

    @property
    def feature_decay_source(self) -> str:
        """Where λ_H comes from: "measured by norms", "given", "of 43 trained networks", or "ratio c = …"."""
        if self.feature_decay is not None:
            return "given" if self.measured is None else f"measured by {self.measured}"
        if self.networks is not None:
            return f"of {self.networks.words}"
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
            "law": None if self.law is None else self.law.to_dict(),
            "networks": None if self.networks is None else self.networks.to_dict(),
            "bias": self.bias,
            "width": self.width,
        }


def _several(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' if number != 1 else ''}"


def _checked_bias(bias: object) -> Bias:
    if isinstance(bias, str) and bias in ("free", "none"):
        return bias
    if isinstance(bias, str) or bias is None:
        raise ProblemError(f"unknown bias {bias!r}: give 'free', 'none' or its decay, a positive number")
    return positive(bias, "the decay of the bias")
