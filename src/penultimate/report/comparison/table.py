"""A comparison of losses as a table in the terminal."""

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.forecasts.comparison import LossComparison
from penultimate.forecasts.status import STATUSES
from penultimate.report.comparison.words import verdict
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number
from penultimate.report.kit.terminal import ENDS, LOOK


def comparison_table(comparison: LossComparison) -> Group:
    """Losses side by side.

    Parameters
    ----------
    comparison : LossComparison
        What to show.

    Returns
    -------
    rich.console.Group
    """
    table = Table(title="Losses at the same weight decay", **LOOK)
    table.add_column("loss", overflow="fold")
    for heading in ("directions", "own", "shared", "lost", *ENDS, "safe\ndecay"):
        table.add_column(heading, justify="right")
    table.add_column("outcome", overflow="fold")
    for name, forecast in comparison.forecasts.items():
        margins, cosine = forecast.geometry.group_margins, forecast.geometry.group_nearest[1]
        table.add_row(
            Text(name),
            f"{number(forecast.survivors)} of {number(forecast.directions)}",
            *(number(forecast.classes_with(status)) for status in STATUSES),
            *(number(float(value), 3) for value in (margins[0], margins[-1], cosine[0], cosine[-1])),
            number(forecast.largest_safe_weight_decay, 3),
            forecast.solution.outcome.name.lower().replace("_", " "),
        )
    notes = (
        "head, tail: the largest and the smallest class. cos: to the nearest other class mean. margin: with the bias"
    )
    fitted = Fitted(table, "own", "shared", *ENDS[2:], "outcome")
    return Group(Text(verdict(comparison), style="bold"), Text(), fitted, Text(notes, style="dim"))
