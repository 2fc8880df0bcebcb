"""Tables for the terminal, built with rich."""

import math
from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.status import FATES, LOST, OWN
from penultimate.report.forecast.record import class_records, select_classes
from penultimate.report.forecast.words import law_words, needs_words, safe_words, verdict
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import how_many, number
from penultimate.report.kit.terminal import LOOK, NAME, as_float, facts_table
from penultimate.reported import Classes

_STYLES = {"own": "blue", "shared": "yellow", "lost": "red", "unseen": "dim"}


def table(forecast: Forecast, classes: Classes = 20) -> Group:
    """Summary on top, the answer by c where the feature decay is unknown, then the worst classes."""
    parts: list[Any] = [Text(verdict(forecast), style="bold"), Text(), summary(forecast)]
    if forecast.by_ratio:
        parts += [Text(), by_ratio(forecast)]
    if classes != "none":
        parts += [Text(), worst(forecast, classes)]
        parts.append(
            Text(f"own: retains ≥ {OWN:g} of its own direction; lost: < {LOST:g}; shared: between", style="dim")
        )
    return Group(*parts)


def summary(forecast: Forecast) -> Table:
    """Key figures, one a line."""
    counts, problem, solution = forecast.counts, forecast.problem, forecast.solution
    bands = ", ".join(f"{number(forecast.classes_with(status))} {status}" for status in ("own", "shared", "lost"))
    decay = ", ".join(number(value) for value in problem.weight_decay)
    feature_decay = problem.resolved_feature_decay(counts.samples)
    wrong = how_many(forecast.negative_margins, "class is", "classes are")
    rows = [
        ("classes", f"{number(counts.classes)} ({number(counts.unseen.size)} without samples)"),
        ("samples", f"{number(counts.samples)}, {number(counts.largest)} … {number(counts.smallest)} a class"),
        ("model", f"L = {problem.layers}, bias {problem.bias}, width {problem.width or 'not binding'}, {problem.loss}"),
        ("weight decay", decay),
        ("feature decay", f"{feature_decay:.3g} ({problem.feature_decay_source})"),
        ("directions", f"{number(forecast.survivors)} of {number(forecast.directions)} survive"),
        ("classes keep", bands),
        ("misclassified", f"{wrong} assigned to another class even at their own mean"),
        ("samples needed", _needed(forecast)),
        ("safe weight decay", _safe(forecast)),
        ("outcome", f"{solution.outcome.value} ({solution.method})"),
        *_band(forecast),
    ]
    return facts_table(rows)


def _band(forecast: Forecast) -> list[tuple[str, str]]:
    """What the ends of a trained network's law allow, the quartiles of its feature decay, or other networks."""
    if forecast.band is None:
        return []
    low, high = forecast.band
    if forecast.problem.law is not None:
        sure = zip(FATES, ("survive", "die", "uncertain"), strict=True)
        fates = ", ".join(f"{number(forecast.directions_with(fate))} {word}" for fate, word in sure)
        safe = " to ".join(number(end.largest_safe_weight_decay, 3) for end in (high, low))
        return [("law", law_words(forecast)), ("90 % interval", f"directions: {fates}; safe weight decay {safe}")]
    needed = f"a class needs {number(low.samples_needed, 3)} to {number(high.samples_needed, 3)} samples"
    survive = f"{number(high.survivors)} to {number(low.survivors)} directions survive"
    decays = " to ".join(f"{end.problem.resolved_feature_decay(end.counts.samples):.3g}" for end in forecast.band)
    networks = forecast.problem.networks
    name, whose = (
        ("quartiles", "this network's feature decay") if networks is None else ("four in five", networks.words)
    )
    return [(name, f"of {whose}, {decays}: {survive}; {needed}")]


def _needed(forecast: Forecast) -> str:
    if not math.isnan(forecast.samples_needed):
        return f"{needs_words(forecast)} to keep its own direction"
    below = f"{how_many(forecast.classes_below, 'class has', 'classes have')} fewer"
    return (
        f"differ from class to class with this loss; {below} than they need"
        if forecast.problem.layers == 1
        else "not known"
    )


def _safe(forecast: Forecast) -> str:
    if forecast.largest_safe_weight_decay is not None:
        estimated = " (read off bins of counts, not proven)" if forecast.is_safe_decay_estimated else ""
        return f"below {safe_words(forecast)}{estimated}"
    if forecast.has_critical_weight_decays:
        return "none: the features are too narrow for all directions"
    return forecast.critical_note


def by_ratio(forecast: Forecast) -> Table:
    """The answer as a function of the unknown ratio c."""
    table = Table(title="If the network's ratio c = N λ_H / λ_1 is …", **LOOK)
    for heading in ("c", "samples needed", "classes below", "directions", "safe weight decay"):
        table.add_column(heading, justify="right")
    for row in forecast.by_ratio:
        table.add_row(
            f"{row.ratio:g}",
            number(row.samples_needed, 3),
            number(row.classes_below),
            number(row.survivors),
            number(row.largest_safe_weight_decay, 3),
        )
    return table


def worst(forecast: Forecast, classes: Classes) -> Fitted:
    """The classes that retain least, those of equal count in one row; or all classes, each in its own."""
    chosen = select_classes(forecast, classes) if classes == "all" else forecast.worst_groups(int(classes))
    size = np.append(forecast.counts.multiplicity, 1)[forecast.counts.group[chosen]]
    title = "All classes" if classes == "all" else "Classes that retain least, one row for all of equal count"
    table = Table(title=title, **LOOK)
    table.add_column("class", **NAME)
    table.add_column("alike", justify="right")
    table.add_column("count", justify="right")
    table.add_column("status")
    if forecast.band is not None:
        table.add_column("sure")
    for heading in ("retained", "more needed", "‖mean‖", "‖head‖", "margin"):
        table.add_column(heading, justify="right")
    table.add_column("nearest", **NAME)
    table.add_column("cos", justify="right")
    for record, alike in zip(class_records(forecast, chosen), size, strict=True):
        status = str(record["status"])
        figures = (record[key] for key in ("retained", "samples_to_gain", "mean_norm", "head_norm", "margin"))
        table.add_row(
            Text(str(record["class"])),
            number(float(alike)),
            number(as_float(record["count"])),
            Text(status, style=_STYLES[status]),
            *([] if forecast.band is None else [Text(str(record["fate"] or "–"))]),
            *(number(as_float(value), 3) for value in figures),
            Text("–" if record["nearest"] is None else str(record["nearest"])),
            number(as_float(record["nearest_cosine"]), 3),
        )
    return Fitted(table, "alike", "‖mean‖", "‖head‖", "cos", "nearest", "more needed")
