"""A trained last layer in the coordinates of the label matrix: how near it is to the geometry of the theory.

With class means h̄_k, global mean h_G, linear layers W = W_L ⋯ W_1 and the singular value decomposition U diag(σ) Vᵀ of
the label matrix (docs/theory §6):

    P = Uᵀ W   (rows p_i),        Q = (H̄ − h_G 1ᵀ) D V   (columns q_i),        T = P Q.

The model says that PPᵀ, QᵀQ and T are diagonal, that p_i is parallel to q_i, and that the rows and columns of the
directions that weight decay kills are zero. *T alone is weak evidence*: any network that fits its labels has
T ≈ diag σ.

What direction i lost is how hard the loss still pulls on it, ``γ_i = u_iᵀ R v_i``, R = −N times the gradient of the
data term in A = W(H̄ − h_G 1ᵀ)D. For squared error R = Ŷ − A, so that ``γ_i = σ_i − t_i`` with t_i = T_ii. At a
stationary point of W_L, for any loss (docs/theory §6.1; here in units of strength),

    γ_i  =  N λ_L ‖w_i‖²/t_i  +  N u_iᵀ C p_iᵀ/t_i  −  Σ_{j≠i} R_ij T_ij/t_i  +  (what training left unsettled),

w_i = row i of Uᵀ W_L, C the mean of ``g (h − h̄_k)ᵀ`` (WΣ_W for squared error), R_ij between directions: the shares of
decay, of within-class noise, and of other directions. The same with U, V → I gives it for each class. For squared error
nothing of size K × K is formed: ``Σ_j T_ij² = p_i B p_iᵀ`` and ``‖PPᵀ‖ = ‖PᵀP‖`` need d × d arrays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.counts import ClassCounts
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.statistics import mean_of
from penultimate.spectrum.grouped_svd import GroupedSVD

# Above this many directions only the leading ones are looked at, so that no K × K array is needed.
_DENSE_DIRECTIONS = 4096
_LEADING_DIRECTIONS = 512
# A direction with less of its σ than this has no strength to share out.
_DEAD = 1e-3


@dataclass(frozen=True)
class Pull:
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


@dataclass(frozen=True)
class LastLayer:
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
        missing = np.flatnonzero((self.counts.values > 0) & np.isnan(self.means).any(axis=1))
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
    def centred_means(self) -> Float[np.ndarray, "K d"]:
        """H̄ − h_G, one row a class, shape (K, d); zero for classes without training samples."""
        return np.where(self.counts.values[:, None] > 0, self.means - self.global_mean, 0.0)

    @cached_property
    def between(self) -> Float[np.ndarray, "d d"]:
        """B = ``Σ_k n_k (h̄_k − h_G)(…)ᵀ``, shape (d, d)."""
        weighted = self.centred_means * np.sqrt(self.counts.values)[:, None]
        return weighted.T @ weighted

    @property
    def bias(self) -> Float[np.ndarray, " K"]:
        """``b + W h_G``, the bias that is left when features are centred, shape (K,)."""
        return self.head.offset + self.head.product @ self.global_mean

    @cached_property
    def bias_error(self) -> float:
        """Largest ``|b + W h_G − n/N|``, which squared error with a free bias makes zero; NaN without a bias."""
        if not self.centred:
            return float("nan")
        return float(np.abs(self.bias - self.counts.values / self.counts.samples).max())

    @cached_property
    def lift(self) -> Float[np.ndarray, " K"]:
        """``⟨w_k, h̄_k − h_G⟩``: what a class's mean adds to its own logit, shape (K,); NaN for unseen classes."""
        lift = np.einsum("kd,kd->k", self.head.product, self.centred_means)
        return np.where(self.counts.values > 0, lift, np.nan)

    def imbalance_of_layers(self, decays: Sequence[float]) -> tuple[float, ...]:
        """``‖λ_{l+1} W_{l+1}ᵀW_{l+1} − λ_l W_l W_lᵀ‖ / ‖λ_l W_l W_lᵀ‖``, L − 1 numbers; a minimiser has zeros."""
        out: list[float] = []
        pairs = zip(self.head.layers[:-1], self.head.layers[1:], decays[:-1], decays[1:], strict=True)
        for below, above, lower, upper in pairs:
            ours = lower * np.asarray(below, dtype=np.float64) @ np.asarray(below, dtype=np.float64).T
            theirs = upper * np.asarray(above, dtype=np.float64).T @ np.asarray(above, dtype=np.float64)
            out.append(float(np.linalg.norm(theirs - ours) / np.linalg.norm(ours)))
        return tuple(out)


