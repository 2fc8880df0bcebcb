"""Tables of an audit of a head with more classes than d + 1 for the terminal, built with rich."""

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import LOOK, NAME, as_float, facts_table
from penultimate.report.row_audit.record import class_records, select_classes
from penultimate.report.row_audit.words import facts
from penultimate.reported import Classes

if TYPE_CHECKING:
    from penultimate.audits.row_audit import RowAudit


def table(audit: "RowAudit", classes: Classes = 20) -> Group:
    """Verdict and key figures on top, then the rows of most unusual length."""
    parts: list[Any] = [Text(audit.verdict, style="bold"), Text(), summary(audit)]
    if classes != "none":
        parts += [Text(), class_table(audit, classes)]
    return Group(*parts)


def summary(audit: "RowAudit") -> Table:
    """Key figures, one a line."""
    return facts_table(facts(audit))


def class_table(audit: "RowAudit", classes: Classes) -> Fitted:
    """Classes with their lengths, and the law's where counts explain any."""
    chosen = select_classes(audit, classes)
    shown = f"{chosen.size} of {audit.counts.classes}"
    title = "All classes" if classes == "all" else f"Rows of most unusual length ({shown})"
    table = Table(title=title, **LOOK)
    table.add_column("class", **NAME)
    for heading in ("count", "‖head‖", "by the law"):
        table.add_column(heading, justify="right")
    for record in class_records(audit, chosen):
        figures = [number(as_float(record[key]), 3) for key in ("head_norm", "law_norm")]
        table.add_row(Text(str(record["class"])), number(as_float(record["count"])), *figures)
    return Fitted(table, "by the law", "count")
