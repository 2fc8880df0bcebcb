"""The report of an audit of several labels a sample: one HTML file, and its small table for notebooks."""

from penultimate.audits.label_audit import LabelAudit
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number
from penultimate.report.kit.samples import behind_findings
from penultimate.report.label_audit.charts import charts
from penultimate.report.label_audit.record import label_records, select
from penultimate.report.label_audit.words import facts, paragraphs, share

# Rows of the table of labels.
_WORST = 100
# Labels whose samples are listed.
_SAMPLED = 50

_READINGS = {
    "shares": Reading(
        "What features are made of",
        "In the model features are a sum of one vector a label. What lies beyond that are combinations of labels; what "
        "lies within label sets has not collapsed.",
    ),
    "strengths": Reading("Strengths", "Weight decay takes strength from each direction, and weak ones die."),
    "labels": Reading("Labels", "A dot is a label: how much of it a linear function of the features explains."),
}


def page(audit: LabelAudit) -> Document:
    """Return the report."""
    return Document(
        "label_audit.html.j2",
        {
            "kind": "label-audit",
            "title": "Audit of several labels a sample",
            "targets": audit.targets,
            "verdict": paragraphs(audit),
            "key_figures": key_figures(audit),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(audit).items()],
            "rows": label_records(audit, select(audit, _WORST)),
            **behind_findings(audit.worst, audit.places, audit.targets.names, select(audit, _SAMPLED).tolist()),
            "method": facts(audit),
        },
    )


def summary(audit: LabelAudit) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(audit)]
    return notebook(f"Audit of {number(audit.targets.labels)} labels", rows, audit.verdict)


def key_figures(audit: LabelAudit) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    shares = audit.shares
    figures: list[KeyFigure] = [
        ("Sum of label vectors", share(shares.additive), "of the features' scatter"),
        ("Beyond the labels", share(shares.beyond), "combinations of labels"),
        ("Within label sets", share(shares.within), "not collapsed"),
    ]
    if audit.alive is not None:
        figures.append(("Directions alive", number(audit.alive), f"of {number(audit.spectrum.rank)}"))
    return figures
