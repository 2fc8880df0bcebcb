"""The report of a comparison of heads: one HTML file that opens offline, and its small table for notebooks."""

from penultimate.heads.comparison.comparison import HeadComparison
from penultimate.heads.comparison.scoring import COST
from penultimate.report.head_comparison.charts import charts
from penultimate.report.head_comparison.table import cells
from penultimate.report.head_comparison.words import how, paragraphs, percent, reference
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number, points

_READINGS = {
    "gains": Reading(
        "What each head gains",
        "Every kind, its settings chosen on other samples than it is judged on. A bar that crosses zero shows no gain.",
    ),
    "curves": Reading(
        "How much adjustment",
        "Flat around its dot: the pick matters little. A curve that falls at once is in the wrong units for this head.",
    ),
}


def page(comparison: HeadComparison) -> Document:
    """Return the report."""
    return Document(
        "head_comparison.html.j2",
        {
            "kind": "head-comparison",
            "title": "A better head for the same features",
            "counts": comparison.counts,
            "sampled": "samples in training",
            "verdict": paragraphs(comparison),
            "key_figures": key_figures(comparison),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(comparison).items()],
            "heads": cells(comparison),
            "costs": comparison.costs is not None,
            "method": how(comparison),
        },
    )


def summary(comparison: HeadComparison) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(comparison)]
    caption = f"Heads for the same features: {number(comparison.counts.classes)} classes"
    return notebook(caption, rows, comparison.verdict)


def key_figures(comparison: HeadComparison) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    present, blend = comparison.present, comparison.blend
    if blend is None:
        return [("Head", comparison.by_theory, "by theory, τ = 1, unjudged")]
    gain, low, high = blend.gains["balanced_accuracy"]
    before, after = present.figures, blend.figures
    costs = []
    if comparison.costs is not None:
        costs = [("Mean cost", number(after[COST], 3), f"{number(before[COST], 3)} before")]
    return [
        ("Head", reference(comparison) if comparison.keeps else "the blend", "to use"),
        ("Gain", f"{points(gain)} points", f"of balanced accuracy, {points(low)} to {points(high)}"),
        ("Balanced accuracy", percent(after["balanced_accuracy"]), f"{percent(before['balanced_accuracy'])} before"),
        *costs,
        ("Calibration error", percent(after["calibration_error"]), f"{percent(before['calibration_error'])} before"),
    ]
