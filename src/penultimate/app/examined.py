"""What the files that a browser sends hold: features, label sets, or a last layer, read as the commands read them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penultimate.app.settings import TASKS, Settings
from penultimate.app.uploads import Sent, kept
from penultimate.audits.audit import Audit, audit
from penultimate.audits.label_audit import LabelAudit, audit_label_sets
from penultimate.datasets import features
from penultimate.drifts.drift import Drift
from penultimate.drifts.drifting import drift
from penultimate.errors import FileError, ProblemError
from penultimate.features.sources.label_files import holds_label_sets
from penultimate.forecasts.forecasting import forecast
from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.learning_curves.curve import LearningCurve, learning_curve
from penultimate.scans.scan import Scan, scan
from penultimate.targets import LabelScatter

Examined = Audit | LabelAudit | Drift | LearningCurve | Scan | LabelForecast


def examine(settings: Settings, files: Sequence[Sent]) -> Examined:
    """What the library says of files, or of bundled features.

    Parameters
    ----------
    settings : Settings
        Of the view "files".
    files : sequence of Sent

    Returns
    -------
    Audit, LabelAudit, Drift, LearningCurve, Scan or LabelForecast

    Raises
    ------
    PenultimateError
        As the function that is called, with the user's name for a file.

    Examples
    --------
    >>> examine(Settings(view="files", task="audit", first="cnn-mse"), ()).counts.classes
    10
    """
    with kept(files) as paths:
        if settings.task == "audit":
            return _audit(settings, paths)
        if settings.task == "drift":
            return drift(_features(settings.first, paths, "first"), _features(settings.second, paths, "second"))
        if settings.task == "learning-curve":
            return learning_curve(_features(settings.first, paths, "first"))
        if settings.task == "scan":
            return scan(_path(paths, "a file of a last layer"))
        if settings.task == "labels":
            targets = LabelScatter.read(_path(paths, "a file of label sets"), separator=settings.separator or None)
            return forecast(targets, settings.decay(), loss=settings.loss)
    raise ProblemError(f"nothing is done with files by the name {settings.task!r}: choose one of {', '.join(TASKS)}")


def _audit(settings: Settings, paths: dict[str, Path]) -> Audit | LabelAudit:
    head = paths.get("second")
    if "first" in paths and holds_label_sets(paths["first"]):
        return audit_label_sets(paths["first"], head=head, loss=settings.loss)
    given = _features(settings.first, paths, "first")
    return audit(given, head=head, weight_decay=settings.decay(), loss=settings.loss)


def _features(bundled: str, paths: dict[str, Path], slot: str) -> Any:
    """A file, or bundled features: never a path from a link."""
    if slot in paths:
        return paths[slot]
    if not bundled:
        raise FileError("no file is chosen yet: choose one, or bundled features (a link holds settings, but no files)")
    return features(bundled)


def _path(paths: dict[str, Path], what: str) -> Path:
    if "first" not in paths:
        raise FileError(f"no file is chosen yet: choose {what} (a link holds settings, but no files)")
    return paths["first"]
