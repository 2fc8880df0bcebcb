"""The report of an audit of a head: one HTML file that opens without a network, and its small table for notebooks."""

import numpy as np

from penultimate.audits.head import HeadAudit
from penultimate.report.head_audit.charts import charts
from penultimate.report.head_audit.record import class_records, closest_first, direction_records
from penultimate.report.head_audit.words import facts, paragraphs
from penultimate.report.kit.chart_style import spread
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number, percent, power_of_count
from penultimate.report.kit.problem import problem_words

# Rows of the tables.
_NEAREST = 50
_DIRECTIONS = 50

_READINGS = {
    "spectrum": Reading(
        "Strength of each direction",
        "In theory the singular values of W decrease like those of the label matrix, up to a common factor. Where the "
        "two measured series differ, the last layer is not aligned with the label directions.",
    ),
    "norms": Reading(
        "Lengths from frequent to rare classes",
        "In theory the rows of W become shorter towards rare classes. A class that is off the forecast is harder, or "
        "easier, than its number of samples says.",
    ),
    "gram": Reading(
        "What should be diagonal",
        "The Gram matrix of W along the label directions. In theory nothing is off the diagonal.",
    ),
    "cosines": Reading(
        "Angles between rows",
        "An amber block is a set of classes that the last layer hardly tells apart.",
    ),
}


def page(audit: HeadAudit) -> Document:
    """Return the report."""
    return Document(
        "head.html.j2",
        {
            "kind": "head-audit",
            "title": "Audit of a head without features",
            "counts": audit.counts,
            "sampled": "samples in training",
            "verdict": paragraphs(audit),
            "audit": audit,
            "key_figures": key_figures(audit),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(audit).items()],
            "directions": _directions(audit),
            "classes": class_records(audit, closest_first(audit, _NEAREST)),
            "method": facts(audit),
            "problem_words": problem_words(audit.forecast.problem, audit.counts.samples),
        },
    )


def summary(audit: HeadAudit) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(audit)]
    return notebook(f"Audit of a head: {number(audit.counts.classes)} classes", rows, audit.verdict)


def key_figures(audit: HeadAudit) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    merged = sum(group.size for group in audit.neighbours.merged)
    slope, _, expected = audit.slopes
    bias = ("Sum of biases", number(audit.bias_sum, 3), "squared error makes it 1, whatever the features")
    if not audit.squared:
        bias = ("Bias on log n", number(audit.bias_on_log_counts[0], 2), "1: the bias absorbs the class prior fully")
    return [
        ("Merged rows", number(float(merged)), f"with a cosine of at least {number(audit.merged_at)} to another"),
        ("Rows almost zero", number(audit.zero_rows[0]), f"the forecast has {number(audit.zero_rows[1])}"),
        (
            "Vanished directions",
            number(audit.dead[0]),
            f"the forecast has {number(audit.dead[1])}, by {audit.forecast.problem.feature_decay_source}",
        ),
        ("Off the diagonal", percent(audit.off_diagonal_share, 2), "of the Gram matrix; 0 % in theory"),
        (
            "Differs from the forecast by",
            percent(audit.along.error, 2),
            f"if counts were ignored: {percent(audit.along.flat_error, 2)}",
        ),
        ("Length by count", power_of_count(slope), f"the forecast has {power_of_count(expected)}"),
        *([bias] if audit.centred else []),
    ]


def _directions(audit: HeadAudit) -> list[dict[str, object]]:
    rank = np.cumsum(audit.multiplicity) - audit.multiplicity + 1
    records, picked = direction_records(audit), spread(rank, _DIRECTIONS, log=False)
    return [{"rank": int(rank[place]), **records[place]} for place in picked.tolist()]
