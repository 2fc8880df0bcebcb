"""A head that bends: softmax regression on a Gaussian kernel about landmarks, by Nyström's method."""

from typing import Self

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.features.head import Head
from penultimate.heads.kernel_head import KernelHead, bumps, renamed
from penultimate.heads.logistic import LogisticHead
from penultimate.heads.random_features import centre_and_unit
from penultimate.heads.scikit import check_fitted
from penultimate.heads.scoring_head import ScoringHead, text_names
from penultimate.model.arguments import generator_of, positive, whole

# Directions of the kernel below this share of its largest are rounding, not features.
_ROUNDING = 1e-6


class NystroemHead(ScoringHead):
    """Softmax regression on how near a sample is to each of some landmarks, drawn from the training samples.

    Features are ``φ(h) = K_zz^(−1/2) k(h)`` with ``k_j(h) = exp(−‖h − z_j‖² / (2σ²))``, so that ``φ(h)ᵀφ(g)`` is the
    Gaussian kernel as far as landmarks tell it. On these the head is a `LogisticHead`.

    A network's last layer cannot take it: it is no ``W h + b``. `kernel_head` gives what can be kept in a file.

    Parameters
    ----------
    landmarks : int, default 300
        At most all samples.
    bandwidth : float, default 1
        σ in units of how far features are from their mean (root mean square, `unit_`).
    weight_decay : float, default 1e-2
        λ, in units of the variance of φ that falls to a landmark.
    adjustment : float, default 0
        τ on the logarithm of the class shares; 1 is balanced softmax.
    max_iter : int, default 500
    tol : float, default 1e-5
    random_state : int, default 0
        Of the landmarks.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        Labels.
    unit_ : float
        The unit of `bandwidth`.
    prior_ : ndarray of shape (K,)
        The class shares that the scores take for granted.

    Notes
    -----
    Williams and Seeger 2000 (NIPS 13). Balanced softmax: Ren et al. 2020 (arXiv 2007.10740).

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> X = np.random.default_rng(0).normal(size=(400, 2))
    >>> y = (X[:, 0] * X[:, 1] > 0).astype(int)                # no linear head can tell
    >>> head = pen.heads.NystroemHead(100).fit(X[:300], y[:300])
    >>> bool(np.mean(head.predict(X[300:]) == y[300:]) > 0.9)
    True
    """

    landmarks: int
    bandwidth: float
    weight_decay: float
    adjustment: float
    max_iter: int
    tol: float
    random_state: int
    unit_: float
    _kernel: KernelHead

    def __init__(
        self,
        landmarks: int = 300,
        *,
        bandwidth: float = 1.0,
        weight_decay: float = 1e-2,
        adjustment: float = 0.0,
        max_iter: int = 500,
        tol: float = 1e-5,
        random_state: int = 0,
    ) -> None:
        self.landmarks = landmarks
        self.bandwidth = bandwidth
        self.weight_decay = weight_decay
        self.adjustment = adjustment
        self.max_iter = max_iter
        self.tol = tol
        self.random_state = random_state

    def fit(self, X: object, y: object) -> Self:
        """Fit on samples.

        Parameters
        ----------
        X : array-like of shape (N, d)
        y : array-like of shape (N,)
            Labels of any kind.

        Returns
        -------
        NystroemHead
            This one.

        Raises
        ------
        ValueError
            For NaN, shapes that do not fit, and labels that are none (`FeaturesError` where it is ours).
        FeaturesError
            When all samples are the same.
        ProblemError
            If the number of landmarks is not whole, or bandwidth or weight decay not positive.
        """
        number, bandwidth = whole(self.landmarks, "the number of landmarks"), positive(self.bandwidth, "the bandwidth")
        decay = positive(self.weight_decay, "the weight decay")
        rows, own = self._take(X, y, None)
        _, self.unit_ = centre_and_unit(rows)
        marks = rows[np.sort(generator_of(self.random_state).permutation(len(rows))[:number])]
        widths = np.full(len(marks), bandwidth * self.unit_)
        lifted, root = lift(rows, marks, widths)
        variance = float(lifted.var(axis=0, dtype=np.float64).sum()) / len(marks) or 1.0
        head = LogisticHead(decay * variance, adjustment=self.adjustment, max_iter=self.max_iter, tol=self.tol).fit(
            lifted, own
        )
        flat = Head((np.zeros((len(self.classes_), rows.shape[1])),), head.intercept_)
        self._kernel = KernelHead(flat, marks, widths, head.coef_ @ root.T)
        self.prior_ = head.prior_
        return self

    def kernel_head(self) -> KernelHead:
        """Landmarks and coefficients, for a file.

        Returns
        -------
        KernelHead
            Named by `classes_` where these are texts.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        check_fitted(self)
        return renamed(self._kernel, text_names(self.classes_))

    def _scores_of(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        return self._kernel.logits(rows)


def lift(
    rows: NDArray[np.floating], landmarks: NDArray[np.floating], widths: NDArray[np.floating]
) -> tuple[Float[np.ndarray, "N r"], Float[np.ndarray, "m r"]]:
    """Features whose products are the kernel, and what makes them of the kernel with the landmarks."""
    values, vectors = np.linalg.eigh(bumps(landmarks.astype(np.float64), landmarks, widths))
    kept = values > _ROUNDING * values[-1]
    root = vectors[:, kept] / np.sqrt(values[kept])
    return (bumps(rows, landmarks, widths) @ root).astype(rows.dtype), root
