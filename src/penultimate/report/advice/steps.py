"""The steps of advice in words: what to do, what it gains, what it costs, and the command."""

from dataclasses import asdict, dataclass

from penultimate.advice.advice import Advice
from penultimate.advice.drift import LABELS
from penultimate.advice.figures import Figures
from penultimate.advice.head import likelier
from penultimate.advice.status import Reason
from penultimate.forecasts.forecast import Forecast
from penultimate.learning_curves.where_next import MORE
from penultimate.report.kit.numbers import number, percent, points


@dataclass(frozen=True)
class SaidStep:
    """One step: what to do, gain, cost, command."""

    topic: str
    do: str
    gain: str
    cost: str
    command: str

    @property
    def text(self) -> str:
        """The step as a paragraph."""
        return f"{self.do}. Gain: {self.gain}. Cost: {self.cost}. Command: {self.command}"


def said_steps(advice: Advice) -> list[SaidStep]:
    """Every step, cheapest first."""
    words = {
        "head": _head,
        "drift": _drift,
        "weight decay": _decay,
        "loss": _loss,
        "width": _width,
        "labels": _labels,
        "samples": _samples,
    }
    return [SaidStep(step.topic, *words[step.topic](advice), step.command) for step in advice.steps]


def step_records(advice: Advice) -> list[dict[str, object]]:
    """The same for JSON."""
    return [asdict(step) for step in said_steps(advice)]


def head_gain(advice: Advice) -> tuple[float, float, float] | None:
    """Balanced accuracy that the head advised gains on held-out samples, and its 95 % interval; None if unmeasured."""
    comparison = advice.head.comparison
    if comparison is None or comparison.held_out is None or comparison.blend is None:
        return None
    likely = likelier(comparison) if advice.head.reason is Reason.NOT_PROVEN else None
    return (comparison.blend if likely is None else likely).gains["balanced_accuracy"]


def _head(advice: Advice) -> tuple[str, str, str]:
    gain = head_gain(advice)
    if gain is None:
        found = "not measured: give held-out samples (--valid)"
    else:
        middle, low, high = (points(value) for value in gain)
        found = f"{middle} points of balanced accuracy on held-out samples (95 % interval {low} to {high})"
    return "Put another head on this network", found, "seconds; no training"


def _decay(advice: Advice) -> tuple[str, str, str]:
    decay = advice.decay
    do = f"Lower the weight decay from {number(decay.in_use)} to below {number(decay.advised, 3)}"
    return do, _alive(decay.before, decay.after), "another training, with less regularisation of the last layer"


def _loss(advice: Advice) -> tuple[str, str, str]:
    loss = advice.loss
    before, after = loss.before, loss.after or loss.before
    now, then = (Figures.from_forecast(one) for one in (before, after))
    gain = f"margin of rare classes {number(now.few_margin, 3)} → {number(then.few_margin, 3)} on training samples"
    paid = percent(max(loss.many_cost or 0.0, 0.0), 2)
    return f"Train with {loss.chosen!r}", gain, f"another training; {paid} of the margin of frequent classes"


def _width(advice: Advice) -> tuple[str, str, str]:
    width = advice.width
    do = f"Widen the features from {number(width.in_use)} to at least {number(width.needed)}"
    return do, _alive(width.before, width.after), "another network"


def _samples(advice: Advice) -> tuple[str, str, str]:
    samples = advice.samples
    share = percent(samples.total / samples.before.counts.samples, 2)
    cost = f"{number(samples.total)} samples more, {share} of all"
    return f"Bring every class to {number(samples.floor)} samples", _alive(samples.before, samples.after), cost


def _drift(advice: Advice) -> tuple[str, str, str]:
    assert advice.drift is not None
    worst = advice.drift.lost[0]
    do = f"Label {LABELS} current samples of each class and choose the head anew: {worst.name} moved and lost recall"
    lost = f"{100 * worst.lost:.0f} points ({100 * worst.low:.0f} … {100 * worst.high:.0f})"
    return (
        do,
        f"some of the {lost} that {worst.name} lost; measured once the labels are there",
        f"{LABELS} labels a class",
    )


def _labels(advice: Advice) -> tuple[str, str, str]:
    assert advice.labels is not None
    gains = ", ".join(
        f"{advice.labels.name(one)} {points(one.gain)} points (± {100 * one.error:.0f})"
        for one in advice.labels.next_up
    )
    do = f"Label {MORE} more held-out samples of {advice.labels.name(advice.labels.next_up[0])} next"
    return do, f"of its own recall, with a head fitted anew: {gains}", f"{MORE} labels a class"


def _alive(before: Forecast, after: Forecast | None) -> str:
    then = before if after is None else after
    return f"{number(then.survivors)} of {number(then.directions)} directions survive, {number(before.survivors)} now"
