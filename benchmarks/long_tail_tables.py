"""Claims, tables and the figure of `benchmarks.long_tail`, made from the numbers in its JSON file and nothing else."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt
import numpy as np
from scipy.stats import t as student

import penultimate as pen
from penultimate.report.chart_style import MUTED
from studies import charts
from studies.results import Claim, markdown

Facts = Mapping[str, Any]
Method = tuple[str, str]  # family and name, as in the JSON file

BASELINE: Method = ("loss", "ce")
CHOICE: Method = ("loss and head", "ce")
FAMILIES = ("loss", "loss and head", "head", "scikit-learn", "more VALID")
# Not of the contest: more held-out samples than all others have.
BEYOND = "more VALID"
SHOWN = {
    "balanced": ("balanced_accuracy", "balanced accuracy"),
    "rarest": ("few", "accuracy on the rarest third of the classes"),
    "largest": ("many", "accuracy on the largest third of the classes"),
    "macro-f1": ("macro_f1", "macro-F1"),
    "calibration": ("calibration_error", "calibration error (less is better)"),
}
_ANY = pen.ClassCounts([2, 1])


class Mean(NamedTuple):
    """Mean over seeds in points, its standard error, and the ends of its 95 % interval by Student's t."""

    mean: float
    error: float
    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray) -> "Mean":
        """Of one value a seed."""
        mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(values.size))
        reach = float(student.ppf(0.975, values.size - 1)) * error
        return cls(*(100 * number for number in (mean, error, mean - reach, mean + reach)))

    def __str__(self) -> str:
        return f"{self.mean:+.1f} ({self.low:+.1f} … {self.high:+.1f})"


def values(setting: Facts, method: Method, figure: str = "balanced_accuracy") -> np.ndarray:
    """One value a seed."""
    family, name = method
    return np.array(setting["methods"][family][name][figure])


def gain(setting: Facts, method: Method, figure: str = "balanced_accuracy", over: Method = BASELINE) -> Mean:
    """Paired difference to the baseline."""
    return Mean.of(values(setting, method, figure) - values(setting, over, figure))


def overall(facts: Facts, method: Method, figure: str) -> Mean:
    """The same, averaged over the settings before anything else."""
    settings = facts["settings"].values()
    return Mean.of(np.mean([values(one, method, figure) - values(one, BASELINE, figure) for one in settings], axis=0))


def methods(facts: Facts, *, contest: bool = False) -> list[Method]:
    """All that every setting has; those of the contest have the same held-out samples."""
    first, *others = (one["methods"] for one in facts["settings"].values())
    found = [(family, name) for family in FAMILIES for name in first.get(family, ())]
    shared = [(family, name) for family, name in found if all(name in other.get(family, ()) for other in others)]
    return [method for method in shared if not (contest and method[0] == BEYOND)]


def best(facts: Facts, setting: Facts) -> Method:
    """The method of most balanced accuracy where all are judged: known in hindsight only."""
    return max(methods(facts, contest=True), key=lambda method: values(setting, method).mean())


def short_of_best(facts: Facts, setting: Facts, method: Method) -> float:
    """How far a method is behind the best, in standard errors of the best."""
    top = best(facts, setting)
    error = Mean.of(values(setting, top)).error
    behind = gain(setting, top, over=method).mean
    if not behind:
        return 0.0
    return behind / error if error else math.inf


def label(method: Method) -> str:
    """A method as a reader knows it."""
    family, name = method
    if not family.startswith("loss"):
        return {"the choice": "cross-entropy, then the choice, more VALID"}.get(name, name)
    loss = pen.losses.resolve(name, _ANY).name
    return loss if family == "loss" else f"{loss}, then the choice"


def claims(facts: Facts) -> list[Claim]:
    """Does the choice gain, and is it among the best? Asked of every setting."""
    return [claim for name, setting in facts["settings"].items() for claim in _of_setting(facts, name, setting)]


def _of_setting(facts: Facts, name: str, setting: Facts) -> Iterator[Claim]:
    gained, top = gain(setting, CHOICE), best(facts, setting)
    at_best, behind = Mean.of(values(setting, top)), gain(setting, top, over=CHOICE)
    yield Claim(
        f"{name}: the choice of heads gains over the present head",
        "more balanced accuracy",
        f"{gained} points",
        -gained.low,
        0.0,
        "the interval of the paired difference, over seeds, stays above zero",
    )
    yield Claim(
        f"{name}: the choice of heads is as good as the best in hindsight of all {len(methods(facts, contest=True))}",
        f"{label(top)}: {at_best.mean:.1f} ± {at_best.error:.1f} %",
        f"short of it by {behind} points",
        short_of_best(facts, setting, CHOICE),
        1.0,
        "one standard error of the best",
    )


