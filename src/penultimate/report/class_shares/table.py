"""Tables of shares of classes for the terminal, built with rich."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.probabilities.class_shares import ClassShares
from penultimate.report.class_shares.record import select
from penultimate.report.class_shares.words import facts, share, verdict
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import points
from penultimate.report.kit.terminal import LOOK, NAME, facts_table
from penultimate.reported import Classes


def table(found: ClassShares, classes: Classes = 20) -> Group:
    """Verdict, shares class by class, and how they were found."""
    parts: list[Any] = [Text(verdict(found), style="bold")]
    if classes != "none":
        parts += [Text(), shares(found, classes)]
    parts += [Text(), facts_table(facts(found))]
    return Group(*parts)


def shares(found: ClassShares, classes: Classes) -> Fitted:
    """One row a class."""
    table = Table(title="Shares; those that changed most first", **LOOK)
    table.add_column("class", **NAME)
    for heading in ("share", "90 %", "before", "change", "by counting answers"):
        table.add_column(heading, justify="right")
    for k in select(found, classes).tolist():
        low, high = found.intervals[k]
        table.add_row(
            Text(str(found.names[k])),
            share(float(found.shares[k])),
            f"{100 * low:.1f} … {100 * high:.1f}",
            share(float(found.trained[k])),
            points(float(found.shares[k] - found.trained[k])),
            share(float(found.counted[k])),
        )
    return Fitted(table, "by counting answers", "change")
