"""Claims, tables and the figure of `benchmarks.long_tail`, made from the numbers in its JSON file and nothing else."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import altair as alt
import numpy as np
from scipy.stats import t as student

import penultimate as pen
from penultimate.report.kit.chart_style import MUTED
from studies import charts
from studies.results import Claim, markdown

Facts = Mapping[str, Any]
Method = tuple[str, str]  # family and name, as in the JSON file

BASELINE: Method = ("loss", "ce")
THEORY: Method = ("head", "by theory")
ADVISED = "la:1"
# What the package picks: a head for the features there are, without held-out samples, with few (the blend, where its
# gain is certain, and what is advised) and with more; and, trained anew, a loss and then a head.
PICKS: dict[str, Method] = {
    "the head by theory": THEORY,
    "the blend of heads where it is certain": ("loss and head", "ce"),
    "the head advised": ("loss and advice", "ce"),
    "the blend with more VALID": ("more VALID", "blend"),
    "the loss advised": ("loss", ADVISED),
    "the loss advised, then the head advised": ("loss and advice", ADVISED),
}
# What one would do without it.
OTHERS: tuple[Method, ...] = (
    ("loss", "weighted:inverse"),
    ("scikit-learn", "balanced logistic regression"),
    ("scikit-learn", "RandomOverSampler"),
    ("scikit-learn", "SMOTE"),
)
# Which of two is better is asked of these pairs.
PAIRS: tuple[tuple[Method, Method], ...] = (
    *((("loss and advice", "ce"), other) for other in (*OTHERS, ("loss", ADVISED), ("loss and head", "ce"))),
    (("loss", ADVISED), ("loss", "weighted:inverse")),
    (("loss and advice", ADVISED), ("loss", ADVISED)),
    (("loss", "mse:inverse"), ("loss", "mse")),
    (("more VALID", "blend"), ("head", "blend")),
)
FAMILIES = ("loss", "loss and head", "loss and advice", "head", "scikit-learn", "more VALID")
# Not of the contest: more held-out samples than all others have.
BEYOND = "more VALID"
FIGURES = {
    "balanced_accuracy": "balanced accuracy",
    "few": "rarest third",
    "many": "largest third",
    "macro_f1": "macro-F1",
    "calibration_error": "calibration error",
}
_ANY = pen.ClassCounts([2, 1])


class Mean(NamedTuple):
    """Mean over seeds in points, its standard error, the ends of its 95 % interval by Student's t, and their number."""

    mean: float
    error: float
    low: float
    high: float
    seeds: int

    @classmethod
    def from_values(cls, values: np.ndarray) -> "Mean":
        """Of one value a seed."""
        mean, error = float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(values.size))
        reach = float(student.ppf(0.975, values.size - 1)) * error
        return cls(*(100 * number for number in (mean, error, mean - reach, mean + reach)), values.size)

    @property
    def no_gain(self) -> float:
        """The chance of such a mean, or a larger one, where nothing is gained; not a number where no seed differs."""
        if self.error == 0:
            return 0.0 if self.mean > 0 else math.nan
        return float(student.sf(self.mean / self.error, self.seeds - 1))

    def __str__(self) -> str:
        return f"{self.mean:+.1f} ({self.low:+.1f} … {self.high:+.1f})"


def values(setting: Facts, method: Method, figure: str = "balanced_accuracy") -> np.ndarray:
    """One value a seed."""
    family, name = method
    return np.array(setting["methods"][family][name][figure])


def gain(setting: Facts, method: Method, figure: str = "balanced_accuracy", over: Method = BASELINE) -> Mean:
    """Paired difference to the baseline."""
    return Mean.from_values(values(setting, method, figure) - values(setting, over, figure))


def overall(facts: Facts, method: Method, figure: str = "balanced_accuracy", over: Method = BASELINE) -> Mean:
    """The same, averaged over the settings before anything else."""
    differences = [values(one, method, figure) - values(one, over, figure) for one in facts["settings"].values()]
    return Mean.from_values(np.mean(differences, axis=0))


def methods(setting: Facts) -> list[Method]:
    """All that were tried on a set."""
    return [(family, name) for family in FAMILIES for name in setting["methods"].get(family, ())]


def everywhere(facts: Facts) -> list[Method]:
    """Those that were tried on every set."""
    first, *others = map(methods, facts["settings"].values())
    return [method for method in first if all(method in other for other in others)]


