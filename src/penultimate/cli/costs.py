"""How long work will take, and how much memory, said before it begins where it is much.

What a forecast takes stands in `penultimate.minimisers.cost`, and what its critical weight decays take where they are
found. The constants here were timed on one core of a server of 2023, some by a benchmark that is named beside them and
the others once by hand; other machines differ by a factor of two or three.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from penultimate.cli.output import note

if TYPE_CHECKING:
    from penultimate.counts import ClassCounts
    from penultimate.model.problem import Problem
    from penultimate.targets.label_scatter import LabelScatter

# Nobody wants to be told of less.
_SECONDS = 30.0
_BYTES = 2 << 30

# Rows of a head are all compared with all: seconds for a product of two numbers (by hand: `audit --head-only` of 50,257
# rows of width 768).
_PRODUCT = 5e-11
# All eigenvectors of a matrix, by the cube of its size (by hand: 4,096 in 40 s).
_EIGEN = 6e-10
# Solving over label sets: seconds for each of their numbers times the fewer of labels and sets (by hand: 150 labels in
# 1,180 sets in 30 to 90 s, 40 in 1,323 in 3 s).
_SOLVED = 2e-6
# The same for an audit with a head (benchmarks/bench_audit.py: 13 s for 10,000 classes of width 512), and how many
# times it holds the class means: twice in sums, half as much in a head of single precision, and blocks.
_AUDITED, _COPIES = 2.5e-10, 3
# A scan passes over them some thirty times: seconds for each number of the head (benchmarks/bench_scan.py: 50,000 ×
# 1,000 in 6 s).
_SCANNED = 1.2e-7


def announce_forecast(
    counts: "ClassCounts", *problems: "Problem", searched: Sequence["Problem"], every: bool = False
) -> None:
    """Say what forecasts will cost, and the critical weight decays of some: the first to die, or every direction's."""
    from penultimate.forecasts.critical_decays import search_seconds
    from penultimate.minimisers.cost import expected, of_search

    costs = [expected(counts, problem) for problem in problems]
    seconds = sum(cost.seconds for cost in costs) + sum(of_search(counts, problem) for problem in problems)
    seconds += sum(search_seconds(counts, problem, every=every) for problem in searched)
    what = f"{counts.classes:,} classes of {counts.distinct.size:,} distinct counts"
    announce(seconds, max(cost.size for cost in costs), what)


def announce_targets(targets: "LabelScatter", *, squared: bool) -> None:
    """Say what the directions of so many labels will cost, all or the leading ones, and solving over label sets."""
    from penultimate.minimisers.label_sets.solution import MOST_SOLVED, numbers_of

    labels, size = targets.labels, numbers_of(targets)
    if not squared and targets.sets is not None and size is not None and size <= MOST_SOLVED:
        sets = targets.sets.times.size
        announce(_SOLVED * size * min(labels, sets), 0, f"{labels:,} labels in {sets:,} sets")
        return
    dense = min(labels, 4096)
    announce(_EIGEN * dense**3, 24 * dense**2, f"{labels:,} labels")


def announce_head(classes: int, dimension: int, *, compared: bool) -> None:
    """Say what the audit of a head will cost, whose rows are compared with one another or scanned."""
    seconds = (_PRODUCT * classes if compared else _SCANNED) * classes * dimension
    announce(seconds, 0, f"{classes:,} rows of width {dimension:,}")


def announce_audit(classes: int, dimension: int) -> None:
    """Say what the audit of features will cost: class means are compared with one another, or a sample with all."""
    from penultimate.features.metrics.sweeping import sampled

    few = sampled(classes, dimension)
    compared = classes * (classes if few is None else few.size)
    size = _COPIES * 8 * classes * dimension
    announce(_AUDITED * compared * dimension, size, f"{classes:,} classes of width {dimension:,}")


def announce(seconds: float, size: float, what: str) -> None:
    """Say on stderr that work takes over half a minute, or over 2 GiB.

    Parameters
    ----------
    seconds : float
        Of one core.
    size : float
        Bytes of memory.
    what : str
        Because of which.
    """
    if seconds <= _SECONDS and size <= _BYTES:
        return
    from penultimate.minimisers.cost import duration

    parts = [f"about {duration(seconds)}"] if seconds > _SECONDS else []
    parts += [f"about {size / 2**30:.0f} GiB of memory"] if size > _BYTES else []
    note(f"this takes {' and '.join(parts)} ({what}); Ctrl-C ends it")
