"""A result against the bounds that a pipeline sets: one line for each class that breaches one."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from penultimate.audits import keys
from penultimate.audits.recorded import Record, read_record
from penultimate.checks import breaches
from penultimate.checks.breaches import Checked
from penultimate.errors import FileError, PenultimateError, ProblemError

if TYPE_CHECKING:
    from penultimate.audits.audit import Audit
    from penultimate.drifts.drift import Drift


@dataclass(frozen=True)
class Check:
    """What was held against which bound.

    Made by `check`.

    Attributes
    ----------
    checked : tuple of Checked
        Every figure that a bound was set for, class by class.

    Examples
    --------
    >>> import penultimate as pen
    >>> found = pen.check(pen.audit("cnn-ce-test"), min_recall=0.5)
    >>> found.passed, [breach.name for breach in found.breaches]
    (False, ['6'])
    """

    checked: tuple[Checked, ...]

    @property
    def breaches(self) -> tuple[Checked, ...]:
        """Figures beyond their bound."""
        return tuple(each for each in self.checked if each.breached)

    @property
    def unknown(self) -> tuple[Checked, ...]:
        """Figures that a class does not have, for want of samples; they breach nothing."""
        return tuple(each for each in self.checked if each.value is None)

    @property
    def passed(self) -> bool:
        """Whether no bound is breached."""
        return not self.breaches


def check(
    result: "Audit | Drift | Mapping[str, Any] | os.PathLike[str] | str",
    *,
    against: "Audit | Mapping[str, Any] | os.PathLike[str] | str | None" = None,
    min_recall: float | None = None,
    max_recall_lost: float | None = None,
    max_drift: float | None = None,
) -> Check:
    """Hold an audit, or a drift, against bounds.

    Parameters
    ----------
    result : Audit, Drift, mapping or path
        The result, what its `to_dict` gave, or the JSON that its command wrote.
    against : Audit, mapping or path, optional
        An earlier audit of the same classes, for what changed between the two.
    min_recall : float, optional
        In [0, 1]. Every class with samples must have so much.
    max_recall_lost : float, optional
        In [0, 1]. No class may have lost more, since `against` or in the drift.
    max_drift : float, optional
        In a drift: the part of the way to the class nearest to it that a class may have gone, of those that moved.
        Between two audits: the part by which the length or the spread of a class may have changed, where their
        intervals do not overlap. An audit holds no class means, so a class that went elsewhere at the same length shows
        in a drift alone.

    Returns
    -------
    Check

    Raises
    ------
    ProblemError
        When no bound is given, one cannot be, or needs `against`; when the two audits are of other classes.
    FileError
        When a file is none that ``audit --json`` or ``drift --json`` wrote.

    Examples
    --------
    >>> import penultimate as pen
    >>> moved = pen.drift("cnn-ce", "cnn-ce-test")
    >>> [breach.name for breach in pen.check(moved, max_recall_lost=0.6).breaches]
    ['6']
    """
    bounds = {"min_recall": min_recall, "max_recall_lost": max_recall_lost, "max_drift": max_drift}
    _possible(bounds)
    name = _name(result)
    try:
        return _check(_record(result), None if against is None else _record(against), bounds)
    except PenultimateError:
        raise
    except ValueError as error:
        where = name if against is None else f"{name} or {_name(against)}"
        raise FileError(f"{where}: {error}: give what audit --json or drift --classes all --json wrote") from None


def _check(held: Mapping[str, Any], before: Mapping[str, Any] | None, bounds: Mapping[str, float | None]) -> Check:
    drifted = _is_drift(held, "the result")
    if drifted and before is not None:
        raise ProblemError("a drift beside an earlier audit: a drift compares two sides already, leave the audit out")
    if before is not None and _is_drift(before, "the earlier result"):
        raise ProblemError("the earlier result is a drift: give an audit, or check the drift by itself")
    classes = _classes(held, "the result")
    earlier = None if before is None else _by_name(classes, _classes(before, "the earlier audit"))
    checked: list[Checked] = []
    least, lost, moved = bounds["min_recall"], bounds["max_recall_lost"], bounds["max_drift"]
    if least is not None:
        checked += breaches.least_recall(classes, least)
    if drifted:
        checked += [] if lost is None else breaches.most_recall_lost_in_drift(classes, lost)
        checked += [] if moved is None else breaches.most_drift(classes, moved)
    elif earlier is not None:
        checked += [] if lost is None else breaches.most_recall_lost(earlier, classes, lost)
        checked += [] if moved is None else breaches.most_change(earlier, classes, moved)
    elif lost is not None or moved is not None:
        asked = "max_recall_lost" if lost is not None else "max_drift"
        raise ProblemError(f"{asked} needs two sides: give an earlier audit to hold this one against, or a drift")
    if all(each.value is None for each in checked):
        raise ProblemError(
            f"no class has a {checked[0].figure} that is known: give features with their head, and enough samples"
        )
    return Check(tuple(checked))


def _possible(bounds: Mapping[str, float | None]) -> None:
    if all(bound is None for bound in bounds.values()):
        raise ProblemError(f"nothing to check: give one of {', '.join(bounds)}")
    for name, bound in bounds.items():
        if bound is not None and not (0.0 <= bound if name == "max_drift" else 0.0 <= bound <= 1.0):
            raise ProblemError(
                f"{name} is {bound:g}: give a number {'from 0 on' if name == 'max_drift' else 'from 0 to 1'}"
            )


def _is_drift(held: Mapping[str, Any], name: str) -> bool:
    """Whether it is a drift, and not an audit of features; a learning curve has recalls too, and is neither."""
    if "classes_moved" not in held and keys.METRICS not in held:
        raise ValueError(f"{name} is no audit of features and no drift")
    return "classes_moved" in held


def _classes(held: Mapping[str, Any], name: str) -> list[Record]:
    record = Record(held, name)
    classes, all_of_them = record.parts("classes"), record.part("counts").count("classes")
    if not classes or len(classes) != all_of_them:
        raise ValueError(f"{name} lists {len(classes):,} of {all_of_them:,} classes")
    return classes


def _by_name(now: list[Record], before: list[Record]) -> dict[str, Record]:
    """Classes of the earlier audit by name, when they are the same."""
    earlier = {own.text("class"): own for own in before}
    here = {own.text("class") for own in now}
    for side, missing in (("the earlier audit", here - earlier.keys()), ("this audit", earlier.keys() - here)):
        if missing:
            few = ", ".join(repr(name) for name in sorted(missing)[:3])
            more = f" and {len(missing) - 3:,} more" if len(missing) > 3 else ""
            raise ProblemError(f"{side} has no class {few}{more}: hold audits of the same classes against one another")
    return earlier


def _record(given: object) -> Mapping[str, Any]:
    if isinstance(given, str | os.PathLike):
        return read_record(cast("str | os.PathLike[str]", given), "audit or drift")
    if isinstance(given, Mapping):
        return cast("Mapping[str, Any]", given)
    return cast("Audit | Drift", given).to_dict("all")


def _name(given: object) -> str:
    return str(cast(object, given)) if isinstance(given, str | os.PathLike) else "the result"
