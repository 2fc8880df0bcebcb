"""The head for several labels a sample: two losses, one probability, and a threshold from all probabilities."""

from typing import Any, Self, cast

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy.special import expit, logit

from penultimate.counts.class_names import NumberedNames
from penultimate.errors import FeaturesError
from penultimate.heads.label_calibration import Lines, label_lines
from penultimate.heads.label_ridge import LabelRidge
from penultimate.heads.linear_head import NEVER, Exported
from penultimate.heads.scikit import ClassifierMixin, check_fitted, checked_features, checked_rows
from penultimate.heads.sigmoids import Logistic, Rotated, log_loss
from penultimate.probabilities.thresholds import FEW, Thresholds, expected_f_thresholds, scaled
from penultimate.targets.indicators import indicators_of
from penultimate.threads import one_thread_of_blas

# With five, probabilities out of fold are those of heads with a fifth fewer positives than the one that is used, which
# rare labels feel.
FOLDS = 10
# Weight decays in units of the mean variance of a feature, strong ones first, two a decade. A path ends where the loss
# of held-out samples rises.
_DECAYS: tuple[float, ...] = tuple((10.0 ** (-np.arange(13) / 2)).tolist())

# What thresholds are multiplied by. A line of logits promises more than the surest answers keep where labels are hard,
# and half of too large an F1 is too high. One number for all labels rests on the positives of all.
_FACTORS: tuple[float, ...] = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4)


