"""What moved since training, is it more than noise, and what did it cost: every class of two sets of features.

reference, current → `drift` → `Drift`. A class's mean is compared in the span of the directions to its five nearest
classes, where the head can see it, with the scatter of both sides as the measure (docs/theory, "Drift of every class").
"""

import os

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from penultimate.counts import ClassCounts
from penultimate.drifts.drift import ClassOutcome, Drift
from penultimate.drifts.groups import Groups, groups_of_both
from penultimate.drifts.neighbours import Neighbours, neighbours
from penultimate.drifts.p_values import ENOUGH
from penultimate.drifts.samples import Seen, first_look, from_statistics, second_look
from penultimate.drifts.shape import Shape, check, shapes
from penultimate.drifts.shift import Shifts, shifts
from penultimate.drifts.sides import Side, two_sides
from penultimate.drifts.turned import turned
from penultimate.errors import FeaturesError, ProblemError
from penultimate.features.decisions import Decisions
from penultimate.features.head import Head
from penultimate.features.passes.deciding import AffineScores, nearest_scores
from penultimate.features.sources import FeatureSource
from penultimate.features.sources.places import places_of
from penultimate.features.statistics import FeatureStatistics
from penultimate.model.arguments import checked_seed, number
from penultimate.noise.row_pairs import holm
from penultimate.threads import one_thread_of_blas

Given = FeatureSource | FeatureStatistics | os.PathLike[str] | str
Both = tuple[FeatureStatistics, FeatureStatistics]

# From so many labelled samples of a class on, its wrong answers tell better where it went than the score of its mean.
_COUNTED = 60


