"""Heads with scores ``W h + b``, and perhaps a kernel beside them, and the way out to a network.

Two kinds of heads differ in what they are fitted on: `StatisticsHead` needs no more than counts, means and scatter, so
one streaming pass is enough; `SamplesHead` needs the samples themselves.
"""

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.errors import FeaturesError, MissingDependencyError
from penultimate.features.head import Head
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.kernel_head import KernelHead
from penultimate.heads.scikit import BaseEstimator, check_fitted
from penultimate.heads.scoring_head import ScoringHead, text_names

if TYPE_CHECKING:
    import torch

Weights = tuple[Float[np.ndarray, "K d"], Float[np.ndarray, " K"]]

# The bias of a class without samples: finite, so that files and float32 hold it, and never the answer.
NEVER = -1e30


class Exported(BaseEstimator):
    """Rows `coef_` and biases `intercept_`, one for each of `classes_`, which a network can take if that is all."""

    classes_: NDArray[Any]
    coef_: NDArray[np.float64]
    intercept_: NDArray[np.float64]
    n_features_in_: int
    # The whole of a head that is not linear, and where messages say that it is to be had.
    _kernel: KernelHead | None = None
    _whole = "keep the estimator"

    def head(self) -> Head:
        """W and b for a network, a file or an audit.

        Returns
        -------
        Head
            Named by `classes_` where these are texts.

        Raises
        ------
        FeaturesError
            When the head is not linear, which only one with ``linear=False`` may be.
        NotFittedError
            Before `fit`.
        """
        check_fitted(self)
        if self._kernel is not None:
            raise FeaturesError(f"the head is not linear, W and b are a part of it: {self._whole}, or linear=True")
        return Head((self.coef_,), self.intercept_, text_names(self.classes_))

    def to_torch(self) -> "torch.nn.Linear":
        """The same as ``torch.nn.Linear``, in torch's default precision; errors as `head`.

        Returns
        -------
        torch.nn.Linear

        Raises
        ------
        MissingDependencyError
            When torch is not installed.
        """
        head = self.head()
        try:
            import torch
        except ImportError:
            raise MissingDependencyError("to_torch needs torch, which is not installed: install it") from None
        layer = torch.nn.Linear(head.dimension, head.classes)
        with torch.no_grad():
            layer.weight.copy_(torch.as_tensor(head.product))
            layer.bias.copy_(torch.as_tensor(head.offset))
        return layer

    def _scores_of(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        if self._kernel is not None:
            return self._kernel.logits(rows)
        return rows @ self.coef_.T.astype(rows.dtype) + self.intercept_.astype(rows.dtype)


class LinearHead(Exported, ScoringHead):
    """A classifier whose scores are linear in the features; the base of all heads that a network can take.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        Labels, in the order of the rows of `coef_`.
    coef_ : ndarray of shape (K, d)
        W.
    intercept_ : ndarray of shape (K,)
        b; −1e30 for a class without samples, which is never the answer.
    prior_ : ndarray of shape (K,) or None
        The class shares that the scores take for granted; None where they carry no prior.
    n_features_in_ : int
        d.
    """

    def _settle(self, weights: Weights, counts: Float[np.ndarray, " K"], prior: NDArray[np.float64] | None) -> Self:
        """Note the fitted head; classes without samples are switched off."""
        weight, bias = (np.array(part, dtype=np.float64) for part in weights)
        weight[counts == 0], bias[counts == 0] = 0.0, NEVER
        self.coef_, self.intercept_, self.prior_ = weight, bias, prior
        return self

    def _settle_about(
        self,
        centre: Float[np.ndarray, " d"],
        rows: Float[np.ndarray, "k d"],
        offsets: Float[np.ndarray, " k"],
        counts: Float[np.ndarray, " K"],
        prior: Float[np.ndarray, " K"],
    ) -> Self:
        """Note scores ``rows (h − centre) + offsets`` of the k classes that have samples."""
        seen = counts > 0
        weight, bias = np.zeros((len(counts), len(centre))), np.zeros(len(counts))
        weight[seen], bias[seen] = rows, offsets - rows @ centre
        return self._settle((weight, bias), counts, prior)


class StatisticsHead(LinearHead):
    """A head that follows from `FeatureStatistics` alone."""

    def fit(self, X: object, y: object) -> Self:
        """Fit on samples.

        Parameters
        ----------
        X : array-like of shape (N, d)
        y : array-like of shape (N,)
            Labels of any kind; beside a base head, its rows 0 … K − 1.

        Returns
        -------
        StatisticsHead
            This one.

        Raises
        ------
        ValueError
            For NaN, shapes that do not fit, and labels that are none (`FeaturesError` where it is ours).
        """
        rows, own = self._take(X, y, self._classes_given())
        return self._fit_rows(rows, own)

    def fit_statistics(self, statistics: FeatureStatistics) -> Self:
        """Fit on statistics, whose classes are the labels 0 … K − 1.

        Parameters
        ----------
        statistics : FeatureStatistics
            Of one pass, or merged from several. Classes without samples are never the answer.

        Returns
        -------
        StatisticsHead
            This one.

        Raises
        ------
        FeaturesError
            When fewer than two classes have samples, the base head does not fit, or more would have to be known.
        """
        if np.count_nonzero(statistics.counts) < 2:
            raise FeaturesError("fewer than two classes have samples: give statistics of at least two")
        self.classes_ = np.arange(statistics.classes)
        self.n_features_in_ = statistics.dimension
        return self._fit_statistics(statistics)

    def _classes_given(self) -> int | None:
        return None

    def _fit_rows(self, rows: NDArray[np.floating], own: Int[np.ndarray, " N"]) -> Self:
        return self._fit_statistics(FeatureStatistics.from_features(rows, own, len(self.classes_)))

    @abstractmethod
    def _fit_statistics(self, statistics: FeatureStatistics) -> Self: ...


class SamplesHead(LinearHead):
    """A head that is fitted on samples by descent."""

    def fit(self, X: object, y: object) -> Self:
        """Fit on samples; parameters and errors as `StatisticsHead.fit`.

        Returns
        -------
        SamplesHead
            This one.
        """
        rows, own = self._take(X, y, self._classes_given())
        return self._fit_samples(rows, own)

    def _classes_given(self) -> int | None:
        return None

    @abstractmethod
    def _fit_samples(self, rows: NDArray[np.floating], own: Int[np.ndarray, " N"]) -> Self: ...


def filled_means(statistics: FeatureStatistics) -> Float[np.ndarray, "K d"]:
    """Class means, those of classes without samples at the global mean, where they weigh nothing."""
    return np.where(statistics.counts[:, None] > 0, statistics.means, statistics.global_mean)
