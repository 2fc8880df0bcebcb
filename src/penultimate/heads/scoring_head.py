"""What all heads share: scores of every class, answers, probabilities, and another prior."""

from abc import abstractmethod
from typing import Any, Literal

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray
from scipy.special import softmax

from penultimate.counts.matching import PerClass, values_of
from penultimate.errors import FeaturesError
from penultimate.features.arrays import refuse_masked
from penultimate.heads.scikit import BaseEstimator, ClassifierMixin, check_fitted, checked_rows, checked_samples
from penultimate.probabilities.deciding import answers
from penultimate.probabilities.given import Given

Prior = Literal["balanced"] | PerClass | None


class ScoringHead(ClassifierMixin, BaseEstimator):
    """A classifier that gives every class a score.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        Labels, in the order of the scores.
    prior_ : ndarray of shape (K,) or None
        The class shares that the scores take for granted; None where they carry no prior.
    n_features_in_ : int
        d.
    """

    classes_: NDArray[Any]
    prior_: NDArray[np.float64] | None
    n_features_in_: int

    # Whether scores are shares of probability (least squares) instead of their logarithms.
    _scores_are_shares = False

    def decision_function(self, X: object, prior: Prior = None) -> NDArray[np.floating]:
        """Scores of every class; with two classes, the second's less the first's.

        Parameters
        ----------
        X : array-like of shape (N, d)
        prior : "balanced", array of shape (K,), or mapping by class, optional
            Class shares where the head is used; by default those it was fitted for. `prior_` is taken out and this put
            in, so that an adjustment made in fitting and one made here are not confused.

        Returns
        -------
        ndarray of shape (N, K), or (N,) for two classes

        Raises
        ------
        FeaturesError
            When the prior is none, or the head's scores carry none that could be replaced.
        NotFittedError
            Before `fit`.
        """
        scores = self._scores(X, prior)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: object, prior: Prior = None, costs: Given | None = None) -> NDArray[Any]:
        """The label that scores highest, or that costs least.

        Parameters
        ----------
        X, prior
            As of `decision_function`, which raises the same errors.
        costs : array-like of shape (K, K), data frame or path, optional
            What it costs to answer the column where the row is true, as of `decide`; it weighs the probabilities of
            `predict_proba`.

        Returns
        -------
        ndarray of shape (N,)

        Raises
        ------
        ProblemError
            When the costs do not fit.
        """
        scores = self._scores(X, prior)
        return self.classes_[answers(scores, costs, tuple(map(str, self.classes_.tolist())))]

    def predict_proba(self, X: object, prior: Prior = None) -> NDArray[np.floating]:
        """Softmax of the scores; parameters and errors as `decision_function`.

        Returns
        -------
        ndarray of shape (N, K)
        """
        return softmax(self._scores(X, prior), axis=1)

    def _scores(self, X: object, prior: Prior) -> NDArray[np.floating]:
        check_fitted(self)
        rows = checked_rows(self, X)
        scores = self._scores_of(rows)
        if prior is None:
            return scores
        old, new = self._known_prior(), self._checked_prior(prior)
        seen = old > 0
        if self._scores_are_shares:
            scores[:, seen] *= (new[seen] / old[seen]).astype(rows.dtype)
        else:
            scores[:, seen] += (np.log(new[seen]) - np.log(old[seen])).astype(rows.dtype)
        return scores

    @abstractmethod
    def _scores_of(self, rows: NDArray[np.floating]) -> NDArray[np.floating]:
        """Scores of every class, shape (N, K), as fitted."""

    def _known_prior(self) -> NDArray[np.float64]:
        if self.prior_ is None:
            raise FeaturesError(
                f"the scores of {type(self).__name__} carry no prior that another could replace: leave prior= out, "
                "or put the head into CalibratedHead"
            )
        return self.prior_

    def _checked_prior(self, prior: object) -> NDArray[np.float64]:
        size = len(self.classes_)
        refuse_masked(prior, "prior")
        names = tuple(map(str, self.classes_.tolist()))
        balanced = isinstance(prior, str) and prior == "balanced"
        shares = np.ones(size) if balanced else np.asarray(values_of(prior, names, "prior"))
        if shares.shape != (size,) or shares.dtype.kind not in "fiu" or not np.all(np.isfinite(shares) & (shares > 0)):
            raise FeaturesError(f"prior={prior!r}: give 'balanced', or one positive share for each of {size} classes")
        return shares / shares.sum()

    def _take(self, X: object, y: object, classes: int | None) -> tuple[NDArray[np.floating], Int[np.ndarray, " N"]]:
        """Check what `fit` was given, note classes and width, and return rows and class indices.

        With `classes` given, labels are indices themselves, and classes may lack samples.
        """
        rows, labels = checked_samples(self, X, y)
        if classes is not None:
            if labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
                raise FeaturesError(f"labels beside a head must be whole numbers from 0 to {classes - 1}, its rows")
            self.classes_ = np.arange(classes)
            return rows, labels.astype(np.int64)
        self.classes_, own = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise FeaturesError(f"all labels are {self.classes_.tolist()[0]!r}: one class is not enough")
        return rows, own


def text_names(classes: NDArray[Any]) -> tuple[str, ...] | None:
    """Names of classes whose labels are texts, of any type that holds some; None for others."""
    labels = classes.tolist()
    return tuple(map(str, labels)) if all(isinstance(label, str) for label in labels) else None
