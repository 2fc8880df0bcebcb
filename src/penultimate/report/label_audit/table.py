"""Tables of an audit of several labels a sample, for the terminal, built with rich."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.audits.label_audit import LabelAudit
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import LOOK, NAME, facts_table
from penultimate.report.label_audit.record import select
from penultimate.report.label_audit.words import facts, share, verdict
from penultimate.reported import Classes


def table(audit: LabelAudit, classes: Classes = 20) -> Group:
    """The verdict, key figures, then the labels that features separate least."""
    parts: list[Any] = [Text(verdict(audit), style="bold"), Text(), facts_table(facts(audit))]
    if classes != "none":
        parts += [Text(), labels(audit, classes)]
    return Group(*parts)


def labels(audit: LabelAudit, classes: Classes) -> Fitted:
    """One row a label."""
    title = "All labels" if classes == "all" else "Labels that features separate least"
    table = Table(title=title, **LOOK)
    table.add_column("label", **NAME)
    for heading in ("samples", "separation", "d'", "lift", "expected", "cos with head"):
        table.add_column(heading, justify="right")
    for row in audit.rows(select(audit, classes)):
        figures = (row.distance, row.lift, row.expected_lift, row.cosine)
        table.add_row(Text(row.label), number(row.samples), share(row.separation), *(number(x, 3) for x in figures))
    return Fitted(table, "d'", "expected")