def drift(
    reference: Given,
    current: Given,
    *,
    head: "Head | os.PathLike[str] | str | None" = None,
    level: float = 0.05,
    shape: Shape | None = None,
    epsilon: float = 1.0,
    groups: "str | tuple[object, object] | None" = None,
    seed: int = 0,
) -> Drift:
    """Say which classes moved between two sets of labelled features of one network, and what that cost.

    Parameters
    ----------
    reference, current : FeatureSource, path, name, or FeatureStatistics
        Features as for `audit`; or statistics kept of them, or the file that they were saved in. Arrays come as
        ``pen.ArraySource(features, labels)``. Two checkpoints of one training may be compared, too.
    head : Head, path, or name, optional
        The linear layers after the features, for recalls; by default those that came with the features.
    level : float, default 0.05
        How often some class may be said to have moved where none has.
    shape : {"mmd", "sinkhorn"}, optional
        Test each class's shape, too: its scatter, and shifts that no neighbour lies along. Needs the samples, in
        memory. "mmd" sees more and is faster; "sinkhorn" says how much in squared feature units.
    epsilon : float, default 1.0
        Regularisation of "sinkhorn", in mean squared distances within a class; 0.3 at least.
    groups : str, or pair of array-like of shape (N,) or None, optional
        Samples that belong together, as frames of one video: the group of each sample of either side, whole numbers or
        names, None for a side of independent samples; or the name of such an array in the files of both. They widen the
        test and the intervals by what they are correlated, and a class takes twenty groups on either side to be judged.
    seed : int, default 0
        Of permutations.

    Returns
    -------
    Drift

    Raises
    ------
    FeaturesError
        When the sides are of other classes, widths or networks, no class has two samples on both, or features hold NaN
        or infinity.
    FileError
        When a file cannot be read.
    ProblemError
        When a setting is none.

    Notes
    -----
    Two passes a side; memory is 5 K d numbers. With many samples everything moves: read `Drift.of_the_way` first.
    Samples have to be independent, or in ``groups``: else frames of one video make every p-value too small.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng, labels = np.random.default_rng(0), np.repeat(np.arange(3), 400)
    >>> means = 4 * np.eye(3)
    >>> reference = pen.ArraySource(means[labels] + rng.normal(size=(1200, 3)), labels)
    >>> means[2] += 0.5 * (means[0] - means[2])
    >>> drift = pen.drift(reference, pen.ArraySource(means[labels] + rng.normal(size=(1200, 3)), labels))
    >>> drift.moved.tolist(), drift.of_the_way.round(1).tolist(), int(drift.towards[2])
    ([False, False, True], [0.0, 0.0, 0.5], 0)
    """
    if not 0.0 < number(level, "level") < 1.0:
        raise ProblemError(f"level={level}: give a share between 0 and 1")
    check(shape, epsilon)
    rng = np.random.default_rng(checked_seed(seed))
    one, other, notes = two_sides(reference, current, head)
    if shape is not None and (one.source is None or other.source is None):
        raise FeaturesError(f"shape={shape!r} compares samples, and statistics keep none: give the features")
    grouped = groups_of_both(groups, (reference, current), (one, other))
    if groups is not None:
        notes += (_of_groups(grouped),)
    classes = _agreed(one, other)
    statistics = _statistics(one, classes), _statistics(other, classes)
    counts = _counted(statistics, one, other)
    # Thousands of small products: a second thread of BLAS gains little, and costs many times as much on a busy machine.
    with one_thread_of_blas():
        about = neighbours(*statistics)
        few = np.minimum(statistics[0].counts, statistics[1].counts)
        seen = _looked_at((one, other), statistics, about, grouped)
        tests = 1 if shape is None else 2
        least = level / (tests * max(int((few >= 2).sum()), 1))
        found = shifts(statistics, seen, about, least, rng)
        second = shapes(shape, (one, other), about, few >= 2, least, rng, grouped, epsilon)
    adjusted = _adjusted(np.concatenate([found.p, second.p])).reshape(2, classes)
    moved: NDArray[np.bool_] = np.any(adjusted <= level, axis=0)
    kept = all(side.source is not None or own.per_class for side, own in zip((one, other), statistics, strict=True))
    untested = ClassOutcome.NO_SAMPLES_TO_PERMUTE if kept else ClassOutcome.NO_SCATTER_KEPT
    untested = untested if groups is None else ClassOutcome.FEW_GROUPS
    outcomes = tuple(_outcome(few[k], bool(moved[k]), found.p[k], untested) for k in range(classes))
    return Drift(
        counts=counts,
        current=statistics[1].counts,
        level=level,
        outcomes=outcomes,
        of_the_way=found.of_the_way,
        times_noise=found.times_noise,
        p=found.p,
        p_adjusted=adjusted[0],
        shape=shape,
        shape_p=second.p,
        shape_p_adjusted=adjusted[1],
        divergence=second.divergence,
        divergence_by_chance=second.by_chance,
        spread_ratio=_spread_ratio(statistics),
        towards=np.where(moved, _towards(other.head, statistics[1], seen[1].decisions, found), -1),
        before=seen[0].decisions,
        after=seen[1].decisions,
        effective=(seen[0].effective, seen[1].effective),
        at_home=seen[1].at_home,
        identical=_identical(statistics),
        notes=notes,
        doubts=() if (doubt := turned(*statistics)) is None else (doubt,),
        worst=seen[1].worst,
        places=None if other.source is None or seen[1].worst is None else places_of(other.source, seen[1].worst.row),
    )


def _of_groups(groups: tuple[Groups, Groups]) -> str:
    numbers = [
        "no groups" if own is None else f"{np.unique(own).size:,} groups of {own.size:,} samples" for own in groups
    ]
    return f"Samples of a group count for what they tell together: {numbers[0]} in the reference, {numbers[1]} now."


def _agreed(one: Side, other: Side) -> int:
    known, others = one.classes, other.classes
    fixed = [side for side in (one, other) if side.fixed]
    if len(fixed) == 2 and known != others:
        raise FeaturesError(f"the reference has {known} classes and the current side {others}: give those of one task")
    if fixed and max(known, others) > fixed[0].classes:
        raise FeaturesError(
            f"there is a label {max(known, others) - 1} on one side, and {fixed[0].classes} classes on the other: give "
            "those of one task"
        )
    return max(known, others)


def _statistics(side: Side, classes: int) -> FeatureStatistics:
    return first_look(side.given, classes) if not isinstance(side.given, FeatureStatistics) else side.given


