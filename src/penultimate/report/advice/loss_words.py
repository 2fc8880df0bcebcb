"""Advice on the loss in plain sentences."""

from penultimate.advice.design import Option
from penultimate.advice.figures import Figures
from penultimate.advice.goals import Goal
from penultimate.advice.loss import LossAdvice
from penultimate.advice.status import Status
from penultimate.forecasts.forecast import Forecast
from penultimate.losses import CrossEntropy, resolve
from penultimate.report.kit.numbers import number, percent


def loss_words(loss: LossAdvice) -> tuple[str, str]:
    """Which loss to take, and what that costs."""
    if loss.target is None:
        return "" if loss.reason is None else loss.reason.sentence, ""
    if loss.status is Status.KEEP:
        return _kept(loss), ""
    if loss.after is None:
        return _unreached(loss) if loss.reason is None else loss.reason.sentence, ""
    now, then = Figures.from_forecast(loss.before), Figures.from_forecast(loss.after)
    chosen = f"{resolve(str(loss.chosen), loss.before.counts)} ('{loss.chosen}')"
    text = f"Train with {chosen}, "
    if loss.goal is Goal.CONSISTENT:
        text += f"{loss.goal.value}; that of the loss in use is not. {_samples_used(loss)}"
    else:
        over = "The loss in use over-corrects. " if now.over_corrects else ""
        text = f"{over}{text}for {loss.goal.value}:"
    text += f" {'Now' if loss.goal is Goal.CONSISTENT else 'now'} {_state(now)}; then {_state(then)}."
    if loss.goal is Goal.CONSISTENT:
        text += _aside(loss, loss.after)
    if now.survivors < now.directions:
        text += " Lower the weight decay first: a direction that is dead at it has no margin to raise."
    if loss.searched < loss.before.counts.distinct.size:
        text += f" Searched on counts in {number(loss.searched)} bins; these figures are for the counts as they are."
    cost = loss.head_cost or 0.0
    price = f"{percent(max(cost, 0.0), 2)} of the head's margin at equal strength"
    return text, f"{price}; {_reserve(now, then)}"


def option_words(option: Option) -> str:
    """Why an option is or is not taken."""
    figures = option.point.figures
    if option.met:
        return "fulfilled"
    if not option.point.converged:
        return "not proven"
    if not option.keeps_directions:
        return "loses directions"
    if option.missing > 0.0:
        return f"{number(option.missing, 2)} missing"
    return "over-corrects" if figures.over_corrects else "–"


def _kept(loss: LossAdvice) -> str:
    state = _state(Figures.from_forecast(loss.before))
    if loss.goal is not Goal.CONSISTENT:
        return f"The loss in use leaves the tail next to nothing to goal ({loss.goal.value}): {state}."
    used = _samples_used(loss)
    if loss.effective_samples[0] < 1.0 and isinstance(
        resolve(loss.before.problem.loss, loss.before.counts), CrossEntropy
    ):
        used += " Logit adjustment ('la:1') decides as well, and uses every sample alike."
    return f"The loss in use is {loss.goal.value}. {used} Now {state}.{_turned(loss.before)}"


def _unreached(loss: LossAdvice) -> str:
    option, state = loss.options[0], _state(Figures.from_forecast(loss.before))
    if loss.goal is Goal.CONSISTENT and loss.target is not None:
        kept = f"{number(option.point.figures.survivors)} for {number(loss.target.plain.survivors)} of the plain loss"
        return (
            f"Wished is {loss.goal.value}; each such loss costs directions at this weight decay: {option.loss} keeps "
            f"{kept}. Lower the weight decay first, and ask again. Now {state}."
        )
    return (
        f"No loss that was searched gives {loss.goal.value} without losing directions or over-correcting; of those "
        f"that keep them {option.loss} comes nearest ({option_words(option)}). Now: {state}."
    )


def _state(figures: Figures) -> str:
    """Margins and angles of head and tail."""
    return (
        f"margins of head and tail {number(figures.head_margin, 3)} and {number(figures.tail_margin, 3)}, cosines to "
        f"the nearest class mean {number(figures.head_cosine, 2)} and {number(figures.tail_cosine, 2)}"
    )


def _reserve(before: Figures, after: Figures) -> str:
    """How far above the threshold the weakest class stands."""
    now, then = number(before.reserve, 3), number(after.reserve, 3)
    moved = f"stays at {now}" if now == then else f"goes from {now} to {then}"
    return f"the class with least reserve {moved} times the samples it needs"


def _samples_used(loss: LossAdvice) -> str:
    """What class weights leave of the samples, and why the other consistent losses are passed over."""
    before, after = loss.effective_samples
    used = before if after is None else after
    if used == 1.0:
        text = "It uses every sample alike"
    else:
        text = f"Its weights leave the worth of {percent(used, 2)} of the samples"
    for option in loss.options:
        if not option.keeps_directions:
            text += f"; {option.loss} loses directions at this weight decay"
        elif option.loss != loss.chosen:
            text += f"; {option.loss} would leave the worth of {percent(option.effective_samples, 2)}"
    return f"{text}."


def _aside(loss: LossAdvice, after: Forecast) -> str:
    """What a consistent loss moves, and what it leaves to others."""
    text = _turned(after)
    if "offsets" in resolve(str(loss.chosen), after.counts).vectors:
        if _only_offsets(loss.before) and after.problem.bias == "free":
            text += " With a free bias it moves the bias and nothing else: directions, angles and norms stay."
        text += " Do not adjust the outputs as well: that would be twice."
    return text


def _turned(forecast: Forecast) -> str:
    if not forecast.over_corrects or forecast.survivors < forecast.directions:
        return ""
    return (
        " In training the largest class has less margin than the smallest. That comes with the goal, and is no "
        "reason against it: what decides best depends on where classes overlap, not on training margins."
    )


def _only_offsets(forecast: Forecast) -> bool:
    """Whether its loss differs from cross-entropy, if at all, by offsets."""
    loss = resolve(forecast.problem.loss, forecast.counts)
    return isinstance(loss, CrossEntropy) and loss.smoothing == 0.0 and loss.vectors.keys() <= {"offsets"}