@dataclass(frozen=True)
class Budget:
    """Where strength went, in units of strength: of each direction, or of each class's own logit.

    Attributes
    ----------
    lost : ndarray
        How hard the loss still pulls: the sum of the others. For squared error what is missing to σ (or to a logit of
        1); for another loss N times its slope along the direction (or the mean residual of the class's own output).
    decay, noise, mixing, unsettled : ndarray
        Lost to weight decay, to within-class noise, to other directions (or classes), and what does not add up because
        training stopped before the head was stationary. NaN where there is no strength to speak of, and (noise and
        unsettled) where the noise of the training samples is not known. For losses other than squared error all are NaN
        above 4,096 classes.
    """

    lost: Float[np.ndarray, "..."]
    decay: Float[np.ndarray, "..."]
    noise: Float[np.ndarray, "..."]
    mixing: Float[np.ndarray, "..."]
    unsettled: Float[np.ndarray, "..."]

    @classmethod
    def unknown(cls, size: int) -> "Budget":
        """That of so many directions or classes of which nothing is known."""
        nothing = np.full(size, np.nan)
        return cls(nothing, nothing, nothing, nothing, nothing)


@dataclass(frozen=True)
class Alignment:
    """A last layer along the directions of the label matrix; directions of equal σ are one entry.

    Attributes
    ----------
    sigma : ndarray of shape (t,)
        Distinct singular values of the label matrix, largest first.
    multiplicity : ndarray of shape (t,)
        Directions that share each.
    strength : ndarray of shape (t,)
        Measured: mean of T_ii over these directions.
    cosine : ndarray of shape (t,)
        Between p_i and q_i (for several directions: of the two blocks as vectors, the same in every basis).
    head_norm, mean_norm : ndarray of shape (t,)
        Root mean square of ‖p_i‖ and of ‖q_i‖.
    off_diagonal_share, head_off_diagonal_share, means_off_diagonal_share : float
        ``‖M − diag M‖_F/‖M‖_F`` for M = T, PPᵀ, QᵀQ; within directions of equal σ "diagonal" means a multiple of 1.
    budget : Budget
        Where the strength of each entry went, shape (t,).
    directions : int
        How many directions were looked at: all, or the leading ones where there are very many.
    """

    sigma: Float[np.ndarray, " t"]
    multiplicity: Int[np.ndarray, " t"]
    strength: Float[np.ndarray, " t"]
    cosine: Float[np.ndarray, " t"]
    head_norm: Float[np.ndarray, " t"]
    mean_norm: Float[np.ndarray, " t"]
    off_diagonal_share: float
    head_off_diagonal_share: float
    means_off_diagonal_share: float
    budget: Budget
    directions: int


