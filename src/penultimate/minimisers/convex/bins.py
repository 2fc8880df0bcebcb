"""Classes of nearly equal count put together, so that thousands of distinct counts become a hundred.

A bin's classes are treated alike: all have the mean of its counts, and the mean of its weights. Its features and rows
then cost exactly what they cost with the true counts, since both the loss and the decay of features are sums over
samples (docs/theory §18); what is lost is how far a minimiser of the true problem treats them unlike.
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from penultimate.counts import ClassCounts
from penultimate.losses import CrossEntropy, resolve
from penultimate.model.problem import Problem

# Distinct counts up to which a solution count by count takes seconds.
FEW = 500


@dataclass(frozen=True)
class Bins:
    """Groups of classes, each in a bin, and the problem that has one count a bin.

    Attributes
    ----------
    counts : ClassCounts
        The true counts; m groups, the last of classes without samples where the loss heeds them.
    weight : ndarray of shape (m,)
        ω of each group, with the mean 1 over samples.
    of : ndarray of int of shape (m,)
        The bin of each group, an index into the groups of `binned`.
    alive : ndarray of bool of shape (m,)
        Whether the group stands above the threshold by itself: no bin holds both kinds.
    binned : ClassCounts
        The same classes with their bins' mean counts.
    problem : Problem
        With the bins' mean weights, and without offsets, which a free bias takes up.
    """

    counts: ClassCounts
    weight: Float[np.ndarray, " m"]
    of: Int[np.ndarray, " m"]
    alive: Bool[np.ndarray, " m"]
    binned: ClassCounts
    problem: Problem

    @property
    def size(self) -> Float[np.ndarray, " m"]:
        """Classes of each group."""
        return self.counts.multiplicity.astype(np.float64)

    @property
    def share(self) -> Float[np.ndarray, " m"]:
        """w, what a class of each group weighs: ``ω n/N``."""
        return self.weight * self.counts.distinct / self.counts.samples

    @property
    def seen(self) -> "Bins":
        """Those of classes with samples."""
        counts = self.counts.split()
        m = counts.distinct.size
        return replace(
            self,
            counts=counts,
            weight=self.weight[:m],
            of=self.of[:m],
            alive=self.alive[:m],
            binned=self.binned.split(),
        )

    def sums(self, figures: Float[np.ndarray, " m"]) -> Float[np.ndarray, " G"]:
        """Sums over the classes of each bin."""
        return np.bincount(self.of, self.size * figures, minlength=self.binned.distinct.size)


def is_binned(counts: ClassCounts, problem: Problem) -> bool:
    """Whether a problem is solved on bins by default: many distinct counts, and a loss for which they have a proof."""
    return counts.distinct.size > FEW and has_bins(counts, problem)


def has_bins(counts: ClassCounts, problem: Problem) -> bool:
    """Whether bins have a proof: cross-entropy with one layer, weighted or, with a free bias, logit-adjusted."""
    loss = resolve(problem.loss, counts)
    if problem.layers > 1 or not isinstance(loss, CrossEntropy) or loss.smoothing > 0.0:
        return False
    return set(loss.vectors) <= ({"weights", "offsets"} if problem.bias == "free" else {"weights"})


def make_bins(counts: ClassCounts, problem: Problem, number: int) -> Bins:
    """Put classes into bins of equal width in log n, and where weights differ in log ω.

    Parameters
    ----------
    counts : ClassCounts
        Samples per class.
    problem : Problem
        One that `is_binned`, but for the number of distinct counts.
    number : int
        Bins from the largest count to the smallest; those without a class are left out.

    Returns
    -------
    Bins
    """
    loss = resolve(problem.loss, counts)
    unseen = loss.heeds_unseen(free_bias=problem.bias == "free")
    groups = counts.split(*loss.vectors.values(), unseen=unseen)
    first, n, size = groups.representatives[:, 0], groups.distinct, groups.multiplicity
    weight = loss.leverage(groups)
    # Inside a bin directions die where ω√n is Nμ, as they do inside a group (docs/theory §5).
    alive = weight * np.sqrt(n) > counts.samples * problem.kappa(counts.samples)
    some = n > 0
    width = np.log(max(counts.ratio, weight[some].max() / weight[some].min())) / number or 1.0
    by_count, by_weight = (np.floor(np.log(values / values.min()) / width) for values in (n[some], weight[some]))
    keys = (by_count * (by_weight.max() + 1.0) + by_weight) * 2.0 + alive[some]
    place = np.unique(keys, return_inverse=True)[1]
    classes = np.bincount(place, size[some])
    mean = np.bincount(place, (n * size)[some]) / classes
    mean_weight = np.bincount(place, (weight * n * size)[some]) / (classes * mean)
    seen, values, weights = counts.values > 0, np.zeros(counts.classes), np.ones(counts.classes)
    values[seen], weights[seen] = mean[place[groups.group[seen]]], mean_weight[place[groups.group[seen]]]
    plain = CrossEntropy(weights=weights) if "weights" in loss.vectors else CrossEntropy()
    binned = ClassCounts(values).split(*plain.vectors.values(), unseen=unseen)
    return Bins(groups, weight, binned.group[first].astype(np.int64), alive, binned, replace(problem, loss=plain))
