"""What is wished of a loss, by name, and how much of it is missing."""

import math
from enum import Enum

from penultimate.advice.figures import Figures
from penultimate.errors import ProblemError

# A goal counts as met already when less than this is missing: of the head's margin, or of a cosine.
NEAR = 0.05


class Goal(Enum):
    """What a loss should be, or what it should give the tail, the third of the classes with fewest samples.

    Examples
    --------
    >>> from penultimate.advice.goals import Goal
    >>> [goal.name.lower() for goal in Goal]
    ['consistent', 'margins', 'angles', 'balanced']
    """

    CONSISTENT = (
        "a loss whose least value, over all functions of the input, is reached by scores that decide best for balanced "
        "accuracy"
    )
    MARGINS = "a tail with margins as large as those of the third with most samples"
    ANGLES = "a tail with angles to the nearest class means as large as those of the third with most samples"
    BALANCED = "a tail with the margins of balanced classes, a simplex ETF, with as many samples in all"

    @classmethod
    def from_name(cls, name: str) -> "Goal":
        """The goal of a name.

        Raises
        ------
        ProblemError
            For any other name, with those there are.
        """
        if name.upper() not in cls.__members__:
            known = ", ".join(goal.name.lower() for goal in cls)
            raise ProblemError(f"unknown goal {name!r}: choose one of {known}")
        return cls[name.upper()]

    def missing(self, figures: Figures, balanced: Figures) -> float:
        """How much is missing: margins in logits, angles in cosine; not positive where the goal is met.

        Parameters
        ----------
        figures : Figures
            Of the loss to judge.
        balanced : Figures
            Of equal counts with the plain loss.

        Returns
        -------
        float
            NaN for `CONSISTENT`, which a loss is or is not (`penultimate.advice.consistency`).
        """
        if self is Goal.CONSISTENT:
            return math.nan
        if self is Goal.ANGLES:
            return figures.tail_cosine - figures.head_cosine
        goal = figures.head_margin if self is Goal.MARGINS else balanced.head_margin
        return goal - figures.tail_margin

    def is_near(self, figures: Figures, balanced: Figures) -> bool:
        """Whether no more is missing than is worth changing a loss for."""
        scale = 1.0 if self is Goal.ANGLES else abs(figures.head_margin)
        return self.missing(figures, balanced) <= NEAR * scale
