"""What charts of classes against their counts share: which classes are drawn, their names, and the axis."""

from collections.abc import Sequence

import altair as alt
import numpy as np
from jaxtyping import Int

from penultimate.counts import ClassCounts
from penultimate.report.kit.chart_style import (
    TALL,
    WIDTH,
    Row,
    distinct_labels,
    evenly,
    log_axis,
    log_scale,
    positive_domain,
    thinned,
)
from penultimate.report.kit.numbers import number
from penultimate.report.kit.series import PLACES, Series, points


def drawn_classes(counts: ClassCounts) -> Int[np.ndarray, " b"]:
    """Choose the classes to draw, most samples first: all that have some, or evenly by rank where there are many."""
    order = np.argsort(-counts.values, kind="stable")[: counts.seen]
    return order[evenly(order.size, PLACES)]


def class_places(counts: ClassCounts, classes: Int[np.ndarray, " b"]) -> list[Row]:
    """Count and name of some classes."""
    labels = distinct_labels([str(counts.names[index]) for index in classes.tolist()])
    return [
        {"count": count, "where": label} for count, label in zip(counts.values[classes].tolist(), labels, strict=True)
    ]


def count_domain(counts: ClassCounts) -> tuple[float, float]:
    """Ends of the axis of counts."""
    return counts.smallest / 1.6, counts.largest * 1.6


def count_axis(counts: ClassCounts) -> alt.X:
    """Counts on a log axis."""
    domain = count_domain(counts)
    title = "training samples of the class, n"
    return alt.X("count:Q", title=title, scale=log_scale(domain), axis=log_axis(domain))


def by_count(
    series: Sequence[Series], counts: ClassCounts, classes: Int[np.ndarray, " b"], title: str
) -> alt.LayerChart:
    """Draw values of some classes over their counts, both on a logarithmic axis; the title is that of the values."""
    domain = positive_domain(np.concatenate([one.values for one in series]))
    y = alt.Y("value:Q", title=title, scale=log_scale(domain), axis=log_axis(domain))
    places = class_places(counts, classes)
    layers = points(series, places, count_axis(counts), y, where="class", floor=domain[0])
    return alt.LayerChart(layer=layers, width=WIDTH, height=TALL)


def not_drawn(counts: ClassCounts, classes: Int[np.ndarray, " b"]) -> list[str]:
    """Say which classes are not drawn."""
    unseen = f"Without training samples and not drawn: {number(counts.unseen.size)} classes"
    return [thinned(classes.size, counts.seen, "classes"), unseen if counts.unseen.size else ""]
