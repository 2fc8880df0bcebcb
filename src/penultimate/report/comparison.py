"""A comparison of losses as records, a table and plain sentences."""

import numpy as np
from rich.console import Group
from rich.table import Table
from rich.text import Text

import penultimate
from penultimate.comparing import Comparison
from penultimate.forecasting import STATUSES, Forecast
from penultimate.report.fitted import Fitted
from penultimate.report.records import finite, plain
from penultimate.report.terminal import ENDS, LOOK
from penultimate.report.words import number

# Classes listed in JSON at most: representatives of groups, evenly by rank.
_CLASSES = 200


def loss_records(comparison: Comparison) -> list[dict[str, object]]:
    """Key figures of every loss; what is not a finite number is None.

    Parameters
    ----------
    comparison : Comparison
        What to write down.

    Returns
    -------
    list of dict
    """
    return [_loss_record(name, forecast) for name, forecast in comparison.forecasts.items()]


def _loss_record(name: str, forecast: Forecast) -> dict[str, object]:
    geometry, solution, safe = forecast.geometry, forecast.solution, forecast.largest_safe_weight_decay
    cosine = geometry.group_nearest[1]
    return {
        "loss": name,
        "survivors": forecast.survivors,
        "directions": forecast.directions,
        "classes_by_status": {status: forecast.classes_with(status) for status in STATUSES},
        "head_margin": finite(float(geometry.group_margins[0])),
        "tail_margin": finite(float(geometry.group_margins[-1])),
        "negative_margins": forecast.negative_margins,
        "head_cosine": finite(float(cosine[0])),
        "tail_cosine": finite(float(cosine[-1])),
        "samples_needed_head": finite(float(forecast.group_samples_needed[0])),
        "samples_needed_tail": finite(float(forecast.group_samples_needed[-1])),
        "classes_below": forecast.classes_below,
        "largest_safe_weight_decay": safe,
        # Asked for only where it is short to find: elsewhere it would take all critical decays.
        "critical_weight_decays_note": forecast.critical_note if safe is None else "",
        "over_corrects": forecast.over_corrects,
        "objective": solution.objective,
        "gap": solution.gap,
        "status": solution.outcome.name.lower(),
        "converged": solution.converged,
    }


def comparison_record(comparison: Comparison) -> dict[str, object]:
    """A comparison as a dictionary ready for JSON.

    Parameters
    ----------
    comparison : Comparison
        What to write down.

    Returns
    -------
    dict
    """
    first = next(iter(comparison.forecasts.values()))
    problem = first.problem.to_dict(first.counts.samples)
    del problem["loss"]
    return {
        "penultimate": penultimate.__version__,
        "counts": comparison.counts.to_dict(),
        "problem": problem,
        "losses": loss_records(comparison),
        "classes": class_records(comparison),
        "verdict": verdict(comparison),
    }


def class_records(comparison: Comparison) -> list[dict[str, object]]:
    """Margin, cosine to the nearest class and retained share of some classes, evenly by rank, one record a class."""
    counts = comparison.counts
    picked = np.unique(np.linspace(0, counts.distinct.size - 1, _CLASSES).astype(int))
    classes: list[int] = counts.representatives[picked, 0].tolist()
    return [
        {
            "class": counts.names[index],
            "count": plain(float(counts.values[index])),
            "margin": {name: _at(f, f.geometry.group_margins, index) for name, f in comparison.forecasts.items()},
            "nearest_cosine": {
                name: _at(f, f.geometry.group_nearest[1], index) for name, f in comparison.forecasts.items()
            },
            "retained": {name: _at(f, f.geometry.group_retained, index) for name, f in comparison.forecasts.items()},
        }
        for index in classes
    ]


def _at(forecast: Forecast, figures: np.ndarray, index: int) -> float | None:
    """The figure of a class's group; groups are each loss's own."""
    return finite(float(figures[forecast.counts.group[index]]))


def comparison_table(comparison: Comparison) -> Group:
    """Losses side by side.

    Parameters
    ----------
    comparison : Comparison
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


def verdict(comparison: Comparison) -> str:
    """Say which loss does what to the tail.

    Parameters
    ----------
    comparison : Comparison
        What to put in words.

    Returns
    -------
    str
    """
    forecasts = comparison.forecasts
    decay = number(next(iter(forecasts.values())).problem.weight_decay[0])
    alive = {name: forecast.survivors for name, forecast in forecasts.items()}
    if max(alive.values()) == 0:
        return f"At weight decay {decay} everything collapses with every loss: lower it."
    if min(alive.values()) == max(alive.values()):
        text = f"At weight decay {decay} {number(max(alive.values()))} directions survive with every loss."
    else:
        most, fewest = (pick(alive, key=lambda name: alive[name]) for pick in (max, min))
        text = f"At weight decay {decay} {most} keeps most directions ({number(alive[most])}), "
        text += f"{fewest} fewest ({number(alive[fewest])})."
    softmax = {name: f for name, f in forecasts.items() if not name.startswith(("mse", "squared error"))}
    if len(softmax) > 1:
        # Logits of squared error have another unit.
        tail = {name: float(forecast.geometry.group_margins[-1]) for name, forecast in softmax.items()}
        best, worst = (pick(tail, key=lambda name: tail[name]) for pick in (max, min))
        text += f" The smallest class has its largest margin with {best} ({number(tail[best], 3)}), "
        text += f"its smallest with {worst} ({number(tail[worst], 3)})."
    over = [name for name, forecast in forecasts.items() if forecast.over_corrects]
    if over:
        text += f" Over-corrected, the largest class below the smallest: {', '.join(over)}."
    failed = [name for name, forecast in forecasts.items() if not forecast.solution.converged]
    if failed:
        text += f" Without proof of optimality: {', '.join(failed)}."
    return text