def contest(setting: Facts) -> list[Method]:
    """Those that had the same held-out samples."""
    return [method for method in methods(setting) if method[0] != BEYOND]


def best(setting: Facts) -> Method:
    """The method of most balanced accuracy where all are judged: known in hindsight only."""
    return max(contest(setting), key=lambda method: values(setting, method).mean())


def short_of_best(setting: Facts, method: Method) -> float:
    """How far a method is behind the best, in standard errors of the best."""
    top = best(setting)
    error = Mean.from_values(values(setting, top)).error
    behind = gain(setting, top, over=method).mean
    if not behind:
        return 0.0
    return behind / error if error else math.inf


def label(method: Method) -> str:
    """A method as a reader knows it."""
    family, name = method
    if not family.startswith("loss"):
        return f"{name}, more VALID" if family == BEYOND else name
    after = {"loss": "", "loss and head": ", then the blend if certain", "loss and advice": ", then the head advised"}
    return pen.losses.resolve(name, _ANY).name + after[family]


def claims(facts: Facts) -> list[Claim]:
    """Do the picks gain, and are they among the best? Asked of every setting."""
    return [
        claim
        for name, setting in facts["settings"].items()
        for pick, method in PICKS.items()
        for claim in _of_pick(setting, f"{name}: {pick}", method)
    ]


def _of_pick(setting: Facts, pick: str, method: Method) -> Iterator[Claim]:
    gained, top = gain(setting, method), best(setting)
    at_best, behind = Mean.from_values(values(setting, top)), gain(setting, top, over=method)
    yield Claim(
        f"{pick} gains over cross-entropy",
        "more balanced accuracy",
        f"{gained} points",
        gained.no_gain,
        0.025,
        "one-sided t test of the paired differences: the interval stays above zero",
    )
    yield Claim(
        f"{pick} is as good as the best in hindsight of all {len(contest(setting))}",
        f"{label(top)}: {at_best.mean:.1f} ± {at_best.error:.1f} %",
        f"short of it by {behind} points",
        short_of_best(setting, method),
        1.0,
        "one standard error of the best",
    )


def tables(facts: Facts) -> dict[str, str]:
    """All tables, by the ends of their files' names."""
    by_setting = {"balanced": _by_setting(facts, "balanced_accuracy"), "rarest": _by_setting(facts, "few")}
    return {
        "headline": _headline(facts),
        "sets": _sets(facts),
        "picks": _picks(facts),
        "pairs": _pairs(facts),
        "overall": _overall(facts),
        **by_setting,
    }


def _sets(facts: Facts) -> str:
    rows = []
    for name, one in facts["settings"].items():
        counts, accuracy = one["counts"], Mean.from_values(values(one, BASELINE))
        made = "natural" if one["natural"] else "cut"
        spread = f"{max(counts):,} … {min(counts):,}"
        sizes = (f"{size:,}" for size in (sum(counts), one["valid"], one["more"], one["report"]))
        found = (f"{accuracy.mean:.1f} ± {accuracy.error:.1f} %", f"`{one['advised']}`")
        rows.append((name, made, f"{len(counts)}", spread, *sizes, *found))
    head = ("set", "imbalance", "classes", "of a class", "in all", "VALID", "more VALID", "judged on")
    return markdown((*head, "cross-entropy", "loss advised"), rows)


def _headline(facts: Facts) -> str:
    settings, shown = facts["settings"].values(), ("balanced_accuracy", "few", "many")
    named = {**PICKS, **{label(method): method for method in OTHERS if method in everywhere(facts)}}
    rows = []
    for name, method in named.items():
        sure = sum(gain(one, method).low > 0 for one in settings)
        near = sum(short_of_best(one, method) <= 1.0 for one in settings)
        figures = (str(overall(facts, method, figure)) for figure in shown)
        against = "–" if method == THEORY else str(overall(facts, method, over=THEORY))
        rows.append((name, *figures, against, *(f"{number} of {len(settings)}" for number in (sure, near))))
    compared = ("over the head by theory", "gains for certain on", "within one standard error of the best on")
    return markdown(("", *(FIGURES[figure] for figure in shown), *compared), rows)