def tables(facts: Facts) -> dict[str, str]:
    """All tables, by the ends of their files' names."""
    of_figures = {end: _by_setting(facts, figure) for end, (figure, _) in SHOWN.items()}
    return {"sets": _sets(facts), "overall": _overall(facts), **of_figures}


def _sets(facts: Facts) -> str:
    rows = []
    for name, one in facts["settings"].items():
        counts = one["counts"]
        made = "natural" if one["natural"] else "cut"
        held_out = (f"{one[part]:,}" for part in ("valid", "more", "report"))
        spread = f"{max(counts):,} … {min(counts):,}"
        accuracy = Mean.of(values(one, BASELINE))
        rows.append(
            (
                name,
                made,
                f"{len(counts)}",
                f"{sum(counts):,}",
                spread,
                *held_out,
                f"{accuracy.mean:.1f} ± {accuracy.error:.1f} %",
            )
        )
    head = ("set", "imbalance", "classes", "training samples", "of a class", "VALID", "more VALID", "judged on")
    return markdown((*head, "cross-entropy"), rows)


def _overall(facts: Facts) -> str:
    settings = facts["settings"].values()
    found = sorted(methods(facts), key=lambda one: -overall(facts, one, "balanced_accuracy").mean)
    rows = []
    for method in found:
        figures = [str(overall(facts, method, figure)) for figure, _ in SHOWN.values()]
        near = sum(short_of_best(facts, one, method) <= 1.0 for one in settings)
        contest = "" if method[0] == BEYOND else f"{near} of {len(settings)}"
        rows.append((label(method), *(figures if method != BASELINE else ["0"] * len(figures)), contest))
    head = ("", *(what for _, what in SHOWN.values()), "within one standard error of the best")
    return markdown(head, rows)


def _by_setting(facts: Facts, figure: str) -> str:
    rows = []
    for method in methods(facts):
        of = [one for one in facts["settings"].values()]
        level = [f"{100 * values(one, method, figure).mean():.1f} %" for one in of]
        rows.append((label(method), *(level if method == BASELINE else (str(gain(one, method, figure)) for one in of))))
    return markdown(("", *facts["settings"]), rows)


def gains_chart(facts: Facts) -> alt.VConcatChart:
    """What each method gains in balanced accuracy, a panel for each setting."""
    order = [label(method) for method in methods(facts) if method != BASELINE]
    panels = [
        _panel(facts, name, setting, order, first=place % 3 == 0)
        for place, (name, setting) in enumerate(facts["settings"].items())
    ]
    rows = [alt.hconcat(*panels[start : start + 3], spacing=14) for start in range(0, len(panels), 3)]
    notes = [
        "Points over cross-entropy with its own head: mean over seeds, and the 95 % interval of the paired difference.",
        "Everything with a setting chose it on VALID; all are judged on other samples.",
    ]
    return charts.titled(alt.vconcat(*rows), "Balanced accuracy gained", notes)


def _panel(facts: Facts, name: str, setting: Facts, order: Sequence[str], *, first: bool) -> alt.LayerChart:
    rows = []
    for method in methods(facts):
        if method != BASELINE:
            found = gain(setting, method)
            rows.append({"method": label(method), "family": method[0], **found._asdict()})
    labels = alt.Axis(labelLimit=330, title=None) if first else None
    y = alt.Y("method:N", sort=list(order), axis=labels)
    base = alt.Chart(charts.inline(rows)).encode(y=y, color=charts.colour("family", "", FAMILIES))
    x = alt.X("low:Q", title="points", axis=alt.Axis(format="~g", tickCount=5))
    zero = alt.Chart(charts.inline([{"zero": 0.0}])).mark_rule(color=MUTED).encode(x="zero:Q")
    layers = (zero, base.mark_rule().encode(x=x, x2="high:Q"), base.mark_point(filled=True, size=26).encode(x="mean:Q"))
    return alt.layer(*layers).properties(width=190, height=11 * len(order), title=alt.Title(name, fontSize=12))
