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
        text += f"{loss.goal.value}; the current loss is not. {_samples_used(loss)}"
    else:
        over = "The current loss over-corrects. " if now.over_corrects else ""
        text = f"{over}{text}which gives {loss.goal.value}."
    text += f" {_state('Now', now)} {_state('Then', then)}"
    if loss.goal is Goal.CONSISTENT:
        text += _aside(loss, loss.after)
    if now.survivors < now.directions:
        text += " Lower the weight decay first: no loss can raise the margin of a class whose direction has vanished."
    if loss.searched < loss.before.counts.distinct.size:
        text += f" The search used counts in {number(loss.searched)} bins; these figures are for the exact counts."
    cost = loss.many_cost or 0.0
    price = f"{percent(max(cost, 0.0), 2)} of the margin of frequent classes, at equal strength"
    return text, f"{price}; {_reserve(now, then)}"


def option_words(option: Option) -> str:
    """Why an option is or is not taken."""
    figures = option.point.figures
    if option.met:
        return "reached"
    if not option.point.converged:
        return "not proven"
    if not option.keeps_directions:
        return "loses directions"
    if option.missing > 0.0:
        return f"{number(option.missing, 2)} missing"
    return "over-corrects" if figures.over_corrects else "–"


def _kept(loss: LossAdvice) -> str:
    state = _state("Now", Figures.from_forecast(loss.before))
    if loss.goal is not Goal.CONSISTENT:
        return f"The current loss already reaches the goal: {loss.goal.value}. {state}"
    used = _samples_used(loss)
    if loss.effective_samples[0] < 1.0 and isinstance(
        resolve(loss.before.problem.loss, loss.before.counts), CrossEntropy
    ):
        used += " Logit adjustment ('la:1') is consistent too, and gives every sample the same weight."
    return f"Keep the current loss: it is {loss.goal.value}. {used} {state}{_turned(loss.before)}"


def _unreached(loss: LossAdvice) -> str:
    option, state = loss.options[0], _state("Now", Figures.from_forecast(loss.before))
    if loss.goal is Goal.CONSISTENT and loss.target is not None:
        kept = (
            f"{number(option.point.figures.survivors)} directions, the plain loss {number(loss.target.plain.survivors)}"
        )
        return (
            f"The goal is {loss.goal.value}, but at this weight decay each such loss makes directions vanish: "
            f"{option.loss} keeps {kept}. Lower the weight decay first, and ask again. {state}"
        )
    return (
        f"No loss that was searched gives {loss.goal.value} without losing directions or over-correcting. "
        f"{option.loss} comes nearest ({option_words(option)}). {state}"
    )


def _state(when: str, figures: Figures) -> str:
    """Margins and angles of frequent and rare classes."""
    return (
        f"{when} the margin of frequent classes is {number(figures.many_margin, 3)}, that of rare ones "
        f"{number(figures.few_margin, 3)}; cosines to the nearest class mean are {number(figures.many_cosine, 2)} and "
        f"{number(figures.few_cosine, 2)}."
    )


def _reserve(before: Figures, after: Figures) -> str:
    """By which factor the weakest class has more samples than it needs."""
    now, then = number(before.reserve, 3), number(after.reserve, 3)
    if now == then:
        return f"the weakest class still has {now} times the samples that it needs"
    return f"the weakest class has {then} times the samples that it needs, {now} before"


def _samples_used(loss: LossAdvice) -> str:
    """What class weights leave of the samples, and why the other consistent losses are passed over."""
    before, after = loss.effective_samples
    used = before if after is None else after
    if used == 1.0:
        text = "It gives every sample the same weight"
    else:
        text = f"Its class weights make the data worth {percent(used, 2)} of its samples"
    for option in loss.options:
        if not option.keeps_directions:
            text += f"; {option.loss} makes directions vanish at this weight decay"
        elif option.loss != loss.chosen:
            text += f"; those of {option.loss} would make it worth {percent(option.effective_samples, 2)}"
    return f"{text}."


def _aside(loss: LossAdvice, after: Forecast) -> str:
    """What a consistent loss moves, and what it leaves to others."""
    text = _turned(after)
    if "offsets" in resolve(str(loss.chosen), after.counts).vectors:
        if _only_offsets(loss.before) and after.problem.bias == "free":
            text += " With a free bias it changes nothing but the bias: directions, angles and norms stay."
        text += " Do not adjust the logits after training as well: that would correct twice."
    return text


def _turned(forecast: Forecast) -> str:
    if not forecast.over_corrects or forecast.survivors < forecast.directions:
        return ""
    return (
        " On the training samples the largest class then has a smaller margin than the smallest. That belongs to the "
        "goal and is no objection: what helps on new samples depends on where classes overlap."
    )


def _only_offsets(forecast: Forecast) -> bool:
    """Whether its loss differs from cross-entropy, if at all, by offsets."""
    loss = resolve(forecast.problem.loss, forecast.counts)
    return isinstance(loss, CrossEntropy) and loss.smoothing == 0.0 and loss.vectors.keys() <= {"offsets"}
