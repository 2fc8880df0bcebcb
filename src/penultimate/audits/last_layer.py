"""A trained last layer as the model sees it: class means, linear layers, noise, and how hard its loss still pulls."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.errors import FeaturesError
from penultimate.features.blocks import over_blocks
from penultimate.features.head import Head
from penultimate.features.metrics.centred import ClassRows
from penultimate.features.moments import mean_of
from penultimate.reported import OneLine


@dataclass(frozen=True, repr=False)
class Pull(OneLine):
    """How hard a loss still pulls on a last layer.

    Attributes
    ----------
    between : ndarray of shape (K, K) or None
        R: −N times the gradient of the data term in A, residuals averaged over the samples of each class (a column);
        None if it was not summed.
    within : ndarray of shape (K, d) or None
        C: mean of ``g (h − h̄_k)ᵀ`` over the samples of training; None if only other samples are known.
    """

    between: Float[np.ndarray, "K K"] | None
    within: Float[np.ndarray, "K d"] | None


@dataclass(frozen=True, repr=False)
class LastLayer(OneLine):
    """What a trained network's last layer is made of, for the model's eyes.

    Attributes
    ----------
    counts : ClassCounts
        Samples of each class *in training*: they make D and the global mean.
    means : ndarray of shape (K, d)
        Class means; NaN for classes without samples.
    head : Head
        Linear layers and bias.
    noise : ndarray of shape (d, d) or None
        Σ_W, the within-class covariance of the training samples; None if only other samples are known.
    centred : bool
        Whether a bias takes the global mean out.
    pull : Pull or None
        What another loss than squared error asks of it; None for squared error, whose pull follows from the rest.
    """

    counts: ClassCounts
    means: Float[np.ndarray, "K d"]
    head: Head
    noise: Float[np.ndarray, "d d"] | None
    centred: bool = True
    pull: "Pull | None" = None

    def __post_init__(self) -> None:
        missing = np.flatnonzero((self.counts.values > 0) & np.isnan(self.means[:, 0]))
        if missing.size:
            raise FeaturesError(
                f"class {self.counts.names[int(missing[0])]!r} has training samples but no features "
                f"({missing.size} such classes): give features of every class, or counts of those there are"
            )

    @cached_property
    def global_mean(self) -> Float[np.ndarray, " d"]:
        """h_G as training saw it, shape (d,); zero without a bias, where nothing takes it out."""
        if not self.centred:
            return np.zeros(int(self.means.shape[1]))
        return mean_of(self.means, self.counts.values)

    @cached_property
    def rows(self) -> ClassRows:
        """H̄ − h_G, one row for each class with training samples, made when read."""
        return ClassRows(self.means, self.global_mean, np.flatnonzero(self.counts.values > 0))

    @property
    def centred_means(self) -> Float[np.ndarray, "K d"]:
        """H̄ − h_G, one row a class, shape (K, d); zero for classes without training samples."""
        return np.where(self.counts.values[:, None] > 0, self.means - self.global_mean, 0.0)

    @cached_property
    def between(self) -> Float[np.ndarray, "d d"]:
        """B = ``Σ_k n_k (h̄_k − h_G)(…)ᵀ``, shape (d, d)."""
        return self.rows.scatter(self.counts.values[self.rows.classes])

    @cached_property
    def bias(self) -> Float[np.ndarray, " K"]:
        """``b + W h_G``, the bias that is left when features are centred, shape (K,)."""
        out = self.head.offset.copy()

        def add(place: slice) -> None:
            out[place] += self.head[place] @ self.global_mean

        over_blocks(*self.head.shape, add)
        return out

    @cached_property
    def bias_error(self) -> float:
        """Largest ``|b + W h_G − n/N|``, which squared error with a free bias makes zero; NaN without a bias."""
        if not self.centred:
            return float("nan")
        return float(np.abs(self.bias - self.counts.values / self.counts.samples).max())

    @cached_property
    def lift(self) -> Float[np.ndarray, " K"]:
        """``⟨w_k, h̄_k − h_G⟩``: what a class's mean adds to its own logit, shape (K,); NaN for unseen classes."""
        return self.rows.per_class(self.rows.beside(self.rows.of(self.head)))

    def imbalance_of_layers(self, decays: Sequence[float]) -> tuple[float, ...]:
        """``‖λ_{l+1} W_{l+1}ᵀW_{l+1} − λ_l W_l W_lᵀ‖ / ‖λ_l W_l W_lᵀ‖``, L − 1 numbers; a minimiser has zeros."""
        out: list[float] = []
        pairs = zip(self.head.weights[:-1], self.head.weights[1:], decays[:-1], decays[1:], strict=True)
        for below, above, lower, upper in pairs:
            ours = lower * np.asarray(below, dtype=np.float64) @ np.asarray(below, dtype=np.float64).T
            theirs = upper * np.asarray(above, dtype=np.float64).T @ np.asarray(above, dtype=np.float64)
            out.append(float(np.linalg.norm(theirs - ours) / np.linalg.norm(ours)))
        return tuple(out)
