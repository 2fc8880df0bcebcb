"""A comparison of losses in a few sentences."""

from penultimate.forecasts.comparison import LossComparison
from penultimate.losses import SquaredError, resolve
from penultimate.report.kit.numbers import number


def verdict(comparison: LossComparison) -> str:
    """Say which loss does what to the rare classes."""
    return " ".join(paragraphs(comparison))


def paragraphs(comparison: LossComparison) -> list[str]:
    """The same; one paragraph is enough."""
    forecasts = comparison.forecasts
    decay = number(next(iter(forecasts.values())).problem.weight_decay[0])
    alive = {name: forecast.survivors for name, forecast in forecasts.items()}
    if max(alive.values()) == 0:
        return [f"At weight decay {decay} everything collapses with every loss: lower it."]
    if min(alive.values()) == max(alive.values()):
        text = f"At weight decay {decay} {number(max(alive.values()))} directions survive with every loss."
    else:
        most, fewest = (pick(alive, key=lambda name: alive[name]) for pick in (max, min))
        text = f"At weight decay {decay} {most} keeps most directions ({number(alive[most])}), "
        text += f"{fewest} fewest ({number(alive[fewest])})."
    softmax = {
        name: f for name, f in forecasts.items() if not isinstance(resolve(f.problem.loss, f.counts), SquaredError)
    }
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
    return [text]
