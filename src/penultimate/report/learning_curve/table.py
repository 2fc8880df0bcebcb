"""Tables of a learning curve for the terminal, built with rich."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.learning_curves.curve import LearningCurve
from penultimate.learning_curves.where_next import MORE
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number, points
from penultimate.report.kit.terminal import LOOK, NAME, facts_table
from penultimate.report.learning_curve.record import select
from penultimate.report.learning_curve.words import budget_name, facts, plus_minus, share, verdict
from penultimate.reported import Classes


def table(curve: LearningCurve, classes: Classes = 20) -> Group:
    """Verdict, recalls over the budgets, where to label next, and what was assumed."""
    parts: list[Any] = [Text(verdict(curve), style="bold")]
    if classes != "none":
        parts += [Text(), recalls(curve, classes)]
    parts += [Text(), where_next(curve), Text(), facts_table(facts(curve))]
    return Group(*parts)


def recalls(curve: LearningCurve, classes: Classes) -> Fitted:
    """One row a class: the recall now, and at each budget with its gain."""
    table = Table(title="Recalls; the class asked about first, then those that change most", **LOOK)
    table.add_column("class", **NAME)
    headings = ["samples", "recall", "90 %", *(budget_name(curve, budget) for budget in curve.budgets), "gain"]
    for heading in headings:
        table.add_column(heading, justify="right")
    for k in select(curve, classes).tolist():
        low, high = curve.present_interval[k]
        table.add_row(
            Text(str(curve.counts.names[k])),
            number(float(curve.counts.values[k])),
            share(float(curve.present[k])),
            f"{100 * low:.0f} … {100 * high:.0f}",
            *(share(recall) for recall in curve.recalls[:, k]),
            plus_minus(float(curve.gains[-1, k]), float(curve.gain_errors[-1, k])),
        )
    return Fitted(table, *headings[4:-2], "90 %")


def where_next(curve: LearningCurve) -> Table:
    """One row a class: what a hundred more samples of it bring."""
    table = Table(title=f"Where the next {MORE} labels bring most", **LOOK)
    table.add_column("class", **NAME)
    for heading in ("samples", "own recall", "balanced accuracy"):
        table.add_column(heading, justify="right")
    for one in curve.where_next:
        table.add_row(
            Text(str(curve.counts.names[one.index])),
            number(curve.counts.values[one.index]),
            plus_minus(one.gain, one.error),
            points(one.balanced),
        )
    return table
