"""Tables of thresholds for the terminal, built with rich."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.probabilities.thresholds import Thresholds
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import LOOK, NAME, facts_table
from penultimate.report.thresholds.record import select
from penultimate.report.thresholds.words import facts, share, verdict
from penultimate.reported import Classes


def table(found: Thresholds, classes: Classes = 20) -> Group:
    """Verdict, thresholds label by label, and how they were found."""
    parts: list[Any] = [Text(verdict(found), style="bold")]
    if classes != "none":
        parts += [Text(), labels(found, classes)]
    parts += [Text(), facts_table(facts(found))]
    return Group(*parts)


def labels(found: Thresholds, classes: Classes) -> Fitted:
    """One row a label."""
    table = Table(title="Thresholds; the labels that gain most first", **LOOK)
    table.add_column("label", **NAME)
    headings = ["threshold", "expected positives", "answered", "at ½", "expected F1", "F1 at ½"]
    measured = found.measured_f is not None
    for heading in [*headings, "measured F1"] if measured else headings:
        table.add_column(heading, justify="right")
    for k in select(found, classes).tolist():
        figures = [
            number(round(float(found.values[k]), 4), 3),
            number(float(found.expected_positives[k]), 3),
            number(float(found.answered[k])),
            number(float(found.answered_at_half[k])),
            share(float(found.expected_f[k])),
            share(float(found.expected_f_at_half[k])),
        ]
        if found.measured_f is not None:
            figures.append(share(float(found.measured_f[k])))
        table.add_row(Text(str(found.names[k])), *figures)
    return Fitted(table, "at ½", "F1 at ½", "answered", "expected positives")
