"""Charts of a comparison of heads."""

import altair as alt

from penultimate.comparing import HeadComparison
from penultimate.errors import FeaturesError
from penultimate.report.chart_style import HEIGHT, WIDTH, inline, titled

_COLOURS = ("#1f6fb4", "#dd9416", "#b3243a")


def tau_curves(comparison: HeadComparison) -> alt.LayerChart:
    """Draw balanced accuracy over τ, one curve a kind of head, with bands of one standard error and the picks.

    Parameters
    ----------
    comparison : HeadComparison
        What to draw.

    Returns
    -------
    altair.LayerChart

    Raises
    ------
    FeaturesError
        When heads were not judged.
    """
    shown = [result for result in comparison.results if result.symbol == "τ" and result.curve is not None]
    if not shown:
        raise FeaturesError("without held-out features there are no curves: give VALID")
    rows: list[dict[str, str | float]] = []
    for result in shown:
        curve = result.curve
        assert curve is not None
        for place, (tau, rate, error) in enumerate(
            zip(curve.settings.tolist(), curve.balanced_accuracy.tolist(), curve.standard_error.tolist(), strict=True)
        ):
            row = {"head": result.name, "tau": tau, "rate": rate, "low": rate - error, "high": rate + error}
            rows.append(row | {"picked": float(place == curve.picked)})
    names = [result.name for result in shown]
    colour = alt.Color("head:N", scale=alt.Scale(domain=names, range=list(_COLOURS[: len(names)])), title="head")
    # Rates far below the best would press the rest together; they are cut off.
    top = max(float(row["rate"]) for row in rows)
    scale = alt.Scale(domain=[top - 0.12, top + 0.02], clamp=False, nice=False)
    y = alt.Y("rate:Q", title="balanced accuracy on VALID", scale=scale, axis=alt.Axis(format=".0%"))
    base = alt.Chart(inline(rows)).encode(x=alt.X("tau:Q", title="τ"), color=colour)
    band = base.mark_area(opacity=0.18, clip=True).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    line = base.mark_line(clip=True).encode(y=y)
    picked = alt.Chart(inline([row for row in rows if row["picked"]])).mark_circle(size=90, opacity=1, clip=True)
    picks = picked.encode(x="tau:Q", y=y, color=colour)
    chart = alt.LayerChart(layer=[band, line, picks]).properties(width=WIDTH, height=HEIGHT)
    lines = ["Bands: one standard error. Dots: the first τ within one standard error of the best"]
    return titled(chart, "How much adjustment: balanced accuracy over τ", lines)
