"""The law of a ridge head's scores: their mean and covariance for every class and sample, before any head is fitted.

The mathematics is docs/theory §9. In words: a head fitted on few samples is a mean head, a ridge head of shrunk class
weights, and noise; *the noise is the sum of what the mean head leaves of every class, each with its own weight.*
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular

from penultimate.equivalents.fixed_point import positive_fixed_point
from penultimate.equivalents.population import Population
from penultimate.equivalents.products import congruent, quadratic_forms
from penultimate.equivalents.read_out import class_means, first_places, gaussian_confusion, roots
from penultimate.equivalents.weights import positive, weights_by_class
from penultimate.errors import FeaturesError, ProblemError
from penultimate.features.arrays import as_features, as_labels

# Rows of features whose quadratic forms are made at once.
_ROWS = 4096


class Scores(NamedTuple):
    """Mean and covariance of the scores of each class."""

    mean: Float[np.ndarray, "K c"]
    covariance: Float[np.ndarray, "K c c"]


class ScoreLaw:
    """What a ridge head does that is fitted on so many random samples of each class.

    The head minimises ``1/(2N) Σ ω_k ‖W h + b − y‖² + (λ/2)‖W‖²``.

    Parameters
    ----------
    population : Population
        Of the samples that the head is fitted on.
    counts : array-like of shape (K,)
        Samples of each class, n_k.
    weight_decay : float
        λ, positive; that of `RidgeHead`.
    class_weight : "balanced" or array-like of shape (K,), optional
        ω_k; "balanced" is N/(K n_k), None is 1.
    bias : bool, default True
        Whether there is a b, which is not held down.

    Raises
    ------
    ProblemError
        When the weight decay is not positive, counts or weights do not fit the classes, or no fixed point is found.

    Attributes
    ----------
    delta : ndarray of shape (K,)
        How much a sample of each class moves the head that is fitted on it: ``tr(C_k Q̄)/N``.
    weight : ndarray of shape (c, d)
        W of the mean head.
    offset : ndarray of shape (c,)
        Its bias; zero without one.

    Notes
    -----
    To leading order in 1/N and 1/d, K fixed (Louart and Couillet 2021, arXiv 2109.02644, made into a risk formula;
    derived in docs/theory §9). On Gaussian mixtures recalls are right to 0.7 points on average, ten samples a class
    or more, and to three points where N ≈ d. Time K d³, memory 16 K d² bytes (`nbytes`).

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> population = pen.equivalents.Population(2 * np.eye(3, 20), np.stack([np.eye(20)] * 3))
    >>> few, many = (pen.equivalents.ScoreLaw(population, [100, 100, n], weight_decay=0.1) for n in (5, 100))
    >>> float(few.class_recalls()[2].round(1)), float(many.class_recalls()[2].round(1))
    (0.0, 0.8)
    """

    def __init__(
        self,
        population: Population,
        counts: object,
        weight_decay: float,
        class_weight: object = None,
        *,
        bias: bool = True,
    ) -> None:
        if not (np.isfinite(weight_decay) and weight_decay > 0.0):
            raise ProblemError(f"the weight decay must be positive and finite, got {weight_decay}")
        self.population, self.weight_decay, self.bias = population, float(weight_decay), bias
        self._extended = population.extended if bias else population
        self.counts = positive(counts, population.classes, "counts")
        self.class_weight = weights_by_class(class_weight, self.counts)
        self._shares = self.class_weight * self.counts / self.samples
        penalty = np.full(self._extended.dimension, self.weight_decay)
        if bias:
            penalty[-1] = 0.0
        self._penalty = penalty
        # From where the head would be if no sample moved it: a third fewer steps. Near N = d that is too far off.
        unmoved = np.minimum(self._traces(np.zeros(population.classes)), 1.0)
        self.delta = positive_fixed_point(self._traces, unmoved)
        self._root = self._inverse_root(self.delta)
        self.weight, self.offset = self._mean_head()

    @property
    def samples(self) -> float:
        """N."""
        return float(self.counts.sum())

    @property
    def nbytes(self) -> int:
        """Bytes that the covariances take, as given and as seen by the head."""
        return 2 * self._extended.covariances.nbytes

    @cached_property
    def pulls(self) -> Float[np.ndarray, " K"]:
        """``p_k = f_k/(1 + ω_k δ_k)``: what the second moment of each class weighs in the mean head."""
        return self._shares / (1.0 + self.class_weight * self.delta)

    @cached_property
    def residuals(self) -> Float[np.ndarray, "K c"]:
        """``y_k − W̄ μ_k``: how far the mean head is off at the mean of each class."""
        return self.population.targets - self._answers(self.population.means)

    @cached_property
    def residual_covariances(self) -> Float[np.ndarray, "G c c"]:
        """Covariance of ``y − W̄ h`` about its mean, for each covariance of the population."""
        held, spread = self.population, self._answer_covariances
        if held.cross is not None:
            lost = held.cross @ self.weight.T
            spread = spread - lost - lost.swapaxes(1, 2)
        return spread if held.target_covariances is None else spread + held.target_covariances

    @cached_property
    def coupling(self) -> Float[np.ndarray, "K K"]:
        """``S_kl = tr(C_k Q̄ C_l Q̄)/N``: how the noise of one class is felt in the directions of another."""
        return self._coupled(self._seen, self._seen_means, self.population.groups)

    def noise_of(self, moments: Float[np.ndarray, "M K"]) -> Float[np.ndarray, "M K"]:
        """``v_l = D (I − S D)⁻¹ a``: weights of the classes' residuals in the noise of the scores.

        Parameters
        ----------
        moments : ndarray of shape (M, K)
            ``a_l = tr(C_l Q̄ A Q̄)/N`` for each second moment A, as `coupling` has them for the classes themselves.

        Returns
        -------
        ndarray of shape (M, K)
        """
        damped = self.class_weight * self._shares / (1.0 + self.class_weight * self.delta) ** 2
        system = np.eye(len(damped)) - self.coupling * damped
        return np.linalg.solve(system, moments.T).T * damped

    def noise(self, features: object) -> Float[np.ndarray, "N K"]:
        """Weights ``v_l`` of the classes' residuals in the noise of each sample's scores.

        Parameters
        ----------
        features : array-like of shape (N, d)

        Returns
        -------
        ndarray of shape (N, K)

        Raises
        ------
        FeaturesError
            When the width is another.
        """
        return self._noise(as_features(features, self.population.dimension), np.float64)

    def covariance_of(self, noise: Float[np.ndarray, "M K"]) -> Float[np.ndarray, "M c c"]:
        """``Σ_l v_l R_l``, the covariance of scores that noise of these weights makes.

        Parameters
        ----------
        noise : ndarray of shape (M, K)

        Returns
        -------
        ndarray of shape (M, c, c)
        """
        spread = np.tensordot(self._by_covariance(noise), self.residual_covariances, axes=1)
        return spread + np.einsum("ml,lc,ld->mcd", noise, self.residuals, self.residuals, optimize=True)

    def class_noise(self, population: Population | None = None) -> Float[np.ndarray, "K c c"]:
        """What the noise of the head adds to the covariance of the scores of each class.

        Parameters
        ----------
        population : Population, optional
            Of the samples that are judged, where it is not that of the samples the head is fitted on.

        Returns
        -------
        ndarray of shape (K, c, c)

        Raises
        ------
        FeaturesError
            When the width is another.
        """
        if population is None:
            return self.covariance_of(self.noise_of(self.coupling))
        if population.dimension != self.population.dimension:
            raise FeaturesError(
                f"features of width {population.dimension} for a law of width {self.population.dimension}"
            )
        other = population.extended if self.bias else population
        seen, means = congruent(other.covariances, self._root), other.means @ self._root
        return self.covariance_of(self.noise_of(self._coupled(seen, means, other.groups)))

    def class_scores(self) -> Scores:
        """Mean and covariance of the scores of each class, over its samples and over heads.

        Returns
        -------
        Scores
        """
        held = self.population
        return Scores(self._answers(held.means), self._answer_covariances[held.groups] + self.class_noise())

    def mean_scores(self, features: object) -> Float[np.ndarray, "N c"]:
        """Scores of each sample under the mean head, shape (N, c); errors as `noise`."""
        return self._answers(as_features(features, self.population.dimension))

    def probabilities(self, features: object, *, offsets: object = None, seed: int = 0) -> Float[np.ndarray, "N c"]:
        """How likely each score is the largest, for each sample, over heads.

        Parameters
        ----------
        features : array-like of shape (N, d)
            Samples that the population was not estimated from.
        offsets : array-like of shape (c,), optional
            Added to the scores, as logit adjustment does.
        seed : int, default 0
            Of the heads that are drawn.

        Returns
        -------
        ndarray of shape (N, c)
            Rows sum to one.

        Raises
        ------
        FeaturesError
            When the width is another, or offsets do not fit.
        """
        rows = as_features(features, self.population.dimension)
        mean = self._answers(rows) + self._offsets(offsets)
        # Draws are of single precision, too.
        noise = self._noise(rows, np.float32)
        parts = np.hstack([noise, self._by_covariance(noise)])
        return first_places(mean, parts, [*self.residuals[:, None], *roots(self.residual_covariances)], seed)

    def recalls(
        self, features: object, labels: object, *, offsets: object = None, seed: int = 0
    ) -> NDArray[np.float64]:
        """Recall of every class on these samples, on average over heads; parameters and errors as `probabilities`.

        Returns
        -------
        ndarray of shape (K,)
            NaN for classes without samples. Their mean is the balanced accuracy.
        """
        return np.diagonal(self.confusion(features, labels, offsets=offsets, seed=seed)).copy()

    def confusion(
        self, features: object, labels: object, *, offsets: object = None, seed: int = 0
    ) -> Float[np.ndarray, "K c"]:
        """How often samples of each class are assigned to each, on average over heads; as `probabilities`.

        Returns
        -------
        ndarray of shape (K, c)
            Rows sum to one; NaN for classes without samples.
        """
        likely = self.probabilities(features, offsets=offsets, seed=seed)
        classes = self.population.classes
        return class_means(likely, as_labels(labels, len(likely), classes), classes)

    def class_confusion(self, *, offsets: object = None, seed: int = 0) -> Float[np.ndarray, "K c"]:
        """The same for samples that are Gaussian within each class, from the population alone.

        Returns
        -------
        ndarray of shape (K, c)
        """
        mean, covariance = self.class_scores()
        return gaussian_confusion(mean + self._offsets(offsets), covariance, seed=seed)

    def class_recalls(self, *, offsets: object = None, seed: int = 0) -> Float[np.ndarray, " K"]:
        """Recalls for samples that are Gaussian within each class.

        Real features are not: there recalls from samples (`recalls`) are right to one point, these to three or four.

        Returns
        -------
        ndarray of shape (K,)
        """
        return np.diagonal(self.class_confusion(offsets=offsets, seed=seed)).copy()

    def _traces(self, delta: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
        """``tr(C_k Q̄)/N``, the map whose fixed point δ is."""
        root = self._inverse_root(delta)
        inverse, held = root @ root.T, self._extended
        scatter = held.covariances.reshape(len(held.covariances), -1) @ inverse.ravel()
        return (scatter[held.groups] + ((held.means @ root) ** 2).sum(axis=1)) / self.samples

    def _inverse_root(self, delta: Float[np.ndarray, " K"]) -> Float[np.ndarray, "d d"]:
        """L with ``L Lᵀ = Q̄ = (Σ p_k C_k + Λ)⁻¹``."""
        held, pulls = self._extended, self._shares / (1.0 + self.class_weight * delta)
        system = np.tensordot(self._by_covariance(pulls), held.covariances, axes=1)
        system += held.means.T @ (held.means * pulls[:, None])
        system[np.diag_indices_from(system)] += self._penalty
        try:
            factor = cholesky(system, lower=True)
        except np.linalg.LinAlgError:
            raise ProblemError(
                f"a weight decay of {self.weight_decay} is rounding beside these features: give a larger one"
            ) from None
        return solve_triangular(factor, np.eye(len(factor)), lower=True).T

    def _mean_head(self) -> tuple[Float[np.ndarray, "c d"], Float[np.ndarray, " c"]]:
        """``W̄ = Σ p_k E[y hᵀ]_k Q̄``."""
        held = self._extended
        product = (held.targets * self.pulls[:, None]).T @ held.means
        if held.cross is not None:
            product += np.tensordot(self._by_covariance(self.pulls), held.cross, axes=1)
        rows = product @ self._root @ self._root.T
        return (rows[:, :-1], rows[:, -1]) if self.bias else (rows, np.zeros(len(rows)))

    @cached_property
    def _answer_covariances(self) -> Float[np.ndarray, "G c c"]:
        """``W̄ Σ W̄ᵀ``."""
        return self.weight @ self.population.covariances @ self.weight.T

    @cached_property
    def _seen(self) -> Float[np.ndarray, "G d d"]:
        """Covariances in the coordinates in which Q̄ is the identity."""
        return congruent(self._extended.covariances, self._root)

    @cached_property
    def _seen_means(self) -> Float[np.ndarray, "K d"]:
        return self._extended.means @ self._root

    def _noise(self, rows: NDArray[np.floating], precision: type[np.floating]) -> Float[np.ndarray, "N K"]:
        groups, moments = self.population.groups, np.empty((len(rows), self.population.classes))
        root, seen_means = self._root.astype(precision), self._seen_means.astype(precision)
        matrices = self._seen.astype(precision, copy=False)
        for first in range(0, len(rows), _ROWS):
            block = rows[first : first + _ROWS].astype(precision, copy=False)
            seen = block @ root[: block.shape[1]] + (root[-1] if self.bias else precision(0.0))
            forms = quadratic_forms(seen, matrices)[:, groups]
            moments[first : first + _ROWS] = forms + (seen @ seen_means.T) ** 2
        return self.noise_of(moments / self.samples)

    def _coupled(
        self, seen: Float[np.ndarray, "H d d"], means: Float[np.ndarray, "M d"], groups: Int[np.ndarray, " M"]
    ) -> Float[np.ndarray, "M K"]:
        """``tr(A_m Q̄ C_l Q̄)/N`` for second moments A in the coordinates in which Q̄ is the identity."""
        own = self._extended.groups
        scatter = seen.reshape(len(seen), -1) @ self._seen.reshape(len(self._seen), -1).T
        crossed = quadratic_forms(means, self._seen)[:, own] + quadratic_forms(self._seen_means, seen)[:, groups].T
        return (scatter[np.ix_(groups, own)] + crossed + (means @ self._seen_means.T) ** 2) / self.samples

    def _by_covariance(self, of_classes: Float[np.ndarray, "... K"]) -> Float[np.ndarray, "... G"]:
        """Sums over the classes that share a covariance."""
        groups, number = self.population.groups, len(self.population.covariances)
        if number == self.population.classes:
            return of_classes[..., np.argsort(groups)]
        return of_classes @ np.eye(number)[groups]

    def _answers(self, rows: NDArray[np.floating]) -> Float[np.ndarray, "N c"]:
        return rows @ self.weight.T + self.offset

    def _offsets(self, given: object) -> NDArray[np.float64]:
        offsets = np.zeros(len(self.offset)) if given is None else np.asarray(given, dtype=np.float64)
        if offsets.shape != self.offset.shape or not np.isfinite(offsets).all():
            raise FeaturesError(
                f"offsets of shape {offsets.shape}: give a finite number for each of {len(self.offset)} scores"
            )
        return offsets