def align(layer: LastLayer, svd: GroupedSVD, decay: float | None) -> Alignment:
    """Measure a last layer along the directions of the label matrix.

    Parameters
    ----------
    layer : LastLayer
        Means, head, noise.
    svd : GroupedSVD
        Of the label matrix of the same counts.
    decay : float or None
        λ_L, for the budget; None leaves the budget out.

    Returns
    -------
    Alignment

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> from penultimate.alignment import LastLayer, align
    >>> from penultimate.features.head import Head
    >>> forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-2)
    >>> ideal = forecast.geometry.factors(d=4)
    >>> layer = LastLayer(forecast.counts, ideal.means, Head(ideal.weights, ideal.bias), np.zeros((4, 4)))
    >>> alignment = align(layer, forecast.geometry.svd, 1e-2)
    >>> np.allclose(alignment.strength, forecast.solution.strength), alignment.cosine.round(9)
    (True, array([1., 1.]))
    """
    entry = leading_directions(svd)
    count, size = entry.size, np.bincount(entry)
    head, means = factors(layer, svd, count)

    def averaged(values: Float[np.ndarray, " r"]) -> Float[np.ndarray, " t"]:
        return np.bincount(entry, weights=values) / size

    strength = averaged(_row_dots(head, means))
    head_square, mean_square = averaged(_row_dots(head, head)), averaged(_row_dots(means, means))
    head_gram, mean_gram = head.T @ head, means.T @ means
    sigma = svd.sigma[: size.size]
    both = np.sqrt(head_square * mean_square)
    return Alignment(
        sigma=sigma,
        multiplicity=size,
        strength=strength,
        cosine=np.divide(strength, both, out=np.full(size.size, np.nan), where=both > 0),
        head_norm=np.sqrt(head_square),
        mean_norm=np.sqrt(mean_square),
        off_diagonal_share=off_share(size * strength**2, float(np.sum(head_gram * mean_gram))),
        head_off_diagonal_share=off_share(size * head_square**2, float(np.sum(head_gram**2))),
        means_off_diagonal_share=off_share(size * mean_square**2, float(np.sum(mean_gram**2))),
        budget=Budget.unknown(size.size) if decay is None else _direction_budget(layer, svd, decay, head, means),
        directions=count,
    )


def _direction_budget(
    layer: LastLayer, svd: GroupedSVD, decay: float, head: Float[np.ndarray, "r d"], means: Float[np.ndarray, "r d"]
) -> Budget:
    """Where the strength of each distinct direction went, shape (t,)."""
    entry = leading_directions(svd)
    count, size = entry.size, np.bincount(entry)

    def averaged(values: Float[np.ndarray, " r"]) -> Float[np.ndarray, " t"]:
        return np.bincount(entry, weights=values) / size

    strength, target = averaged(_row_dots(head, means)), svd.sigma[: size.size]
    lost = target - strength
    if layer.pull is not None:
        if layer.pull.between is None:
            return Budget.unknown(size.size)
        across = svd.project("right", svd.project("left", layer.pull.between, count).T, count)
        lost = averaged(np.diagonal(across))
        target = strength + lost
    last = svd.project("left", np.asarray(layer.head.layers[-1], dtype=np.float64), count)
    label = svd.sigma[entry] * _row_dots(head, means)
    pulled, noise = _pulled(layer, head, label, lambda columns: svd.project("left", columns, count))
    return _budget(
        strength,
        lost,
        averaged(pulled),
        averaged(_row_dots(last, last)) * decay * layer.counts.samples,
        None if noise is None else averaged(noise),
        target=target,
    )


def leading_directions(svd: GroupedSVD) -> Int[np.ndarray, " r"]:
    """Index of the distinct σ of each direction that is looked at: all, or the leading 512 of more than 4,096."""
    count = svd.rank if svd.rank <= _DENSE_DIRECTIONS else _LEADING_DIRECTIONS
    return np.repeat(np.arange(svd.sigma.size), svd.multiplicity)[:count]


def factors(layer: LastLayer, svd: GroupedSVD, count: int) -> tuple[Float[np.ndarray, "r d"], Float[np.ndarray, "r d"]]:
    """P and Qᵀ along the leading directions of the label matrix, one row a direction, each of shape (count, d)."""
    scaled = layer.centred_means * np.sqrt(layer.counts.values)[:, None]
    return svd.project("left", layer.head.product, count), svd.project("right", scaled, count)


