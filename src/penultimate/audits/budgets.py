"""Where the strength of a trained last layer went: to decay, noise, others, and what training left unsettled.

What direction i lost is how hard the loss still pulls on it, ``γ_i = u_iᵀ R v_i``, R = −N times the gradient of the
data term in A = W(H̄ − h_G 1ᵀ)D. For squared error R = Ŷ − A, so that ``γ_i = σ_i − t_i`` with t_i = T_ii. At a
stationary point of W_L, for any loss (docs/theory §6.1; here in units of strength),

    γ_i  =  N λ_L ‖w_i‖²/t_i  +  N u_iᵀ C p_iᵀ/t_i  −  Σ_{j≠i} R_ij T_ij/t_i  +  (what training left unsettled),

w_i = row i of Uᵀ W_L, C the mean of ``g (h − h̄_k)ᵀ`` (WΣ_W for squared error), R_ij between directions: the shares of
decay, of within-class noise, and of other directions. The same with U, V → I gives it for each class. For squared error
nothing of size K × K is formed: ``Σ_j T_ij² = p_i B p_iᵀ`` needs d × d arrays.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.audits.last_layer import LastLayer
from penultimate.features.blocks import over_blocks
from penultimate.features.metrics.centred import Rows, squares_of
from penultimate.reported import OneLine
from penultimate.spectrum.grouped_svd import GroupedSVD

# A direction with less of its σ than this has no strength to share out.
_NEXT_TO_NOTHING = 1e-3


@dataclass(frozen=True, repr=False)
class Budget(OneLine):
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


def direction_budget(
    layer: LastLayer,
    svd: GroupedSVD,
    decay: float,
    entry: Int[np.ndarray, " r"],
    head: Float[np.ndarray, "r d"],
    means: Float[np.ndarray, "r d"],
) -> Budget:
    """Where the strength of each distinct direction went.

    Parameters
    ----------
    layer : LastLayer
        Means, head, noise, pull.
    svd : GroupedSVD
        Of the label matrix.
    decay : float
        λ_L.
    entry : ndarray of int of shape (r,)
        The distinct σ of each direction looked at.
    head, means : ndarray of shape (r, d)
        P and Qᵀ along them.

    Returns
    -------
    Budget
        Of shape (t,), in units of strength.
    """
    count, size = entry.size, np.bincount(entry)

    def averaged(values: Float[np.ndarray, " r"]) -> Float[np.ndarray, " t"]:
        return np.bincount(entry, weights=values) / size

    strength, target = averaged(row_dots(head, means)), svd.sigma[: size.size]
    lost = target - strength
    if layer.pull is not None:
        if layer.pull.between is None:
            return Budget.unknown(size.size)
        across = svd.project("right", svd.project("left", layer.pull.between, count).T, count)
        lost = averaged(np.diagonal(across))
        target = strength + lost
    # The last of several layers is as wide as what it reads, no more.
    last = head if len(layer.head.weights) == 1 else svd.project("left", _last(layer), count)
    label = svd.sigma[entry] * row_dots(head, means)
    pulled, noise = _pulled(layer, head, label, lambda columns: svd.project("left", columns, count))
    return _budget(
        strength,
        lost,
        averaged(pulled),
        averaged(row_dots(last, last)) * decay * layer.counts.samples,
        None if noise is None else averaged(noise),
        target=target,
    )


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
    counts = layer.counts.values
    own = np.where(counts > 0, counts, np.nan)
    target = np.ones_like(own)
    lost = target - layer.lift
    if layer.pull is not None:
        if layer.pull.between is None:
            return Budget.unknown(own.size)
        lost = np.diagonal(layer.pull.between) / np.sqrt(own)
        target = layer.lift + lost
    last = layer.head if len(layer.head.weights) == 1 else _last(layer)
    pulled, noise = _pulled(layer, layer.head, own * layer.lift, np.asarray)
    return _budget(
        layer.lift,
        lost,
        pulled / own,
        decay * layer.counts.samples * squares_of(last) / own,
        None if noise is None else noise / own,
        target=target,
    )


def _last(layer: LastLayer) -> Float[np.ndarray, "K h"]:
    return np.asarray(layer.head.weights[-1], dtype=np.float64)


def _pulled(
    layer: LastLayer,
    rows: Rows,
    label: Float[np.ndarray, " r"],
    turned: Callable[[Float[np.ndarray, "K d"]], NDArray[np.float64]],
) -> tuple[Float[np.ndarray, " r"], Float[np.ndarray, " r"] | None]:
    """``diag(Uᵀ R Aᵀ U)`` and, if known, ``N diag(Uᵀ C Wᵀ U)``, for rows ``UᵀW`` of the head.

    `label` is ``diag(Uᵀ Ŷ Aᵀ U)``, all of the label that squared error knows; `turned` multiplies by Uᵀ.
    """
    counts, samples = layer.counts.values, layer.counts.samples
    if layer.pull is None or layer.pull.between is None:
        noise = None if layer.noise is None else samples * quadratic(rows, layer.noise)
        return label - quadratic(rows, layer.between), noise
    scaled = layer.centred_means * np.sqrt(counts)[:, None]
    within = layer.pull.within
    every = rows[:]
    noise = None if within is None else samples * row_dots(turned(within), every)
    return row_dots(turned(layer.pull.between @ scaled), every), noise


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
    divisor = np.where(strength > _NEXT_TO_NOTHING * target, strength, np.nan)
    to_decay = decay / divisor
    to_noise = np.full_like(divisor, np.nan) if noise is None else noise / divisor
    settled = pulled / divisor
    return Budget(lost, to_decay, to_noise, lost - settled, settled - to_decay - to_noise)


def row_dots(one: Float[np.ndarray, "r d"], other: Float[np.ndarray, "r d"]) -> Float[np.ndarray, " r"]:
    """Inner products of rows, shape (r,)."""
    return np.einsum("rd,rd->r", one, other)


def quadratic(rows: Rows, form: Float[np.ndarray, "d d"]) -> Float[np.ndarray, " r"]:
    """``xᵀ F x`` of every row x."""
    out = np.empty(rows.shape[0])

    def write(place: slice) -> None:
        some = rows[place]
        out[place] = row_dots(some @ form, some)

    over_blocks(rows.shape[0], rows.shape[1], write)
    return out
