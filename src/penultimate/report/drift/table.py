"""Tables of drift for the terminal, built with rich."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.drifts.drift import Drift
from penultimate.report.drift.record import select
from penultimate.report.drift.words import excess, facts, p_value, points_lost, share, verdict
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import LOOK, NAME, facts_table
from penultimate.reported import Classes


def table(drift: Drift, classes: Classes = 20) -> Group:
    """Verdict, classes, and how they were compared."""
    parts: list[Any] = [Text(verdict(drift), style="bold")]
    if classes != "none":
        parts += [Text(), moves(drift, classes)]
    return Group(*parts, Text(), facts_table(facts(drift)))


def moves(drift: Drift, classes: Classes) -> Fitted:
    """One row a class: how far it moved, how sure that is, and what it cost."""
    table = Table(title="Classes; those that moved first, the furthest above", **LOOK)
    table.add_column("class", **NAME)
    shape = ["shape p"] if drift.shape is not None else []
    size = ["excess"] if drift.shape == "sinkhorn" else []
    headings = ["reference", "current", "of the way", "towards", "p", *shape, *size, "spread", "recall", "lost"]
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "towards" else "right")
    for k in select(drift, classes).tolist():
        towards = int(drift.towards[k])
        table.add_row(
            Text(str(drift.counts.names[k])),
            number(float(drift.counts.values[k])),
            number(float(drift.current[k])),
            number(float(drift.of_the_way[k]), 2),
            Text(str(drift.counts.names[towards]) if towards >= 0 else "–"),
            p_value(float(drift.p_adjusted[k])),
            *([p_value(float(drift.shape_p_adjusted[k]))] if shape else []),
            *([excess(drift, k)] if size else []),
            f"× {number(float(drift.spread_ratio[k]), 3)}",
            "–" if drift.after is None else share(float(drift.after.recall[k])),
            points_lost(drift, k),
        )
    return Fitted(table, "spread", "reference", "current", "recall")
