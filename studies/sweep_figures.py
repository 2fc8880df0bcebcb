"""Figures of the studies that sweep the weight decay."""

from collections.abc import Sequence

import altair as alt
import numpy as np

from studies import charts
from studies.law import alive, least_cosine, strengths
from studies.series import PARTS, SHOWN, Group


def names_of(groups: Sequence[Group]) -> alt.Color:
    """One colour a network."""
    return charts.colour("network", "network", [group.name for group in groups])


def figures(groups: Sequence[Group]) -> dict[str, alt.LayerChart]:
    """All of them, by the ends of their files' names."""
    one = [group for group in groups if group.layers == 1]
    fashion = [group for group in groups if not group.on_digits]
    kinds = {
        "deaths": ([group for group in fashion if group.layers == 1], False),
        "deaths-layers": ([group for group in fashion if group.layers > 1], False),
        "deaths-digits": ([group for group in groups if group.on_digits], True),
    }
    deaths = {name: deaths_chart(some, names_of(some), own=own) for name, (some, own) in kinds.items() if some}
    return {
        **deaths,
        "collapse": _strengths_chart(groups[0]),
        "decay": decay_chart(one, names_of(one)),
        "factors": _factors_chart(groups),
        "recall": _recall_chart(one),
        "budget": _budget_chart(groups),
    }


def deaths_chart(groups: Sequence[Group], names: alt.Color, *, own: bool = False) -> alt.LayerChart:
    """Predicted against observed death of every direction that dies within the sweep, law of one or `own` layers."""
    rows = [
        {"network": group.name, "predicted": predicted, "observed": observed}
        for group in groups
        for sweep in group.sweeps
        for _, predicted, observed in sweep.deaths(group.layers if own else 1)
    ]
    # Where no direction dies within the sweep, the axes still stand.
    ends = [row[side] for row in rows for side in ("predicted", "observed")] or [1e-3, 1.0]
    domain = (min(ends) / 1.3, max(ends) * 1.3)
    x = charts.axis("predicted", "predicted from another run's strengths", log=True, domain=domain)
    y = charts.axis("observed", "observed", log=True, domain=domain)
    law = "Law of the network's own L" if own else "Law of one layer, λ = λ_0 (0.9 σ/θ_0)²"
    return charts.chart(
        "The weight decay at which each direction dies",
        ["One point: a direction, a seed, and the run it was forecast from", law],
        charts.identity(*domain).encode(
            x=alt.X(**{**x, "shorthand": "one:Q"}), y=alt.Y(**{**y, "shorthand": "other:Q"})
        ),
        charts.points(rows, x, y, names, opacity=0.4, size=16),
        height=360,
    )


def _strengths_chart(group: Group) -> alt.LayerChart:
    rows = []
    for sweep in group.sweeps:
        law = sweep.laws(1)[int(np.argmin(np.abs(np.log(sweep.decays / SHOWN))))]
        if law is None:
            continue
        critical = law.decay * (sweep.sigma / law.shrinkage(law.decay).threshold) ** 2
        for record, decay in zip(sweep.records, sweep.decays, strict=True):
            share = strengths(record) / sweep.sigma
            rows += [
                {"direction": i + 1, "relative": float(decay / critical[i]), "share": float(share[i])}
                for i in range(share.size)
            ]
    grid = np.geomspace(1e-3, 100, 200)
    law_rows = [{"relative": x, "share": max(0.0, 1 - x**0.5)} for x in grid.tolist()]
    x = charts.axis(
        "relative", "weight decay over the one forecast for this direction's death", log=True, domain=(1e-3, 100)
    )
    y = charts.axis("share", "strength over σ", domain=(-0.03, 1.05))
    curve = alt.Chart(charts.inline(law_rows)).mark_line(color=charts.INK, clip=True).encode(alt.X(**x), alt.Y(**y))
    return charts.chart(
        f"One law for all directions: {group.name}, all seeds",
        [f"Line: 1 − √(λ/λ_i), with λ_i read off the run at λ = {SHOWN:g} alone"],
        curve,
        charts.points(rows, x, y, charts.ordinal_colour("direction", "direction")),
    )


