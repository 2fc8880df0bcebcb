"""Charts of advice: what frequent and rare classes trade over losses; samples needed and margins before and after."""

from collections.abc import Callable
from functools import partial

import altair as alt

from penultimate.advice.advice import Advice
from penultimate.advice.design import Option, Point
from penultimate.advice.goals import Goal
from penultimate.forecasts.comparison import LossComparison
from penultimate.report.advice.effects import changes
from penultimate.report.kit.chart_style import COLOURS, DASHES, HEIGHT, INK, WIDTH, AnyChart, Row, inline, titled
from penultimate.report.kit.numbers import finite, percent

# What is drawn reaches down to this part of the plain loss's margin of frequent classes, and by this part of it below
# its margin of rare ones.
_LOW_MANY, _LOW_FEW = 0.5, 0.25


def trade_off(advice: Advice) -> alt.LayerChart:
    """Draw rare against frequent classes over the strength of each family, the goal, and what is advised.

    Margins at the strength of the plain loss; cosines as they are.
    """
    options = sorted(advice.loss.options, key=lambda option: option.family.name)
    rows = _known([_row(advice, option, point) for option in options for point in option.curve])
    best = _known([_row(advice, option, option.point) for option in options if option.met])
    names = [option.family.name for option in options]
    legend = alt.Legend(title=None, orient="top", columns=3, symbolType="stroke", symbolStrokeWidth=2.5)
    colours, dashes = (alt.Scale(domain=names, range=list(values[: len(names)])) for values in (COLOURS, DASHES))
    colour = alt.Color("family:N", scale=colours, legend=legend)
    dash = alt.StrokeDash("family:N", scale=dashes, legend=legend)
    what = "cosine to the nearest mean" if advice.loss.goal is Goal.ANGLES else "margin at equal strength"
    domains = _domains(rows, best)
    x = alt.X("many:Q", title=f"frequent classes: {what}", scale=alt.Scale(domain=list(domains["many"]), nice=False))
    y = alt.Y("few:Q", title=f"rare classes: {what}", scale=alt.Scale(domain=list(domains["few"]), nice=False))
    tooltip = ["family:N", "loss:N", *(alt.Tooltip(f"{name}:Q", format=".3g") for name in ("many", "few"))]
    lines = alt.Chart(inline(rows)).mark_line(point=alt.OverlayMarkDef(size=22, clip=True), strokeWidth=1.8, clip=True)
    layers = [lines.encode(x=x, y=y, color=colour, strokeDash=dash, order=alt.Order("strength:Q"), tooltip=tooltip)]
    if advice.loss.goal is not Goal.BALANCED:
        ends = (min(low for low, _ in domains.values()), max(high for _, high in domains.values()))
        equal = alt.Chart(inline([{"many": end, "few": end} for end in ends]))
        layers.append(equal.mark_line(color=INK, strokeDash=[2, 2], clip=True).encode(x=x, y=y))
    picked = alt.Chart(inline(best)).mark_point(filled=True, size=110, shape="diamond", opacity=1)
    layers.append(picked.encode(x=x, y=y, color=colour, tooltip=tooltip))
    below = ["Each curve begins at the plain loss; diamonds: where the goal is reached"]
    below.append("" if advice.loss.goal is Goal.BALANCED else "Dotted: rare and frequent classes alike")
    return titled(alt.LayerChart(layer=layers, width=WIDTH, height=HEIGHT), _title(advice), below)


def survival(advice: Advice) -> AnyChart:
    """Draw how many samples classes need and have, as things stand and after what is advised."""
    kept = {name: forecast for name, forecast in changes(advice) if forecast.counts == advice.counts}
    return LossComparison(kept).plot("needed")


def margins(advice: Advice) -> AnyChart:
    """Draw the margin of every class's mean with the loss in use and with the one advised."""
    loss = advice.loss
    assert loss.after is not None
    return LossComparison({str(loss.before.problem.loss): loss.before, str(loss.chosen): loss.after}).plot("margins")


def charts(advice: Advice) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called; those of losses need some that were searched, or one advised."""
    out: dict[str, Callable[[], AnyChart]] = {"trade_off": partial(trade_off, advice)} if advice.loss.options else {}
    out["survival"] = partial(survival, advice)
    if advice.loss.after is not None:
        out["margins"] = partial(margins, advice)
    return out


def _row(advice: Advice, option: Option, point: Point) -> Row:
    figures, target = point.figures, advice.loss.target
    many, few = figures.many_margin, figures.few_margin
    if advice.loss.goal is Goal.ANGLES:
        many, few = figures.many_cosine, figures.few_cosine
    elif target is not None and figures.strength > 0:
        scale = target.plain.strength / figures.strength
        many, few = many * scale, few * scale
    return {
        "family": option.family.name,
        "loss": option.family.loss(point.strength),
        "strength": point.strength,
        "many": finite(many),
        "few": finite(few),
    }


def _known(rows: list[Row]) -> list[Row]:
    """Rows whose figures exist."""
    return [row for row in rows if row["many"] is not None and row["few"] is not None]


def _domains(rows: list[Row], best: list[Row]) -> dict[str, tuple[float, float]]:
    """Ends of the axes: what is worth choosing from, not how far the strongest losses go astray."""
    start = next((row for row in rows if row["strength"] == 0.0), {"many": 0.0, "few": 0.0})
    many, few = (float(start[end] or 0.0) for end in ("many", "few"))
    low_many, low_few = many - (1.0 - _LOW_MANY) * abs(many), few - _LOW_FEW * abs(many)
    shown = [row for row in rows if float(row["many"] or 0.0) >= low_many and float(row["few"] or 0.0) >= low_few]
    out: dict[str, tuple[float, float]] = {}
    for end in ("many", "few"):
        values = [float(row[end] or 0.0) for row in (*shown, *best)] or [0.0]
        room = 0.06 * (max(values) - min(values)) or 0.1
        out[end] = (min(values) - room, max(values) + room)
    return out


def _title(advice: Advice) -> str:
    loss = advice.loss
    if loss.chosen is None:
        return "No loss reaches the goal"
    cost = percent(max(loss.many_cost or 0.0, 0.0), 2)
    return f"{loss.chosen} reaches the goal and costs frequent classes {cost} of their margin"
