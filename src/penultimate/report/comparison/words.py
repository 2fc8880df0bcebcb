"""A comparison of losses in a few sentences."""

from penultimate.forecasts.comparison import LossComparison
from penultimate.losses import SquaredError, resolve
from penultimate.report.kit.numbers import how_many, number


def verdict(comparison: LossComparison) -> str:
    """Say which loss does what to the rare classes."""
    return " ".join(paragraphs(comparison))


def paragraphs(comparison: LossComparison) -> list[str]:
    """The same; one paragraph is enough."""
    forecasts = comparison.forecasts
    decay = number(next(iter(forecasts.values())).problem.weight_decay[0])
    alive = {name: forecast.survivors for name, forecast in forecasts.items()}
    if max(alive.values()) == 0:
        return [f"At weight decay {decay} all features collapse to zero with every loss. Lower it."]
    if min(alive.values()) == max(alive.values()):
        same = how_many(max(alive.values()), "direction survives", "directions survive")
        text = f"At weight decay {decay}, {same} with every loss."
    else:
        most, fewest = (pick(alive, key=lambda name: alive[name]) for pick in (max, min))
        text = f"At weight decay {decay}, {most} keeps the most directions ({number(alive[most])}) and "
        text += f"{fewest} the fewest ({number(alive[fewest])})."
    softmax = {
        name: f for name, f in forecasts.items() if not isinstance(resolve(f.problem.loss, f.counts), SquaredError)
    }
    if len(softmax) > 1:
        # Logits of squared error have another unit.
        rarest = {name: float(forecast.geometry.group_margins[-1]) for name, forecast in softmax.items()}
        best, worst = (pick(rarest, key=lambda name: rarest[name]) for pick in (max, min))
        text += f" The rarest class is separated best with {best} (margin {number(rarest[best], 3)}) and "
        text += f"worst with {worst} ({number(rarest[worst], 3)})."
    turned = {name: forecast.smaller_margins_intended for name, forecast in forecasts.items() if forecast.over_corrects}
    intended = [name for name, meant in turned.items() if meant]
    over = [name for name, meant in turned.items() if not meant]
    if intended:
        text += " Frequent classes get smaller training margins than rare ones, as intended for balanced accuracy: "
        text += f"{', '.join(intended)}."
    if over:
        names = ", ".join(over)
        text += f" On training samples the most frequent class ends up with a smaller margin than the rarest: {names}."
    failed = [name for name, forecast in forecasts.items() if not forecast.solution.converged]
    if failed:
        text += f" Not proven to be the minimum: {', '.join(failed)}."
    return [text]
