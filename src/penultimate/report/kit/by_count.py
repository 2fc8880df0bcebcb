"""What charts of classes against their counts share: which classes are drawn, their names, and the axis."""

import altair as alt
import numpy as np
from jaxtyping import Int

from penultimate.counts import ClassCounts
from penultimate.report.kit.chart_style import Row, distinct_labels, log_axis, log_scale, spread, thinned
from penultimate.report.kit.numbers import number

# Classes of one chart, of up to four marks each.
_CLASSES = 240


def drawn_classes(counts: ClassCounts) -> Int[np.ndarray, " b"]:
    """Choose the classes to draw, most samples first: all that have some, or evenly by rank where there are many."""
    order = np.argsort(-counts.values, kind="stable")[: counts.seen]
    return order[spread(np.arange(1, order.size + 1), _CLASSES, log=False)]


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


def not_drawn(counts: ClassCounts, classes: Int[np.ndarray, " b"]) -> list[str]:
    """Say which classes are not drawn."""
    unseen = f"Without training samples and not drawn: {number(counts.unseen.size)} classes"
    return [thinned(classes.size, counts.seen, "classes"), unseen if counts.unseen.size else ""]
