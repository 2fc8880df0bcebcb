"""What advice takes from an audit, of features or of a head alone: the same from the object as from its JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import penultimate
from penultimate.audits.calibration import Calibration
from penultimate.audits.recorded import Record, read_audit
from penultimate.counts import ClassCounts
from penultimate.errors import FileError, ProblemError
from penultimate.forecasts.forecast import Forecast
from penultimate.losses import check_name
from penultimate.model.problem import Problem

if TYPE_CHECKING:
    import os

    from penultimate.audits.audit import Audit
    from penultimate.audits.head import HeadAudit

# Keys that are read, besides "penultimate" and "counts".
_KEYS = {
    "features": ("features", "metrics", "classes", "alignment", "calibration"),
    "head": ("head", "problem", "rows"),
}
_SAME = ("classes", "samples", "largest", "smallest", "distinct", "unseen")


@dataclass(frozen=True)
class Audited:
    """What an audit found that advice rests on.

    Attributes
    ----------
    of : {"features", "head"}
        What was audited.
    counts : mapping of str to float
        Summary of the class counts (`ClassCounts.to_dict`).
    dimension : int
        Of the features, d.
    calibration : Calibration or None
        The feature decay that the network implies; None without features or head.
    problem : Problem or None
        Whose forecast a head alone was held against: its layers, bias and decays; λ_H is not measured on a head.
    fits : bool or None
        Whether the network is near what its loss leaves (`LayerAudit.fits_loss`); None where that is not known.
    merged : tuple of tuple of str
        Names of classes that have merged: pairs whose features overlap (`metrics.merged_pairs`), those that overlap
        most first; of a head alone groups whose rows point alike.
    balanced_accuracy, by_means : float or None
        Of the head's answers, and of the nearest class mean's, on the features that were audited.
    """

    of: Literal["features", "head"]
    counts: Mapping[str, float]
    dimension: int
    calibration: Calibration | None
    problem: Problem | None
    fits: bool | None
    merged: tuple[tuple[str, ...], ...]
    balanced_accuracy: float | None
    by_means: float | None

    @classmethod
    def read(cls, path: "str | os.PathLike[str]") -> "Audited":
        """Read the JSON that ``penultimate audit --json`` writes.

        Raises
        ------
        FileError
            When the file is missing, no audit, written by a later version, or lacks what is needed, and when its loss
            has no name.
        """
        found = _of_record(read_audit(path), str(path))
        if found.calibration is not None:
            _check_loss(str(found.calibration.loss), str(path))
        return found

    @classmethod
    def from_audit(cls, audit: "Audit | HeadAudit") -> "Audited":
        """Take it from an audit at hand."""
        from penultimate.audits.head import HeadAudit

        found = _of_record(audit.to_dict(), "the audit")
        # A loss with vectors of one's own has no name by which it could be made again.
        return found if isinstance(audit, HeadAudit) else replace(found, calibration=audit.calibration)

    def check(self, counts: ClassCounts) -> None:
        """Make sure that the audit is of these counts.

        Raises
        ------
        ProblemError
            If it is not, with the first figure that differs.
        """
        own = counts.to_dict()
        for key in _SAME:
            if not math.isclose(own[key], self.counts[key], rel_tol=1e-9):
                raise ProblemError(
                    f"the audit is of other counts ({key}: {self.counts[key]:,} there, {own[key]:,} here): give the "
                    "counts that the network was trained on"
                )

    def forecast(self, counts: ClassCounts, weight_decay: tuple[float, ...] | None) -> Forecast:
        """Forecast with the feature decay that was measured; there has to be a `calibration`.

        Parameters
        ----------
        counts : ClassCounts
            The classes.
        weight_decay : tuple of float or None
            By default the network's own.

        Returns
        -------
        Forecast
            With its `band`, where there is one.
        """
        assert self.calibration is not None
        return self.calibration.forecast(counts, weight_decay)


def _of_record(record: Mapping[str, Any], where: str) -> Audited:
    of: Literal["features", "head"] = "head" if "head" in record else "features"
    missing = [key for key in ("penultimate", "counts", *_KEYS[of]) if key not in record]
    if missing:
        raise FileError(f"{where}: {missing[0]!r} is missing, so this is no whole audit: give what audit --json wrote")
    _check_version(record["penultimate"], where)
    try:
        held = Record(record, "the audit")
        return _of_features(held) if of == "features" else _of_head(held)
    except ValueError as error:
        raise FileError(f"{where}: the audit in it is damaged ({error}): write it again") from None


def _of_features(record: Record) -> Audited:
    calibration, alignment, metrics = record["calibration"], record["alignment"], record.part("metrics")
    recalls = [row.maybe_number("recall_by_means") for row in record.parts("classes")]
    return Audited(
        of="features",
        counts=_summary(record),
        dimension=record.part("features").count("dimension"),
        calibration=None if calibration is None else Calibration.from_dict(calibration),
        problem=None,
        fits=None if alignment is None else record.part("alignment").flag("fits_loss"),
        merged=metrics.groups("merged"),
        balanced_accuracy=metrics.maybe_number("balanced_accuracy"),
        by_means=_mean(recalls),
    )


def _of_head(record: Record) -> Audited:
    held = record.part("problem")
    bias = held["bias"]
    bias = bias if bias in ("free", "none") else held.number("bias")
    return Audited(
        of="head",
        counts=_summary(record),
        dimension=record.part("head").count("dimension"),
        calibration=None,
        problem=Problem(held.numbers("weight_decay"), bias=bias, loss=held.text("loss")),
        fits=None,
        merged=record.part("rows").groups("merged"),
        balanced_accuracy=None,
        by_means=None,
    )


def _summary(record: Record) -> dict[str, float]:
    counts = record.part("counts")
    return {key: counts.number(key) for key in _SAME}


def _check_version(version: object, where: str) -> None:
    try:
        written, own = (tuple(map(int, str(v).split(".")[:2])) for v in (version, penultimate.__version__))
    except ValueError:
        raise FileError(f"{where}: {version!r} is no version of penultimate: give what audit --json wrote") from None
    if written > own:
        raise FileError(
            f"{where}: written by penultimate {version}, later than this {penultimate.__version__}: update this, or "
            "write the audit again"
        )


def _check_loss(loss: str, where: str) -> None:
    try:
        check_name(loss)
    except ProblemError:
        raise FileError(
            f"{where}: the loss {loss!r} has no name to make it from: give the audit itself, in Python"
        ) from None


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known else None
