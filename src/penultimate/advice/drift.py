"""What to do about classes that moved: label some of now, and choose the head anew, where the drift cost recall."""

import os
from dataclasses import dataclass

from penultimate.advice.status import Piece, Reason, Status
from penultimate.audits.recorded import Record, read_record
from penultimate.counts import ClassCounts
from penultimate.drifts.drift import Drift
from penultimate.errors import FileError, ProblemError
from penultimate.reported import OneLine

# Labelled samples of a class that show a shift of 0.3 of the way with a p below 5 % nine times in ten
# (studies/drift.py).
LABELS = 60


@dataclass(frozen=True, repr=False)
class ClassLost(OneLine):
    """A class that moved and lost recall, both beyond chance.

    Attributes
    ----------
    name : str
    of_the_way : float
        How far its mean moved, over the distance to the nearest class.
    lost, low, high : float
        Recall lost, and its 95 % interval.
    """

    name: str
    of_the_way: float
    lost: float
    low: float
    high: float


@dataclass(frozen=True, repr=False, kw_only=True)
class DriftAdvice(Piece):
    """What to do about classes that moved.

    Attributes
    ----------
    status : Status
        CHANGE when a class moved and lost recall, both beyond chance.
    moved : int
        Classes that moved by more than noise.
    lost : tuple of ClassLost
        Those of them that lost recall, the largest loss first.
    """

    moved: int
    lost: tuple[ClassLost, ...] = ()


def advise_drift(drift: "Drift | os.PathLike[str] | str | None", counts: ClassCounts) -> DriftAdvice | None:
    """Take from a drift which classes lost recall.

    Parameters
    ----------
    drift : Drift, path of what ``penultimate drift --json`` wrote, or None
    counts : ClassCounts
        Of the training, whose classes the drift has to be of.

    Returns
    -------
    DriftAdvice or None
        None without a drift.

    Raises
    ------
    FileError
        When the file is missing or holds no drift.
    ProblemError
        When the drift is of other classes.
    """
    if drift is None:
        return None
    where = "the drift" if isinstance(drift, Drift) else str(drift)
    held = drift.to_dict() if isinstance(drift, Drift) else read_record(drift, "drift")
    try:
        record = Record(held, "the record")
        classes = record.parts("classes")
        names = [row.text("class") for row in classes]
        moved, fitted = record.count("classes_moved"), record.flag("fitted")
        known, lost = _lost([row for row in classes if row.flag("moved")], moved)
    except ValueError as error:
        raise FileError(f"{where}: {error}: give what drift --json wrote") from None
    own = set(map(str, counts.names))
    strangers = [name for name in names if name not in own]
    if strangers:
        raise ProblemError(
            f"{where} has a class {strangers[0]!r}, which the counts lack: give a drift of these classes"
        )
    if not moved:
        return DriftAdvice(status=Status.KEEP, moved=0)
    if fitted:
        return DriftAdvice(status=Status.UNKNOWN, reason=Reason.TRAINING_REFERENCE, moved=moved)
    if not known:
        return DriftAdvice(status=Status.UNKNOWN, reason=Reason.NO_RECALLS, moved=moved)
    return DriftAdvice(status=Status.CHANGE if lost else Status.KEEP, moved=moved, lost=lost)


def _lost(listed: list[Record], moved: int) -> tuple[bool, tuple[ClassLost, ...]]:
    """Of the classes that moved: whether recalls are known of any, and those that lost some, the largest loss first."""
    if len(listed) < moved:
        raise ValueError(f"it lists {len(listed):,} of {moved:,} classes that moved, and --classes all lists them")
    known = [row for row in listed if row["recall_lost_interval"] is not None]
    lost: list[ClassLost] = []
    for row in known:
        low, high = row.numbers("recall_lost_interval")
        if low > 0:
            lost.append(ClassLost(row.text("class"), row.number("of_the_way"), row.number("recall_lost"), low, high))
    return bool(known), tuple(sorted(lost, key=lambda one: -one.lost))
