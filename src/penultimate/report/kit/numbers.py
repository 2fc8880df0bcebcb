"""Numbers and names in sentences."""

import math

import numpy as np
from jaxtyping import Int

from penultimate.counts import ClassCounts


def number(value: float | None, digits: int = 4) -> str:
    """Write a number for people: whole numbers with separators, others with a few digits, – for none."""
    if value is None or math.isnan(value):
        return "–"
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "−∞"
    if abs(value) >= 1e15:  # beyond what a double holds to a unit, digits would be made up
        return f"{value:.{digits}g}"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 10**digits - 0.5 else f"{value:.{digits}g}"


def how_many(value: float, one: str, many: str) -> str:
    """A number with what it counts: "1 class keeps", "1,200 classes keep"."""
    return f"{number(value)} {one if value == 1 else many}"


def percent(value: float, digits: int = 4) -> str:
    """Write a share for people; – for none."""
    return "–" if math.isnan(value) else f"{number(round(100 * value, 6), digits)} %"


def power_of_count(slope: float) -> str:
    """Write how something grows with the count n; – where it is not known."""
    return "–" if math.isnan(slope) else f"n^{number(round(slope, 6), 2)}".replace("-", "−")


def names_of(counts: ClassCounts, classes: Int[np.ndarray, " b"], limit: int = 3) -> str:
    """Name some classes, the first few where there are many."""
    named = ", ".join(str(counts.names[index]) for index in classes[:limit].tolist())
    return f"{named} and {number(classes.size - limit)} more" if classes.size > limit else named


def first_ranks(multiplicity: Int[np.ndarray, " t"]) -> Int[np.ndarray, " t"]:
    """Ranks, from 1 on, of the first of every group of equal values."""
    return np.cumsum(multiplicity) - multiplicity + 1


def points(value: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def finite(value: float) -> float | None:
    """The value, or None for NaN and infinity, which JSON has no word for."""
    return value if math.isfinite(value) else None


def plain(value: float) -> int | float:
    """A whole number as int."""
    return int(value) if value.is_integer() else value
