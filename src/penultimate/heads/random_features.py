"""A non-linear head: ridge regression on random Fourier features of the features."""

from typing import Self

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.heads.covariance import divided
from penultimate.heads.scoring_head import ScoringHead
from penultimate.model.arguments import generator_of, positive, whole


class RandomFeaturesHead(ScoringHead):
    """Least squares on cosines and sines of random directions: a kernel machine at the price of a wide linear head.

    It minimises ``1/(2N) Σ ‖B φ(h) + π − e_y‖² + (λ/2) ‖B‖²``, where φ holds cos and sin of ``wᵀ(h − mean)/σ`` for
    random Gaussian w, over the root of their number. With many pairs it is kernel ridge regression with a Gaussian
    kernel. Ask `forecast_random_features` first whether that pays on your features, and with how many pairs.

    A network's last layer cannot take it: it is no ``W h + b``.

    Parameters
    ----------
    pairs : int, default 500
        Random directions; each gives a cosine and a sine.
    bandwidth : float, default 1
        σ in units of how far features are from their mean (root mean square, `unit_`): so 1 suits any features, and
        less makes the head follow finer detail.
    weight_decay : float, default 1e-3
        λ. Kernel ridge regression with the penalty Nλ is where it leads.
    random_state : int, default 0
        Of the random directions.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        Labels.
    unit_, gamma_ : float
        The unit of `bandwidth`, and scikit-learn's kernel parameter ``1/(2σ²)``.
    directions_ : ndarray of shape (d, pairs)
        w/σ.
    coef_ : ndarray of shape (K, 2 · pairs)
        B; cosines first.
    prior_, intercept_ : ndarray of shape (K,)
        π, the class shares in training.

    Notes
    -----
    Rahimi and Recht 2007; Liao, Couillet and Mahoney 2020 (arXiv 2006.05013) for the error to expect. Time
    ``N pairs² + pairs³``, or ``N² pairs + N³`` where that is less.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> X = np.random.default_rng(0).normal(size=(400, 2))
    >>> y = (X[:, 0] * X[:, 1] > 0).astype(int)                # no linear head can tell
    >>> head = pen.heads.RandomFeaturesHead(100).fit(X[:300], y[:300])
    >>> bool(np.mean(head.predict(X[300:]) == y[300:]) > 0.9)
    True
    """

    _scores_are_shares = True

    pairs: int
    bandwidth: float
    weight_decay: float
    random_state: int
    unit_: float
    gamma_: float
    centre_: NDArray[np.float64]
    directions_: NDArray[np.float64]
    coef_: NDArray[np.float64]
    intercept_: NDArray[np.float64]

    def __init__(
        self, pairs: int = 500, *, bandwidth: float = 1.0, weight_decay: float = 1e-3, random_state: int = 0
    ) -> None:
        self.pairs = pairs
        self.bandwidth = bandwidth
        self.weight_decay = weight_decay
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
        RandomFeaturesHead
            This one.

        Raises
        ------
        ValueError
            For NaN, shapes that do not fit, and labels that are none (`FeaturesError` where it is ours).
        FeaturesError
            When all samples are the same.
        ProblemError
            If the number of pairs is not whole, or another parameter not positive.
        """
        pairs, decay = whole(self.pairs, "the number of pairs"), positive(self.weight_decay, "the weight decay")
        bandwidth = positive(self.bandwidth, "the bandwidth")
        rows, own = self._take(X, y, None)
        self.centre_, self.unit_ = centre_and_unit(rows)
        sigma = bandwidth * self.unit_
        self.gamma_ = 1.0 / (2.0 * sigma**2)
        self.directions_ = generator_of(self.random_state).standard_normal((rows.shape[1], pairs)) / sigma
        targets = np.eye(len(self.classes_))[own]
        self.prior_ = self.intercept_ = targets.mean(axis=0)
        self.coef_ = _ridge(self._lifted(rows), targets - self.intercept_, decay)
        return self

    def _scores_of(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        return (self._lifted(rows) @ self.coef_.T + self.intercept_).astype(rows.dtype)

    def _lifted(self, rows: NDArray[np.floating]) -> Float[np.ndarray, "N pairs2"]:
        angles = (rows - self.centre_) @ self.directions_
        return np.hstack([np.cos(angles), np.sin(angles)]) / np.sqrt(angles.shape[1])


def centre_and_unit(rows: NDArray[np.floating]) -> tuple[Float[np.ndarray, " d"], float]:
    """Mean of the features, and how far they are from it (root mean square): the unit of bandwidths.

    Raises
    ------
    FeaturesError
        When all samples are the same.
    """
    centre = rows.mean(axis=0, dtype=np.float64)
    unit = float(np.sqrt(np.square(rows - centre).sum(axis=1).mean()))
    if not unit > 1e-12 * float(np.abs(rows).max(initial=0.0)):
        raise FeaturesError("the features are the same in every sample: there is nothing to tell classes by")
    return centre, unit


def _ridge(
    lifted: Float[np.ndarray, "N p"], targets: Float[np.ndarray, "N K"], decay: float
) -> Float[np.ndarray, "K p"]:
    """Least squares with weight decay, in whichever of the two shapes is smaller."""
    samples, width = lifted.shape
    if width <= samples:
        return divided(targets.T @ lifted, lifted.T @ lifted + samples * decay * np.eye(width))
    return divided(targets.T, lifted @ lifted.T + samples * decay * np.eye(samples)) @ lifted
