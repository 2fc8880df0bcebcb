"""Tables of a forecast with more classes than dimensions for the terminal, built with rich."""

from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.forecasts.narrow_forecast import NarrowForecast
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import LOOK, NAME, as_float, facts_table
from penultimate.report.narrow_forecast.record import class_records, rarest_groups, select
from penultimate.report.narrow_forecast.words import facts, verdict
from penultimate.reported import Classes


def table(forecast: NarrowForecast, classes: Classes = 20) -> Group:
    """Verdict, key figures, then the rarest classes."""
    parts: list[Any] = [Text(verdict(forecast), style="bold"), Text(), facts_table(facts(forecast))]
    if classes != "none":
        parts += [Text(), rows(forecast, classes)]
    return Group(*parts)


def rows(forecast: NarrowForecast, classes: Classes) -> Fitted:
    """The classes with the fewest samples, those of equal count in one row; or all classes, each in its own."""
    every = classes == "all"
    chosen = select(forecast, classes) if every else rarest_groups(forecast, int(classes))
    alike = np.append(forecast.counts.multiplicity, 1)[forecast.counts.group[chosen]]
    title = "All classes" if every else "Classes with the fewest samples, one row for all of equal count"
    table = Table(title=title, **LOOK)
    table.add_column("class", **NAME)
    for heading in ("alike", "count", "‖head‖", "‖mean‖", "margin"):
        table.add_column(heading, justify="right")
    for record, same in zip(class_records(forecast, chosen), alike.tolist(), strict=True):
        table.add_row(
            Text(str(record["class"])),
            number(float(same)),
            number(as_float(record["count"])),
            *(number(as_float(record[key]), 3) for key in ("head_norm", "mean_norm", "margin")),
        )
    return Fitted(table, "alike", "‖mean‖")
