"""The report of thresholds: one HTML file that opens without a network, and its small table for notebooks."""

from penultimate.probabilities.thresholds import Thresholds
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number
from penultimate.report.thresholds.charts import charts
from penultimate.report.thresholds.record import label_records, select
from penultimate.report.thresholds.words import facts, paragraphs, share

# Rows of the table of labels.
_ROWS = 500

_READINGS = {
    "thresholds": Reading("Where the thresholds lie", "The rarer or harder a label, the lower its threshold."),
    "gains": Reading("What they gain", "Rare labels gain most: at ½ a model hardly ever answers them."),
}


def page(found: Thresholds) -> Document:
    """Return the report."""
    return Document(
        "thresholds.html.j2",
        {
            "kind": "thresholds",
            "title": "Thresholds of labels",
            "labels": len(found.names),
            "samples": found.samples,
            "verdict": paragraphs(found),
            "key_figures": key_figures(found),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(found).items()],
            "rows": label_records(found, select(found, _ROWS)),
            "method": facts(found),
        },
    )


def summary(found: Thresholds) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(found)]
    return notebook(f"Thresholds of {number(len(found.names))} labels", rows, found.verdict)


def key_figures(found: Thresholds) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    figures = [
        (
            "Expected macro-F1",
            share(float(found.expected_f.mean())),
            f"{share(float(found.expected_f_at_half.mean()))} at ½",
        ),
        ("Never answered at ½", number(int(found.never_at_half.sum())), f"of {number(len(found.names))} labels"),
        ("Few positives", number(int(found.few.sum())), "labels whose threshold rests on too few samples"),
    ]
    if found.measured_f is not None and found.measured_f_at_half is not None:
        remark = f"{share(float(found.measured_f_at_half.mean()))} at ½"
        figures.insert(1, ("Measured macro-F1", share(float(found.measured_f.mean())), remark))
    return figures
