"""The report of drift: one HTML file that opens without a network, and its small table for notebooks."""

import numpy as np

from penultimate.drifts.drift import Drift
from penultimate.report.drift.charts import charts
from penultimate.report.drift.record import by_distance, select
from penultimate.report.drift.words import excess, facts, p_value, paragraphs, points_lost, share
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number
from penultimate.report.kit.samples import behind_findings

# Rows of the table of classes.
_ROWS = 200
# Classes whose samples are listed.
_SAMPLED = 50

_READINGS = {
    "moves": Reading(
        "How far classes moved",
        "With many samples everything moves by more than noise. Half of the way to the nearest class is much; a "
        "twentieth seldom matters.",
    ),
    "lost": Reading(
        "What it cost", "Recall is counted, never inferred from drift: a class can move far and lose nothing."
    ),
}


def page(drift: Drift) -> Document:
    """Return the report."""
    return Document(
        "drift.html.j2",
        {
            "kind": "drift",
            "title": "Which classes moved",
            "counts": drift.counts,
            "sampled": "samples in the reference",
            "verdict": paragraphs(drift),
            "key_figures": key_figures(drift),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(drift).items()],
            "shape": drift.shape,
            "classes": [_row(drift, k) for k in select(drift, _ROWS).tolist()],
            **behind_findings(drift.worst, drift.places, drift.counts.names, _moved(drift)),
            "by_head": drift.after is not None,
            "method": facts(drift),
        },
    )


def summary(drift: Drift) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(drift)]
    return notebook("Which classes moved", rows, drift.verdict)


def key_figures(drift: Drift) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    figures = [("Moved", number(int(drift.moved.sum())), f"of {number(int(drift.tested.sum()))} classes tested")]
    if not np.isnan(drift.of_the_way).all():
        k = int(by_distance(drift)[0])
        figures.append(
            (
                "Furthest",
                str(drift.counts.names[k]),
                f"{number(drift.of_the_way[k], 2)} of the way to the nearest class",
            )
        )
    if not np.isnan(drift.lost).all():
        k = int(np.nanargmax(drift.lost))
        figures.append(("Lost most", str(drift.counts.names[k]), f"{points_lost(drift, k)} points of its recall"))
    return figures


def _moved(drift: Drift) -> list[int]:
    """Classes that moved, the furthest first."""
    return [k for k in by_distance(drift).tolist() if drift.moved[k]][:_SAMPLED]


def _row(drift: Drift, k: int) -> dict[str, str]:
    towards = int(drift.towards[k])
    return {
        "class": str(drift.counts.names[k]),
        "reference": number(float(drift.counts.values[k])),
        "current": number(float(drift.current[k])),
        "way": number(float(drift.of_the_way[k]), 2),
        "towards": str(drift.counts.names[towards]) if towards >= 0 else "–",
        "p": p_value(float(drift.p_adjusted[k])),
        "shape_p": p_value(float(drift.shape_p_adjusted[k])),
        "excess": excess(drift, k),
        "spread": number(float(drift.spread_ratio[k]), 3),
        "recall": "–" if drift.after is None else share(float(drift.after.recall[k])),
        "lost": points_lost(drift, k),
    }
