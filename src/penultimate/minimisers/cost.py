"""What a minimisation will cost, known from the numbers of classes before any work is done."""

from dataclasses import dataclass

from penultimate.counts import ClassCounts
from penultimate.errors import ProblemError
from penultimate.losses import resolve
from penultimate.minimisers.convex.bins import is_binned
from penultimate.model.problem import Problem
from penultimate.spectrum.secular import DIRECT

# Measured on one core of a server of 2023; other machines differ by a factor of two or three. Squared error: 4,000 and
# 8,000 distinct counts, for each pair. Other losses: 250 and 500 distinct counts, "ce" and "weighted:inverse", six to
# eight Newton steps: 5.8e-8 to 7.8e-8 s for each cube of their number, 343 to 359 bytes for each pair (a run of 2,140
# took 1.4 GB where this says 1.6).
_PAIR, _CUBE, _BYTES = 3e-8, 7e-8, 350.0
# Distinct counts solved one by one: an hour and 5 GiB. More are a mistake, and would not fit.
MOST = 4096
# Above `DIRECT` distinct counts, for each (256,000 in 6 s, with all that a forecast prints).
_COUNT = 2.5e-5
# On bins: 256,000 distinct counts, decays 1e-6 to 1e-2, 1.5 to 4 s in all.
_BINNED, _CLASS, _CLASS_BYTES = 2.0, 1e-5, 1500.0
# A search from many starts: seconds of a step, and more for each pair of classes; steps of a start for the root of what
# is optimised, up to so many (10 classes in one and three dimensions and with two layers, 100 in ten: 20 to 3,800 steps
# a start, of 0.25 to 1.1 ms).
_STEP, _STEP_PAIR, _ROOT, _MOST_STEPS, _STARTS = 3e-4, 8e-8, 90.0, 5000, 12


@dataclass(frozen=True)
class Cost:
    """Of one minimisation.

    Attributes
    ----------
    seconds : float
        Of one core.
    size : float
        Bytes of memory.
    """

    seconds: float
    size: float

    def __str__(self) -> str:
        return f"about {duration(self.seconds)} and {self.size / 2**30:,.1f} GiB of memory"


def duration(seconds: float) -> str:
    """A time in seconds, minutes or hours, whichever has few digits.

    Parameters
    ----------
    seconds : float

    Returns
    -------
    str

    Examples
    --------
    >>> from penultimate.minimisers.cost import duration
    >>> duration(75), duration(750), duration(75_000)
    ('75 seconds', '12 minutes', '21 hours')
    """
    if seconds < 90.0:
        return f"{seconds:.0f} seconds"
    if seconds < 5400.0:
        return f"{seconds / 60.0:.0f} minutes"
    return f"{seconds / 3600.0:,.0f} hours"


def expected(counts: ClassCounts, problem: Problem) -> Cost:
    """What one minimisation will cost; starts from many points, as several layers need them, come on top.

    Parameters
    ----------
    counts : ClassCounts
        Samples per class.
    problem : Problem
        What is minimised.

    Returns
    -------
    Cost

    Raises
    ------
    ProblemError
        As `check_distinct`.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.ClassCounts(range(1, 2001))
    >>> print(expected(counts, pen.Problem.from_decays(1e-3, loss="smooth")))
    about 9 minutes and 1.3 GiB of memory
    """
    if problem.is_plain_squared_error and isinstance(problem.bias, str):
        groups = counts.distinct.size
        return Cost(_PAIR * groups**2 if groups <= DIRECT else _COUNT * groups, 0.0)
    if is_binned(counts, problem):
        return Cost(_BINNED + _CLASS * counts.classes, _CLASS_BYTES * counts.classes)
    groups = counts.split(*resolve(problem.loss, counts).vectors.values()).distinct.size
    if problem.layers == 1:
        check_distinct(groups, problem)
    return _one_by_one(groups)


def of_search(counts: ClassCounts, problem: Problem) -> float:
    """Seconds that a search from many starts takes, as several layers and a width that binds need one; 0 without.

    Parameters
    ----------
    counts : ClassCounts
        Samples per class.
    problem : Problem
        What is minimised.

    Returns
    -------
    float

    Examples
    --------
    >>> import penultimate as pen
    >>> wide, narrow = (pen.Problem.from_decays(1e-3, loss="ce", width=width) for width in (100, 10))
    >>> of_search(pen.ClassCounts(range(1, 101)), wide), of_search(pen.ClassCounts(range(1, 101)), narrow) > 30
    (0.0, True)
    """
    width = counts.seen if problem.width is None else min(problem.width, counts.seen)
    if problem.is_plain_squared_error or (problem.layers == 1 and width >= counts.seen - 1):
        return 0.0
    steps = min(_MOST_STEPS, _ROOT * (counts.seen * width * (problem.layers + 1)) ** 0.5)
    return _STARTS * steps * (_STEP + _STEP_PAIR * counts.seen**2)


def check_distinct(groups: int, problem: Problem) -> None:
    """Refuse more distinct counts than are solved one by one, before anything of their square is allocated.

    Parameters
    ----------
    groups : int
        Groups of classes that neither count nor loss tells apart.
    problem : Problem
        For the error.

    Raises
    ------
    ProblemError
        With what they would take.
    """
    if groups > MOST:
        bias = "" if isinstance(problem.bias, str) else " and a regularised bias"
        raise ProblemError(
            f"{groups:,} distinct counts with the loss {str(problem.loss)!r}{bias} would take {_one_by_one(groups)}, "
            f"and at most {MOST:,} are solved: round the counts, or choose what has no such limit: cross-entropy (ce, "
            "weighted, or la with a free bias) to a gap above 1e-5, or squared error with a bias free or none"
        )


def _one_by_one(groups: int) -> Cost:
    return Cost(_CUBE * groups**3, _BYTES * groups**2)
