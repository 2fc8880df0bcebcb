"""Charts of advice for several labels a sample: what is answered now, and with the pos_weight advised."""

from collections.abc import Callable
from functools import partial

from penultimate.advice.label_advice import LabelAdvice
from penultimate.report.kit.chart_style import AnyChart
from penultimate.report.label_forecast.charts import labels


def charts(advice: LabelAdvice) -> dict[str, Callable[[], AnyChart]]:
    """Every chart by name, drawn when it is called."""
    drawn: dict[str, Callable[[], AnyChart]] = {"now": partial(labels, advice.forecast)}
    if advice.weighted is not None:
        drawn["weighted"] = partial(labels, advice.weighted)
    return drawn
