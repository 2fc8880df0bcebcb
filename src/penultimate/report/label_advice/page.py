"""The report of advice for several labels a sample: one HTML file, and its small table for notebooks."""

from penultimate.advice.label_advice import LabelAdvice
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number
from penultimate.report.kit.problem import problem_words
from penultimate.report.label_advice.charts import charts
from penultimate.report.label_advice.record import label_records
from penultimate.report.label_advice.words import paragraphs

# Rows of the table of labels.
_ROWS = 100

_READINGS = {
    "now": Reading("As it is now", "A dot is a label. Below the dashed line a threshold of ½ never finds it."),
    "weighted": Reading("With pos_weight", "The same with √((N − n)/n) on the positives of each label."),
}


def page(advice: LabelAdvice) -> Document:
    """Return the report."""
    return Document(
        "label_advice.html.j2",
        {
            "kind": "label-advice",
            "title": "Advice for several labels a sample",
            "targets": advice.targets,
            "verdict": paragraphs(advice),
            "key_figures": key_figures(advice),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(advice).items()],
            "labels": label_records(advice, _ROWS),
            "problem_words": problem_words(advice.forecast.problem, advice.targets.samples),
        },
    )


def summary(advice: LabelAdvice) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(advice)]
    return notebook(f"Advice for {number(advice.targets.labels)} labels", rows, advice.verdict)


def key_figures(advice: LabelAdvice) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    figures: list[KeyFigure] = [("Never answered", number(advice.forecast.never_answered), "as it is now")]
    if advice.weighted is not None:
        figures.append(("Never answered", number(advice.weighted.never_answered), "with pos_weight √((N − n)/n)"))
    best = advice.weighted or advice.forecast
    chosen = number(advice.forecast.problem.weight_decay[0])
    largest = number(best.largest_answering_weight_decay, 3)
    return [*figures, ("Answers every label up to", largest, f"weight decay; chosen: {chosen}")]
