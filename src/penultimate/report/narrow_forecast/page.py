"""The report of a forecast with more classes than dimensions, and its small table for notebooks."""

from penultimate.forecasts.narrow_forecast import NarrowForecast
from penultimate.report.kit.html import Document, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number, percent
from penultimate.report.narrow_forecast.charts import charts
from penultimate.report.narrow_forecast.record import class_records, rarest_groups
from penultimate.report.narrow_forecast.words import facts, lengths_words, paragraphs

# Rows of the table of classes; those of equal count share a row.
_ROWS = 50

_READINGS = {
    "lengths": Reading(
        "Lengths of rows and features",
        "A dot is a class. A longer row makes a class win more often where samples lie between two classes.",
    ),
    "spectrum": Reading(
        "Spectrum of the last layer",
        "The flattest that these lengths allow; classes that are alike make a real one steeper.",
    ),
}


def page(forecast: NarrowForecast) -> Document:
    """Return the report."""
    chosen = rarest_groups(forecast, _ROWS)
    more = (forecast.counts.multiplicity[forecast.counts.group[chosen]] - 1).tolist()
    return Document(
        "narrow_forecast.html.j2",
        {
            "kind": "narrow-forecast",
            "title": "Forecast of a last layer with more classes than dimensions",
            "counts": forecast.counts,
            "sampled": "samples",
            "verdict": paragraphs(forecast),
            "key_figures": key_figures(forecast),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(forecast).items()],
            "classes": [
                row | {"more": others} for row, others in zip(class_records(forecast, chosen), more, strict=True)
            ],
            "method": facts(forecast),
        },
    )


def summary(forecast: NarrowForecast) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    rows = [(name.lower(), f"{value} ({remark})") for name, value, remark in key_figures(forecast)]
    caption = f"Forecast of {number(forecast.counts.seen)} classes in {number(forecast.margin.dimension)} dimensions"
    return notebook(caption, rows, forecast.verdict)


def key_figures(forecast: NarrowForecast) -> list[KeyFigure]:
    """The figures that matter most, each with a remark."""
    counts, margin = forecast.counts, forecast.margin
    unseen = f"{number(counts.unseen.size)} without samples" if counts.unseen.size else "all with samples"
    return [
        ("Classes", number(counts.classes), unseen),
        ("Dimensions", number(margin.dimension), f"margin {number(margin.margin, 3)}"),
        ("Margin over width", number(margin.share, 2), f"{percent(margin.near_death, 2)} of the classes near death"),
        ("Row lengths", lengths_words(forecast), "an estimate"),
        ("Objective", f"≥ {number(forecast.lower_bound, 3)}", "proven"),
    ]
