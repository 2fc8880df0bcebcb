"""The report of a learning curve: one HTML file that opens without a network, and its small table for notebooks."""

from penultimate.learning_curves.curve import LearningCurve
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number, points
from penultimate.report.learning_curve.charts import charts
from penultimate.report.learning_curve.record import class_records, select
from penultimate.report.learning_curve.words import budget_name, facts, paragraphs, share

# Rows of the table of classes.
_ROWS = 200

_READINGS = {
    "recall": Reading(
        "Recall over the count",
        "How much the recall is expected to move. The band holds what the present samples leave open of the level too.",
    ),
    "changes": Reading("Gains and losses", "More samples of one class can take from its neighbours."),
    "where_next": Reading(
        "Where to label next", "A class with few samples is not always the one that gains most: neighbours share."
    ),
}


def page(curve: LearningCurve) -> Document:
    """Return the report."""
    return Document(
        "learning_curve.html.j2",
        {
            "kind": "learning_curve",
            "title": "What more samples would bring",
            "counts": curve.counts,
            "sampled": "held-out samples",
            "verdict": paragraphs(curve),
            "key_figures": key_figures(curve),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(curve).items()],
            "budgets": [budget_name(curve, budget) for budget in curve.budgets],
            "classes": class_records(curve, select(curve, _ROWS)),
            "where_next": [
                {"class": curve.counts.names[one.index], "gain": points(one.gain), "balanced": points(one.balanced)}
                for one in curve.where_next
            ],
            "method": facts(curve),
        },
    )


def summary(curve: LearningCurve) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(curve)]
    return notebook("What more samples would bring", rows, curve.verdict)


def key_figures(curve: LearningCurve) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    budget, k = budget_name(curve, curve.budgets[-1]), curve.asked
    balanced = float(curve.gains[-1].mean())
    figures = [
        (
            "Balanced accuracy",
            share(float(curve.balanced_accuracy[-1])),
            f"{points(balanced)} points with {budget}",
        )
    ]
    if k is not None:
        low, high = curve.present_interval[k]
        figures = [
            ("Recall now", share(curve.present[k]), f"known to {share(low)} … {share(high)}"),
            (
                f"Recall with {budget}",
                share(curve.recalls[-1, k]),
                f"{points(float(curve.gains[-1, k]))} points, ± {number(round(100 * float(curve.gain_errors[-1, k])))}",
            ),
            *figures,
        ]
    if curve.where_next:
        best = curve.where_next[0]
        figures.append(("Label next", str(curve.counts.names[best.index]), f"{points(best.gain)} points of its recall"))
    return figures
