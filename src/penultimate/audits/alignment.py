"""A trained last layer in the coordinates of the label matrix: how near it is to the geometry of the theory.

With class means h̄_k, global mean h_G, linear layers W = W_L ⋯ W_1 and the singular value decomposition U diag(σ) Vᵀ of
the label matrix (docs/theory §6):

    P = Uᵀ W   (rows p_i),        Q = (H̄ − h_G 1ᵀ) D V   (columns q_i),        T = P Q.

The model says that PPᵀ, QᵀQ and T are diagonal, that p_i is parallel to q_i, and that the rows and columns of the
directions that weight decay kills are zero. *T alone is weak evidence*: any network that fits its labels has
T ≈ diag σ. Nothing of size K × K is formed: ``‖PPᵀ‖ = ‖PᵀP‖`` and ``‖T‖`` need d × d arrays.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from penultimate.audits.budgets import Budget, direction_budget, row_dots
from penultimate.audits.last_layer import LastLayer
from penultimate.features.blocks import over_blocks
from penultimate.reported import OneLine
from penultimate.spectrum.grouped_svd import GroupedSVD

# Above this many directions only the leading ones are looked at, so that no K × K array is needed.
_DENSE_DIRECTIONS = 4096
_LEADING_DIRECTIONS = 512


@dataclass(frozen=True, repr=False)
class Alignment(OneLine):
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
    >>> from penultimate.audits.alignment import align
    >>> from penultimate.audits.last_layer import LastLayer
    >>> from penultimate.features.head import Head
    >>> forecast = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-2, feature_ratio=1)
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

    strength = averaged(row_dots(head, means))
    head_square, mean_square = averaged(row_dots(head, head)), averaged(row_dots(means, means))
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
        budget=Budget.unknown(size.size) if decay is None else direction_budget(layer, svd, decay, entry, head, means),
        directions=count,
    )


def leading_directions(svd: GroupedSVD) -> Int[np.ndarray, " r"]:
    """Index of the distinct σ of each direction that is looked at: all, or the leading 512 of more than 4,096."""
    count = svd.rank if svd.rank <= _DENSE_DIRECTIONS else _LEADING_DIRECTIONS
    return np.repeat(np.arange(svd.sigma.size), svd.multiplicity)[:count]


def factors(layer: LastLayer, svd: GroupedSVD, count: int) -> tuple[Float[np.ndarray, "r d"], Float[np.ndarray, "r d"]]:
    """P and Qᵀ along the leading directions of the label matrix, one row a direction, each of shape (count, d)."""
    seen, root, middle = layer.counts.values[:, None] > 0, np.sqrt(layer.counts.values)[:, None], layer.global_mean
    head, means = np.empty((count, layer.head.dimension)), np.empty((count, layer.head.dimension))
    # Some columns at a time: the SVD looks at all classes at once.

    def write(columns: slice) -> None:
        scaled = np.where(seen, (layer.means[:, columns] - middle[columns]) * root, 0.0)
        head[:, columns] = svd.project("left", layer.head.columns(columns), count)
        means[:, columns] = svd.project("right", scaled, count)

    over_blocks(layer.head.dimension, layer.head.classes, write)
    return head, means


def off_share(diagonal: Float[np.ndarray, " t"], total: float) -> float:
    """Share of a matrix outside its diagonal, from the squares on it and the sum of all squares."""
    if total <= 0.0:
        return float("nan")
    return float(np.sqrt(max(0.0, 1.0 - float(diagonal.sum()) / total)))
