"""The report of a forecast for several labels a sample: one HTML file, and its small table for notebooks."""

import math

from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number
from penultimate.report.kit.problem import problem_words
from penultimate.report.label_forecast.charts import charts
from penultimate.report.label_forecast.record import label_records
from penultimate.report.label_forecast.table import facts
from penultimate.report.label_forecast.words import paragraphs

# Rows of the table of labels.
_WORST = 100

_READINGS = {
    "labels": Reading(
        "What is answered",
        "A dot is a label. Below the dashed line its mean score stays under ½ even where the label is on, so that a "
        "threshold of ½ never finds it.",
    ),
    "spectrum": Reading(
        "Spectrum of the targets",
        "A dot is a direction in which label sets can differ. Weight decay weakens all of them; those below the "
        "threshold vanish.",
    ),
    "sweep": Reading(
        "Other weight decays",
        "How many directions would survive, and how many labels would be answered at ½.",
    ),
}


def page(forecast: LabelForecast) -> Document:
    """Return the report."""
    targets = forecast.targets
    return Document(
        "label_forecast.html.j2",
        {
            "kind": "label-forecast",
            "title": "Forecast of the last layer",
            "targets": targets,
            "verdict": paragraphs(forecast),
            "key_figures": key_figures(forecast),
            "by_ratio": forecast.by_ratio,
            "ratio": forecast.problem.feature_ratio,
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(forecast).items()],
            "labels": label_records(forecast, forecast.worst_labels(_WORST)),
            "method": [*facts(forecast), ("problem", problem_words(forecast.problem, targets.samples))],
        },
    )


def summary(forecast: LabelForecast) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(forecast)]
    return notebook(f"Forecast of {number(forecast.targets.labels)} labels", rows, forecast.verdict)


def key_figures(forecast: LabelForecast) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    keep, answer = (float(figures.min()) for figures in (forecast.to_keep, forecast.to_answer))
    own, varying = forecast.labels_with("own"), int(forecast.varying.sum())
    figures: list[KeyFigure] = [("Labels that keep their own", number(own), f"of {number(varying)} that vary")]
    if forecast.knows_directions:
        least = "at least " if forecast.solution.is_lower_bound else ""
        of = "of the leading ones" if forecast.directions is None else f"of {number(forecast.directions)}"
        figures.insert(0, ("Directions that survive", f"{least}{number(forecast.survivors)}", of))
    if forecast.targets.kind != "real":
        figures.append(("Never answered", number(forecast.never_answered), "at a threshold of ½"))
    if not math.isnan(keep):
        figures += [
            ("Samples to keep a direction", f"≈ {number(keep, 3)}", "for a label unlike all others"),
            ("Samples to be answered", f"≈ {number(answer, 3)}", "at a threshold of ½"),
        ]
    chosen = number(forecast.problem.weight_decay[0])
    return [
        *figures,
        ("Features collapse", number(forecast.collapse_weight_decay, 3), f"weight decay; chosen: {chosen}"),
    ]
