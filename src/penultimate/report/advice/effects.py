"""What each piece of advice would change, as figures before and after."""

from penultimate.advice.advice import Advice
from penultimate.advice.figures import Figures
from penultimate.advice.status import Status
from penultimate.forecasts.forecast import Forecast
from penultimate.report.advice.loss_words import option_words
from penultimate.report.kit.numbers import number, percent


def changes(advice: Advice) -> list[tuple[str, Forecast]]:
    """Names and forecasts: as things stand, and after each change that is advised."""
    decay, loss, samples, width = advice.decay, advice.loss, advice.samples, advice.width
    rows = [("everything as it is", advice.forecast)]
    if decay.after is not None:
        rows.append((f"weight decay below {number(decay.advised, 3)}", decay.after))
    if loss.after is not None:
        rows.append((f"loss {loss.chosen}", loss.after))
    if samples.after is not None:
        rows.append((f"{number(samples.floor)} samples or more a class", samples.after))
    if width.status is Status.CHANGE:
        rows.append((f"a width of {number(width.needed)}", width.after))
    return rows


def figure_cells(figures: Figures) -> list[str]:
    """Key figures as texts."""
    margins = (figures.many_margin, figures.few_margin, figures.many_cosine, figures.few_cosine, figures.reserve)
    return [
        f"{number(figures.survivors)} of {number(figures.directions)}",
        *(number(size) for size in (figures.own, figures.shared, figures.lost)),
        *(number(value, 3) for value in margins),
    ]


def loss_cells(advice: Advice) -> list[tuple[str, ...]]:
    """The rows of that table as texts."""
    return [
        (
            option.family.name,
            option.loss,
            *(
                number(value, 3)
                for value in (
                    option.point.figures.many_margin,
                    option.point.figures.few_margin,
                    option.point.figures.many_cosine,
                    option.point.figures.few_cosine,
                )
            ),
            number(option.point.figures.survivors),
            number(option.point.figures.reserve, 3),
            percent(option.effective_samples, 2),
            percent(option.many_cost, 2),
            f"{option.point.relative_gap:.0e}",
            option_words(option),
        )
        for option in advice.loss.options
    ]
