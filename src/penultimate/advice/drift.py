"""What to do about classes that moved: label some of now, and choose the head anew, where the drift cost recall."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from penultimate.advice.status import Piece, Reason, Status
from penultimate.audits.recorded import Record, read_record
from penultimate.counts import ClassCounts
from penultimate.drifts.drift import Drift
from penultimate.errors import FileError, ProblemError
from penultimate.reported import OneLine

# Labelled samples of a class from which a shift of a third of the way is found nearly always (studies/drift.py).
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
    record = drift.to_dict() if isinstance(drift, Drift) else read_record(drift, "drift")
    try:
        moved, lost, fitted, known = _read(record)
        names = [row.text("class") for row in Record(record, "the record").parts("classes")]
    except ValueError as error:
        raise FileError(f"{where}: {error}: give what drift --json wrote") from None
    strangers = [name for name in names if name not in set(map(str, counts.names))]
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


def _read(held: Mapping[str, Any]) -> tuple[int, tuple[ClassLost, ...], bool, bool]:
    """Classes that moved, those that lost, whether the reference was trained on, and whether recalls are known."""
    record = Record(held, "the record")
    lost: list[ClassLost] = []
    known = False
    for row in record.parts("classes"):
        if not row.flag("moved") or row["recall_lost_interval"] is None:
            continue
        known = True
        low, high = row.numbers("recall_lost_interval")
        if low > 0:
            lost.append(ClassLost(row.text("class"), row.number("of_the_way"), row.number("recall_lost"), low, high))
    lost.sort(key=lambda one: -one.lost)
    return record.count("classes_moved"), tuple(lost), record.flag("fitted"), known
