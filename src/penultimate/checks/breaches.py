"""What breaches a bound, class by class: recall, what was lost of it, and how far a class moved."""

from collections.abc import Mapping
from dataclasses import dataclass

from penultimate.audits.recorded import Record

Interval = tuple[float, float]


@dataclass(frozen=True)
class Checked:
    """One figure of one class held against a bound.

    Attributes
    ----------
    name : str
        Of the class.
    figure : str
        What was looked at: "recall", "recall lost", or what moved.
    value : float or None
        None where the class has no such figure, because it has no samples, or too few to be judged.
    interval : tuple of float or None
        95 %, where it is known.
    bound : float
        As given.
    breached : bool
        Whether the value is beyond it.
    """

    name: str
    figure: str
    value: float | None
    interval: Interval | None
    bound: float
    breached: bool

    def __str__(self) -> str:
        if self.value is None:
            return f"{self.name}: {self.figure} is not known"
        between = "" if self.interval is None else f" ({self.interval[0]:.4g} to {self.interval[1]:.4g})"
        asked = "at least" if self.figure == RECALL else "at most"
        return f"{self.name}: {self.figure} {self.value:.4g}{between}, {asked} {self.bound:g} asked for"


RECALL, LOST = "recall", "recall lost"
# Figures of a class in an audit that have an interval, and what they are called here. Lengths move with the scale of
# the features too, which no decision depends on; a class that went elsewhere shows in its features alone.
_OF_MEANS = {"mean_norm": "change in the length of its mean", "spread": "change in its spread"}


def least_recall(classes: list[Record], bound: float) -> list[Checked]:
    """Every class whose recall is known must have so much."""
    return [
        _checked(own.text("class"), RECALL, own.maybe_number("recall"), _interval(own, "recall_interval"), bound)
        for own in classes
    ]


def most_recall_lost(before: Mapping[str, Record], classes: list[Record], bound: float) -> list[Checked]:
    """No class may have lost more between two audits."""
    found: list[Checked] = []
    for own in classes:
        name, now = own.text("class"), own.maybe_number("recall")
        then = before[name].maybe_number("recall")
        lost = None if now is None or then is None else then - now
        found.append(_checked(name, LOST, lost, None, bound))
    return found


def most_recall_lost_in_drift(classes: list[Record], bound: float) -> list[Checked]:
    """No class may have lost more, by a drift."""
    return [
        _checked(
            own.text("class"), LOST, own.maybe_number("recall_lost"), _interval(own, "recall_lost_interval"), bound
        )
        for own in classes
    ]


def most_change(before: Mapping[str, Record], classes: list[Record], bound: float) -> list[Checked]:
    """No class's mean or spread may have changed by more between two audits, beyond what their intervals explain."""
    found: list[Checked] = []
    for own in classes:
        name = own.text("class")
        for key, figure in _OF_MEANS.items():
            found.append(_change(name, figure, (before[name], own), key, bound))
    return found


def most_drift(classes: list[Record], bound: float) -> list[Checked]:
    """No class that moved may have gone further, as a part of the way to the class nearest to it."""
    return [_checked(own.text("class"), "way to the nearest class", _way(own), None, bound) for own in classes]


def _way(own: Record) -> float | None:
    if own.flag("moved"):
        return own.maybe_number("of_the_way")
    # What could not be tested has not been found to stay.
    return None if own.maybe_number("p") is None else 0.0


def _change(name: str, figure: str, sides: tuple[Record, Record], key: str, bound: float) -> Checked:
    then, now = (side.maybe_number(key) for side in sides)
    if then is None or now is None or then == 0.0:
        return _checked(name, figure, 0.0 if then == now == 0.0 else None, None, bound)
    ends = [_interval(side, f"{key}_interval") for side in sides]
    if ends[0] is not None and ends[1] is not None and ends[0][0] <= ends[1][1] and ends[1][0] <= ends[0][1]:
        # Samples as few as these change it by so much by chance.
        return _checked(name, figure, 0.0, None, bound)
    return _checked(name, figure, abs(now / then - 1.0), None, bound)


def _checked(name: str, figure: str, value: float | None, interval: Interval | None, bound: float) -> Checked:
    breached = value is not None and (value < bound if figure == RECALL else value > bound)
    return Checked(name, figure, value, interval, bound, breached)


def _interval(own: Record, key: str) -> Interval | None:
    ends = own.maybe_numbers(key)
    if ends is None:
        return None
    if len(ends) != 2:
        raise ValueError(f"{key} is no interval")
    return ends[0], ends[1]
