"""The geometry of a minimiser: class means, head, bias, logits, their norms, angles and margins, in O(K) memory.

A minimiser is fixed by the singular values of its factors along the directions of the label matrix (docs/theory §4),

    W_L ⋯ W_1 = U diag(w_L ⋯ w_1) Rᵀ,      H̄ D = R diag(h) Vᵀ,

up to orthonormal bases (R, and one between any two layers) that no loss can see.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from penultimate.counts import ClassCounts
from penultimate.errors import ProblemError
from penultimate.model.grouped_matrix import GroupedMatrix, per_class
from penultimate.reported import OneLine
from penultimate.spectrum.grouped_svd import GroupedSVD, UnseenRows
from penultimate.spectrum.quotient import Side


@dataclass(frozen=True, eq=False, repr=False)
class Factors(OneLine):
    """Explicit matrices of one minimiser, in PyTorch's shapes: ``logits = means @ W_1.T @ … @ W_L.T + bias``.

    Attributes
    ----------
    weights : tuple of ndarray
        ``W_1 … W_L``, shapes (d, d) but for the last one's (K, d).
    means : ndarray of shape (K, d)
        Class means, one row a class; NaN for classes without samples.
    bias : ndarray of shape (K,)
        Zero without a bias.

    Examples
    --------
    >>> import penultimate as pen
    >>> factors = pen.forecast(pen.ClassCounts([60, 30, 10]), layers=2, feature_ratio=1).geometry.factors(d=4)
    >>> [weight.shape for weight in factors.weights], factors.logits.argmax(axis=1)
    ([(4, 4), (3, 4)], array([0, 1, 2]))
    """

    weights: tuple[Float[np.ndarray, "_out d"], ...]
    means: Float[np.ndarray, "K d"]
    bias: Float[np.ndarray, " K"]

    @property
    def product(self) -> Float[np.ndarray, "K d"]:
        """``W_L ⋯ W_1``."""
        out = self.weights[0]
        for weight in self.weights[1:]:
            out = weight @ out
        return out

    @property
    def logits(self) -> Float[np.ndarray, "K K"]:
        """Outputs for the class means: row = class of the sample, column = output."""
        return self.means @ self.product.T + self.bias


@dataclass(frozen=True, eq=False, repr=False)
class Geometry(OneLine):
    """Class means, head and bias of a minimiser, as operators over the classes.

    Parameters
    ----------
    svd : GroupedSVD
        The directions: U on the side of the head, V on the side of the class means.
    layers : tuple of ndarray of shape (t,)
        Singular values of ``W_1 … W_L`` along each distinct direction.
    features : ndarray of shape (t,)
        Singular values of ``H̄ D``.
    share : ndarray of shape (t,)
        Which part of the directions of equal σ is present: 1, or less where the width allows only some of them; every
        choice is then a minimiser and the figures here are averages over the choices.
    group_bias : ndarray of shape (m,)
        Bias of each group's classes.
    centred : bool, default True
        Whether a bias takes the global mean out of what the features have to say.
    unseen_bias : float or ndarray of shape (u,), default 0
        Bias of classes without samples, one for all or one each; −∞ where a softmax would drive it there.

    Examples
    --------
    >>> import penultimate as pen
    >>> geometry = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-3, feature_ratio=1).geometry
    >>> geometry.mean_norms.round(2)
    array([0.64, 1.18, 1.83])
    >>> geometry.factors(d=4, seed=0).means.shape
    (3, 4)
    """

    svd: GroupedSVD
    layers: tuple[Float[np.ndarray, " t"], ...]
    features: Float[np.ndarray, " t"]
    share: Float[np.ndarray, " t"]
    group_bias: Float[np.ndarray, " m"]
    centred: bool = True
    unseen_bias: float | Float[np.ndarray, " u"] = 0.0

    @property
    def counts(self) -> ClassCounts:
        """The class counts."""
        return self.svd.counts

    @cached_property
    def strength(self) -> Float[np.ndarray, " t"]:
        """x, the singular values of ``W_L ⋯ W_1 H̄ D`` along each distinct direction, shape (t,)."""
        return np.prod([*self.layers, self.features], axis=0)

    @cached_property
    def bias(self) -> Float[np.ndarray, " K"]:
        """Bias of every output, shape (K,).

        For classes without samples zero (n/N of theirs); with a softmax and a free bias −∞, for nothing holds them up.
        """
        out = np.append(self.group_bias, np.nan)[self.counts.group]
        out[self.counts.unseen] = self.unseen_bias
        return out

    @cached_property
    def unseen_norms(self) -> Float[np.ndarray, " u"]:
        """Norm of the row of ``W_L`` of every class without samples, in their order: all that are alike share one.

        Zero with squared error, and with a softmax and a free bias.
        """
        if self.svd.unseen is None:
            return np.zeros(self.counts.unseen.size)
        squares = (self.layers[-1] ** 2 * self.share)[self.svd.mixed_index]
        return np.sqrt(self.svd.unseen.left**2 @ squares)[self.svd.unseen.of]

    @cached_property
    def mean_gram(self) -> GroupedMatrix:
        """Inner products of the class means, K × K on request."""
        return self._gram(self.features**2, "right", "right", scale=1.0 / np.sqrt(self.counts.distinct))

    @cached_property
    def head_gram(self) -> GroupedMatrix:
        """Inner products of the rows of ``W_L``, K × K on request."""
        return self._gram(self.layers[-1] ** 2, "left", "left")

    @cached_property
    def product_gram(self) -> GroupedMatrix:
        """Inner products of the rows of ``W_L ⋯ W_1``, K × K on request; for one layer the same as `head_gram`."""
        return self._gram(np.prod(self.layers, axis=0) ** 2, "left", "left")

    @cached_property
    def logits(self) -> GroupedMatrix:
        """Output j for the mean of class k at (j, k), *without* the bias; K × K on request."""
        logits = self._gram(self.strength, "left", "right")
        return GroupedMatrix(
            self.counts, logits.inside, logits.quotient, logits.row_scale, 1.0 / np.sqrt(self.counts.distinct)
        )

    @cached_property
    def group_mean_norms(self) -> Float[np.ndarray, " m"]:
        """Norm of the class mean of each group's classes, shape (m,)."""
        return np.sqrt(np.maximum(self.mean_gram.group_diagonal, 0.0))

    @cached_property
    def group_head_norms(self) -> Float[np.ndarray, " m"]:
        """Norm of the head's row of each group's classes, shape (m,)."""
        return np.sqrt(np.maximum(self.head_gram.group_diagonal, 0.0))

    @cached_property
    def group_product_norms(self) -> Float[np.ndarray, " m"]:
        """Norm of the row of ``W_L ⋯ W_1`` of each group's classes, shape (m,)."""
        return np.sqrt(np.maximum(self.product_gram.group_diagonal, 0.0))

    @cached_property
    def group_margins(self) -> Float[np.ndarray, " m"]:
        """Own output minus the largest other one, bias included, for each group's class means, shape (m,)."""
        margins = self.logits.margins(self.group_bias)
        if self.svd.unseen is None:
            return margins
        return np.minimum(margins, self.logits.group_diagonal + self.group_bias - self._largest_unseen(self.svd.unseen))

    def _largest_unseen(self, unseen: UnseenRows) -> Float[np.ndarray, " m"]:
        """The largest output of a class without samples, bias included, for each group's class means."""
        values = (self.strength * self.share)[self.svd.mixed_index]
        scale = 1.0 / np.sqrt(self.counts.distinct * self.counts.multiplicity)
        bias = np.zeros(unseen.left.shape[0])
        bias[unseen.of] = self.unseen_bias
        rows = zip(unseen.left, bias, strict=True)
        return np.max([scale * self.svd.quotient.apply("right", row * values) + b for row, b in rows], axis=0)

    @cached_property
    def group_retained(self) -> Float[np.ndarray, " m"]:
        """Share of each group's classes' own direction that survives, shape (m,): see `retained`."""
        alive = (self.strength > 0) * self.share
        every = np.ones_like(self.share)
        own = self._gram(alive, "right", "right", share=every).group_diagonal
        if not self.centred:
            # Where one direction is missing (a softmax does not see all), nobody can have it.
            missing = self.svd.rank < self.counts.seen
            whole = self._gram(every, "right", "right", share=every).group_diagonal if missing else 1.0
            return np.clip(own / whole, 0.0, 1.0)
        counts, quotient = self.counts, self.svd.quotient
        u = np.sqrt(counts.distinct / counts.samples)
        along_u = alive[self.svd.mixed_index] * quotient.apply_transpose("right", u * np.sqrt(counts.multiplicity))
        projected_u = quotient.apply("right", along_u) / np.sqrt(counts.multiplicity)
        own = own - 2.0 * u * projected_u + u**2 * np.sum(counts.multiplicity * u * projected_u)
        return np.clip(own / (1.0 - u**2), 0.0, 1.0)

    @cached_property
    def group_nearest(self) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
        """Each group's nearest group by the cosine of class means, and that cosine, shapes (m,); −1, NaN if none."""
        return self.mean_gram.nearest()

    @property
    def mean_norms(self) -> Float[np.ndarray, " K"]:
        """Norm of every class mean, shape (K,); NaN for classes without samples."""
        return per_class(self.counts, self.group_mean_norms)

    @property
    def head_norms(self) -> Float[np.ndarray, " K"]:
        """Norm of every row of the head ``W_L``, shape (K,); NaN for classes without samples."""
        return per_class(self.counts, self.group_head_norms)

    @property
    def margins(self) -> Float[np.ndarray, " K"]:
        """Own output minus the largest other one, bias included, for every class mean; NaN without samples."""
        return per_class(self.counts, self.group_margins)

    @property
    def retained(self) -> Float[np.ndarray, " K"]:
        """Share of each class's own direction that survives, shape (K,); NaN for classes without samples.

        ``‖P a‖²/‖a‖²`` with P the projector on the surviving right vectors and a the class's own direction: its unit
        vector e_k, with a bias less its part along ``u = √n/√N``. With a free bias ``Σ_{i alive} V_ik²/(1 − n_k/N)``.
        """
        return per_class(self.counts, self.group_retained)

    def nearest(
        self, classes: Int[np.ndarray, " b"] | None = None
    ) -> tuple[Int[np.ndarray, " b"], Float[np.ndarray, " b"]]:
        """For each class the class whose mean makes the smallest angle with its own, and the cosine.

        Parameters
        ----------
        classes : ndarray of int of shape (b,), optional
            All classes by default.

        Returns
        -------
        neighbour : ndarray of int of shape (b,)
            −1 for a class without samples or with a mean of zero; where classes of equal count tie, the first.
        cosine : ndarray of shape (b,)
            NaN where there is no neighbour.
        """
        classes = np.arange(self.counts.classes) if classes is None else np.asarray(classes, dtype=np.int64)
        nearest, cosine = self.group_nearest
        group = self.counts.group[classes]
        first, second = self.counts.representatives.T
        neighbour = np.append(np.where(nearest >= 0, first[nearest], -1), -1)[group]
        itself = neighbour == classes
        neighbour[itself] = second[group[itself]]
        return neighbour, np.append(cosine, np.nan)[group]

    def factors(self, d: int, seed: int = 0) -> Factors:
        """Explicit matrices of one minimiser; the freedom that the model leaves is drawn from the seed.

        Parameters
        ----------
        d : int
            Width of the features and of every hidden layer; at least the number of surviving directions.
        seed : int, default 0
            For the orthonormal bases between the layers, and for which of several equally good directions survive.

        Returns
        -------
        Factors

        Raises
        ------
        ProblemError
            If d is below the number of surviving directions.

        Examples
        --------
        >>> import numpy as np, penultimate as pen
        >>> geometry = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-3, feature_ratio=1).geometry
        >>> factors = geometry.factors(d=5)
        >>> np.allclose((factors.means @ factors.product.T).T, geometry.logits.dense())
        True
        """
        rng = np.random.default_rng(seed)
        left, right, index = self._surviving_vectors(rng)
        if d < index.size:
            raise ProblemError(f"d = {d} cannot hold {index.size} surviving directions: give d >= {index.size}")
        bases = [_orthonormal(d, index.size, rng) for _ in self.layers]
        means = np.full((self.counts.classes, d), np.nan)
        seen = self.counts.group >= 0
        root = np.sqrt(self.counts.values[seen])[:, None]
        means[seen] = (right[seen] * self.features[index]) @ bases[0].T / root
        outputs = [*bases[1:], left]
        weights = tuple(
            (output * values[index]) @ basis.T
            for output, values, basis in zip(outputs, self.layers, bases, strict=True)
        )
        return Factors(weights, means, self.bias)

    def _surviving_vectors(
        self, rng: np.random.Generator
    ) -> tuple[Float[np.ndarray, "K r"], Float[np.ndarray, "K r"], Int[np.ndarray, " r"]]:
        """Left and right vectors of the surviving directions, and the distinct direction that each belongs to."""
        starts = np.cumsum(self.svd.multiplicity) - self.svd.multiplicity
        survivors = np.rint(self.share * self.svd.multiplicity).astype(np.int64) * (self.strength > 0)
        left: list[Float[np.ndarray, "K _r"]] = [np.empty((self.counts.classes, 0))]
        right: list[Float[np.ndarray, "K _r"]] = [np.empty((self.counts.classes, 0))]
        for i in np.flatnonzero(survivors):
            size = int(self.svd.multiplicity[i])
            columns = starts[i] + np.arange(size)
            turn = np.eye(size) if survivors[i] == size else _orthonormal(size, int(survivors[i]), rng)
            left.append(self.svd.vectors("left", columns) @ turn)
            right.append(self.svd.vectors("right", columns) @ turn)
        return np.hstack(left), np.hstack(right), np.repeat(np.arange(survivors.size), survivors)

    def _gram(
        self,
        values: Float[np.ndarray, " t"],
        rows: Side,
        columns: Side,
        *,
        scale: Float[np.ndarray, " m"] | None = None,
        share: Float[np.ndarray, " t"] | None = None,
    ) -> GroupedMatrix:
        """``Σ_i share_i values_i a_i b_iᵀ`` over all directions, rows and columns scaled alike."""
        values = values * (self.share if share is None else share)
        inside = np.where(self.svd.inside_index >= 0, values[self.svd.inside_index], 0.0)
        quotient = self.svd.quotient.gram(values[self.svd.mixed_index], rows, columns)
        scale = np.ones(self.counts.distinct.size) if scale is None else scale
        return GroupedMatrix(self.counts, inside, quotient, scale, scale)


def _orthonormal(rows: int, columns: int, rng: np.random.Generator) -> Float[np.ndarray, "rows columns"]:
    """Draw a uniformly distributed matrix with orthonormal columns."""
    q, r = np.linalg.qr(rng.standard_normal((rows, columns)))
    return q * np.sign(np.diagonal(r))
