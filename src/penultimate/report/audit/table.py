"""Tables of an audit for the terminal, built with rich."""

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.audits.audit import Audit
from penultimate.audits.layer import LayerAudit
from penultimate.report.audit.record import class_records, select_classes
from penultimate.report.audit.words import findings, verdict
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number, power_of_count
from penultimate.report.kit.terminal import LOOK, NAME, as_float, facts_table
from penultimate.reported import Classes

# Rows of the table of directions; the JSON has all.
_DIRECTIONS = 16


def table(audit: Audit, classes: Classes = 20) -> Group:
    """Verdict and key figures on top, then directions, then the classes that are answered worst."""
    parts: list[Any] = [Text(verdict(audit), style="bold"), *_findings(audit), Text(), summary(audit)]
    if audit.last_layer is not None:
        parts += [Text(), directions(audit, audit.last_layer)]
        total = "σ − measured" if audit.last_layer.forecast.problem.is_plain_squared_error else "the pull of the loss"
        lost = f"decay, noise, others: strength lost to each; at the end of training they add up to {total}"
        foreign = f"forecast: for {audit.last_layer.loss_words}, with which this network was not trained to the end"
        parts.append(Text(lost if audit.last_layer.fits_loss else foreign, "dim"))
        if not audit.last_layer.proven:
            parts.append(
                Text("forecast: the best point found from several starts, not proven to be the minimum", "dim")
            )
    if classes != "none":
        parts += [Text(), class_table(audit, classes)]
    return Group(*parts)


def _findings(audit: Audit) -> list[Text]:
    """What else there is to say, a paragraph a heading."""
    return [Text.assemble("\n", (f"{heading}. ", "cyan"), text) for heading, text in findings(audit)]


def _expected_bias(audit: Audit) -> str:
    squared = audit.last_layer is None or audit.last_layer.forecast.problem.is_plain_squared_error
    return "the class shares" if squared else "the forecast's, up to a shift"


def summary(audit: Audit) -> Table:
    """Key figures, one a line."""
    measured, decisions = audit.metrics, audit.decisions
    compared = int(decisions.compared.sum())
    agreement = number(float(decisions.agreed.sum() / compared), 4) if compared else "–"
    rows = [
        ("features", f"{number(audit.statistics.samples)} × {audit.statistics.dimension}, {audit.dtype}"),
        ("NC1", f"{number(measured.nc1, 3)}{_interval(audit, 'metrics/nc1')}, CDNV {number(measured.nc1_cdnv, 3)}"),
        ("NC2", f"equinorm {number(measured.nc2_equinorm, 3)}, equiangular {number(measured.nc2_equiangular, 3)}"),
        ("NC3", f"duality {number(measured.nc3_duality, 3)}, mean cosine {number(measured.nc3_cosine, 3)}"),
        ("NC4", f"classifier and nearest class mean agree on {agreement}"),
        (
            "distance of means to",
            f"forecast {number(measured.distance_to_forecast, 3)}, orthogonal frame "
            f"{number(measured.distance_to_gof, 3)}, SELI {number(measured.distance_to_seli, 3)}, "
            f"simplex {number(measured.distance_to_etf, 3)} (0 … 1.41)",
        ),
        ("rank of means", f"{number(measured.effective_rank, 3)} effective directions"),
        (
            "norms by count",
            f"means {power_of_count(measured.mean_norm_slope)}, head {power_of_count(measured.head_norm_slope)}",
        ),
    ]
    if audit.last_layer is not None:
        problem, samples = audit.last_layer.forecast.problem, audit.counts.samples
        decay = f"{problem.resolved_feature_decay(samples):.3g} ({problem.feature_decay_source})"
        rows.append(("feature decay", decay))
        rows.append(("bias", f"at most {number(audit.last_layer.bias_error, 3)} from {_expected_bias(audit)}"))
    return facts_table(rows)


def directions(audit: Audit, layer: LayerAudit) -> Fitted:
    """T beside the forecast, and the factors, one row for each of the leading directions."""
    alignment, budget = layer.alignment, layer.alignment.budget
    shown = min(_DIRECTIONS, alignment.sigma.size)
    title = f"Directions, strongest first ({shown} of {alignment.sigma.size})"
    table = Table(title=title, **LOOK)
    columns = {
        "forecast": layer.forecast_strength,
        "measured T": alignment.strength,
        "cosine": alignment.cosine,
        "‖p‖": alignment.head_norm,
        "‖q‖": alignment.mean_norm,
    }
    if layer.fits_loss:
        columns |= {"decay": budget.decay, "noise": budget.noise, "others": budget.mixing}
    for heading in ("σ", "alike", *columns):
        table.add_column(heading, justify="right")
    for i in range(shown):
        size = number(float(alignment.multiplicity[i]))
        table.add_row(
            number(float(alignment.sigma[i])), size, *(number(float(column[i]), 3) for column in columns.values())
        )
    return Fitted(table, "alike", "‖p‖", "‖q‖", "others", "noise", "decay")


def class_table(audit: Audit, classes: Classes) -> Fitted:
    """The classes that are answered worst, those of fewest samples first among equals."""
    chosen = select_classes(audit, classes)
    title = (
        "All classes"
        if classes == "all"
        else f"Classes with the lowest recall ({chosen.size} of {audit.counts.classes})"
    )
    table = Table(title=title, **LOOK)
    table.add_column("class", **NAME)
    judged = audit.last_layer is not None and audit.last_layer.fits_loss
    keys = {"recall": "recall", "spread": "spread", "‖mean‖": "mean_norm"}
    keys |= {} if audit.last_layer is None else {"‖head‖": "head_norm"}
    keys |= {"retained": "retained", "departs": "departure"} if judged else {}
    for heading in ("count", *keys):
        table.add_column(heading, justify="right")
    table.add_column("nearest", **NAME)
    table.add_column("cos", justify="right")
    for record in class_records(audit, chosen):
        table.add_row(
            Text(str(record["class"])),
            number(as_float(record["count"])),
            *(number(as_float(record[key]), 3) for key in keys.values()),
            Text("–" if record["nearest"] is None else str(record["nearest"])),
            number(as_float(record["nearest_cosine"]), 3),
        )
    return Fitted(table, "‖mean‖", "‖head‖", "spread", "cos", "nearest", "departs")


def _interval(audit: Audit, name: str) -> str:
    if name not in audit.intervals:
        return ""
    low, high = audit.intervals[name].tolist()
    return f" ({number(low, 3)} … {number(high, 3)})"