class MultiLabelHead(ClassifierMixin, Exported):
    """Logistic regression and least squares, blended, calibrated, and answered where the expected F1 is largest.

    Everything that is chosen is chosen out of fold: the weight decay of either loss; one line for each label that makes
    its scores probabilities, rare labels held near what all labels say; and thresholds from the probabilities of all
    samples (`expected_f_thresholds`), times one number for all labels. No threshold is tuned on a handful of positives,
    and none comes from the samples that are to be answered: a batch of 200 has too few.

    Parameters
    ----------
    folds : int, default 10
        Of the cross-fitting.
    seed : int, default 0
        Of the dealing into folds.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        Labels, in the order of the columns.
    coef_, intercept_ : ndarray of shape (K, d) and (K,)
        W and b: ``σ(W h + b)`` are the probabilities.
    thresholds_ : Thresholds
        Where to answer yes, with the F1 to be expected: out-of-fold probabilities of the samples of `fit`.
    outcomes_ : ndarray of str of shape (K,)
        "fitted"; "few" with fewer than five positives, where the line is mostly that of other labels; "unseen" on in
        no sample, never answered; "always" on in all, always answered.
    weight_decays_ : dict of str to float
        Of "logistic" and "ridge", in units of the mean variance of a feature.
    n_features_in_ : int
        d.

    Notes
    -----
    Half of the best F1 is its threshold: Lipton, Elkan and Naryanaswamy 2014 (arXiv 1402.1892). The mean of two
    calibrated logits is linear in the features, so that a network can take the head. Recipe and figures are in
    docs/multi-label.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(600, 4))
    >>> y = X @ rng.normal(size=(4, 3)) + rng.normal(size=(600, 3)) > [0.0, 2.0, 9.0]
    >>> head = pen.heads.MultiLabelHead().fit(X, y)
    >>> head.predict(X).sum(axis=0) > 0, head.outcomes_.tolist()
    (array([ True,  True, False]), ['fitted', 'fitted', 'unseen'])
    """

    classes_: NDArray[Any]
    thresholds_: Thresholds
    outcomes_: NDArray[Any]
    weight_decays_: dict[str, float]

    def __init__(self, *, folds: int = FOLDS, seed: int = 0) -> None:
        self.folds = folds
        self.seed = seed

    def fit(self, X: object, y: object, *, groups: object = None) -> Self:
        """Fit on samples.

        Parameters
        ----------
        X : array-like of shape (N, d)
        y : 0/1 array or sparse matrix of shape (N, K), or a list of labels for each sample
        groups : array-like of shape (N,), optional
            Samples of one group stay in one fold: pages of a document, images of a patient. Without them what is held
            out is no news where samples come in families.

        Returns
        -------
        MultiLabelHead
            This one.

        Raises
        ------
        ValueError
            For NaN and shapes that do not fit (`FeaturesError` and `CountsError` where it is ours).
        """
        features = checked_features(self, X)
        truth, names = indicators_of(_as_columns(y))
        if len(truth) != len(features):
            raise FeaturesError(f"y has {len(truth)} rows for {len(features)} samples: give one for each")
        self.classes_ = np.arange(len(names)) if isinstance(names, NumberedNames) else np.array(list(names))
        self.outcomes_ = _outcomes(truth)
        vary = np.isin(self.outcomes_, ("fitted", "few"))
        if not vary.any():
            raise FeaturesError("no label is on in some samples and off in others: there is nothing to tell apart")
        fold = dealt(groups, len(features), self.folds, self.seed)
        with one_thread_of_blas():
            self._fit(features, truth, vary, fold)
        return self

    def decision_function(self, X: object) -> NDArray[np.floating]:
        """Logits less those of the thresholds: yes where they are zero or above.

        Parameters
        ----------
        X : array-like of shape (N, d)

        Returns
        -------
        ndarray of shape (N, K)

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        scores = self._logits(X)
        return scores - logit(self.thresholds_.values).astype(scores.dtype)

    def predict(self, X: object) -> NDArray[np.int64]:
        """Whether each sample has each label, 1 or 0; parameters and errors as `decision_function`.

        Each sample is answered by itself: what else is in X changes nothing.

        Returns
        -------
        ndarray of int of shape (N, K)
        """
        return (self.decision_function(X) >= 0.0).astype(np.int64)

    def predict_proba(self, X: object) -> NDArray[np.floating]:
        """Calibrated probabilities; parameters and errors as `decision_function`.

        Returns
        -------
        ndarray of shape (N, K)
        """
        return expit(self._logits(X))

    def __sklearn_tags__(self) -> Any:
        tags = cast(Any, super()).__sklearn_tags__()
        tags.classifier_tags.multi_class, tags.classifier_tags.multi_label = False, True
        tags.target_tags.multi_output, tags.target_tags.single_output = True, False
        return tags

    def _logits(self, X: object) -> NDArray[np.floating]:
        check_fitted(self)
        rows = checked_rows(self, X)
        return rows @ self.coef_.T.astype(rows.dtype) + self.intercept_.astype(rows.dtype)

    def _fit(
        self,
        features: NDArray[np.floating],
        truth: Bool[np.ndarray, "N K"],
        vary: Bool[np.ndarray, " K"],
        fold: Int[np.ndarray, " N"],
    ) -> None:
        turned, own = Rotated.of(features), truth[:, vary]
        logistic, ridge = _logistic(turned, own, fold), _ridge(turned, own, fold)
        self.weight_decays_ = {"logistic": logistic.weight_decay, "ridge": ridge.weight_decay}
        blended = 0.5 * (logistic.logits + ridge.logits)
        lines = label_lines(blended, own)
        weights = 0.5 * (logistic.weights + ridge.weights) * lines[:, 1]
        biases = lines[:, 0] + 0.5 * (logistic.biases + ridge.biases) * lines[:, 1]
        self.coef_ = np.zeros((len(vary), features.shape[1]))
        self.coef_[vary] = (turned.turn @ weights).T
        self.intercept_ = np.where(self.outcomes_ == "always", -NEVER, NEVER)
        self.intercept_[vary] = biases - self.coef_[vary] @ turned.centre
        probabilities = np.tile((self.outcomes_ == "always").astype(np.float64), (len(truth), 1))
        probabilities[:, vary] = expit(lines[:, 0] + lines[:, 1] * blended)
        found = expected_f_thresholds(probabilities, truth, names=list(map(str, self.classes_)))
        tried = [scaled(found, probabilities, truth, factor) for factor in _FACTORS]
        self.thresholds_ = max(tried, key=_measured)


class _Part:
    """One loss: logits out of fold, and the weights and biases of all samples, both calibrated."""

    def __init__(
        self,
        weight_decay: float,
        scores: Float[np.ndarray, "N K"],
        truth: Bool[np.ndarray, "N K"],
        fitted: Logistic | LabelRidge,
    ) -> None:
        sizes = scores.std(axis=0, dtype=np.float64)
        sizes = np.where(sizes > 0.0, sizes, 1.0)
        lines: Lines = label_lines(scores / sizes, truth)
        factors = lines[:, 1] / sizes
        self.weight_decay = weight_decay
        self.logits = lines[:, 0] + factors * scores
        self.weights = fitted.weights * factors
        self.biases = lines[:, 0] + factors * fitted.biases


def _logistic(turned: Rotated, truth: Bool[np.ndarray, "N K"], fold: Int[np.ndarray, " N"]) -> _Part:
    """The weight decay of least log loss on the first fold: one is enough, all labels of its samples have a say."""
    rest = fold != 0
    first = Logistic(turned.rows[rest], turned.variances, truth[rest])
    chosen, least, held = _DECAYS[0], np.inf, np.empty(0)
    for decay in _DECAYS:
        scores = first.fit(decay).scores(turned.rows[~rest])
        loss = log_loss(scores, truth[~rest])
        if loss > least:
            break
        chosen, least, held = decay, loss, scores
    out = np.empty(truth.shape, dtype=np.float32)
    out[~rest] = held
    for index in range(1, int(fold.max()) + 1):
        rest = fold != index
        fitted = Logistic(turned.rows[rest], turned.variances, truth[rest]).fit(chosen)
        out[~rest] = fitted.scores(turned.rows[~rest])
    return _Part(chosen, out, truth, Logistic(turned.rows, turned.variances, truth).fit(chosen))


def _ridge(turned: Rotated, truth: Bool[np.ndarray, "N K"], fold: Int[np.ndarray, " N"]) -> _Part:
    """The weight decay whose scores correlate best with the labels: their size is left to the calibration."""
    rests = [fold != index for index in range(int(fold.max()) + 1)]
    fits = [LabelRidge(turned.rows[rest], truth[rest]) for rest in rests]
    chosen, most, held = _DECAYS[0], -np.inf, np.empty(0)
    for decay in _DECAYS:
        scores = np.empty(truth.shape, dtype=np.float32)
        for rest, fitted in zip(rests, fits, strict=True):
            scores[~rest] = fitted.fit(decay).scores(turned.rows[~rest])
        explained = _explained(scores, truth)
        if explained < most:
            break
        chosen, most, held = decay, explained, scores
    return _Part(chosen, held, truth, LabelRidge(turned.rows, truth).fit(chosen))


def _measured(found: Thresholds) -> float:
    """Macro-F1 out of fold."""
    return 0.0 if found.measured_f is None else float(found.measured_f.mean())


def _explained(scores: Float[np.ndarray, "N K"], truth: Bool[np.ndarray, "N K"]) -> float:
    """Squared correlation of scores and labels, on average over labels, so that rare ones have a say."""
    centred = scores - scores.mean(axis=0)
    shared = np.einsum("nk,nk->k", centred, truth - truth.mean(axis=0), dtype=np.float64)
    sizes = np.square(centred).sum(axis=0, dtype=np.float64) * truth.var(axis=0) * len(truth)
    return float((shared**2 / np.where(sizes > 0.0, sizes, np.inf)).mean())


def _as_columns(y: Any) -> Any:
    """Labels as they are; lists of as many 0 and 1 for every sample, which as ids would tell nothing, as columns."""
    if isinstance(y, list | tuple):
        rows = [row.tolist() if hasattr(row, "tolist") else row for row in cast(list[Any], y)]
        lists = [cast(list[Any], row) for row in rows if isinstance(row, list | tuple)]
        alike = len(lists) == len(rows) and len({len(row) for row in lists}) == 1 and len(lists[0]) > 1
        return np.array(lists) if alike and all(label in (0, 1) for row in lists for label in row) else rows
    if getattr(y, "ndim", 2) == 1 and y.dtype.kind != "O":
        raise FeaturesError(
            f"y has shape {y.shape}, one label a sample: give 0 or 1 for each label, shape (N, K), or a list of labels "
            "for each sample; for one label a sample there are the other heads"
        )
    return y


def _outcomes(truth: Bool[np.ndarray, "N K"]) -> NDArray[Any]:
    number: Int[np.ndarray, " K"] = truth.sum(axis=0)
    samples = len(truth)
    rare: Bool[np.ndarray, " K"] = np.minimum(number, samples - number) < FEW
    return np.select([number == 0, number == samples, rare], ["unseen", "always", "few"], "fitted")


def dealt(groups: object, samples: int, folds: int, seed: int) -> Int[np.ndarray, " N"]:
    """The fold of each sample; groups stay whole.

    Parameters
    ----------
    groups : array-like of shape (N,), or None
        Without them every sample is its own.
    samples, folds, seed : int

    Returns
    -------
    ndarray of int of shape (N,)

    Raises
    ------
    FeaturesError
        When groups do not fit, or there are fewer than two of them or of folds.
    """
    held = np.arange(samples) if groups is None else np.asarray(groups)
    if held.shape != (samples,):
        raise FeaturesError(f"groups have shape {held.shape} for {samples} samples: give one for each")
    own = np.unique(held, return_inverse=True)[1]
    number = int(own.max()) + 1
    if number < 2 or folds < 2:
        raise FeaturesError(f"{number} groups and {folds} folds: give at least two of each, to hold some samples out")
    return (np.random.default_rng(seed).permutation(number) % min(folds, number))[own]
