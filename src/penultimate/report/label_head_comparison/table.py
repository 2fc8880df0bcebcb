"""Tables of a comparison of heads for several labels a sample, built with rich."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.heads.comparison.label_comparison import LabelHeadComparison
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import LOOK, NAME, facts_table
from penultimate.report.label_head_comparison.record import select
from penultimate.report.label_head_comparison.words import cells, how, share, verdict
from penultimate.reported import Classes


def table(found: LabelHeadComparison, classes: Classes = 10) -> Group:
    """Verdict, every way to answer, the labels that gain most, and how it was judged."""
    parts: list[Any] = [Text(verdict(found), style="bold"), Text(), heads(found)]
    if classes != "none":
        parts += [Text(), labels(found, classes)]
    parts += [Text(), facts_table(how(found))]
    return Group(*parts)


def heads(found: LabelHeadComparison) -> Fitted:
    """The head and what people do, most macro-F1 first; shares in percent."""
    table = Table(title="F1 on VALID, %", **LOOK)
    table.add_column("way", no_wrap=True)
    for heading in ("macro-F1", "many", "medium", "few", "micro-F1", "gain of the head", "on few"):
        table.add_column(heading, justify="right", no_wrap=True)
    for place, result in enumerate(found.results):
        table.add_row(*cells(result), style="" if place else "bold")
    return Fitted(table, "micro-F1", "medium", "many", "on few")


def labels(found: LabelHeadComparison, classes: Classes) -> Fitted:
    """One row a label."""
    table = Table(title=f"Labels; those that gain most on {found.best.name} first", **LOOK)
    table.add_column("label", **NAME)
    for heading in ("samples", "in VALID", "threshold", "F1, %", "others', %"):
        table.add_column(heading, justify="right")
    for k in select(found, classes).tolist():
        table.add_row(
            Text(str(found.names[k])),
            number(int(found.positives[k])),
            number(int(found.valid_positives[k])),
            number(round(float(found.thresholds.values[k]), 4), 3),
            share(float(found.results[0].f1[k])),
            share(float(found.best.f1[k])),
        )
    return Fitted(table, "threshold", "in VALID")
