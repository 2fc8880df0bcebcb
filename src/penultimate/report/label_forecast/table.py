"""Tables of a forecast for several labels a sample, for the terminal, built with rich."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.forecasts.label_forecast import LabelForecast
from penultimate.forecasts.status import LOST, OWN
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import LOOK, NAME, facts_table
from penultimate.report.label_forecast.record import select_labels
from penultimate.report.label_forecast.words import survive_words, verdict
from penultimate.reported import Classes

_STYLES = {"own": "blue", "shared": "yellow", "lost": "red", "unseen": "dim", "always": "dim"}


def table(forecast: LabelForecast, classes: Classes = 20) -> Group:
    """Summary on top, the answer by c where the feature decay is unknown, then the labels to worry about."""
    parts: list[Any] = [Text(verdict(forecast), style="bold"), Text(), summary(forecast)]
    if forecast.by_ratio:
        parts += [Text(), by_ratio(forecast)]
    if classes != "none":
        parts += [Text(), worst(forecast, classes)]
        note = f"own: retains ≥ {OWN:g} of its variance; lost: < {LOST:g}; shared: between; answered: mean score > ½"
        parts.append(Text(note, style="dim"))
    return Group(*parts)


def facts(forecast: LabelForecast) -> list[tuple[str, str]]:
    """Key figures, one a line."""
    targets, problem = forecast.targets, forecast.problem
    n = targets.positives
    feature_decay = problem.resolved_feature_decay(targets.samples)
    bands = ", ".join(f"{number(forecast.labels_with(status))} {status}" for status in ("own", "shared", "lost"))
    real = targets.kind == "real"
    sizes = "" if real else f", {number(float(n.max()))} … {number(float(n.min()))} samples each"
    without = "" if real else f", {number(targets.unlabelled)} of them without labels"
    rows = [
        ("outputs" if real else "labels", f"{number(targets.labels)}{sizes}"),
        ("samples", f"{number(targets.samples)}{without}"),
        (
            "model",
            f"L = {problem.layers}, bias {problem.bias}, width {problem.width or 'not binding'}, {forecast.loss_name}",
        ),
        ("weight decay", ", ".join(number(value) for value in problem.weight_decay)),
        ("feature decay", f"{feature_decay:.3g} ({problem.feature_decay_source})"),
        ("directions", survive_words(forecast) if forecast.knows_directions else "not known, as it was not solved"),
        ("labels keep", bands),
        ("never answered", _never(forecast)),
        ("safe weight decay", number(forecast.largest_safe_weight_decay, 3)),
        ("collapse", f"all features are zero from a weight decay of {number(forecast.collapse_weight_decay, 3)} on"),
        ("objective", _objective(forecast)),
        ("outcome", f"{forecast.outcome.value} ({forecast.method})"),
    ]
    return rows


def _objective(forecast: LabelForecast) -> str:
    if forecast.objective is None:
        bound = forecast.lower_bound
        return "not known" if bound is None else f"at least {number(bound, 4)}, proven"
    gap = (
        ""
        if forecast.lower_bound is None
        else f", at most {forecast.objective - forecast.lower_bound:.1g} above the minimum"
    )
    return f"{number(forecast.objective, 4)}{gap}"


def summary(forecast: LabelForecast) -> Table:
    """Key figures as a table."""
    return facts_table(facts(forecast))


def _never(forecast: LabelForecast) -> str:
    if forecast.targets.kind == "real":
        return "real targets have no threshold"
    answering = forecast.largest_answering_weight_decay
    up_to = "" if answering is None else f"; none up to a weight decay of {number(answering, 3)}"
    return f"{number(forecast.never_answered)} labels stay below ½ where they are on{up_to}"


def by_ratio(forecast: LabelForecast) -> Table:
    """The answer as a function of the unknown ratio c."""
    table = Table(title="If the network's ratio c = N λ_H / λ_1 is …", **LOOK)
    for heading in ("c", "to keep", "to be answered", "directions", "labels answered"):
        table.add_column(heading, justify="right")
    for row in forecast.by_ratio:
        figures = (number(row.to_keep, 3), number(row.to_answer, 3), number(row.survivors), number(row.answered))
        table.add_row(f"{row.ratio:g}", *figures)
    return table


def worst(forecast: LabelForecast, classes: Classes) -> Fitted:
    """The labels that are answered least, or all."""
    chosen = select_labels(forecast, classes)
    title = "All labels" if classes == "all" else "Labels that are answered least"
    table = Table(title=title, **LOOK)
    table.add_column("label", **NAME)
    table.add_column("samples", justify="right")
    table.add_column("direction")
    for heading in ("retained", "lift", "score on", "to keep", "to be answered"):
        table.add_column(heading, justify="right")
    table.add_column("answered")
    table.add_column("nearest", **NAME)
    table.add_column("cos", justify="right")
    for row in forecast.rows(chosen):
        figures = (row.retained, row.lift, row.score_on, row.to_keep, row.to_answer)
        table.add_row(
            Text(row.label),
            number(row.samples),
            Text(row.status, style=_STYLES[row.status]),
            *(number(value, 3) for value in figures),
            "–" if row.answered is None else "yes" if row.answered else "no",
            Text(row.nearest or "–"),
            number(row.cosine, 3),
        )
    return Fitted(table, "cos", "nearest", "lift", "to keep", "to be answered")
