"""What advice takes from an audit, of features or of a head alone: the same from the object as from its JSON."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from penultimate.audits import keys
from penultimate.audits.audit import Audit
from penultimate.audits.calibration import Calibration
from penultimate.audits.head import HeadAudit
from penultimate.audits.recorded import Record, check_loss, read_record
from penultimate.counts import ClassCounts
from penultimate.counts.matching import compared, places
from penultimate.errors import FileError, ProblemError
from penultimate.forecasts.forecast import Forecast
from penultimate.losses import Loss, plainly
from penultimate.model.problem import Problem
from penultimate.reported import OneLine

if TYPE_CHECKING:
    import os


ROWS_ALONE = (
    "this is an audit of a head with more classes than d + 1, which holds no forecast that advice could rest on: give "
    "an audit of features, or no audit"
)
# Keys that are read, besides those of version and counts.
_KEYS = {
    "features": (keys.FEATURES, keys.METRICS, keys.CLASSES, keys.ALIGNMENT, keys.CALIBRATION),
    "head": (keys.HEAD, keys.PROBLEM, keys.ROWS),
}
_SAME = ("classes", "samples", "largest", "smallest", "distinct", "unseen")


@dataclass(frozen=True, repr=False)
class Audited(OneLine):
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
        Names of classes that have merged: pairs whose means would have been told apart (`noise.class_pairs`), the
        nearest first; of a head alone groups whose rows point alike.
    balanced_accuracy, by_means : float or None
        Of the head's answers, and of the nearest class mean's, on the features that were audited.
    classes : tuple of (str, float)
        Name and samples in training of the classes that the audit lists.
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
    classes: tuple[tuple[str, float], ...]

    @property
    def loss(self) -> "str | Loss | None":
        """What the network was trained with: measured features settle it; of a head alone, what the audit was told."""
        if self.calibration is not None:
            return self.calibration.loss
        return None if self.problem is None else self.problem.loss

    @classmethod
    def read(cls, path: "str | os.PathLike[str]") -> "Audited":
        """Read the JSON that ``penultimate audit --json`` writes.

        Raises
        ------
        FileError
            When the file is missing, no audit, written by a later version, or lacks what is needed, and when its loss
            has no name.
        """
        found = _of_record(read_record(path), str(path))
        if found.loss is not None:
            check_loss(str(found.loss), path)
        return found

    @classmethod
    def from_audit(cls, audit: Audit | HeadAudit) -> "Audited":
        """Take it from an audit at hand."""
        if isinstance(audit, HeadAudit):
            return _of_head(audit)
        names, recall = audit.counts.names, audit.decisions.recall_by_means
        merged = audit.pairs.pairs[audit.pairs.merged]
        return cls(
            of="features",
            counts={key: float(audit.counts.to_dict()[key]) for key in _SAME},
            dimension=audit.statistics.dimension,
            # A loss with vectors of one's own has no name by which it could be made again: it is taken as it is.
            calibration=audit.calibration,
            problem=None,
            fits=None if audit.last_layer is None else audit.last_layer.fits_loss,
            merged=tuple((str(names[one]), str(names[other])) for one, other in merged.tolist()),
            balanced_accuracy=_finite(audit.decisions.balanced_accuracy),
            by_means=_mean(recall.tolist()),
            classes=_listed(audit.counts),
        )

    def check(self, counts: ClassCounts) -> None:
        """Make sure that the audit is of these counts, class by class where both name them, in whatever order.

        Raises
        ------
        ProblemError
            If it is not, with the first figure that differs.
        FeaturesError
            If they name other classes.
        """
        own = counts.to_dict()
        for key in _SAME:
            if not math.isclose(own[key], self.counts[key], rel_tol=1e-9):
                raise ProblemError(
                    f"the audit is of other counts ({key}: {self.counts[key]:,.10g} there, {own[key]:,.10g} here): "
                    "give the counts that the network was trained on"
                )
        names = [name for name, _ in self.classes]
        if not compared(names, counts.names):
            return
        for (name, samples), place in zip(
            self.classes, places(names, counts.names, "the audit", "the counts", all_of_them=False), strict=True
        ):
            if not math.isclose(samples, counts.values[place], rel_tol=1e-9):
                raise ProblemError(
                    f"the audit is of other counts (class {name!r} has {samples:,.10g} samples "
                    f"there, {counts.values[place]:,.10g} here): give the counts that the network was trained on"
                )

    def agreed(self, given: Mapping[str, object], samples: float) -> dict[str, object]:
        """Options beside the audit, with what it settles in their place.

        Parameters
        ----------
        given : mapping of str to object
            Options of `penultimate.forecast`.
        samples : float
            N.

        Returns
        -------
        dict of str to object

        Raises
        ------
        ProblemError
            If one contradicts the audit.
        """
        known = self.problem if self.calibration is None else self.calibration.problem(samples)
        if known is None:
            return dict(given)
        settled: dict[str, object] = {"layers": known.layers, "bias": known.bias}
        told: dict[str, object] = {}
        if known.feature_decay is not None:
            ratio = known.feature_decay * samples / known.weight_decay[0]
            settled |= {"loss": known.loss, "feature_decay": known.feature_decay, "feature_ratio": ratio}
        else:
            # A head does not show its loss, so another than the audit was told may be given.
            told = {"loss": known.loss}
        for name, value in settled.items():
            if name in given and not _same(plainly(given[name]) if name == "loss" else given[name], value):
                raise ProblemError(
                    f"the audited network settles {name.replace('_', ' ')}: {value} there, {given[name]} beside it; "
                    "leave it out"
                )
        return {**told, **given, "layers": known.layers, "bias": known.bias}

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


def _of_head(audit: HeadAudit) -> Audited:
    names, problem = audit.counts.names, audit.forecast.problem
    return Audited(
        of="head",
        counts={key: float(audit.counts.to_dict()[key]) for key in _SAME},
        dimension=audit.head.dimension,
        calibration=None,
        problem=Problem(problem.weight_decay, bias=problem.bias, loss=problem.loss),
        fits=None,
        merged=tuple(tuple(str(names[index]) for index in group.tolist()) for group in audit.neighbours.merged),
        balanced_accuracy=None,
        by_means=None,
        classes=_listed(audit.counts),
    )


def _of_record(record: Mapping[str, Any], where: str) -> Audited:
    if keys.LENGTHS in record:
        raise FileError(f"{where}: {ROWS_ALONE}")
    of: Literal["features", "head"] = "head" if keys.HEAD in record else "features"
    missing = [key for key in (keys.VERSION, keys.COUNTS, *_KEYS[of]) if key not in record]
    if missing:
        raise FileError(f"{where}: {missing[0]!r} is missing, so this is no whole audit: give what audit --json wrote")
    try:
        held = Record(record, "the audit")
        return _features_of_record(held) if of == "features" else _head_of_record(held)
    except ValueError as error:
        raise FileError(f"{where}: the audit in it is damaged ({error}): write it again") from None


def _features_of_record(record: Record) -> Audited:
    calibration, alignment, metrics = record[keys.CALIBRATION], record[keys.ALIGNMENT], record.part(keys.METRICS)
    recalls = [row.maybe_number(keys.RECALL_BY_MEANS) for row in record.parts(keys.CLASSES)]
    # A mean over the few classes that were listed would be no mean over classes.
    listed = len(recalls) == record.part(keys.COUNTS).count("classes")
    return Audited(
        of="features",
        counts=_summary(record.part(keys.COUNTS)),
        dimension=record.part(keys.FEATURES).count(keys.DIMENSION),
        calibration=None if calibration is None else Calibration.from_dict(calibration, alignment),
        problem=None,
        fits=None if alignment is None else record.part(keys.ALIGNMENT).flag(keys.FITS_LOSS),
        merged=metrics.groups(keys.MERGED),
        balanced_accuracy=metrics.maybe_number(keys.BALANCED_ACCURACY),
        by_means=_mean(recalls) if listed else None,
        classes=_listed_in(record),
    )


def _head_of_record(record: Record) -> Audited:
    held = record.part(keys.PROBLEM)
    bias = held["bias"]
    bias = bias if bias in ("free", "none") else held.number("bias")
    return Audited(
        of="head",
        counts=_summary(record.part(keys.COUNTS)),
        dimension=record.part(keys.HEAD).count(keys.DIMENSION),
        calibration=None,
        problem=Problem(held.numbers("weight_decay"), bias=bias, loss=held.text("loss")),
        fits=None,
        merged=record.part(keys.ROWS).groups(keys.MERGED),
        balanced_accuracy=None,
        by_means=None,
        classes=_listed_in(record),
    )


def _listed(counts: ClassCounts) -> tuple[tuple[str, float], ...]:
    return tuple(zip(map(str, counts.names), counts.values.tolist(), strict=True))


def _listed_in(record: Record) -> tuple[tuple[str, float], ...]:
    return tuple((row.text(keys.CLASS), row.number(keys.COUNT)) for row in record.parts(keys.CLASSES))


def _summary(counts: Record) -> dict[str, float]:
    return {key: counts.number(key) for key in _SAME}


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _same(one: object, other: object) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=1e-6)  # as printed
    return one == other


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None and math.isfinite(value)]
    return math.fsum(known) / len(known) if known else None
