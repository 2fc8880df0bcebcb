"""The head for several labels a sample: two losses, one probability, and a threshold from all probabilities."""

from collections.abc import Sequence
from typing import Any, Self, cast

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy.special import expit, logit

from penultimate.counts.class_names import NumberedNames
from penultimate.errors import FeaturesError
from penultimate.features.arrays import refuse_masked
from penultimate.features.head import Head
from penultimate.heads.kernel_head import KernelHead
from penultimate.heads.label_calibration import label_lines
from penultimate.heads.label_parts import BANDWIDTHS, Part, kernel_part, landmarks_of, logistic_part, pooled, ridge_part
from penultimate.heads.linear_head import NEVER, Exported
from penultimate.heads.scikit import ClassifierMixin, check_fitted, checked_features, checked_rows
from penultimate.heads.sigmoids import Rotated
from penultimate.model.arguments import checked_seed
from penultimate.probabilities.thresholds import FEW, Thresholds, expected_f_thresholds, scaled
from penultimate.targets.indicators import indicators_of
from penultimate.threads import one_thread_of_blas

# With five, probabilities out of fold are those of heads with a fifth fewer positives than the one that is used, which
# rare labels feel.
FOLDS = 10
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
    linear : bool, default True
        Whether the probabilities have to be ``σ(W h + b)``, which a network's last layer can take. False adds least
        squares on Gaussian kernels of three widths about up to 1,000 of the samples, and pools all logits by log loss.
    folds : int, default 10
        Of the cross-fitting.
    seed : int, default 0
        Of the dealing into folds, and of the landmarks.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        Labels, in the order of the columns.
    coef_, intercept_ : ndarray of shape (K, d) and (K,)
        W and b: ``σ(W h + b)`` are the probabilities. Where the head is not linear, its linear part.
    thresholds_ : Thresholds
        Where to answer yes, with the F1 to be expected: out-of-fold probabilities of the samples of `fit`.
    outcomes_ : ndarray of str of shape (K,)
        "fitted"; "few" with fewer than five positives, where the line is mostly that of other labels; "unseen" on in
        no sample, never answered; "always" on in all, always answered.
    weight_decays_ : dict of str to float
        Of "logistic" and "ridge", in units of the mean variance of a feature.
    shares_ : dict of str to float
        What each part weighs in the logit, before the last calibration: "logistic" and "ridge", ½ each; where the head
        is not linear also "kernel 0.5" to "kernel 2", and all as log loss has it.
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
    shares_: dict[str, float]

    def __init__(self, *, linear: bool = True, folds: int = FOLDS, seed: int = 0) -> None:
        self.linear = linear
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
        checked_seed(self.seed)
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
        return self._scores_of(checked_rows(self, X))

    def _fit(
        self,
        features: NDArray[np.floating],
        truth: Bool[np.ndarray, "N K"],
        vary: Bool[np.ndarray, " K"],
        fold: Int[np.ndarray, " N"],
    ) -> None:
        parts, own = self._parts(features, truth[:, vary], fold), truth[:, vary]
        logits = [part.logits for part in parts.values()]
        shares = np.full(len(parts), 0.5) if self.linear else pooled(logits, own)
        self.shares_ = dict(zip(parts, shares.tolist(), strict=True))
        blended = np.sum([np.float32(share) * one for share, one in zip(shares, logits, strict=True)], axis=0)
        lines = label_lines(blended, own)
        self._settle(list(parts.values()), shares[:, None] * lines[:, 1], lines[:, 0], vary)
        probabilities = np.tile((self.outcomes_ == "always").astype(np.float64), (len(truth), 1))
        probabilities[:, vary] = expit(lines[:, 0] + lines[:, 1] * blended)
        found = expected_f_thresholds(probabilities, truth, names=list(map(str, self.classes_)))
        tried = [scaled(found, probabilities, truth, factor) for factor in _FACTORS]
        self.thresholds_ = max(tried, key=_measured)

    def _parts(
        self, features: NDArray[np.floating], own: Bool[np.ndarray, "N k"], fold: Int[np.ndarray, " N"]
    ) -> dict[str, Part]:
        turned = Rotated.of(features)
        parts = {"logistic": logistic_part(turned, own, fold), "ridge": ridge_part(turned, own, fold)}
        self.weight_decays_ = {name: part.weight_decay for name, part in parts.items()}
        if not self.linear:
            marks = landmarks_of(features, self.seed)
            parts |= {f"kernel {width:g}": kernel_part(features, marks, width, own, fold) for width in BANDWIDTHS}
        return parts

    def _settle(
        self,
        parts: Sequence[Part],
        factors: Float[np.ndarray, "J k"],
        biases: Float[np.ndarray, " k"],
        vary: Bool[np.ndarray, " K"],
    ) -> None:
        """Note the sum of the parts, each times the factor of every label that varies."""
        weighed = list(zip(parts, factors, strict=True))
        line = sum(factor * part.weights for part, factor in weighed if part.landmarks is None)
        bent = [(part, factor) for part, factor in weighed if part.landmarks is not None and factor.any()]
        self.coef_ = np.zeros((len(vary), self.n_features_in_))
        self.coef_[vary] = np.transpose(line)
        self.intercept_ = np.where(self.outcomes_ == "always", -NEVER, NEVER)
        self.intercept_[vary] = biases + sum(factor * part.biases for part, factor in weighed)
        self._kernel = None
        if bent:
            coefficients = np.zeros((len(vary), sum(len(part.weights) for part, _ in bent)))
            coefficients[vary] = np.concatenate([factor * part.weights for part, factor in bent]).T
            marks, widths = (
                np.concatenate([np.asarray(getattr(part, name)) for part, _ in bent])
                for name in ("landmarks", "widths")
            )
            self._kernel = KernelHead(Head((self.coef_,), self.intercept_), marks, widths, coefficients)


def _measured(found: Thresholds) -> float:
    """Macro-F1 out of fold."""
    return 0.0 if found.measured_f is None else float(found.measured_f.mean())


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
    refuse_masked(groups, "groups")
    held = np.arange(samples) if groups is None else np.asarray(groups)
    if held.shape != (samples,):
        raise FeaturesError(f"groups have shape {held.shape} for {samples} samples: give one for each")
    own = np.unique(held, return_inverse=True)[1]
    number = int(own.max()) + 1
    if number < 2 or folds < 2:
        raise FeaturesError(f"{number} groups and {folds} folds: give at least two of each, to hold some samples out")
    return (np.random.default_rng(seed).permutation(number) % min(folds, number))[own]
