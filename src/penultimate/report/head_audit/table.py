"""Tables of an audit of a head for the terminal, built with rich."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.audits.head import HeadAudit
from penultimate.report.head_audit.record import class_records, direction_records, select_classes
from penultimate.report.head_audit.words import facts
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import LOOK, NAME, as_float, facts_table
from penultimate.reported import Classes

# Rows of the table of directions; the JSON has all.
_DIRECTIONS = 16


def table(audit: HeadAudit, classes: Classes = 20) -> Group:
    """Verdict and key figures on top, then directions, then the classes whose rows are nearest to another."""
    note = Text("forecast: at the scale that fits best, which the last layer alone does not tell", "dim")
    parts: list[Any] = [Text(audit.verdict, style="bold"), Text(), summary(audit), Text(), directions(audit), note]
    if classes != "none":
        parts += [Text(), class_table(audit, classes)]
    return Group(*parts)


def summary(audit: HeadAudit) -> Table:
    """Key figures, one a line."""
    return facts_table(facts(audit))


def directions(audit: HeadAudit) -> Table:
    """Strengths along the label directions beside the forecast, one row for each of the leading ones."""
    shown = min(_DIRECTIONS, audit.sigma.size)
    table = Table(title=f"Directions, strongest first ({shown} of {audit.sigma.size})", **LOOK)
    for heading in ("σ", "alike", "forecast", "measured ‖p‖"):
        table.add_column(heading, justify="right")
    for record in direction_records(audit)[:shown]:
        table.add_row(*(number(as_float(value)) for value in record.values()))
    return table


def class_table(audit: HeadAudit, classes: Classes) -> Fitted:
    """The classes whose rows are nearest to another class's."""
    chosen = select_classes(audit, classes)
    title = (
        "All classes" if classes == "all" else f"Classes nearest to another ({chosen.size} of {audit.counts.classes})"
    )
    table = Table(title=title, **LOOK)
    table.add_column("class", **NAME)
    for heading in ("count", "‖head‖", "forecast", "bias"):
        table.add_column(heading, justify="right")
    table.add_column("nearest", **NAME)
    table.add_column("cos", justify="right")
    for record in class_records(audit, chosen):
        figures: list[Any] = [record[key] for key in ("head_norm", "forecast_norm", "bias")]
        table.add_row(
            Text(str(record["class"])),
            number(as_float(record["count"])),
            *(number(as_float(figure), 3) for figure in figures),
            Text("–" if record["nearest"] is None else str(record["nearest"])),
            number(as_float(record["nearest_cosine"]), 3),
        )
    return Fitted(table, "bias", "forecast", "count")
