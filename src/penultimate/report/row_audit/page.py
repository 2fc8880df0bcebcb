"""The report of an audit of a head with more classes than d + 1: one HTML file, and its small table for notebooks."""

from penultimate.audits.row_audit import RowAudit
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number, percent
from penultimate.report.row_audit.charts import charts
from penultimate.report.row_audit.record import class_records
from penultimate.report.row_audit.words import facts, paragraphs
from penultimate.report.scan.words import named

# Names of a group that the page lists; the JSON has all.
_NAMED = 400

_READINGS = {
    "lengths": Reading(
        "Lengths from frequent to rare classes",
        "Where points follow the grey line, counts explain lengths; the dark line is what theory makes of counts. A "
        "row far from both has a reason that is not its count.",
    ),
    "spectrum": Reading(
        "Strength of each direction",
        "With many more classes than dimensions cross-entropy leaves all directions equally strong, whatever the "
        "counts. What falls off comes from classes that are alike.",
    ),
}


def page(audit: RowAudit) -> Document:
    """Return the report."""
    return Document(
        "row_audit.html.j2",
        {
            "kind": "row-audit",
            "title": "Audit of a head without features",
            "counts": audit.counts,
            "sampled": "by frequencies of another corpus" if audit.proxy_counts else "samples in training",
            "verdict": paragraphs(audit),
            "key_figures": key_figures(audit),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(audit).items()],
            "groups": [
                {"kind": group.kind.value, "rows": group.rows.size, "names": named(audit.scan, group, _NAMED)}
                for group in audit.scan.groups
            ],
            "rows": [
                ("Longest rows", class_records(audit, audit.longest)),
                ("Shortest rows", class_records(audit, audit.shortest)),
            ],
            "method": facts(audit),
        },
    )


def summary(audit: RowAudit) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(audit)]
    return notebook(f"Audit of a head: {number(audit.counts.classes)} classes", rows, audit.verdict)


def key_figures(audit: RowAudit) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    untrained = percent(audit.untrained.size / audit.counts.classes, 2)
    figures = [
        ("Untrained rows", number(audit.untrained.size), f"{untrained} of all classes"),
        (
            "Spectrum from flat",
            percent(audit.from_flat, 2),
            f"lengths account for {percent(audit.from_equal_lengths, 2)}",
        ),
        (
            "As wide as",
            number(audit.participation, 3),
            f"equal directions of {number(audit.singular_values.size)}",
        ),
        ("Mean row", percent(audit.mean_row_share, 2), "of the squared length; a softmax does not see it"),
    ]
    if audit.lengths is not None:
        law, best = audit.lengths.law.share, audit.lengths.best.share
        whose = "these frequencies" if audit.proxy_counts else "counts"
        said = f"of the variance by {whose}; {percent(law, 2)} by the law"
        figures.insert(1, ("Lengths explained at most", percent(best, 2), said))
    return figures