def _picks(facts: Facts) -> str:
    rows = []
    for name, setting in facts["settings"].items():
        top = best(setting)
        cells = []
        for method in PICKS.values():
            short = gain(setting, top, over=method)
            near = short_of_best(setting, method) <= 1.0
            cells.append(f"{gain(setting, method)}; {'**near**' if near else f'{short.mean:.1f} short'}")
        rows.append((name, *cells, f"{label(top)}: {gain(setting, top)}"))
    return markdown(("", *PICKS, "best in hindsight"), rows)


def _pairs(facts: Facts) -> str:
    settings, rows = facts["settings"].values(), []
    for method, other in PAIRS:
        if method in everywhere(facts) and other in everywhere(facts):
            gains = [str(overall(facts, method, figure, over=other)) for figure in ("balanced_accuracy", "few")]
            sure = sum(gain(one, method, over=other).low > 0 for one in settings)
            levels = (np.mean([values(one, each, "calibration_error") for one in settings]) for each in (method, other))
            errors = [f"{100 * level:.1f} %" for level in levels]
            rows.append((label(method), label(other), *gains, f"{sure} of {len(settings)}", *errors))
    head = ("", "over", FIGURES["balanced_accuracy"], FIGURES["few"], "gains for certain on")
    return markdown((*head, "calibration error", "of the other"), rows)


def _overall(facts: Facts) -> str:
    settings = facts["settings"].values()
    rows = []
    for method in sorted(everywhere(facts), key=lambda one: -overall(facts, one).mean):
        figures = [str(overall(facts, method, figure)) for figure in FIGURES]
        near = sum(short_of_best(one, method) <= 1.0 for one in settings)
        times = "–" if method[0] == BEYOND else f"{near} of {len(settings)}"
        rows.append((label(method), *(["0"] * len(figures) if method == BASELINE else figures), times))
    return markdown(("", *FIGURES.values(), "within one standard error of the best"), rows)


def _by_setting(facts: Facts, figure: str) -> str:
    settings, rows = facts["settings"].values(), []
    for method in dict.fromkeys(method for one in settings for method in methods(one)):
        cells = ["–" if method not in methods(one) else _cell(one, method, figure) for one in settings]
        rows.append((label(method), *cells))
    return markdown(("", *facts["settings"]), rows)


def _cell(setting: Facts, method: Method, figure: str) -> str:
    level = f"{100 * values(setting, method, figure).mean():.1f} %"
    return level if method == BASELINE else str(gain(setting, method, figure))


def gains_chart(facts: Facts) -> alt.VConcatChart:
    """What each method gains in balanced accuracy, a panel for each setting."""
    found = dict.fromkeys(method for one in facts["settings"].values() for method in methods(one))
    order = [_short(method) for method in found if method != BASELINE]
    panels = [
        _panel(name, setting, order, first=place % 3 == 0)
        for place, (name, setting) in enumerate(facts["settings"].items())
    ]
    rows = [alt.hconcat(*panels[start : start + 3], spacing=14) for start in range(0, len(panels), 3)]
    notes = [
        "Points over cross-entropy (CE) with its own head: mean over seeds, 95 % interval of the paired difference.",
        "Everything with a setting chose it on VALID; all are judged on other samples.",
    ]
    return charts.titled(alt.vconcat(*rows), "Balanced accuracy gained", notes)


def _short(method: Method) -> str:
    return label(method).replace("cross-entropy", "CE")


def _panel(name: str, setting: Facts, order: Sequence[str], *, first: bool) -> alt.LayerChart:
    rows = []
    for method in methods(setting):
        if method != BASELINE:
            found = gain(setting, method)
            rows.append({"method": _short(method), "family": method[0], **found._asdict()})
    # Browsers set the letters wider than what measures them here.
    labels = alt.Axis(labelLimit=330, minExtent=290, title=None) if first else None
    y = alt.Y("method:N", scale=alt.Scale(domain=list(order)), axis=labels)
    base = alt.Chart(charts.inline(rows)).encode(y=y, color=charts.colour("family", "", FAMILIES))
    x = alt.X("low:Q", title="points", axis=alt.Axis(format="~r", tickCount=5))
    zero = alt.Chart(charts.inline([{"zero": 0.0}])).mark_rule(color=MUTED).encode(x="zero:Q")
    layers = (zero, base.mark_rule().encode(x=x, x2="high:Q"), base.mark_point(filled=True, size=26).encode(x="mean:Q"))
    return alt.layer(*layers).properties(width=190, height=11 * len(order), title=alt.Title(name, fontSize=12))
