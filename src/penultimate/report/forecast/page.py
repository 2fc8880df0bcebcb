"""The report of a forecast: one HTML file that opens without a network, and its small table for notebooks."""

import math
from functools import partial

from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.status import LOST, OWN, STATUSES
from penultimate.report.forecast.charts import charts
from penultimate.report.forecast.record import class_records
from penultimate.report.forecast.words import IN_THE_MEDIAN, law_words, paragraphs, safe_words
from penultimate.report.kit.html import Document, Fact, KeyFigure, Reading, figure, notebook
from penultimate.report.kit.numbers import number
from penultimate.report.kit.problem import problem_words

# Rows of the table of classes; those of equal count share a row.
WORST = 50

_READINGS = {
    "counts": Reading(
        "Class counts",
        "A dot is a class; classes of equal count share a dot, and a line spans their ranks. "
        "A class well above the dashed line keeps a direction of its own.",
    ),
    "spectrum": Reading(
        "Spectrum of the label matrix",
        "A dot is a direction in which class means can differ. Weight decay weakens all of them; those below the "
        "threshold vanish.",
    ),
    "retained": Reading(
        "What each class retains",
        "How much is left of the direction that sets a class apart from all others. At 1 the class has a direction of "
        "its own; at 0 nothing in the features tells it from the other classes that lost theirs.",
    ),
    "cosines": Reading(
        "Angles between class means",
        "Classes that kept their direction are at right angles or further apart. An amber block is a set of classes "
        "that the features no longer tell apart.",
    ),
    "geometry": Reading(
        "Four class means in space",
        "Classes that kept their direction are far from all others; those that lost theirs lie on one another. "
        "The slider turns the view.",
    ),
    "slider": Reading(
        "Try another weight decay",
        "Ten steps are a factor of ten in the weight decay. All of them were solved when this page was written.",
    ),
    "learning": Reading(
        "When directions are learnt",
        "Strong directions, those of frequent classes, come first. A training that ends early leaves the last ones "
        "out, whatever the weight decay.",
        wide=True,
    ),
    "sweep": Reading(
        "Other weight decays",
        "Above: what would be left of some directions, from the strongest to the weakest. Below: how many directions "
        "would survive in all.",
        wide=True,
    ),
}


def page(forecast: Forecast) -> Document:
    """Return the report."""
    return Document(
        "forecast.html.j2",
        {
            "kind": "forecast",
            "title": "Forecast of the last layer",
            "counts": forecast.counts,
            "sampled": "samples",
            "verdict": paragraphs(forecast),
            "forecast": forecast,
            "status": _status(forecast),
            "own": OWN,
            "lost": LOST,
            "key_figures": _key_figures(forecast),
            "figures": [figure(key, _READINGS[key], draw) for key, draw in charts(forecast).items()],
            "classes": _worst(forecast),
            # In the file alone: which critical weight decays are known is found out with them, in seconds.
            "method": partial(_method, forecast),
            "problem_words": problem_words(forecast.problem, forecast.counts.samples),
        },
    )


def summary(forecast: Forecast) -> str:
    """Return key figures as a small HTML table, without scripts, for notebooks."""
    counts, status = forecast.counts, _status(forecast)
    unseen = f", {number(counts.unseen.size)} without samples" if counts.unseen.size else ""
    bands = ", ".join(f"{number(size)} {name}" for name, size in status.items())
    alike = not math.isnan(forecast.samples_needed)
    needed = f"more than {number(forecast.samples_needed, 3)}" if alike else "differs from class to class"
    needed += f", {IN_THE_MEDIAN}" if forecast.has_own_paths else ""
    rows = [
        ("classes", f"{bands}{unseen}"),
        ("samples", f"{number(counts.samples)}, ratio {number(counts.ratio)} : 1"),
        ("directions", f"{number(forecast.survivors)} of {number(forecast.directions)} survive"),
        ("samples needed", needed),
        ("largest safe weight decay", safe_words(forecast)),
    ]
    kept = f"{number(status['own'])} of {number(counts.seen)} classes keep a direction of their own"
    return notebook(f"Forecast of the last layer: {kept}", rows, forecast.verdict)


def _status(forecast: Forecast) -> dict[str, int]:
    return {name: forecast.classes_with(name) for name in STATUSES}


def _key_figures(forecast: Forecast) -> list[KeyFigure]:
    counts = forecast.counts
    unseen, smallest = counts.unseen.size, forecast.smallest_surviving_count
    keeps = "no class keeps its own" if smallest is None else f"smallest class that keeps its own: {number(smallest)}"
    keeps = f"{IN_THE_MEDIAN}; {keeps}" if forecast.has_own_paths else keeps
    chosen = number(forecast.problem.weight_decay[0])
    return [
        ("Classes", number(counts.classes), f"{number(unseen)} without samples" if unseen else "all with samples"),
        ("Samples", number(counts.samples), f"{number(counts.smallest)} to {number(counts.largest)} a class"),
        ("Imbalance ratio", number(counts.ratio), "largest count over smallest"),
        (
            "Samples needed",
            "< 1" if forecast.samples_needed < 1.0 else f"≈ {number(forecast.samples_needed, 3)}",
            keeps,
        ),
        (
            "Directions that survive",
            number(forecast.survivors),
            f"of {number(forecast.directions)}; {_unsure(forecast)}threshold {number(forecast.threshold, 3)}",
        ),
        ("Largest safe weight decay", safe_words(forecast), f"chosen: {chosen}"),
    ]


def _unsure(forecast: Forecast) -> str:
    return "" if forecast.band is None else f"{number(forecast.directions_with('uncertain'))} uncertain; "


def _method(forecast: Forecast) -> list[Fact]:
    problem, solution = forecast.problem, forecast.solution
    layers = f"{problem.layers} linear layer{'s' if problem.layers > 1 else ''}"
    bound = f" (at most {number(solution.gap, 2)} above the minimum)" if solution.gap else ""
    return [
        (
            "Model",
            law_words(forecast)
            if problem.law is not None
            else f"the unconstrained feature model with {layers}: features are free variables, and the forecast is its "
            "minimiser",
        ),
        ("Method", solution.method),
        ("Outcome", solution.outcome.value),
        ("Objective", f"{number(solution.objective, 6)}{bound}"),
        *([("Critical weight decays", forecast.critical_note)] if forecast.critical_note else []),
    ]


def _worst(forecast: Forecast) -> list[dict[str, object]]:
    """List the groups that retain least, each by its first class, with how many more it has."""
    counts, chosen = forecast.counts, forecast.worst_groups(WORST)
    more = counts.multiplicity[counts.group[chosen]] - 1
    return [
        record | {"more": others} for record, others in zip(class_records(forecast, chosen), more.tolist(), strict=True)
    ]
