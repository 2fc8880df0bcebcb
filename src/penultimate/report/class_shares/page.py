"""The report of shares of classes: one HTML file that opens without a network, and its small table for notebooks."""

from penultimate.probabilities.class_shares import ClassShares
from penultimate.report.class_shares.charts import charts
from penultimate.report.class_shares.record import class_records, select
from penultimate.report.class_shares.words import chance, facts, paragraphs, share
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number

# Rows of the table of classes.
_ROWS = 500

_READINGS = {
    "shares": Reading(
        "The mix now and before",
        "Where the tick lies outside the interval, the class is more or less frequent than it was.",
    )
}


def page(found: ClassShares) -> Document:
    """Return the report."""
    return Document(
        "class_shares.html.j2",
        {
            "kind": "class_shares",
            "title": "Shares of classes",
            "classes": len(found.names),
            "samples": found.samples,
            "verdict": paragraphs(found),
            "key_figures": key_figures(found),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(found).items()],
            "rows": class_records(found, select(found, _ROWS)),
            "method": facts(found),
        },
    )


def summary(found: ClassShares) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(found)]
    return notebook(f"Shares of {number(len(found.names))} classes", rows, found.verdict)


def key_figures(found: ClassShares) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    largest = int(found.shares.argmax())
    return [
        ("The mix", "has changed" if found.changed else "has not changed", chance(found.p_value)),
        ("Of other classes", share(found.distance), "of the samples, against the mix before"),
        ("Most frequent", str(found.names[largest]), share(float(found.shares[largest]))),
    ]
