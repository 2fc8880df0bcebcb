"""A comparison of losses as a table in the terminal."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.forecasts.comparison import LossComparison
from penultimate.forecasts.status import STATUSES
from penultimate.report.comparison.record import class_records, select_classes
from penultimate.report.comparison.words import verdict
from penultimate.report.forecast.words import safe_words
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import LOOK, NAME, as_float
from penultimate.reported import Classes

# Figures of the largest and the smallest class, in two lines each.
_ENDS = ("margin\nlargest", "margin\nsmallest", "cos\nlargest", "cos\nsmallest")


def table(comparison: LossComparison, classes: Classes = "none") -> Group:
    """Verdict, losses side by side, and margins of some classes if asked for."""
    notes = (
        "largest, smallest: the class with most samples, and with fewest. margin: with the bias. cos: to the nearest "
        "other class mean. safe decay: below it every direction survives"
    )
    parts: list[Any] = [Text(verdict(comparison), style="bold"), Text(), losses(comparison), Text(notes, style="dim")]
    if classes != "none":
        parts += [Text(), margins(comparison, classes)]
    return Group(*parts)


def losses(comparison: LossComparison) -> Fitted:
    """One row a loss."""
    table = Table(title="Losses at the same weight decay", **LOOK)
    table.add_column("loss", overflow="fold")
    for heading in ("directions", "own", "shared", "lost", *_ENDS, "safe\ndecay"):
        table.add_column(heading, justify="right")
    table.add_column("outcome", overflow="fold")
    for name, forecast in comparison.forecasts.items():
        margin, cosine = forecast.geometry.group_margins, forecast.geometry.group_nearest[1]
        table.add_row(
            Text(name),
            f"{number(forecast.survivors)} of {number(forecast.directions)}",
            *(number(forecast.classes_with(status)) for status in STATUSES),
            *(number(float(value), 3) for value in (margin[0], margin[-1], cosine[0], cosine[-1])),
            safe_words(forecast),
            forecast.solution.outcome.name.lower().replace("_", " "),
        )
    return Fitted(table, "own", "shared", *_ENDS[2:], "outcome")


def margins(comparison: LossComparison, classes: Classes) -> Table:
    """The margin of each of some classes with every loss."""
    title = "Margins of all classes" if classes == "all" else "Margins of some classes, evenly by rank"
    table = Table(title=title, **LOOK)
    table.add_column("class", **NAME)
    for heading in ("count", *comparison.forecasts):
        table.add_column(Text(heading), justify="right")
    for record in class_records(comparison, select_classes(comparison, classes)):
        margin: Any = record["margin"]
        figures = (number(as_float(margin[name]), 3) for name in comparison.forecasts)
        table.add_row(Text(str(record["class"])), number(as_float(record["count"])), *figures)
    return table