def class_budget(layer: LastLayer, decay: float) -> Budget:
    """Where the logit of each class went, shape (K,): for squared error ``1 − z_k``, z_k its `LastLayer.lift`.

    Parameters
    ----------
    layer : LastLayer
        Means, head, noise.
    decay : float
        λ_L.

    Returns
    -------
    Budget
        In units of the class's own logit, of which an unregularised fit of squared error has 1 with the bias; for
        another loss `lost` is minus the mean slope in it, for cross-entropy the mean probability that is missing.
    """
    counts, product = layer.counts.values, layer.head.product
    own = np.where(counts > 0, counts, np.nan)
    target = np.ones_like(own)
    lost = target - layer.lift
    if layer.pull is not None:
        if layer.pull.between is None:
            return Budget.unknown(own.size)
        lost = np.diagonal(layer.pull.between) / np.sqrt(own)
        target = layer.lift + lost
    last = np.asarray(layer.head.layers[-1], dtype=np.float64)
    pulled, noise = _pulled(layer, product, own * layer.lift, np.asarray)
    return _budget(
        layer.lift,
        lost,
        pulled / own,
        decay * layer.counts.samples * _row_dots(last, last) / own,
        None if noise is None else noise / own,
        target=target,
    )


def _pulled(
    layer: LastLayer,
    rows: Float[np.ndarray, "r d"],
    label: Float[np.ndarray, " r"],
    turned: Callable[[Float[np.ndarray, "K d"]], NDArray[np.float64]],
) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, " r"] | None]:
    """``diag(Uᵀ R Aᵀ U)`` and, if known, ``N diag(Uᵀ C Wᵀ U)``, for rows ``UᵀW`` of the head.

    `label` is ``diag(Uᵀ Ŷ Aᵀ U)``, all of the label that squared error knows; `turned` multiplies by Uᵀ.
    """
    counts, samples = layer.counts.values, layer.counts.samples
    if layer.pull is None or layer.pull.between is None:
        noise = None if layer.noise is None else samples * _quadratic(rows, layer.noise)
        return label - _quadratic(rows, layer.between), noise
    scaled = layer.centred_means * np.sqrt(counts)[:, None]
    within = layer.pull.within
    noise = None if within is None else samples * _row_dots(turned(within), rows)
    return _row_dots(turned(layer.pull.between @ scaled), rows), noise


def _budget(
    strength: Float[np.ndarray, " t"],
    lost: Float[np.ndarray, " t"],
    pulled: Float[np.ndarray, " t"],
    decay: Float[np.ndarray, " t"],
    noise: Float[np.ndarray, " t"] | None,
    *,
    target: Float[np.ndarray, " t"],
) -> Budget:
    """Divide all by strength; where there is next to none, a share of it means nothing."""
    divisor = np.where(strength > _DEAD * target, strength, np.nan)
    to_decay = decay / divisor
    to_noise = np.full_like(divisor, np.nan) if noise is None else noise / divisor
    settled = pulled / divisor
    return Budget(lost, to_decay, to_noise, lost - settled, settled - to_decay - to_noise)


def off_share(diagonal: Float[np.ndarray, " t"], total: float) -> float:
    """Share of a matrix outside its diagonal, from the squares on it and the sum of all squares."""
    if total <= 0.0:
        return float("nan")
    return float(np.sqrt(max(0.0, 1.0 - float(diagonal.sum()) / total)))


def _row_dots(one: Float[np.ndarray, "r d"], other: Float[np.ndarray, "r d"]) -> Float[np.ndarray, " r"]:
    return np.einsum("rd,rd->r", one, other)


def _quadratic(rows: Float[np.ndarray, "r d"], form: Float[np.ndarray, "d d"]) -> Float[np.ndarray, " r"]:
    return _row_dots(rows @ form, rows)
