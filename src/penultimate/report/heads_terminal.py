"""Tables of a comparison of heads for the terminal, built with rich."""

from typing import Any

from rich import box
from rich.console import Group
from rich.table import Table
from rich.text import Text

from penultimate.comparing import HeadComparison, HeadResult
from penultimate.report.heads_words import points, setting, verdict
from penultimate.report.words import number

_LOOK: dict[str, Any] = {"box": box.SIMPLE_HEAD, "title_justify": "left", "title_style": "bold", "pad_edge": False}
_SHARES = ("accuracy", "balanced_accuracy", "many", "medium", "few", "macro_f1", "calibration_error")


def comparison_table(comparison: HeadComparison) -> Group:
    """Verdict on top, then every head, then how it was judged.

    Parameters
    ----------
    comparison : HeadComparison
        What to show.

    Returns
    -------
    rich.console.Group
    """
    parts: list[Any] = [Text(verdict(comparison), style="bold")]
    if comparison.present is not None and comparison.choice is not None:
        parts += [Text(), heads(comparison, comparison.present, comparison.choice), Text(_how(comparison), style="dim")]
    return Group(*parts)


def heads(comparison: HeadComparison, present: HeadResult, choice: HeadResult) -> Table:
    """The present head, the choice, and every kind, best first; shares in percent."""
    table = Table(title="Heads on held-out samples, %", **_LOOK)
    table.add_column("head", no_wrap=True)
    table.add_column("from")
    table.add_column("setting")
    for heading in ("acc.", "bal.", "many", "medium", "few", "F1", "ECE", "NLL", "gain", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for result in (present, choice, *comparison.results):
        picked = result.name == comparison.best and not comparison.keeps
        table.add_row(
            Text(result.name, style="bold green" if picked else "bold" if result is choice else ""),
            result.learns_from,
            setting(result),
            *(_percent(result.figures[name]) for name in _SHARES),
            number(result.figures["log_loss"], 3),
            *_gain(result),
        )
    return table


def _percent(value: float) -> str:
    return "–" if value != value else f"{100 * value:.1f}"


def _gain(result: HeadResult) -> tuple[str, str]:
    if not result.gains:
        return "", ""
    gain, low, high = result.gains["balanced_accuracy"]
    return points(gain), f"{points(low)} … {points(high)}"


def _how(comparison: HeadComparison) -> str:
    many, few = comparison.bounds
    assert comparison.held_out is not None
    left_out = "; ".join(f"{name} ({why})" for name, why in comparison.left_out.items())
    return (
        f"choice: the kind that was best on the other parts. {number(comparison.held_out.samples)} held-out samples, "
        f"{comparison.folds} parts, {comparison.repeats} repeats; every figure but accuracy is for balanced classes. "
        "acc., bal.: accuracy as it is, and balanced, the target; setting: the first within one standard error of the "
        "best. "
        f"many: more than {number(many)} training samples, few: fewer than {number(few)}. "
        f"gain: of balanced accuracy over the present head, in points, with the paired bootstrap's interval."
        + (f" Not tried: {left_out}." if left_out else "")
    )
