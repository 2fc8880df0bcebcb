"""What more samples of a class would bring: recalls at counts that nobody has yet, from one dump of held-out features.

held-out features → `learning_curve` → `LearningCurve`. No head is fitted to more samples than there are: the law of a
ridge head's scores (docs/theory §9) says what other counts change. What is forecast is the head fitted anew on more
held-out samples; were the network trained on them, its features would change, and nothing here says how.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.counts import ClassCounts
from penultimate.datasets.by_name import source_of
from penultimate.errors import FeaturesError, ProblemError
from penultimate.features.sources import FeatureSource
from penultimate.features.sources.in_memory import gather
from penultimate.learning_curves.cross_fitting import CrossFit
from penultimate.learning_curves.intervals import gain_error, recall_interval
from penultimate.learning_curves.refusals import check_budgets, check_classes, check_dump, check_heads, check_memory
from penultimate.learning_curves.where_next import ClassGain, candidates, ranked, reached
from penultimate.model.arguments import checked_seed, positive
from penultimate.reported import Reported
from penultimate.threads import one_thread_of_blas

# Budgets by default, and how far a wanted recall is looked for, over the present count.
_TIMES = (2, 5, 10)
_DOUBLINGS = 6
# Class names in a message.
_LISTED = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class LearningCurve(Reported, presenter="learning_curve"):
    """Recall of every class over the count of one class, or of all.

    Made by `learning_curve`. Intervals are of 90 %.

    Attributes
    ----------
    counts : ClassCounts
        Samples of each class in the dump.
    asked : int or None
        The class whose count changes; None for all.
    budgets : tuple of int
        Its counts that are forecast; where all classes change, each has at least so many.
    present : ndarray of shape (K,)
        Recall of every class now, measured on samples that the heads were not fitted on.
    present_interval : ndarray of shape (K, 2)
        How far that is known.
    gains : ndarray of shape (B, K)
        Forecast change of every recall, one row a budget.
    gain_errors : ndarray of shape (B, K)
        Half the width of its interval.
    wanted : float or None
        The recall that was asked for.
    needed : int or None
        At which count of the class it is forecast; None where it was not asked for, or is out of reach.
    where_next : tuple of ClassGain
        Where the next hundred labels bring most, best first; of the classes with fewest samples, where there are many.
    weight_decay : float
        λ of the heads.
    weight_decay_chosen : bool
        Whether it was chosen by cross-validation.
    balanced : bool
        Whether every class weighs alike.
    folds : int
    leverage : float
        How much of its own answer a sample decides in a head fitted on it, on average.

    Examples
    --------
    >>> import penultimate as pen
    >>> curve = pen.learning_curve("cnn-ce-test", of=6, counts=[2000, 4000], weight_decay=5e-3)
    >>> curve.recalls.shape, bool(curve.gains[0, 6] > 0)
    ((2, 10), True)
    """

    counts: ClassCounts
    asked: int | None
    budgets: tuple[int, ...]
    present: Float[np.ndarray, " K"]
    present_interval: Float[np.ndarray, "K 2"]
    gains: Float[np.ndarray, "B K"]
    gain_errors: Float[np.ndarray, "B K"]
    wanted: float | None
    needed: int | None
    where_next: tuple[ClassGain, ...]
    weight_decay: float
    weight_decay_chosen: bool
    balanced: bool
    folds: int
    leverage: float

    @property
    def recalls(self) -> Float[np.ndarray, "B K"]:
        """Forecast recall of every class, one row a budget."""
        return np.clip(self.present + self.gains, 0.0, 1.0)

    @cached_property
    def intervals(self) -> Float[np.ndarray, "B K 2"]:
        """Of `recalls`: what is not known of the present recall, and of the gain."""
        off = self.present_interval - self.present[:, None]
        both = np.hypot(off[None], self.gain_errors[:, :, None]) * np.array([-1.0, 1.0])
        return np.clip(self.recalls[:, :, None] + both, 0.0, 1.0)

    @property
    def balanced_accuracy(self) -> Float[np.ndarray, " B"]:
        """Mean recall, one figure a budget."""
        return self.recalls.mean(axis=1)


def learning_curve(
    features: "FeatureSource | os.PathLike[str] | str | object",
    labels: object = None,
    *,
    of: str | int | None = None,
    counts: Sequence[int] | int | None = None,
    recall: float | None = None,
    weight_decay: float | None = None,
    class_weight: object = None,
    offsets: object = None,
    names: Sequence[str] | None = None,
    folds: int = 5,
    seed: int = 0,
) -> LearningCurve:
    """Forecast every recall at counts that a class, or all, do not have yet.

    Parameters
    ----------
    features : FeatureSource, path, name, or array of shape (N, d)
        Features that the network was not trained on: those of training samples are collapsed, and say nothing.
    labels : array-like of shape (N,), optional
        For arrays.
    of : str or int, optional
        The class that gets more samples, by name or number; by default every class.
    counts : sequence of int, optional
        Its counts to forecast, none below the present one; by default two, five and ten times that.
    recall : float, optional
        A recall that is wanted of the class: `LearningCurve.needed` says at which count it is reached.
    weight_decay : float, optional
        λ of the ridge head, as `RidgeHead` has it; by default of 0.001, 0.01, 0.1 and 1 times the mean variance of a
        feature the one with the best cross-validated balanced accuracy.
    class_weight : "balanced" or array of shape (K,), optional
        ω_k of the head; "balanced" for classes that weigh alike whatever their counts.
    offsets : array of shape (K,), optional
        Added to the scores, as logit adjustment does.
    names : sequence of str, optional
        Of the classes, for arrays.
    folds : int, default 5
    seed : int, default 0
        Of the folds.

    Returns
    -------
    LearningCurve

    Raises
    ------
    FeaturesError
        When the dump cannot say: fewer than ten samples of the class, a class that is absent, heads that interpolate,
        classes that do not overlap, as those of training samples; NaN or infinity.
    ProblemError
        When the class is unknown, a budget is below the present count or beyond a thousand times it, or a setting is
        none.

    Notes
    -----
    The head is a ridge head; its features stay as they are. Level: cross-validated. Gain: change of the recalls of
    Gaussian scores by the law (docs/theory §9.4). Time grows with folds × budgets × K d³, memory is 16 K d² bytes and
    16 K³ for each fold.

    Examples
    --------
    >>> import penultimate as pen
    >>> curve = pen.learning_curve("cnn-mse-test", of=6, counts=2000, weight_decay=1e-4)
    >>> curve.verdict.startswith("With 2,000 samples of 6 ")
    True
    """
    seed, source = checked_seed(seed), source_of(features, labels)
    samples = gather(source)
    dump = _counted(samples.labels, source.names if names is None else names)
    asked = _asked(of, dump)
    check_classes(dump, asked, folds)
    budgets = check_budgets(counts, dump, asked, _TIMES)
    ladder = () if recall is None else _ladder(recall, dump, asked)
    check_memory(dump.classes, 4 + len(budgets) + len(ladder), folds)
    rows, own = samples.features.astype(np.float64), samples.labels
    fit = CrossFit(rows, own, dump.classes, class_weight, _offsets(offsets, dump.classes), folds, seed)
    # Thousands of small products: a second thread of BLAS gains little, and costs many times as much on a busy machine.
    with one_thread_of_blas():
        decay = fit.best_weight_decay() if weight_decay is None else positive(weight_decay, "the weight decay")
        (present,) = fit.recalls(np.array([decay]))
        check_dump(present, dump)
        leverage = fit.leverage(decay)
        check_heads(leverage, dump, source.dimension, decay)
        tried = candidates(dump, source.dimension)
        plan = [dump.values, *(_with(dump.values, asked, n) for n in (*budgets, *ladder)), *tried.counts]
        gains, errors = _forecast(fit, np.stack(plan), decay)
    first, last = len(budgets), len(budgets) + len(ladder)
    return LearningCurve(
        counts=dump,
        asked=asked,
        budgets=budgets,
        present=present,
        present_interval=recall_interval(present, dump.values),
        gains=gains[:first],
        gain_errors=errors[:first],
        wanted=recall,
        needed=None if recall is None else _needed(recall, dump, asked, ladder, present, gains[first:last]),
        where_next=ranked(tried, gains[last:], errors[last:]),
        weight_decay=decay,
        weight_decay_chosen=weight_decay is None,
        balanced=isinstance(class_weight, str),
        folds=folds,
        leverage=leverage,
    )


def _forecast(fit: CrossFit, counts: Float[np.ndarray, "B K"], weight_decay: float) -> tuple[Floats, Floats]:
    """Gains of all rows of counts but the first over that, and half the widths of their intervals."""
    scores = fit.scores(counts, weight_decay)
    known = np.stack([one.recalls(fit.offsets) for one in scores])
    parts = np.stack([one.without_one(fit.offsets) for one in scores])
    gains = known[1:] - known[0]
    return gains, gain_error(gains, parts[1:] - parts[0], fit.counts)


def _counted(labels: Int[np.ndarray, " N"], names: Sequence[str] | None) -> ClassCounts:
    size = int(labels.max(initial=-1)) + 1 if names is None else len(names)
    if labels.size and int(labels.max()) >= size:
        raise FeaturesError(f"there is a label {int(labels.max())} and {size} names: name each class")
    if size < 2:
        raise FeaturesError(f"{size} classes: recalls need at least two")
    return ClassCounts(np.bincount(labels, minlength=size), names)


def _asked(of: str | int | None, counts: ClassCounts) -> int | None:
    if of is None:
        return None
    if isinstance(of, str) and of in counts.names:
        return list(counts.names).index(of)
    number = int(of) if isinstance(of, int) or of.isdecimal() else -1
    if isinstance(of, bool) or not 0 <= number < counts.classes:
        some = ", ".join(counts.names[:_LISTED]) + (" …" if counts.classes > _LISTED else "")
        raise ProblemError(f"there is no class {of!r}: give a name or number of these {counts.classes}: {some}")
    return number


def _with(counts: Floats, asked: int | None, budget: int) -> Floats:
    """All counts with one at a budget, or each at least there."""
    return (
        np.where(np.arange(counts.size) == asked, float(budget), counts)
        if asked is not None
        else np.maximum(counts, budget)
    )


def _ladder(recall: float, counts: ClassCounts, asked: int | None) -> tuple[int, ...]:
    if asked is None:
        raise ProblemError("a wanted recall is that of one class: say which (of=, --class)")
    if not 0.0 < recall < 1.0:
        raise ProblemError(f"a recall of {recall}: give a share between 0 and 1")
    return tuple(int(counts.values[asked]) * 2**i for i in range(1, _DOUBLINGS + 1))


def _needed(
    recall: float, counts: ClassCounts, asked: int | None, ladder: tuple[int, ...], present: Floats, gains: Floats
) -> int | None:
    place = 0 if asked is None else asked
    steps = np.array([counts.values[place], *ladder])
    return reached(recall, steps, np.clip(present[place] + np.append(0.0, gains[:, place]), 0.0, 1.0))


def _offsets(given: object, classes: int) -> Floats:
    offsets = np.zeros(classes) if given is None else np.asarray(given, dtype=np.float64)
    if offsets.shape != (classes,) or not np.isfinite(offsets).all():
        raise ProblemError(f"offsets of shape {offsets.shape}: give a finite number for each of {classes} classes")
    return offsets
