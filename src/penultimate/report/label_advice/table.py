"""Tables of advice for several labels a sample, for the terminal, built with rich."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.advice.label_advice import LabelAdvice
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import LOOK, NAME, as_float
from penultimate.report.label_advice.record import label_records
from penultimate.report.label_advice.words import verdict
from penultimate.reported import Classes


def table(advice: LabelAdvice, classes: Classes = 20) -> Group:
    """What to change, then the labels that are answered least."""
    parts: list[Any] = [Text(verdict(advice), style="bold")]
    if classes != "none":
        parts += [Text(), labels(advice, classes)]
    return Group(*parts)


def labels(advice: LabelAdvice, classes: Classes) -> Fitted:
    """Each label's mean score where it is on, now and with the pos_weight advised."""
    title = "All labels" if classes == "all" else "Labels that are answered least"
    table = Table(title=title, **LOOK)
    table.add_column("label", **NAME)
    for heading in ("samples", "score on", "pos_weight", "score on with it", "samples to be answered"):
        table.add_column(heading, justify="right")
    for record in label_records(advice, classes):
        figures = ("score_on", "pos_weight", "weighted_score_on", "to_answer")
        cells = (number(as_float(record[key]), 3) for key in figures)
        table.add_row(Text(str(record["label"])), number(as_float(record["samples"])), *cells)
    return Fitted(table, "samples to be answered")
