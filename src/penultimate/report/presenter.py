"""The shape of a presenter: a package with five modules, which `penultimate.reported.Reported` loads by name.

The assignments below make the type checker hold each of them to it: a presenter that lacks a part is an error there.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from penultimate.reported import Classes

if TYPE_CHECKING:
    from rich.console import Group

    from penultimate.report.kit.chart_style import AnyChart
    from penultimate.report.kit.html import Document

Result_contra = TypeVar("Result_contra", contravariant=True)


class Words(Protocol[Result_contra]):
    """``words.py``: the result in sentences."""

    def verdict(self, result: Result_contra, /) -> str:
        """All that is worth saying first, in one paragraph."""
        ...

    def paragraphs(self, result: Result_contra, /) -> list[str]:
        """The same, as a page prints it."""
        ...


class Record(Protocol[Result_contra]):
    """``record.py``: the result as numbers, lists and strings."""

    def record(self, result: Result_contra, classes: Classes = ..., /) -> dict[str, object]:
        """Everything, ready for JSON."""
        ...


class Table(Protocol[Result_contra]):
    """``table.py``: the result in a terminal."""

    def table(self, result: Result_contra, classes: Classes = ..., /) -> "Group":
        """Verdict, key figures, classes."""
        ...


class Charts(Protocol[Result_contra]):
    """``charts.py``: what can be drawn of the result."""

    def charts(self, result: Result_contra, /) -> "dict[str, Callable[[], AnyChart]]":
        """Every chart by name, drawn when it is called."""
        ...


class Page(Protocol[Result_contra]):
    """``page.py``: the result as HTML."""

    def page(self, result: Result_contra, /) -> "Document":
        """The report: a file of its own, or a part of another page."""
        ...

    def summary(self, result: Result_contra, /) -> str:
        """Key figures and verdict as a small table without scripts, for notebooks."""
        ...


if TYPE_CHECKING:
    import penultimate.report.advice.charts
    import penultimate.report.advice.page
    import penultimate.report.advice.record
    import penultimate.report.advice.table
    import penultimate.report.advice.words
    import penultimate.report.audit.charts
    import penultimate.report.audit.page
    import penultimate.report.audit.record
    import penultimate.report.audit.table
    import penultimate.report.audit.words
    import penultimate.report.class_shares.charts
    import penultimate.report.class_shares.page
    import penultimate.report.class_shares.record
    import penultimate.report.class_shares.table
    import penultimate.report.class_shares.words
    import penultimate.report.comparison.charts
    import penultimate.report.comparison.page
    import penultimate.report.comparison.record
    import penultimate.report.comparison.table
    import penultimate.report.comparison.words
    import penultimate.report.drift.charts
    import penultimate.report.drift.page
    import penultimate.report.drift.record
    import penultimate.report.drift.table
    import penultimate.report.drift.words
    import penultimate.report.forecast.charts
    import penultimate.report.forecast.page
    import penultimate.report.forecast.record
    import penultimate.report.forecast.table
    import penultimate.report.forecast.words
    import penultimate.report.head_audit.charts
    import penultimate.report.head_audit.page
    import penultimate.report.head_audit.record
    import penultimate.report.head_audit.table
    import penultimate.report.head_audit.words
    import penultimate.report.head_comparison.charts
    import penultimate.report.head_comparison.page
    import penultimate.report.head_comparison.record
    import penultimate.report.head_comparison.table
    import penultimate.report.head_comparison.words
    import penultimate.report.label_advice.charts
    import penultimate.report.label_advice.page
    import penultimate.report.label_advice.record
    import penultimate.report.label_advice.table
    import penultimate.report.label_advice.words
    import penultimate.report.label_audit.charts
    import penultimate.report.label_audit.page
    import penultimate.report.label_audit.record
    import penultimate.report.label_audit.table
    import penultimate.report.label_audit.words
    import penultimate.report.label_forecast.charts
    import penultimate.report.label_forecast.page
    import penultimate.report.label_forecast.record
    import penultimate.report.label_forecast.table
    import penultimate.report.label_forecast.words
    import penultimate.report.learning_curve.charts
    import penultimate.report.learning_curve.page
    import penultimate.report.learning_curve.record
    import penultimate.report.learning_curve.table
    import penultimate.report.learning_curve.words
    import penultimate.report.narrow_forecast.charts
    import penultimate.report.narrow_forecast.page
    import penultimate.report.narrow_forecast.record
    import penultimate.report.narrow_forecast.table
    import penultimate.report.narrow_forecast.words
    import penultimate.report.row_audit.charts
    import penultimate.report.row_audit.page
    import penultimate.report.row_audit.record
    import penultimate.report.row_audit.table
    import penultimate.report.row_audit.words
    import penultimate.report.scan.charts
    import penultimate.report.scan.page
    import penultimate.report.scan.record
    import penultimate.report.scan.table
    import penultimate.report.scan.words
    import penultimate.report.thresholds.charts
    import penultimate.report.thresholds.page
    import penultimate.report.thresholds.record
    import penultimate.report.thresholds.table
    import penultimate.report.thresholds.words
    from penultimate.advice.advice import Advice
    from penultimate.advice.label_advice import LabelAdvice
    from penultimate.audits.audit import Audit
    from penultimate.audits.head import HeadAudit
    from penultimate.audits.label_audit import LabelAudit
    from penultimate.audits.row_audit import RowAudit
    from penultimate.drifts.drift import Drift
    from penultimate.forecasts.comparison import LossComparison
    from penultimate.forecasts.forecast import Forecast
    from penultimate.forecasts.label_forecast import LabelForecast
    from penultimate.forecasts.narrow_forecast import NarrowForecast
    from penultimate.heads.comparison.comparison import HeadComparison
    from penultimate.learning_curves.curve import LearningCurve
    from penultimate.probabilities.class_shares import ClassShares
    from penultimate.probabilities.thresholds import Thresholds
    from penultimate.scans.scan import Scan

    _R = TypeVar("_R")
    _Presenter = tuple[Charts[_R], Page[_R], Record[_R], Table[_R], Words[_R]]

    _advice: _Presenter[Advice] = (
        penultimate.report.advice.charts,
        penultimate.report.advice.page,
        penultimate.report.advice.record,
        penultimate.report.advice.table,
        penultimate.report.advice.words,
    )
    _audit: _Presenter[Audit] = (
        penultimate.report.audit.charts,
        penultimate.report.audit.page,
        penultimate.report.audit.record,
        penultimate.report.audit.table,
        penultimate.report.audit.words,
    )
    _comparison: _Presenter[LossComparison] = (
        penultimate.report.comparison.charts,
        penultimate.report.comparison.page,
        penultimate.report.comparison.record,
        penultimate.report.comparison.table,
        penultimate.report.comparison.words,
    )
    _drift: _Presenter[Drift] = (
        penultimate.report.drift.charts,
        penultimate.report.drift.page,
        penultimate.report.drift.record,
        penultimate.report.drift.table,
        penultimate.report.drift.words,
    )
    _forecast: _Presenter[Forecast] = (
        penultimate.report.forecast.charts,
        penultimate.report.forecast.page,
        penultimate.report.forecast.record,
        penultimate.report.forecast.table,
        penultimate.report.forecast.words,
    )
    _head_audit: _Presenter[HeadAudit] = (
        penultimate.report.head_audit.charts,
        penultimate.report.head_audit.page,
        penultimate.report.head_audit.record,
        penultimate.report.head_audit.table,
        penultimate.report.head_audit.words,
    )
    _head_comparison: _Presenter[HeadComparison] = (
        penultimate.report.head_comparison.charts,
        penultimate.report.head_comparison.page,
        penultimate.report.head_comparison.record,
        penultimate.report.head_comparison.table,
        penultimate.report.head_comparison.words,
    )
    _narrow_forecast: _Presenter[NarrowForecast] = (
        penultimate.report.narrow_forecast.charts,
        penultimate.report.narrow_forecast.page,
        penultimate.report.narrow_forecast.record,
        penultimate.report.narrow_forecast.table,
        penultimate.report.narrow_forecast.words,
    )
    _row_audit: _Presenter[RowAudit] = (
        penultimate.report.row_audit.charts,
        penultimate.report.row_audit.page,
        penultimate.report.row_audit.record,
        penultimate.report.row_audit.table,
        penultimate.report.row_audit.words,
    )
    _label_advice: _Presenter[LabelAdvice] = (
        penultimate.report.label_advice.charts,
        penultimate.report.label_advice.page,
        penultimate.report.label_advice.record,
        penultimate.report.label_advice.table,
        penultimate.report.label_advice.words,
    )
    _label_audit: _Presenter[LabelAudit] = (
        penultimate.report.label_audit.charts,
        penultimate.report.label_audit.page,
        penultimate.report.label_audit.record,
        penultimate.report.label_audit.table,
        penultimate.report.label_audit.words,
    )
    _label_forecast: _Presenter[LabelForecast] = (
        penultimate.report.label_forecast.charts,
        penultimate.report.label_forecast.page,
        penultimate.report.label_forecast.record,
        penultimate.report.label_forecast.table,
        penultimate.report.label_forecast.words,
    )
    _learning_curve: _Presenter[LearningCurve] = (
        penultimate.report.learning_curve.charts,
        penultimate.report.learning_curve.page,
        penultimate.report.learning_curve.record,
        penultimate.report.learning_curve.table,
        penultimate.report.learning_curve.words,
    )
    _scan: _Presenter[Scan] = (
        penultimate.report.scan.charts,
        penultimate.report.scan.page,
        penultimate.report.scan.record,
        penultimate.report.scan.table,
        penultimate.report.scan.words,
    )
    _thresholds: _Presenter[Thresholds] = (
        penultimate.report.thresholds.charts,
        penultimate.report.thresholds.page,
        penultimate.report.thresholds.record,
        penultimate.report.thresholds.table,
        penultimate.report.thresholds.words,
    )
    _class_shares: _Presenter[ClassShares] = (
        penultimate.report.class_shares.charts,
        penultimate.report.class_shares.page,
        penultimate.report.class_shares.record,
        penultimate.report.class_shares.table,
        penultimate.report.class_shares.words,
    )
