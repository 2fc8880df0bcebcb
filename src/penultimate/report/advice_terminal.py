"""Advice for the terminal, built with rich: verdict, pieces, before and after, losses, classes that are too small."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.advice.figures import Figures
from penultimate.advice.standing import Standing
from penultimate.advice.wishes import Wish
from penultimate.advising import Advice
from penultimate.forecasting import Forecast
from penultimate.report.advice_loss_words import option_words
from penultimate.report.advice_records import too_small
from penultimate.report.advice_words import STANDINGS, pieces, verdict
from penultimate.report.fitted import Fitted
from penultimate.report.terminal import ENDS, LOOK, as_float
from penultimate.report.words import number, percent

_STYLES = dict(zip(STANDINGS.values(), ("green", "blue", "red", "yellow"), strict=True))
NOTES = (
    "head, tail: the third of the classes with most samples, and with fewest; margins with the bias, cosines to the "
    "nearest other class mean. reserve: samples over samples needed, of the class that has least of it"
)
COST_NOTE = (
    "used: share of the samples that class weights leave in effect; cost: share of the head's margin, at equal "
    "strength, that the plain loss has and this one has not"
)


def advice_table(advice: Advice) -> Group:
    """Every piece, with what backs it.

    Parameters
    ----------
    advice : Advice
        What to show.

    Returns
    -------
    rich.console.Group
    """
    parts: list[Any] = [Text(verdict(advice), style="bold"), Text(), said(advice), Text(), effects(advice)]
    parts.append(Text(NOTES, style="dim"))
    if advice.loss.options:
        parts += [Text(), losses(advice), Text(COST_NOTE, style="dim")]
    if advice.samples.standing is not Standing.KEEP and too_small(advice.samples):
        parts += [Text(), small_classes(advice)]
    return Group(*parts)


def said(advice: Advice) -> Table:
    """One row a piece: how it stands, why, at what cost, and what would be needed to say more."""
    table = Table(title="Piece by piece", **LOOK)
    table.padding = (0, 1, 1, 0)
    table.add_column("on", no_wrap=True)
    table.add_column("advice", no_wrap=True)
    table.add_column("because", ratio=3)
    table.add_column("cost, or what is needed to say more", ratio=2)
    for piece in pieces(advice):
        style = _STYLES[piece.standing]
        further = "; ".join(text for text in (piece.cost, piece.needed) if text)
        table.add_row(Text(piece.topic), Text(piece.standing, style=style), Text(piece.text), Text(further))
    return table


def effects(advice: Advice) -> Fitted:
    """Forecasts before and after each change that is advised."""
    table = Table(title="Forecast before and after", **LOOK)
    table.add_column("with", overflow="fold")
    for heading in ("directions", "own", "shared", "lost", *ENDS, "reserve"):
        table.add_column(heading, justify="right")
    for name, forecast in changes(advice):
        table.add_row(Text(name), *figure_cells(Figures.of(forecast)))
    return Fitted(table, "own", "shared", *ENDS[2:], "reserve")


def changes(advice: Advice) -> list[tuple[str, Forecast]]:
    """Names and forecasts: as things stand, and after each change that is advised."""
    decay, loss, samples, width = advice.decay, advice.loss, advice.samples, advice.width
    rows = [("everything as it is", advice.forecast)]
    if decay.after is not None:
        rows.append((f"weight decay below {number(decay.advised, 3)}", decay.after))
    if loss.after is not None:
        rows.append((f"loss {loss.chosen}", loss.after))
    if samples.after is not None:
        rows.append((f"{number(samples.floor)} samples or more a class", samples.after))
    if width.standing is Standing.CHANGE:
        rows.append((f"a width of {number(width.needed)}", width.after))
    return rows


def figure_cells(figures: Figures) -> list[str]:
    """Key figures as texts."""
    margins = (figures.head_margin, figures.tail_margin, figures.head_cosine, figures.tail_cosine, figures.reserve)
    return [
        f"{number(figures.survivors)} of {number(figures.directions)}",
        *(number(size) for size in (figures.own, figures.shared, figures.lost)),
        *(number(value, 3) for value in margins),
    ]


def losses(advice: Advice) -> Fitted:
    """The best of every family."""
    table = Table(title="Losses searched", **LOOK)
    for heading in ("family", "loss"):
        table.add_column(heading, no_wrap=True)
    for heading in (*ENDS, "alive", "reserve", "used", "cost", "gap"):
        table.add_column(heading, justify="right")
    table.add_column("wish", no_wrap=True)
    for row in loss_cells(advice):
        table.add_row(*row, style="green" if row[1] == advice.loss.chosen else "")
    last = ("cost", "used") if advice.loss.wish is Wish.CONSISTENT else ("used", "cost")
    return Fitted(table, "gap", *ENDS[2:], "reserve", "alive", *last)


def loss_cells(advice: Advice) -> list[tuple[str, ...]]:
    """The rows of that table as texts."""
    return [
        (
            option.family.name,
            option.loss,
            *(
                number(value, 3)
                for value in (
                    option.point.figures.head_margin,
                    option.point.figures.tail_margin,
                    option.point.figures.head_cosine,
                    option.point.figures.tail_cosine,
                )
            ),
            number(option.point.figures.survivors),
            number(option.point.figures.reserve, 3),
            percent(option.effective_samples, 2),
            percent(option.head_cost, 2),
            f"{option.point.relative_gap:.0e}",
            option_words(option),
        )
        for option in advice.loss.options
    ]


def small_classes(advice: Advice) -> Table:
    """Classes that do not have the samples that they need."""
    table = Table(title="Classes with too few samples, fewest first, one row for all of equal count", **LOOK)
    table.add_column("class", overflow="fold")
    for heading in ("alike", "samples", "to gain, alone"):
        table.add_column(heading, justify="right")
    for row in too_small(advice.samples):
        gain = row["samples_to_gain"]
        table.add_row(
            Text(str(row["class"])),
            number(as_float(row["alike"])),
            number(as_float(row["count"])),
            "∞" if gain is None else number(as_float(gain)),
        )
    return table