def decay_chart(groups: Sequence[Group], names: alt.Color) -> alt.LayerChart:
    """λ_H that every run implies, by strengths and by norms."""
    rows = []
    for group in groups:
        for sweep in group.sweeps:
            seed = f"{group.name} {sweep.records[0]['recipe']['seed']}"
            laws = {"strengths": sweep.laws(1)}
            rows += [
                {"network": group.name, "seed": seed, "by": by, "decay": law.decay, "value": law.kappa**2 / law.decay}
                for by, some in laws.items()
                for law in some
                if law is not None
            ]
            rows += [
                {
                    "network": group.name,
                    "seed": seed,
                    "by": "norms",
                    "decay": record["recipe"]["weight_decay"],
                    "value": record["calibration"]["feature_decay_by_norms"],
                }
                for record in sweep.records
                if not record["collapsed"]
            ]
    lines = charts.lines(
        rows,
        charts.axis("decay", "weight decay λ", log=True),
        charts.axis("value", "λ_H", log=True),
        names,
        detail="seed",
        opacity=0.8,
    ).encode(strokeDash=alt.StrokeDash("by:N", legend=alt.Legend(title="λ_H by")))
    return charts.chart("Is the feature decay a constant?", ["Every run calibrated alone, law of one layer"], lines)


def _factors_chart(groups: Sequence[Group]) -> alt.LayerChart:
    group = groups[0]
    measures = {
        "off T": "off_diagonal_share",
        "off PPᵀ": "head_off_diagonal_share",
        "off QᵀQ": "means_off_diagonal_share",
    }
    rows = [
        {"measure": name, "decay": float(decay), "value": record[key], "seed": str(record["recipe"]["seed"])}
        for name, key in measures.items()
        for sweep in group.sweeps
        for record, decay in zip(sweep.records, sweep.decays, strict=True)
        if not record["collapsed"]
    ]
    rows += [
        {
            "measure": "1 − least cosine",
            "decay": float(decay),
            "value": 1 - least_cosine(record),
            "seed": str(record["recipe"]["seed"]),
        }
        for sweep in group.sweeps
        for record, decay in zip(sweep.records, sweep.decays, strict=True)
        if alive(record).any()
    ]
    names = [*measures, "1 − least cosine"]
    return charts.chart(
        f"Findings 3 and 4 on a real network: {group.name}",
        ["Zero in the model. One line a seed"],
        charts.lines(
            rows,
            charts.axis("decay", "weight decay λ", log=True),
            charts.axis("value", "share", domain=(0, 1)),
            charts.colour("measure", "measure", names),
            detail="seed",
        ),
    )


def _recall_chart(groups: Sequence[Group]) -> alt.LayerChart:
    rows = [
        {"where": f"{status}, {where}", "order": order, "recall": float(recall)}
        for group in groups
        for part, where in (("recall", "training"), ("test_recall", "test"))
        for order, (status, values) in enumerate(group.recalls(part).items())
        for recall in values
    ]
    box = alt.Chart(charts.inline(rows)).mark_boxplot(
        color=charts.PALETTE[0], size=14, outliers={"size": 6, "opacity": 0.3}
    )
    return charts.chart(
        "Recall of classes, by what the forecast says they keep",
        ["All classes of all runs calibrated by strengths; own: at least 0.9 of their direction, lost: less than 0.1"],
        box.encode(x=alt.X("recall:Q", title="recall"), y=alt.Y("where:N", title=None, sort=alt.SortField("order"))),
        height=190,
    )


def _budget_chart(groups: Sequence[Group]) -> alt.LayerChart:
    rows = [
        {"network": group.name, "part": part, "share": share}
        for group in groups
        for part, share in group.budget().items()
    ]
    bars = (
        alt.Chart(charts.inline(rows))
        .mark_bar()
        .encode(
            x=alt.X("share:Q", title="share of the variance of σ − t"),
            y=alt.Y("network:N", title=None),
            color=charts.colour("part", "lost to", PARTS),
        )
    )
    return charts.chart(
        "Why some directions lose more than others", ["Over well-learnt directions of a run"], bars, height=150
    )
