"""The chart with sliders: which classes keep a direction at other weight decays, all solved before it is drawn.

What survives depends on the decays through κ alone (docs/theory §4), so one table of solutions along the weight decay
answers for the feature decay too: its slider moves along the same table.
"""

import math

import altair as alt
import numpy as np
from jaxtyping import Int

from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.forecasting import by_itself
from penultimate.forecasts.over_decay import can_sweep
from penultimate.forecasts.status import STATUSES
from penultimate.minimisers.cost import expected
from penultimate.report.forecast.words import IN_THE_MEDIAN
from penultimate.report.kit.chart_style import (
    HEIGHT,
    INK,
    STATUS_COLOURS,
    STATUS_SHAPES,
    WIDTH,
    Row,
    dot_size,
    inline,
    is_many,
    log_axis,
    log_scale,
    rank_axis,
    spread,
    thinned,
    titled,
)
from penultimate.report.kit.numbers import finite, first_ranks, number

# Weight decays from a hundredth of the chosen one to a hundredfold, ten a decade.
_DECADE, _EACH_WAY = 10, 20
# Seconds that all solutions may take.
_SECONDS = 3.0
# Of the words below the chart: the height of a line, and what the axis and its title take above them.
_LINE, _BELOW = 16, 44


def has_slider(forecast: Forecast) -> bool:
    """Whether solutions at so many weight decays take no more than seconds."""
    cost = expected(forecast.counts, forecast.problem).seconds
    return can_sweep(forecast.solution) and cost * (2 * _EACH_WAY + 1) <= _SECONDS


def slider(forecast: Forecast) -> alt.LayerChart:
    """Draw samples of each class by rank, coloured by what becomes of it at the weight decay that the slider says."""
    steps = np.arange(-_EACH_WAY, _EACH_WAY + 1)
    found = [_at(forecast, step) for step in steps.tolist()]
    rows = _class_rows(forecast, np.stack([one.group_status for one in found], axis=1))
    domain = forecast.counts.smallest / 1.6, forecast.counts.largest * 1.6
    layers = [_classes(forecast, rows, domain), *_lines([_step_row(one) for one in found], forecast)]
    chart = alt.LayerChart(layer=layers, width=WIDTH, height=HEIGHT).add_params(*_params(forecast))
    one_line, own = not math.isnan(forecast.samples_needed), f", {IN_THE_MEDIAN}" if forecast.has_own_paths else ""
    lines = [
        "Move the slider" + (f". A class above the dashed line keeps a direction of its own{own}" if one_line else ""),
        "The decays of all layers are scaled together" if forecast.problem.layers > 1 else "",
        thinned(len(rows), forecast.counts.distinct.size, "distinct counts"),
    ]
    return titled(chart, "Which classes keep a direction at other weight decays", lines)


def _at(forecast: Forecast, step: int) -> Forecast:
    """The forecast so many steps of the slider from the chosen weight decay."""
    if step == 0:
        return forecast
    return by_itself(forecast.counts, forecast.problem.scaled(10.0 ** (step / _DECADE)))


def _class_rows(forecast: Forecast, status: Int[np.ndarray, "m s"]) -> list[Row]:
    """One row a group: rank, samples, whom it holds, and a digit for its status at each step."""
    groups = forecast.counts
    first = first_ranks(groups.multiplicity)
    names = [str(groups.names[index]) for index in groups.representatives[:, 0].tolist()]
    more = (groups.multiplicity - 1).tolist()
    return [
        {
            "first": int(first[g]),
            "count": float(groups.distinct[g]),
            "classes": names[g] + (f" and {number(more[g])} more" if more[g] else ""),
            "fates": "".join(map(str, status[g].tolist())),
        }
        for g in spread(first, log=is_many(groups.seen)).tolist()
    ]


def _step_row(found: Forecast) -> Row:
    """What one step says of all classes together."""
    return {
        "needed": finite(found.samples_needed),
        "survivors": found.survivors,
        **{status: found.classes_with(status) for status in STATUSES},
    }


