"""The report of a comparison of heads for several labels a sample: one HTML file that opens offline."""

from penultimate.heads.comparison.label_comparison import LabelHeadComparison
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number, points
from penultimate.report.label_head_comparison.charts import charts
from penultimate.report.label_head_comparison.record import label_records, select
from penultimate.report.label_head_comparison.words import cells, how, interval, paragraphs, share

# Rows of the table of labels.
_ROWS = 500

_READINGS = {
    "gains": Reading(
        "What the head gains", "A bar that crosses zero shows no gain. Rare labels are where thresholds matter."
    ),
}


def page(found: LabelHeadComparison) -> Document:
    """Return the report."""
    return Document(
        "label_head_comparison.html.j2",
        {
            "kind": "label-head-comparison",
            "title": "A better head for several labels a sample",
            "labels": len(found.names),
            "samples": found.samples[1],
            "verdict": paragraphs(found),
            "key_figures": key_figures(found),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(found).items()],
            "heads": [cells(result) for result in found.results],
            "rows": label_records(found, select(found, _ROWS)),
            "method": how(found),
        },
    )


def summary(found: LabelHeadComparison) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(found)]
    return notebook(f"Heads for {number(len(found.names))} labels", rows, found.verdict)


def key_figures(found: LabelHeadComparison) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    ours, best = found.results[0].figures, found.best
    return [
        ("Macro-F1", f"{share(ours['macro_f1'])} %", f"{share(best.figures['macro_f1'])} % with {best.name}"),
        ("Gain", f"{points(best.gains['macro_f1'][0])} points", interval(best.gains["macro_f1"])),
        ("Rarest third", f"{points(best.gains['few'][0])} points", interval(best.gains["few"])),
    ]
