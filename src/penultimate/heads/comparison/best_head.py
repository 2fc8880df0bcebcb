"""The blend of all kinds of heads as a scikit-learn estimator, for features of a frozen encoder."""

from typing import Self

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.sources.in_memory import Samples
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.comparison.candidates import Training, affordable, candidates
from penultimate.heads.comparison.plain import plain_head
from penultimate.heads.comparison.selection import FOLDS, INNER, Tried, deal
from penultimate.heads.linear_head import LinearHead
from penultimate.heads.scikit import checked_rows
from penultimate.threads import one_thread_of_blas

# Held-out samples that are needed at least: two for each of the parts that heads which learn from them are compared on.
_LEAST = 2 * INNER


class BestHead(LinearHead):
    """The head that `compare_heads` hands out, for features without a head: many kinds tried, the good ones added.

    Every kind of head gets its setting on held-out samples, and all are added with weights found there, which is a
    linear head again. Without `valid` the samples are dealt into four parts; each is held out once, and the four heads
    are averaged. How good the head is on new samples it does not say: `compare_heads` does, or scikit-learn's
    ``cross_val_score``.

    Parameters
    ----------
    random_state : int, default 0
        Of the parts.

    Attributes
    ----------
    coef_, intercept_, classes_, prior_, n_features_in_
        As of every linear head; scores are for balanced classes.

    Notes
    -----
    The features have to be of samples that nothing was trained on, as those of a frozen encoder are. Features that a
    network was trained on lie on their class means: give features of others as `valid`.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng, y = np.random.default_rng(0), np.repeat(["cat", "newt"], [90, 12])
    >>> X = rng.normal(size=(102, 5)) + 2.0 * (y == "newt")[:, None]
    >>> head = pen.heads.BestHead().fit(X, y)
    >>> bool(head.predict_proba(X).shape == (102, 2)), bool((head.predict(X) == y).mean() > 0.8)
    (True, True)
    """

    def __init__(self, *, random_state: int = 0) -> None:
        self.random_state = random_state

    def fit(self, X: object, y: object, valid: tuple[object, object] | None = None) -> Self:
        """Choose a head.

        Parameters
        ----------
        X : array-like of shape (N, d)
        y : array-like of shape (N,)
            Labels of any kind.
        valid : tuple of array-likes of shape (M, d) and (M,), optional
            Other samples to choose on. By default parts of X and y are held out.

        Returns
        -------
        BestHead
            This one.

        Raises
        ------
        FeaturesError
            When `valid` has classes that y lacks, or too few samples of two classes can be held out, or there are too
            many samples to fit heads to.
        ValueError
            For NaN, and shapes that do not fit.
        """
        rows, own = self._take(X, y, None)
        train, classes = Samples(np.asarray(rows, dtype=np.float32), own), len(self.classes_)
        if not affordable(len(own), rows.shape[1], classes):
            raise FeaturesError(
                f"{len(own)} samples of width {rows.shape[1]} and {classes} classes are too many to fit all heads to: "
                "fit one, as LogisticHead"
            )
        with one_thread_of_blas():
            if valid is not None:
                chosen = [self._chosen(train, self._held_out(valid), classes)]
            else:
                part = _parts(own, self.random_state)
                chosen = [
                    self._chosen(
                        train.take(np.flatnonzero(part != one)), train.take(np.flatnonzero(part == one)), classes
                    )
                    for one in range(FOLDS)
                ]
        weight = np.mean([head.product for head in chosen], axis=0)
        bias = np.mean([head.offset for head in chosen], axis=0)
        return self._settle((weight, bias), np.ones(classes), np.full(classes, 1.0 / classes))

    def _chosen(self, train: Samples, valid: Samples, classes: int) -> Head:
        """The blend of heads of one part, chosen on another."""
        samples, seen = len(valid.labels), np.unique(valid.labels).size
        if samples < _LEAST or seen < 2:
            raise FeaturesError(
                f"{samples} samples of {seen} classes are held out, and choosing needs {_LEAST} of two: give more "
                "samples, or valid="
            )
        present = plain_head(train, classes, self.random_state)
        training = Training(present, FeatureStatistics.from_features(*train, classes), train)
        tried = Tried(candidates(training, valid)[0], valid, classes)
        return tried.choose(np.arange(len(valid.labels)), np.random.default_rng(self.random_state))[1].head

    def _held_out(self, valid: tuple[object, object]) -> Samples:
        rows, labels = checked_rows(self, valid[0]), np.asarray(valid[1])
        if labels.shape != (len(rows),):
            raise FeaturesError(f"valid has {len(rows)} samples and labels of shape {labels.shape}: give one a sample")
        unknown = np.setdiff1d(labels, self.classes_)
        if unknown.size:
            raise FeaturesError(
                f"valid has samples of {unknown[0]!r}, of which there are none to learn from ({unknown.size} such "
                "classes): leave them out"
            )
        return Samples(np.asarray(rows, dtype=np.float32), np.searchsorted(self.classes_, labels))


def _parts(labels: Int[np.ndarray, " N"], seed: int) -> NDArray[np.int64]:
    """The part of each sample; −1 for the only one of its class, which is always learnt from."""
    part = deal(labels, FOLDS, np.random.default_rng(seed))
    part[np.bincount(labels)[labels] == 1] = -1
    return part
