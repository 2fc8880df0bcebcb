"""Tables of a comparison of heads for the terminal, built with rich."""

import math
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.heads.comparison.comparison import BLEND, HeadComparison, HeadResult
from penultimate.heads.comparison.scoring import COST
from penultimate.report.head_comparison.words import how, setting, verdict
from penultimate.report.kit.fitted import Fitted
from penultimate.report.kit.numbers import number, points
from penultimate.report.kit.terminal import LOOK
from penultimate.reported import Classes

_SHARES = ("accuracy", "balanced_accuracy", "many", "medium", "few", "macro_f1", "calibration_error")


def table(comparison: HeadComparison, classes: Classes = "none") -> Group:
    """Verdict on top, then every head, then how it was judged."""
    parts: list[Any] = [Text(verdict(comparison), style="bold")]
    if comparison.blend is not None:
        parts += [Text(), heads(comparison)]
        parts += [Text(f"{name}: {value}", style="dim") for name, value in how(comparison)]
    return Group(*parts)


def heads(comparison: HeadComparison) -> Fitted:
    """The present head, the blend, that by theory, and all others, most balanced accuracy first; shares in percent."""
    table = Table(title="Heads on held-out samples, %", **LOOK)
    for heading in ("head", "from", "setting"):
        table.add_column(heading, no_wrap=True)
    costs = () if comparison.costs is None else ("cost",)
    for heading in ("weight", "acc.", "bal.", "many", "medium", "few", "F1", "ECE", "NLL", *costs, "gain", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in cells(comparison):
        used = comparison.present.name if comparison.keeps else BLEND
        table.add_row(*row, style="bold" if row[0] == used else "")
    return Fitted(table, "acc.", "F1", "from", "medium", "NLL", "setting", "many", "few")


def cells(comparison: HeadComparison) -> list[tuple[str, ...]]:
    """The rows of that table as texts; none where heads were not judged."""
    judged = (comparison.present, comparison.blend, comparison.theory, *comparison.results)
    return [_row(result) for result in judged if result is not None and result.figures]


def _row(result: HeadResult) -> tuple[str, ...]:
    figures = [_percent(result.figures[name]) for name in _SHARES]
    gain = ("", "")
    if result.gains:
        middle, low, high = (points(value) for value in result.gains["balanced_accuracy"])
        gain = (middle, f"{low}\u00a0…\u00a0{high}")
    return (
        result.name,
        (result.learns_from or "–").upper(),
        setting(result),
        "" if result.weight is None else number(result.weight, 2),
        *figures,
        number(result.figures["log_loss"], 3),
        *([number(result.figures[COST], 3)] if COST in result.figures else []),
        *gain,
    )


def _percent(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:.1f}"