def _counted(statistics: Both, one: Side, other: Side) -> ClassCounts:
    reference, current = (side.counts for side in statistics)
    if not (np.minimum(reference, current) >= 2).any():
        raise FeaturesError(
            "no class has two samples on both sides, so nothing can be said to have moved: give sixty samples a class, "
            "or at least twenty"
        )
    if (reference > 0).sum() < 2:
        raise FeaturesError("the reference has samples of one class only, and drift is measured against the others")
    head = one.head or other.head
    names = one.names or other.names or (None if head is None else head.names)
    return ClassCounts(reference, names)


def _looked_at(
    sides: tuple[Side, Side], statistics: Both, about: Neighbours, groups: tuple[Groups, Groups]
) -> tuple[Seen, Seen]:
    one, other = sides
    smaller = np.minimum(statistics[0].counts, statistics[1].counts)
    keep = (smaller >= 2) & (smaller < ENOUGH)
    if one.source is None or other.source is None:
        keep[:] = False
    both = (statistics[0].counts > 0) & (statistics[1].counts > 0)
    shift = np.where(both[:, None], statistics[1].means - statistics[0].means, 0.0)

    def look(side: Side, own: FeatureStatistics, back: NDArray[np.float64] | None, of: Groups) -> Seen:
        if side.source is None:
            return from_statistics(own, about)
        kept = keep if of is None else own.counts > 0
        # Samples are looked for where classes may have moved to.
        judge = None if back is None else _judge(side.head, statistics[0])
        return second_look(side.source, own, about, kept, side.head, back, of, judge)

    return look(one, statistics[0], None, groups[0]), look(other, statistics[1], shift, groups[1])


def _judge(head: Head | None, reference: FeatureStatistics) -> AffineScores:
    """The head, and without one the nearest class mean of the reference."""
    return nearest_scores(reference.means) if head is None else AffineScores(head.product, head.offset)


def _outcome(few: float, moved: bool, p: float, untested: ClassOutcome) -> ClassOutcome:
    if few < 2:
        return ClassOutcome.ABSENT if few == 0 else ClassOutcome.TOO_FEW
    if moved:
        return ClassOutcome.MOVED
    return untested if np.isnan(p) else ClassOutcome.WITHIN_NOISE


def _adjusted(p: Float[np.ndarray, " t"]) -> Float[np.ndarray, " t"]:
    known = ~np.isnan(p)
    adjusted = np.full_like(p, np.nan)
    adjusted[known] = holm(p[known])
    return adjusted


def _spread_ratio(statistics: Both) -> Float[np.ndarray, " K"]:
    """Of roots of each side's spread over its samples less one."""
    known = np.minimum(statistics[0].counts, statistics[1].counts) > 1
    before, after = (np.where(known, side.spreads / np.maximum(side.counts - 1, 1), 0.0) for side in statistics)
    return np.asarray(np.sqrt(after / np.where(before > 0, before, np.nan)), dtype=np.float64)


def _towards(
    head: Head | None, current: FeatureStatistics, answers: Decisions | None, found: Shifts
) -> Int[np.ndarray, " K"]:
    """Where answers go from sixty samples on, else where the score of the new mean is largest; where the mean went."""
    if head is None or answers is None:
        return found.towards
    scores = np.where((current.counts > 0)[:, None], current.means, 0.0) @ head.product.T + head.offset
    np.fill_diagonal(scores, -np.inf)
    best: NDArray[np.int64] = scores.argmax(axis=1)
    if answers.confusion is None:
        return best
    wrong = answers.confusion.copy()
    np.fill_diagonal(wrong, 0)
    told: NDArray[np.bool_] = (answers.answered >= _COUNTED) & (wrong.max(axis=1) > 0)
    return np.where(told, wrong.argmax(axis=1), best)


def _identical(statistics: Both) -> bool:
    kept = [(side.counts, side.means, side.spreads) for side in statistics]
    return all(np.array_equal(*both, equal_nan=True) for both in zip(*kept, strict=True))
