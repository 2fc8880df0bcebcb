"""The chart of four class means in space, which a slider turns: four points keep all their distances in three axes.

More classes would not: means at right angles to each other need a dimension each, and would seem to coincide.
"""

import altair as alt
import numpy as np
from jaxtyping import Float, Int

from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.status import STATUSES
from penultimate.report.kit.chart_style import GRID, INK, TALL, Row, distinct_labels, inline, status_encodings, titled
from penultimate.report.kit.cosines import chosen_classes
from penultimate.report.kit.numbers import number, percent

_CLASSES = 4
_LETTERS = 18
# Of the largest length; names stand beyond it.
_REACH = 1.25
# Of the largest length, too: dots nearer than this have one label for all their names.
_CLOSE = 0.1
# Of all lengths: nearer together is rounding.
_NOTHING = 1e-6
# The view of isometric drawings: all three axes are seen under one angle, from atan(1/√2) above.
_ABOVE = float(np.arctan(np.sqrt(0.5)))
_TURNED, _STEP = 45, 5


def has_geometry(forecast: Forecast) -> bool:
    """Whether the means of these classes are not all the same."""
    classes = chosen_classes(forecast.counts, _CLASSES).tolist()
    gram = forecast.geometry.mean_gram.block(classes, classes)
    return bool(np.linalg.norm(_in_space(gram)) > _NOTHING * np.sqrt(np.trace(gram)))


def geometry(forecast: Forecast) -> alt.LayerChart:
    """Draw the means of four classes, from the most frequent to the rarest, at their true distances."""
    classes = chosen_classes(forecast.counts, _CLASSES)
    points = _in_space(forecast.geometry.mean_gram.block(classes.tolist(), classes.tolist()))
    rows = _rows(forecast, classes, points)
    axes = _projected([{"a": float(a), "b": float(b), "c": float(c)} for a, b, c in np.vstack([np.eye(3), -np.eye(3)])])
    means = _projected(rows)
    x, y = _across(), _up()
    colour, shape = status_encodings("status", "direction", {s: s for s in STATUSES}, (row["status"] for row in rows))
    tips = [
        alt.Tooltip("class:N"),
        alt.Tooltip("count:Q", title="samples", format=",.6~g"),
        alt.Tooltip("status:N", title="direction"),
    ]
    names = means.mark_text(align="left", dx=8, dy=-6, color=INK)
    layers = [
        _from_middle(axes, GRID, 1.2),
        _from_middle(means, INK, 1.2),
        means.mark_point(filled=True, size=90).encode(x=x, y=y, color=colour, shape=shape, tooltip=tips),
        names.encode(x=x, y=y, text=alt.Text("label:N")),
    ]
    turn = alt.BindRange(input="range", min=0, max=360, step=_STEP, name="turn")
    chart = alt.LayerChart(layer=layers, width=TALL, height=TALL)
    chart = chart.add_params(alt.param(name="turn", value=_TURNED, bind=turn))
    few, seen = classes.size, forecast.counts.seen
    which = f"{few} of {number(seen)} classes, evenly by rank" if few < seen else "All classes"
    return titled(chart, _title(points), [f"{which}, at their true distances; lines lead to their middle"])


def _title(points: Float[np.ndarray, "b 3"]) -> str:
    between = np.linalg.norm(points[:, None] - points, axis=2)[np.triu_indices(len(points), 1)]
    if between.size == 1:
        return "Two class means"
    share = percent(float(between.min() / between.max()), 2)
    return f"The closest two of {len(points)} class means: {share} of the largest distance"


def _in_space(gram: Float[np.ndarray, "b b"]) -> Float[np.ndarray, "b 3"]:
    """Coordinates of up to four vectors about their middle, with all their distances."""
    centred = gram - gram.mean(axis=0)
    values, vectors = np.linalg.eigh(centred - centred.mean(axis=1, keepdims=True))
    points = np.zeros((len(gram), 3))
    used = min(3, len(gram))
    points[:, :used] = (vectors * np.sqrt(np.maximum(values, 0.0)))[:, ::-1][:, :used]
    return points


def _rows(forecast: Forecast, classes: Int[np.ndarray, " b"], points: Float[np.ndarray, "b 3"]) -> list[Row]:
    counts = forecast.counts
    names = distinct_labels([str(counts.names[k]) for k in classes.tolist()], _LETTERS)
    points = points / float(np.linalg.norm(points, axis=1).max())
    near = np.linalg.norm(points[:, None] - points, axis=2) < _CLOSE
    first = np.argmax(near, axis=1)
    labels = [", ".join(name for name, at in zip(names, first, strict=True) if at == k) for k in range(len(names))]
    return [
        {"class": name, "label": label, "count": float(counts.values[k]), "status": status, "a": a, "b": b, "c": c}
        for k, name, label, status, (a, b, c) in zip(
            classes.tolist(), names, labels, forecast.status[classes].tolist(), points.tolist(), strict=True
        )
    ]


def _projected(rows: list[Row]) -> alt.Chart:
    """Where points of space stand on the page, after a turn about the upright axis."""
    radians = "(turn * PI / 180)"
    depth = f"(datum.a * sin({radians}) + datum.b * cos({radians}))"
    return alt.Chart(inline(rows)).transform_calculate(
        x=f"datum.a * cos({radians}) - datum.b * sin({radians})",
        y=f"datum.c * {np.cos(_ABOVE):.6f} - {depth} * {np.sin(_ABOVE):.6f}",
        middle="0",
    )


def _from_middle(base: alt.Chart, colour: str, width: float) -> alt.Chart:
    rule = base.mark_rule(color=colour, strokeWidth=width)
    return rule.encode(x=_across(), y=_up(), x2=alt.X2("middle:Q"), y2=alt.Y2("middle:Q"))


def _across() -> alt.X:
    return alt.X("x:Q", axis=None, scale=_scale())


def _up() -> alt.Y:
    return alt.Y("y:Q", axis=None, scale=_scale())


def _scale() -> alt.Scale:
    return alt.Scale(domain=[-_REACH, _REACH], nice=False)
