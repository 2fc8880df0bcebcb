"""Head, features and scores of a minimiser for targets of any kind, from the directions of their scatter.

With the scatter ``S = U diag(s²) Uᵀ``, strengths x, and singular values w of the head and h of the features along each
direction, a label vector y has the feature ``R diag(h/s) Uᵀ (y − b)`` and the scores ``b + U diag(x/s) Uᵀ (y − b)``:
features are a sum of one vector a label, and equal label vectors coincide (docs/theory §16).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from penultimate.reported import OneLine
from penultimate.spectrum.scatter_spectrum import ScatterSpectrum


@dataclass(frozen=True, repr=False)
class LabelGeometry(OneLine):
    """What a minimiser looks like, up to a rotation that no loss can see.

    Attributes
    ----------
    spectrum : ScatterSpectrum
        Directions of the targets.
    strength : ndarray of shape (r,)
        x: the product of all factors along each direction; 0 for the dead.
    head : ndarray of shape (r,)
        Singular values of the last layer.
    features : ndarray of shape (r,)
        Singular values of all samples' features.
    share : ndarray of shape (r,)
        1 for directions that survive, 0 for the dead, between them where the width splits equal ones: then every
        choice is a minimiser, and figures are averages.
    bias : ndarray of shape (K,)
        b; zero without one.

    Examples
    --------
    >>> import penultimate as pen
    >>> targets = pen.LabelScatter.from_labels([["cat", "pet"]] * 6 + [["dog", "pet"]] * 3 + [[]] * 9)
    >>> geometry = pen.forecast(targets, weight_decay=0.02).geometry
    >>> geometry.scores([[1, 0, 1], [0, 0, 0]]).round(2)
    array([[0.98, 0.01, 0.99],
           [0.01, 0.01, 0.02]])
    >>> geometry.head_gram.shape
    (3, 3)
    """

    spectrum: ScatterSpectrum
    strength: Float[np.ndarray, " r"]
    head: Float[np.ndarray, " r"]
    features: Float[np.ndarray, " r"]
    share: Float[np.ndarray, " r"]
    bias: Float[np.ndarray, " K"]

    @property
    def head_gram(self) -> Float[np.ndarray, "K K"]:
        """Inner products of the head's rows, shape (K, K)."""
        return self._between(self.share * self.head**2)

    @property
    def label_gram(self) -> Float[np.ndarray, "K K"]:
        """Inner products of the labels' vectors: what each label adds to a feature, shape (K, K)."""
        return self._between(self.share * (self.features / self.spectrum.sigma) ** 2)

    def feature_gram(self, targets: object) -> Float[np.ndarray, "M M"]:
        """Inner products of the features of some target vectors, one row each, shape (M, M)."""
        along = (np.asarray(targets, dtype=np.float64) - self.bias) @ self.spectrum.vectors
        return (along * (self.share * (self.features / self.spectrum.sigma) ** 2)) @ along.T

    def scores(self, targets: object) -> Float[np.ndarray, "M K"]:
        """Outputs for samples with these target vectors, one row each, shape (M, K)."""
        along = (np.asarray(targets, dtype=np.float64) - self.bias) @ self.spectrum.vectors
        return self.bias + (along * self.left) @ self.spectrum.vectors.T

    @property
    def left(self) -> Float[np.ndarray, " r"]:
        """x/s: what weight decay leaves of each direction, shape (r,)."""
        return self.share * self.strength / self.spectrum.sigma

    def along(self, figures: Float[np.ndarray, " r"]) -> Float[np.ndarray, " K"]:
        """``Σ_i f_i U_ik²``: a figure of directions as each label has it, shape (K,)."""
        return (self.spectrum.vectors**2) @ figures

    def nearest(
        self, labels: Int[np.ndarray, " b"], *, by_scores: bool = False
    ) -> tuple[Int[np.ndarray, " b"], Float[np.ndarray, " b"]]:
        """The label nearest to each of some labels, and the cosine.

        Parameters
        ----------
        labels : ndarray of int of shape (b,)
        by_scores : bool, default False
            Compare scores over all samples, so that the cosine is their correlation; by default the mean feature where
            a label is on, less that of all samples.

        Returns
        -------
        nearest : ndarray of shape (b,)
            −1 where there is none.
        cosine : ndarray of shape (b,)
            NaN where there is none.
        """
        scale = self.strength if by_scores else self.features * self.spectrum.sigma
        rows = self.spectrum.vectors * (np.sqrt(self.share) * scale)
        lengths = np.linalg.norm(rows, axis=1)
        # Rounding points nowhere.
        real = lengths > 1e-12 * lengths.max(initial=0.0)
        rows = np.divide(rows, lengths[:, None], out=np.zeros_like(rows), where=real[:, None])
        cosines = rows[labels] @ rows.T
        cosines[:, ~real] = -np.inf
        cosines[np.arange(labels.size), labels] = -np.inf
        nearest = cosines.argmax(axis=1)
        cosine = np.minimum(cosines[np.arange(labels.size), nearest], 1.0)
        known = real[labels] & np.isfinite(cosine)
        return np.where(known, nearest, -1), np.where(known, cosine, np.nan)

    def _between(self, figures: Float[np.ndarray, " r"]) -> Float[np.ndarray, "K K"]:
        return (self.spectrum.vectors * figures) @ self.spectrum.vectors.T
