"""What a dump cannot say: each refusal names what is missing and what is needed."""

from collections.abc import Sequence
from numbers import Integral
from typing import cast

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.errors import FeaturesError, ProblemError
from penultimate.model.arguments import whole

# Of the class asked about. Ten samples know a recall to ± 15 to 25 points; fewer know next to nothing.
FEWEST = 10
# Balanced accuracy above which classes do not overlap: bundled training samples are at 0.99, held-out ones at 0.88.
_APART = 0.98
# A sample that decides more than half of its own answer in a head fitted on it: the head interpolates.
_INTERPOLATES = 0.5
# Budgets over the present count: beyond, nothing is left of the noise of few samples.
_MOST = 1000
# Memory for covariances of scores.
_ROOM = 4 * 2**30


def sums_bytes(classes: int, folds: int = 5) -> int:
    """What the sums of scores of one set of counts take: two covariances of K scores for each class and fold."""
    return 16 * folds * classes**3


def check_memory(classes: int, budgets: int, folds: int) -> None:
    """Refuse more classes than the covariances of their scores have room for.

    Raises
    ------
    FeaturesError
    """
    needed = budgets * sums_bytes(classes, folds)
    if needed > _ROOM:
        raise FeaturesError(
            f"{classes:,} classes need {needed / 2**30:.0f} GiB for the covariances of their scores at {budgets} "
            "counts: keep the classes in question and their neighbours, at most about 150"
        )


def check_classes(counts: ClassCounts, asked: int | None, folds: int) -> None:
    """Refuse a dump with too few samples of the classes asked about, or fewer than folds of another.

    Parameters
    ----------
    counts : ClassCounts
        Of the dump.
    asked : int or None
    folds : int

    Raises
    ------
    FeaturesError
    ProblemError
        When there are fewer than two folds.
    """
    whole(folds, "folds", 2)
    values = counts.values
    few = np.full(counts.classes, max(folds, 2))
    few[slice(None) if asked is None else asked] = max(FEWEST, folds)
    short = np.flatnonzero(values < few)
    if short.size:
        first = int(short[0])
        raise FeaturesError(
            f"not enough to say: class {counts.names[first]!r} has {values[first]:g} held-out samples and needs "
            f"{few[first]} ({short.size} such {'class' if short.size == 1 else 'classes'}): give more of it, or leave "
            "the class out"
        )


def check_budgets(given: object, counts: ClassCounts, asked: int | None, times: tuple[int, ...]) -> tuple[int, ...]:
    """Budgets in order; by default multiples of the present count of the class, or of the smallest.

    Parameters
    ----------
    given : int, sequence of int, or None
    counts : ClassCounts
    asked : int or None
    times : tuple of int

    Returns
    -------
    tuple of int

    Raises
    ------
    ProblemError
        When one is no whole number, below the present count, or beyond a thousand times it.
    """
    present = int(counts.values.min() if asked is None else counts.values[asked])
    if given is None:
        return tuple(present * factor for factor in times)
    listed = [given] if isinstance(given, Integral) else list(cast(Sequence[object], given))
    whose = "the smallest class" if asked is None else f"class {counts.names[asked]!r}"
    if not listed:
        raise ProblemError("counts is empty: give at least one count to forecast")
    for budget in listed:
        if isinstance(budget, bool) or not isinstance(budget, Integral):
            raise ProblemError(f"a count of {budget!r}: give whole numbers of samples")
        if not present <= int(budget) <= _MOST * present:
            raise ProblemError(
                f"{whose} has {present:,} samples, and {int(budget):,} were asked about: give counts from {present:,} "
                f"to {_MOST * present:,}; what fewer would do is measured by leaving some out"
            )
    return tuple(sorted({int(cast(int, budget)) for budget in listed}))


def check_dump(present: Float[np.ndarray, " K"], counts: ClassCounts) -> None:
    """Refuse classes that do not overlap.

    Raises
    ------
    FeaturesError
    """
    balanced = float(present.mean())
    if balanced > _APART:
        raise FeaturesError(
            f"not enough to say: heads fitted on a part of these {counts.samples:,.0f} samples are right in "
            f"{balanced:.1%} of each class, so classes hardly overlap. Features of training samples are collapsed like "
            "that: give features that the network was not trained on. If they are, more samples have nothing to mend"
        )


def check_heads(leverage: float, counts: ClassCounts, dimension: int, weight_decay: float) -> None:
    """Refuse heads that interpolate.

    Raises
    ------
    FeaturesError
    """
    if leverage > _INTERPOLATES:
        raise FeaturesError(
            f"not enough to say: with {counts.samples:,.0f} samples of width {dimension} and a weight decay of "
            f"{weight_decay:.3g} each sample decides {leverage:.0%} of its own answer, so the heads interpolate: give "
            "more samples, fewer columns, or a larger weight decay"
        )