def _params(forecast: Forecast) -> list[alt.Parameter]:
    """The sliders, and the step that they add up to."""
    names = {"decay": "weight decay"} | ({"held": "features held down"} if _held_by(forecast) else {})
    sliders = [
        alt.param(
            name=name, value=0, bind=alt.BindRange(input="range", name=label, min=-_EACH_WAY, max=_EACH_WAY, step=1)
        )
        for name, label in names.items()
    ]
    step = f"clamp({' + '.join(names)}, {-_EACH_WAY}, {_EACH_WAY})"
    return [*sliders, alt.param(name="step", expr=step)]


def _held_by(forecast: Forecast) -> str:
    """Expression for how strongly features are held down at the second slider; empty where that is known.

    A step multiplies κ by as much as one of the weight decay: λ_H by its L-th power, and c, which the weight decay
    moves along, by its (L+1)-th.
    """
    problem = forecast.problem
    if problem.law is not None or problem.feature_decay is not None:
        return ""
    power = problem.layers + (1 if problem.networks is None else 0)
    factor = f"pow(10, held * {power} / {_DECADE})"
    if problem.networks is None:
        return f"'\\nratio c = ' + format({problem.feature_ratio!r} * {factor}, '.3~g')"
    return f"'\\nfeatures held down ' + format({factor}, '.3~g') + ' × the median'"


def _classes(forecast: Forecast, rows: list[Row], domain: tuple[float, float]) -> alt.Chart:
    """Dots whose colour and shape follow the step."""
    digit = f"toNumber(substring(datum.fates, step + {_EACH_WAY}, step + {_EACH_WAY + 1}))"
    names = ", ".join(f"'{status}'" for status in STATUSES)
    legend = alt.Legend(title="direction", orient="top", direction="horizontal", symbolSize=60, offset=4)
    colours = alt.Scale(domain=list(STATUSES), range=[STATUS_COLOURS[status] for status in STATUSES])
    shapes = alt.Scale(domain=list(STATUSES), range=[STATUS_SHAPES[status] for status in STATUSES])
    dots = alt.Chart(inline(rows)).transform_calculate(status=f"[{names}][{digit}]")
    return dots.mark_point(filled=True, size=dot_size(len(rows)), opacity=0.9).encode(
        x=rank_axis("first", forecast.counts.seen, "class, most samples first"),
        y=alt.Y("count:Q", title="samples of the class, n", scale=log_scale(domain), axis=log_axis(domain)),
        color=alt.Color("status:N", scale=colours, legend=legend),
        shape=alt.Shape("status:N", scale=shapes, legend=legend),
        tooltip=[
            alt.Tooltip("classes:N", title="class"),
            alt.Tooltip("count:Q", title="samples", format=",.6~g"),
            alt.Tooltip("status:N", title="direction"),
        ],
    )


def _lines(rows: list[Row], forecast: Forecast) -> list[alt.Chart]:
    """The survival line of the step, and what it comes to in words."""
    steps = [{**row, "at": at} for at, row in enumerate(rows, start=-_EACH_WAY)]
    decay = f"'weight decay ' + format({forecast.problem.weight_decay[0]!r} * pow(10, decay / {_DECADE}), '.3~g')"
    said = " + ', ' + ".join(f"format(datum.{status}, ',') + ' {status}'" for status in STATUSES)
    held = _held_by(forecast)
    text = f"{decay}{' + ' + held if held else ''} + '\\n' + {said}"
    here = alt.Chart(inline(steps)).transform_filter("datum.at === step").transform_calculate(text=text)
    line = here.transform_filter("isValid(datum.needed)").mark_rule(strokeDash=[5, 3], color=INK, clip=True)
    words = here.mark_text(
        align="left",
        baseline="line-top",
        color=INK,
        fontWeight=600,
        fontSize=12,
        lineHeight=_LINE,
        lineBreak="\n",
    )
    return [
        line.encode(y=alt.Y("needed:Q")),
        words.encode(x=alt.XValue(0), y=alt.YValue(HEIGHT + _BELOW), text=alt.Text("text:N")),
    ]
