"""A forecast with more classes than dimensions, in plain sentences."""

import numpy as np

from penultimate.forecasts.narrow_forecast import NarrowForecast
from penultimate.forecasts.width_margin import Width
from penultimate.report.kit.numbers import how_many, number, percent, power_of_count

# A stretch of rows below this is not worth a sentence.
_STRETCHED = 0.005


def verdict(forecast: NarrowForecast) -> str:
    """Say in a few sentences what a width far below the number of classes leads to."""
    return " ".join(paragraphs(forecast))


def paragraphs(forecast: NarrowForecast) -> list[str]:
    """The same in two parts: what rows will look like, and what that rests on."""
    rest = f"{_bound(forecast)} {_kept(forecast)} {_caveats(forecast)}"
    return [f"{_width(forecast)} {_rows(forecast)}", rest.strip()]


def margin_words(forecast: NarrowForecast) -> str:
    """The margin that the decay asks for, against the width."""
    share = f"{number(forecast.margin.share, 2)} of the width of {number(forecast.margin.dimension)}"
    return f"{number(forecast.margin.margin, 3)}, {share}"


def features_words(forecast: NarrowForecast) -> str:
    """How long features may be."""
    if forecast.radius is None:
        decay = forecast.problem.resolved_feature_decay(forecast.counts.samples)
        return f"free, with a decay of {number(decay, 3)} ({forecast.problem.feature_decay_source})"
    return f"all of length {number(forecast.radius, 3)}"


def facts(forecast: NarrowForecast) -> list[tuple[str, str]]:
    """Key figures, one a line."""
    counts, problem = forecast.counts, forecast.problem
    near = percent(forecast.margin.near_death, 2)
    return [
        ("classes", f"{number(counts.classes)} ({number(counts.unseen.size)} without samples)"),
        ("samples", f"{number(counts.samples)}, {number(counts.largest)} … {number(counts.smallest)} a class"),
        ("model", f"L = 1, bias {problem.bias}, width {problem.width}, {problem.loss}"),
        ("weight decay", number(problem.weight_decay[0])),
        ("features", features_words(forecast)),
        ("margin", margin_words(forecast)),
        ("near death", f"{near} of the classes would miss more than 30 % of their own samples"),
        ("row lengths", lengths_words(forecast)),
        ("objective", f"at least {number(forecast.lower_bound, 4)}, proven: {forecast.full_width.method}"),
        ("outcome", forecast.outcome.value),
    ]


def lengths_words(forecast: NarrowForecast) -> str:
    """From the shortest row to the longest, and how they grow with the count."""
    if not forecast.is_known:
        return "not known"
    return ", like ".join(
        [_span(forecast, " … "), *([] if np.isnan(forecast.slope) else [power_of_count(forecast.slope)])]
    )


def _span(forecast: NarrowForecast, between: str) -> str:
    """The shortest and the longest row; one number where they are alike."""
    ends = (number(float(end), 3) for end in (forecast.group_head_norms.min(), forecast.group_head_norms.max()))
    return between.join(dict.fromkeys(ends))


def _width(forecast: NarrowForecast) -> str:
    margin, decay = forecast.margin, number(forecast.problem.weight_decay[0])
    text = (
        f"{number(forecast.counts.seen)} classes in {number(margin.dimension)} dimensions, with cross-entropy: weight "
        f"decay {decay} asks for a margin of about {number(margin.margin, 3)}, {number(margin.share, 2)} of the width"
    )
    if margin.width is Width.FREE:
        return f"{text}, so the width hardly matters."
    if margin.width is Width.BINDS:
        return f"{text}, so rows are longer than a wide network's would be."
    if margin.many_near_death:
        return f"{text}, and {percent(margin.near_death, 2)} of the classes are near death: no estimate holds here."
    return f"{text}, too much for any estimate."


def _rows(forecast: NarrowForecast) -> str:
    if not forecast.is_known:
        return f"{_way_out(forecast)}, or train and audit the head."
    norms, counts = forecast.group_head_norms, forecast.counts
    text = f"Rows of the last layer are expected to be {_span(forecast, ' to ')} long"
    if not np.isnan(forecast.slope):
        text += f" and to grow with the count like {power_of_count(forecast.slope)}"
    if forecast.radius is not None:
        binds = forecast.margin.width is Width.BINDS
        return f"{text}. The width makes all of them longer alike, by up to 14 % in examples." if binds else f"{text}."
    ratio = float(np.average(norms, weights=counts.multiplicity)) / _full_length(forecast)
    if ratio < 1.0 + _STRETCHED:
        return f"{text}."
    return f"{text}. That is {percent(ratio - 1.0, 2)} longer than in a network with room for every class."


def _way_out(forecast: NarrowForecast) -> str:
    """What brings an estimate: classes come back to life under less weight decay, which asks for larger margins."""
    margin = forecast.margin
    if not margin.many_near_death:
        return "Widen the features, or raise the weight decay, which asks for smaller margins"
    return "Widen the features and lower the weight decay" if margin.is_too_large else "Lower the weight decay"


def _full_length(forecast: NarrowForecast) -> float:
    """Mean length of a row at full width."""
    return float(np.average(forecast.full_width.geometry.group_head_norms, weights=forecast.counts.multiplicity))


def _bound(forecast: NarrowForecast) -> str:
    text = f"The objective cannot fall below {number(forecast.lower_bound, 3)}: that is proven"
    return f"{text}, the rest is an estimate." if forecast.is_known else f"{text}."


def _kept(forecast: NarrowForecast) -> str:
    width = number(forecast.margin.dimension)
    whose = ", those of the most frequent classes" if np.ptp(forecast.counts.distinct) > 0.0 else ""
    return (
        f"With squared error such a width keeps the {width} strongest directions{whose}; cross-entropy keeps far more "
        "classes apart than it has dimensions."
    )


def _caveats(forecast: NarrowForecast) -> str:
    """What the estimate leaves out."""
    if not forecast.is_known:
        return ""
    unseen = forecast.counts.unseen.size
    text = "Classes are taken to be equally alike; what sets a real head's spectrum is which of them are."
    return (
        text if not unseen else f"{text} Of {how_many(unseen, 'class', 'classes')} without samples no figure is given."
    )
