"""A comparison of heads in plain sentences."""

from penultimate.comparing import HeadComparison, HeadResult, Interval
from penultimate.report.words import number

_NAMES = {"many": "many", "medium": "medium", "few": "few"}


def verdict(comparison: HeadComparison) -> str:
    """Say in a few sentences which head to use and what it does.

    Parameters
    ----------
    comparison : HeadComparison
        What to put in words.

    Returns
    -------
    str
        One paragraph.
    """
    present, choice = comparison.present, comparison.choice
    if present is None or choice is None:
        return _unjudged(comparison)
    low, high = choice.gains["balanced_accuracy"][1:]
    if comparison.keeps:
        return (
            f"Keep the present head: choosing among {len(comparison.results)} others changes balanced accuracy on "
            f"samples that were not chosen with by {points(low)} to {points(high)} points (95 % interval), which does "
            f"not exclude zero. It is {percent(present.figures['balanced_accuracy'])}."
        )
    return " ".join(
        sentence
        for sentence in (_gain(comparison, present, choice), _cost(choice), _calibration(present, choice))
        if sentence
    )


def points(value: float) -> str:
    """A difference of shares in points, with its sign."""
    return f"{100 * value:+.1f}".replace("-", "−")


def percent(value: float) -> str:
    """A share."""
    return "–" if value != value else f"{100 * value:.1f} %"


def setting(result: HeadResult) -> str:
    """The setting of a head, where it has one."""
    return f"{result.symbol} = {number(result.setting, 3)}" if result.symbol else ""


def _unjudged(comparison: HeadComparison) -> str:
    why = {
        "prior scaling": "scores of squared error, which sum to one, are divided by the class shares",
        "logit adjustment": "the logarithm of the class shares is taken from the scores",
    }[comparison.best]
    return (
        f"Without held-out features nothing can be judged, so the head is what theory says for balanced classes: "
        f"{comparison.best} with τ = 1 ({why}). Give held-out features to choose, and to know what it gains."
    )


def _gain(comparison: HeadComparison, present: HeadResult, choice: HeadResult) -> str:
    best = next(result for result in comparison.results if result.name == comparison.best)
    gain, low, high = choice.gains["balanced_accuracy"]
    with_setting = f" ({setting(best)})" if best.symbol else ""
    return (
        f"Use the head '{best.name}'{with_setting}: chosen on some of VALID and judged on the rest, the choice has a "
        f"balanced accuracy of {percent(choice.figures['balanced_accuracy'])} for "
        f"{percent(present.figures['balanced_accuracy'])}, a gain of {points(gain)} points (95 % interval "
        f"{points(low)} to {points(high)})."
    )


def _cost(choice: HeadResult) -> str:
    bands = {name: choice.gains[name] for name in _NAMES if choice.figures[name] == choice.figures[name]}
    told = ", ".join(f"{name} {points(gain[0])}" for name, gain in bands.items())
    paid = [name for name, gain in bands.items() if _sure(gain) and gain[0] < 0]
    price = f" The price is paid by the {' and '.join(paid)} classes." if paid else ""
    overall = choice.gains["accuracy"]
    plain = f" Accuracy on VALID as it is: {points(overall[0])}."
    return f"By band of training samples, in points: {told}.{plain}{price}"


def _calibration(present: HeadResult, choice: HeadResult) -> str:
    before, after = present.figures, choice.figures
    return (
        f"Calibration error goes from {percent(before['calibration_error'])} to {percent(after['calibration_error'])}, "
        f"log loss from {number(before['log_loss'], 3)} to {number(after['log_loss'], 3)}."
    )


def _sure(gain: Interval) -> bool:
    return gain[1] > 0 or gain[2] < 0
