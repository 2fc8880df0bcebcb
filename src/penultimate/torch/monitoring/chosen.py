"""Which figures of a monitor are asked for, by name or pattern."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from math import isfinite

from penultimate.errors import FeaturesError

# As many figures of single classes or labels as a log can be read with; those of more are asked for by name.
_LISTED = 20


class Chosen:
    """Names or patterns of figures that are wanted; by default all, of single classes only where these are few.

    Parameters
    ----------
    patterns : sequence of str or None
    names : sequence of str
        Figures that there may be.
    each, of : str
        What there is of every class or label, such as "recall", and what that is called.
    members : sequence of str
        The classes or labels.

    Raises
    ------
    FeaturesError
        For a pattern that no figure fits.
    """

    def __init__(
        self, patterns: Sequence[str] | None, names: Sequence[str], each: Sequence[str], of: str, members: Sequence[str]
    ) -> None:
        # One pattern is a sequence too, of letters.
        self._patterns = (patterns,) if isinstance(patterns, str) else None if patterns is None else tuple(patterns)
        self._each, self._listed = tuple(f"{name}/" for name in each), len(members) <= _LISTED
        for pattern in self._patterns or ():
            possible = (*names, *(f"{name}{member}" for name in self._each for member in members))
            if not any(fnmatchcase(name, pattern) for name in possible):
                raise FeaturesError(
                    f"no figure is called {pattern!r}: choose among {', '.join(names)} and "
                    f"{', '.join(f'{name}<{of}>' for name in self._each)}, or by a pattern such as '{self._each[0]}*'"
                )

    def takes(self, name: str) -> bool:
        """Whether this figure is wanted."""
        # Directions are what a trajectory is made of; the monitor's `directions` says how many.
        if name.startswith("direction/"):
            return True
        if self._patterns is None:
            return self._listed or not name.startswith(self._each)
        return any(fnmatchcase(name, pattern) for pattern in self._patterns)

    def among(self, figures: Mapping[str, float | None]) -> dict[str, float]:
        """Those of the figures that exist, are finite, and are wanted."""
        return {
            name: float(value)
            for name, value in figures.items()
            if value is not None and isfinite(value) and self.takes(name)
        }
