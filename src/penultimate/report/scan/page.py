"""The report of a scan: one HTML file that opens without a network, and its small table for notebooks."""

from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number, percent
from penultimate.report.scan.charts import charts
from penultimate.report.scan.table import facts
from penultimate.report.scan.words import named, paragraphs
from penultimate.scans.scan import Scan

# Names of a group that the page lists; the JSON has all.
_NAMED = 400

_READINGS = {
    "distances": Reading(
        "Distance from the centre of the group",
        "Rows that were never trained lie at one point, up to their initial noise. What counts is the valley between "
        "them and all others, not how short the rows are.",
    ),
    "lengths": Reading(
        "Lengths of rows",
        "Untrained rows may be shorter or longer than trained ones: length alone does not tell them.",
    ),
    "names": Reading(
        "What the untrained classes are called",
        "By the script of their first letter, or as marks in brackets. A script that the training data hardly had, or "
        "marks that were kept free, explain most findings.",
    ),
}


def page(scan: Scan) -> Document:
    """Return the report."""
    return Document(
        "scan.html.j2",
        {
            "kind": "scan",
            "title": "Scan of a last layer",
            "classes": scan.classes,
            "dimension": scan.dimension,
            "verdict": paragraphs(scan),
            "key_figures": key_figures(scan),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(scan).items()],
            "groups": [
                {
                    "kind": group.kind.value,
                    "rows": group.rows.size,
                    "nearly": group.nearly.size,
                    "centre": group.centre_norm,
                    "noise": group.noise,
                    "evidence": group.evidence,
                    "names": named(scan, group, _NAMED),
                }
                for group in scan.groups
            ],
            "method": facts(scan),
        },
    )


def summary(scan: Scan) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(scan)]
    return notebook(f"Scan of {number(scan.classes)} rows", rows, scan.verdict)


def key_figures(scan: Scan) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    copies = sum(rows.size for rows in scan.duplicates)
    return [
        (
            "Untrained rows",
            number(scan.untrained.size),
            f"{percent(scan.untrained.size / scan.classes, 2)} of all classes",
        ),
        ("Copies", number(copies), "rows equal bit by bit to another"),
        ("Zero rows", number(scan.zero.size), "nothing but zeros"),
        ("Runaway length", number(scan.runaway.size), "rows far longer than the others"),
        ("Shared by all rows", percent(scan.mean_row_share, 2), "of the squared length; a softmax does not see it"),
    ]
