"""From settings to what the page shows: results of the library as their reports show them, and files to keep.

All but the first words runs in a process beside the server, so that it can be ended while it works. What came last is
kept there: a chart that scrolls into view is drawn from the result that is at hand.
"""

import csv
import json
from collections.abc import Sequence
from functools import lru_cache
from io import StringIO
from typing import Any, cast

from penultimate.advice.advice import advise
from penultimate.app.calibrated import calibrated
from penultimate.app.drafts import draft
from penultimate.app.examined import examine
from penultimate.app.reproduction import command, python
from penultimate.app.settings import AUDITED, VIEWS, Settings
from penultimate.app.uploads import Sent, as_text, read_counts
from penultimate.audits.label_audit import LabelAudit
from penultimate.errors import ProblemError
from penultimate.forecasts.comparison import compare_losses
from penultimate.forecasts.forecasting import forecast
from penultimate.model.before_training import before_training
from penultimate.report.kit.frame import LISTS, columns
from penultimate.report.kit.html import Document
from penultimate.reported import Reported, page_of

# Letters of a text of counts that is read in no time.
_QUICKLY_READ = 100_000
# The one shown, and the same in the two other views.
_KEPT = 3


def view(settings: Settings, charts: Sequence[str], files: tuple[Sent, ...] = ()) -> str:
    """A result as the page shows it.

    Parameters
    ----------
    settings : Settings
    charts : sequence of str
        Names of those to draw: all that are in sight.
    files : tuple of Sent
        What the view "files" is of, or the audit of a network.

    Returns
    -------
    str
        JSON: the report's body in HTML, the charts asked for, and the same in Python.
    """
    found = _document(settings, files)
    label_sets = isinstance(result(settings, files), LabelAudit)
    drawn = {figure.key: figure.spec for figure in found.figures if figure.key in charts}
    shown: dict[str, Any] = {
        "html": found.within(),
        "charts": drawn,
        "python": python(settings, files, label_sets),
        "command": command(settings, files, label_sets),
    }
    return json.dumps(shown, allow_nan=False, separators=(",", ":"))


def upload(name: str, data: bytes, holds: str) -> str:
    """What a file holds, in JSON: counts to go on with, as text, and how the file was read."""
    counts = read_counts(name, data, holds)
    return json.dumps({"text": as_text(counts), "origin": f"{name}: {counts.origin}"})


def save(settings: Settings, kind: str, files: tuple[Sent, ...] = ()) -> str:
    """What there is to keep, as text.

    Parameters
    ----------
    settings, files
        As for `view`.
    kind : {"json", "classes", "counts", "html"}
        The result as the command writes it, a table of its classes, the class counts, or the report.

    Returns
    -------
    str

    Raises
    ------
    ProblemError
        For another kind, and where a result does not list its classes.
    """
    if kind == "counts":
        return as_text(settings.read_counts())
    if kind == "html":
        return _document(settings, files).whole()
    record = result(settings, files).to_dict("all")
    if kind == "json":
        return json.dumps(record, indent=2, allow_nan=False)
    if kind == "classes":
        return _classes(record)
    raise ProblemError(f"nothing can be kept as {kind!r}: choose json, classes, counts or html")


@lru_cache(_KEPT)
def result(settings: Settings, files: tuple[Sent, ...] = ()) -> Reported:
    """What the library says to these settings."""
    if settings.view not in VIEWS:
        raise ProblemError(f"there is no view {settings.view!r}: choose one of {', '.join(VIEWS)}")
    if settings.view == "files":
        return examine(settings, files)
    if settings.networks == AUDITED:
        return calibrated(settings, files)
    counts, decay, options = settings.read_counts(), settings.decay(), settings.options()
    if settings.view == "losses":
        return compare_losses(counts, settings.compared(), decay, **options)
    if settings.view == "advice":
        return advise(counts, decay, **options)
    return cast(Reported, forecast(counts, decay, **options))


def first_words(settings: Settings) -> str:
    """What is known at once of a forecast that takes longer; nothing where nothing is."""
    if settings.view != "forecast" or settings.networks == AUDITED or len(settings.text) > _QUICKLY_READ:
        return ""
    return draft(settings.read_counts(), before_training(settings.decay(), **settings.options()))


def warm() -> None:
    """Do once what the first view would wait for: libraries are loaded, and charts drawn of the view at the start."""
    start = Settings()
    view(start, result(start).charts[:2])


@lru_cache(_KEPT)
def _document(settings: Settings, files: tuple[Sent, ...] = ()) -> Document:
    return page_of(result(settings, files))


def _classes(record: dict[str, Any]) -> str:
    """The classes of a record as CSV, in the columns of `to_frame`."""
    if not any(isinstance(record.get(name), list) for name in LISTS):
        raise ProblemError("this result has no table of classes: keep it as JSON, or as a report")
    found = columns(record)
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(found)
    writer.writerows(zip(*found.values(), strict=True))
    return text.getvalue()
