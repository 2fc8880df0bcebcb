"""Advice for the terminal, built with rich: verdict, pieces, before and after, losses, classes that are too small."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.advice.advice import Advice
from penultimate.advice.figures import Figures
from penultimate.advice.goals import Goal
from penultimate.advice.status import Status
from penultimate.report.advice.effects import changes, figure_cells, loss_cells
from penultimate.report.advice.record import too_small
from penultimate.report.advice.words import STATUSES, paragraphs, pieces
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import LOOK, as_float
from penultimate.reported import Classes

# Frequent and rare classes, in two lines each.
_ENDS = ("margin\nmany", "margin\nfew", "cos\nmany", "cos\nfew")
_STYLES = dict(zip(STATUSES.values(), ("green", "blue", "red", "yellow"), strict=True))
NOTES = (
    "many, few: the third of the classes with most samples, and with fewest. margin: with the bias. cos: to the "
    "nearest other class mean. safety: how many times the samples it needs the weakest class has"
)
COST_NOTE = (
    "used: what share of the samples the weighted data are worth. cost: share of the margin of frequent classes, at "
    "equal strength, that is given up compared with the plain loss"
)


def table(advice: Advice, classes: Classes = 20) -> Group:
    """Every piece, with what backs it."""
    parts: list[Any] = [Text(f"• {one}", style="bold") for one in paragraphs(advice)]
    parts += [Text(), said(advice), Text(), effects(advice)]
    parts.append(Text(NOTES, style="dim"))
    if advice.loss.options:
        parts += [Text(), losses(advice), Text(COST_NOTE, style="dim")]
    if advice.samples.status is not Status.KEEP and (small := too_small(advice.samples, classes)):
        parts += [Text(), small_classes(small)]
    return Group(*parts)


def said(advice: Advice) -> Table:
    """One row a piece: how it stands, why, at what cost, and what would be needed to say more."""
    table = Table(title="Piece by piece", **LOOK)
    table.padding = (0, 1, 1, 0)
    table.add_column("on", no_wrap=True)
    table.add_column("advice", no_wrap=True)
    table.add_column("because", ratio=3)
    table.add_column("cost, or what would tell more", ratio=2)
    for piece in pieces(advice):
        style = _STYLES[piece.status]
        further = "; ".join(text for text in (piece.cost, piece.needed) if text)
        table.add_row(Text(piece.topic), Text(piece.status, style=style), Text(piece.text), Text(further))
    return table


def effects(advice: Advice) -> Fitted:
    """Forecasts before and after each change that is advised."""
    table = Table(title="Forecast before and after", **LOOK)
    table.add_column("with", overflow="fold")
    for heading in ("directions", "own", "shared", "lost", *_ENDS, "safety"):
        table.add_column(heading, justify="right")
    for name, forecast in changes(advice):
        table.add_row(Text(name), *figure_cells(Figures.from_forecast(forecast)))
    return Fitted(table, "own", "shared", *_ENDS[2:], "safety")


def losses(advice: Advice) -> Fitted:
    """The best of every family."""
    table = Table(title="Losses searched", **LOOK)
    for heading in ("family", "loss"):
        table.add_column(heading, no_wrap=True)
    for heading in (*_ENDS, "alive", "safety", "used", "cost", "gap"):
        table.add_column(heading, justify="right")
    table.add_column("goal", no_wrap=True)
    for row in loss_cells(advice):
        table.add_row(*row, style="green" if row[1] == advice.loss.chosen else "")
    last = ("cost", "used") if advice.loss.goal is Goal.CONSISTENT else ("used", "cost")
    return Fitted(table, "gap", *_ENDS[2:], "safety", "alive", *last)


def small_classes(small: list[dict[str, object]]) -> Table:
    """Classes that do not have the samples that they need."""
    table = Table(title="Classes with too few samples, fewest first; one row for all of equal count", **LOOK)
    table.add_column("class", overflow="fold")
    for heading in ("alike", "samples", "more needed"):
        table.add_column(heading, justify="right")
    for row in small:
        gain = row["samples_to_gain"]
        table.add_row(
            Text(str(row["class"])),
            number(as_float(row["alike"])),
            number(as_float(row["count"])),
            "∞" if gain is None else number(as_float(gain)),
        )
    return table
