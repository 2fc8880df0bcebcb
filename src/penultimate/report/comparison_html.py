"""The page of a comparison, and its small table for notebooks."""

from penultimate.comparing import Comparison
from penultimate.report.comparison import class_records, loss_records
from penultimate.report.comparison_charts import COMPARISON_CHARTS
from penultimate.report.html import figure, page, render

_HOW_TO_READ = {
    "margins": (
        "Margins",
        "How far the head prefers a class for that class's own mean. Losses of one kind can be compared; squared error "
        "has another unit than cross-entropy.",
    ),
    "cosines": ("Angles", "How close the nearest other class mean is. Minority collapse is a tail at 1."),
    "needed": (
        "Survival lines",
        "Samples from which on classes stand above the threshold. Weights and scales tilt the line.",
    ),
    "retained": ("What each class retains", "1: a direction of its own; 0: merged with other classes."),
}
# Rows of the table of classes.
_ROWS = 30


def comparison_html(comparison: Comparison) -> str:
    """Return the page as text.

    Parameters
    ----------
    comparison : Comparison
        What to report.

    Returns
    -------
    str
        A whole HTML document that refers to nothing outside itself.
    """
    figures = [figure(key, *_HOW_TO_READ[key], chart(comparison)) for key, chart in COMPARISON_CHARTS.items()]
    classes = class_records(comparison)
    step = max(1, -(-len(classes) // _ROWS))
    first = next(iter(comparison.forecasts.values()))
    return page(
        "comparison.html.j2",
        figures,
        comparison=comparison,
        counts=comparison.counts,
        problem=first.problem,
        losses=loss_records(comparison),
        classes=classes[::step],
    )


def summary_html(comparison: Comparison) -> str:
    """Return the losses side by side as a small HTML table, without scripts, for notebooks.

    Parameters
    ----------
    comparison : Comparison
        What to sum up.

    Returns
    -------
    str
    """
    return render("comparison_table.html.j2", losses=loss_records(comparison), verdict=comparison.verdict)
