"""The blend of all kinds of heads as a scikit-learn estimator, for features of a frozen encoder."""

from typing import Self

import numpy as np

from penultimate.errors import FeaturesError
from penultimate.features.sources.in_memory import Samples, in_single
from penultimate.heads.comparison.candidates import affordable, candidates
from penultimate.heads.comparison.frozen import fitted_to_both, frozen_training
from penultimate.heads.comparison.plain import plain_decay
from penultimate.heads.comparison.samples import check_varied
from penultimate.heads.comparison.selection import FOLDS, INNER, Blend, Chosen, Tried, deal_known
from penultimate.heads.kernel_head import AnyHead, KernelHead, added, renamed
from penultimate.heads.linear_head import LinearHead
from penultimate.heads.scikit import check_fitted, checked_rows, plain_labels
from penultimate.heads.scoring_head import text_names
from penultimate.model.arguments import generator_of
from penultimate.threads import one_thread_of_blas

# Held-out samples that are needed at least: two for each of the parts that heads which learn from them are compared on.
_LEAST = 2 * INNER


class BestHead(LinearHead):
    """The head that `compare_heads` hands out, for features without a head: many kinds tried, the good ones added.

    Every kind of head gets its setting on held-out samples, and all are added with weights found there. Then they are
    fitted once more, to the held-out samples too. Without `valid` the samples are dealt into four parts; each is held
    out once, and the four heads, which have all learnt from every sample, are averaged. How good the head is on new
    samples it does not say: `compare_heads` does, or scikit-learn's ``cross_val_score``.

    Parameters
    ----------
    linear : bool, default True
        Whether the head has to be ``W h + b``, which a network's last layer can take. False adds kernel machines
        (`NystroemHead`); what comes of it is in `kernel_head`.
    random_state : int, default 0
        Of the parts; at least 0.

    Attributes
    ----------
    coef_, intercept_, classes_, prior_, n_features_in_
        As of every linear head; scores are for balanced classes. Where the head is not linear, its linear part.
    kernel_ : KernelHead or None
        The whole of a head that is not linear.

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

    linear: bool
    random_state: int
    _whole = "take kernel_head()"

    def __init__(self, *, linear: bool = True, random_state: int = 0) -> None:
        self.linear = linear
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
            many samples to fit heads to, or features are the same in every sample, or too large for float32, or
            entries are masked.
        ProblemError
            When `random_state` is none.
        ValueError
            For NaN, and shapes that do not fit.
        """
        generator_of(self.random_state)
        rows, own = self._take(X, y, None)
        train, classes = Samples(in_single(rows), own), len(self.classes_)
        if not affordable(len(own), rows.shape[1], classes):
            raise FeaturesError(
                f"{len(own)} samples of width {rows.shape[1]} and {classes} classes are too many to fit all heads to: "
                "fit one, as LogisticHead"
            )
        check_varied(train, "X")
        with one_thread_of_blas():
            if valid is not None:
                heads = [self._of_both(train, self._held_out(valid), classes)]
            else:
                part = deal_known(own, FOLDS, self.random_state)
                sides = ((np.flatnonzero(part != one), np.flatnonzero(part == one)) for one in range(FOLDS))
                heads = [self._of_both(train.take(rest), train.take(held), classes) for rest, held in sides]
        mean = added(heads, [1.0 / len(heads)] * len(heads))
        self._kernel, line = (mean, mean.linear) if isinstance(mean, KernelHead) else (None, mean)
        return self._settle((line.product, line.offset), np.ones(classes), np.full(classes, 1.0 / classes))

    @property
    def kernel_(self) -> KernelHead | None:
        """The whole of a head that is not linear."""
        return self._kernel

    def kernel_head(self) -> KernelHead:
        """The whole head, for a file, where it is not linear.

        Returns
        -------
        KernelHead
            Named by `classes_` where these are texts.

        Raises
        ------
        FeaturesError
            When the head is linear.
        NotFittedError
            Before `fit`.
        """
        check_fitted(self)
        if self._kernel is None:
            raise FeaturesError("the head is linear: take head()")
        return renamed(self._kernel, text_names(self.classes_))

    def _of_both(self, train: Samples, held: Samples, classes: int) -> AnyHead:
        """What is chosen on held-out samples, fitted to all."""
        decay = plain_decay(train, classes, self.random_state)
        found, blend = self._chosen(train, held, classes, decay)
        seed = self.random_state
        return fitted_to_both(found, blend, train, held, decay=decay, linear=self.linear, seed=seed).head

    def _chosen(self, train: Samples, valid: Samples, classes: int, decay: float) -> tuple[dict[str, Chosen], Blend]:
        """All kinds of heads of some samples, and their blend, chosen on others."""
        samples, seen = len(valid.labels), np.unique(valid.labels).size
        if samples < _LEAST or seen < 2:
            raise FeaturesError(
                f"{samples} samples of {seen} class{'' if seen == 1 else 'es'} are held out, and choosing needs "
                f"{_LEAST} of two: give more samples, or valid="
            )
        training = frozen_training(train, classes, decay)
        tried = Tried(candidates(training, valid, linear=self.linear)[0], valid, training.statistics.counts)
        return tried.choose(np.arange(samples), np.random.default_rng(self.random_state))

    def _held_out(self, valid: tuple[object, object]) -> Samples:
        if not isinstance(valid, tuple | list):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise FeaturesError(
                f"valid is {type(valid).__name__}: give features and labels, (X, y). Samples have no weights here"
            )
        if len(valid) != 2:
            raise FeaturesError(f"valid holds {len(valid)} things: give two, features and labels")
        rows, labels = checked_rows(self, valid[0]), np.asarray(plain_labels(valid[1], "valid"))
        if labels.shape != (len(rows),):
            raise FeaturesError(f"valid has {len(rows)} samples and labels of shape {labels.shape}: give one a sample")
        unknown = np.setdiff1d(labels, self.classes_)
        if unknown.size:
            raise FeaturesError(
                f"valid has samples of {unknown.tolist()[0]!r}, of which there are none to learn from ({unknown.size} "
                f"class{'' if unknown.size == 1 else 'es'} in all): leave them out"
            )
        held = Samples(in_single(rows), np.searchsorted(self.classes_, labels))
        check_varied(held, "valid")
        return held
