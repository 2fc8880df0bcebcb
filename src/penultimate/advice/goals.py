"""The goals that a loss may be chosen for, by name, and how far a loss falls short of one."""

import math
from enum import Enum

from penultimate.advice.figures import Figures
from penultimate.errors import ProblemError

# A goal counts as met already when less than this is missing: of the margin of frequent classes, or of a cosine.
NEAR = 0.05


class Goal(Enum):
    """What a loss should be, or what it should give rare classes, the third with fewest samples.

    Examples
    --------
    >>> from penultimate.advice.goals import Goal
    >>> [goal.name.lower() for goal in Goal]
    ['consistent', 'margins', 'angles', 'balanced']
    """

    CONSISTENT = "a loss that is Fisher-consistent for balanced accuracy"
    MARGINS = "rare classes with margins as large as those of frequent classes"
    ANGLES = "rare classes as far in angle from their nearest class as frequent classes are"
    BALANCED = "rare classes with the margins they would have if all classes had equally many samples"

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
            NaN for `CONSISTENT`, which a loss is or is not (`penultimate.losses.consistency`).
        """
        if self is Goal.CONSISTENT:
            return math.nan
        if self is Goal.ANGLES:
            return figures.few_cosine - figures.many_cosine
        goal = figures.many_margin if self is Goal.MARGINS else balanced.many_margin
        return goal - figures.few_margin

    def is_near(self, figures: Figures, balanced: Figures) -> bool:
        """Whether no more is missing than is worth changing a loss for."""
        scale = 1.0 if self is Goal.ANGLES else abs(figures.many_margin)
        return self.missing(figures, balanced) <= NEAR * scale
