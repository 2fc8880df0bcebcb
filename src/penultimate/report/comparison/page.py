"""The report of a comparison: one HTML file that opens without a network, and its small table for notebooks."""

from penultimate.forecasts.comparison import LossComparison
from penultimate.report.comparison.charts import charts
from penultimate.report.comparison.record import class_records, loss_records, select_classes
from penultimate.report.comparison.words import paragraphs
from penultimate.report.kit.html import Document, Reading, figure, notebook
from penultimate.report.kit.numbers import number

# Rows of the table of classes.
_ROWS = 30

_READINGS = {
    "margins": Reading(
        "Margins",
        "How far the logit of a class is above the next one, at the mean of the class. Compare losses of one kind "
        "only: the margins of squared error and of cross-entropy have different units.",
    ),
    "cosines": Reading("Angles", "Cosine to the nearest other class mean. Rare classes at 1: minority collapse."),
    "needed": Reading(
        "Samples needed",
        "A class above the line keeps its direction. Class weights make the line differ between classes.",
    ),
    "retained": Reading(
        "What each class retains",
        "1: the class has a direction of its own. 0: it has none, and cannot be told from other such classes.",
    ),
}


def page(comparison: LossComparison) -> Document:
    """Return the report."""
    return Document(
        "comparison.html.j2",
        {
            "kind": "comparison",
            "title": "Losses compared",
            "counts": comparison.counts,
            "sampled": "samples",
            "verdict": paragraphs(comparison),
            "losses": loss_records(comparison),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(comparison).items()],
            "classes": class_records(comparison, select_classes(comparison, _ROWS)),
            "problem_words": _problem_words(comparison),
        },
    )


def summary(comparison: LossComparison) -> str:
    """Return the losses as a small HTML table, without scripts, for notebooks."""
    rows = [
        (
            name,
            f"{number(forecast.survivors)} of {number(forecast.directions)} directions; margins of the largest and the "
            f"smallest class {number(float(forecast.geometry.group_margins[0]), 3)}, "
            f"{number(float(forecast.geometry.group_margins[-1]), 3)}",
        )
        for name, forecast in comparison.forecasts.items()
    ]
    return notebook("Losses at the same weight decay", rows, comparison.verdict)


def _problem_words(comparison: LossComparison) -> str:
    problem = next(iter(comparison.forecasts.values())).problem
    feature_decay = number(problem.resolved_feature_decay(comparison.counts.samples), 3)
    return (
        f"Problem: weight decay {number(problem.weight_decay[0])}, feature decay {feature_decay} "
        f"({problem.feature_decay_source}), bias {problem.bias}."
    )
