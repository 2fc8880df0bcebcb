"""Charts of advice: what head and tail trade over losses, and lines of survival and margins before and after."""

from collections.abc import Callable

import altair as alt

from penultimate.advice.design import Option, Point
from penultimate.advice.wishes import Wish
from penultimate.advising import Advice
from penultimate.comparing import Comparison
from penultimate.report.advice_terminal import changes
from penultimate.report.chart_style import HEIGHT, INK, WIDTH, Row, inline, titled
from penultimate.report.comparison_charts import COLOURS, COMPARISON_CHARTS, DASHES
from penultimate.report.words import percent

# Points that are farther from the rest than this many of its spans are left out, lest they press it together.
_REACH = 3.0


def trade_off(advice: Advice) -> alt.LayerChart:
    """Draw the tail against the head over the strength of each family, what is wished, and what is advised.

    Margins per strength, in units of the plain loss's head; cosines as they are.

    Parameters
    ----------
    advice : Advice
        What to draw; its losses were searched.

    Returns
    -------
    altair.LayerChart
    """
    options = sorted(advice.loss.options, key=lambda option: option.family.name)
    rows = [_row(advice, option, point) for option in options for point in option.curve]
    kept = _near(rows)
    names = [option.family.name for option in options]
    colour = alt.Color(
        "family:N", scale=alt.Scale(domain=names, range=list(COLOURS[: len(names)])), legend=_legend(), title=None
    )
    dash = alt.StrokeDash(
        "family:N", scale=alt.Scale(domain=names, range=list(DASHES[: len(names)])), legend=_legend(), title=None
    )
    what = "cosine to the nearest mean" if advice.loss.wish is Wish.ANGLES else "margin at equal strength"
    x = alt.X("head:Q", title=f"head: {what}", scale=alt.Scale(zero=False))
    y = alt.Y("tail:Q", title=f"tail: {what}", scale=alt.Scale(zero=False))
    tooltip = ["family:N", "loss:N", *(alt.Tooltip(f"{name}:Q", format=".3g") for name in ("head", "tail"))]
    lines = alt.Chart(inline(kept)).mark_line(point=alt.OverlayMarkDef(size=22), strokeWidth=1.8)
    layers = [lines.encode(x=x, y=y, color=colour, strokeDash=dash, order="strength:Q", tooltip=tooltip)]
    ends = [value for row in kept for value in (row["head"], row["tail"]) if isinstance(value, float)]
    if advice.loss.wish is not Wish.BALANCED and ends:
        equal: list[Row] = [{"head": end, "tail": end} for end in (min(ends), max(ends))]
        layers.append(alt.Chart(inline(equal)).mark_line(color=INK, strokeDash=[2, 2]).encode(x="head:Q", y="tail:Q"))
    best: list[Row] = [_row(advice, option, option.point) for option in options if option.met]
    picked = alt.Chart(inline(_near([*best, *kept])[: len(best)])).mark_point(filled=True, size=110, shape="diamond")
    layers.append(picked.encode(x=x, y=y, color=colour, tooltip=tooltip))
    lines_below = ["Each curve begins at the plain loss; diamonds: where the wish is fulfilled"]
    lines_below.append("" if advice.loss.wish is Wish.BALANCED else "Dotted: tail and head alike")
    return titled(alt.LayerChart(layer=layers, width=WIDTH, height=HEIGHT), _title(advice), lines_below)


def survival(advice: Advice) -> alt.LayerChart:
    """Draw how many samples classes need and have, as things stand and after what is advised.

    Parameters
    ----------
    advice : Advice
        What to draw.

    Returns
    -------
    altair.LayerChart
    """
    kept = {name: forecast for name, forecast in changes(advice) if forecast.counts == advice.counts}
    return COMPARISON_CHARTS["needed"](Comparison(kept))


def margins(advice: Advice) -> alt.LayerChart:
    """Draw the margin of every class's mean with the loss in use and with the one advised.

    Parameters
    ----------
    advice : Advice
        What to draw; a loss is advised.

    Returns
    -------
    altair.LayerChart
    """
    loss = advice.loss
    assert loss.after is not None
    pair = {f"{loss.before.problem.loss}, in use": loss.before, f"{loss.chosen}, advised": loss.after}
    return COMPARISON_CHARTS["margins"](Comparison(pair))


ADVICE_CHARTS: dict[str, Callable[[Advice], alt.LayerChart]] = {
    "trade_off": trade_off,
    "survival": survival,
    "margins": margins,
}


def _row(advice: Advice, option: Option, point: Point) -> Row:
    figures, target = point.figures, advice.loss.target
    head, tail = figures.head_margin, figures.tail_margin
    if advice.loss.wish is Wish.ANGLES:
        head, tail = figures.head_cosine, figures.tail_cosine
    elif target is not None and figures.strength > 0:
        scale = target.plain.strength / figures.strength
        head, tail = head * scale, tail * scale
    return {
        "family": option.family.name,
        "loss": option.family.loss(point.strength),
        "strength": point.strength,
        "head": head if head == head else None,
        "tail": tail if tail == tail else None,
    }


def _near(rows: list[Row]) -> list[Row]:
    """Rows whose figures exist and lie near those of the plain loss, which every curve begins with."""
    known = [row for row in rows if isinstance(row["head"], float) and isinstance(row["tail"], float)]
    start = next((row for row in known if row["strength"] == 0.0), None)
    if start is None:
        return known
    span = max(abs(float(start["head"] or 0.0)), abs(float(start["tail"] or 0.0)), 0.1)
    return [
        row
        for row in known
        if all(abs(float(row[name] or 0.0) - float(start[name] or 0.0)) <= _REACH * span for name in ("head", "tail"))
    ]


def _legend() -> alt.Legend:
    return alt.Legend(title=None, orient="top", columns=3, symbolType="stroke", symbolStrokeWidth=2.5)


def _title(advice: Advice) -> str:
    loss = advice.loss
    if loss.chosen is None:
        return "No loss fulfils the wish"
    return f"{loss.chosen} fulfils the wish for {percent(max(loss.head_cost or 0.0, 0.0), 2)} of the head's margin"
