"""Claims, tables and the figure of `benchmarks.frozen`, made from the numbers in its JSON file and nothing else."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import altair as alt
import numpy as np

from benchmarks.long_tail_tables import Mean
from penultimate.report.kit.chart_style import MUTED
from studies import charts
from studies.results import Claim, markdown

Facts = Mapping[str, Any]

PLAIN, LINEAR, ANY = "plain cross-entropy", "the linear head", "the head of any kind"
OURS = (PLAIN, LINEAR, ANY)
# Not methods but picks among rivals: the one that is best on VALID, which anybody can pick; on each split the one that
# is best on the test parts of all the others; and the one that is best on all, known in hindsight only. The last is
# partly chosen for the chance of the very test parts that it is judged on, so that it looks better than it is.
PICKED, ELSEWHERE = "the rival that is best on VALID", "the rival that is best on the pair's other splits"
HINDSIGHT = "the best rival of each pair, in hindsight"
PICKS = (PICKED, ELSEWHERE, HINDSIGHT)
FIGURES = {
    "balanced_accuracy": "balanced accuracy",
    "few": "rarest third",
    "worst": "worst third",
    "macro_f1": "macro-F1",
    "calibration_error": "calibration error",
}
BALANCED = "balanced_accuracy"


def judged(facts: Facts) -> dict[str, Facts]:
    """Pairs that nothing was chosen with; all, where there are no others."""
    sets = facts["sets"]
    return {name: one for name, one in sets.items() if not one["chosen on"]} or sets


def encoded(facts: Facts) -> dict[str, Facts]:
    """Of these, pairs whose features an encoder made."""
    return {name: one for name, one in judged(facts).items() if not one["raw"]}


def rivals(one: Facts) -> list[str]:
    """Methods of others that were tried on a pair."""
    return [name for name in one["methods"] if name not in OURS]


def picked(one: Facts, how: str) -> list[str]:
    """The rival of each split that a pick among them names."""
    methods, tried = one["methods"], rivals(one)
    scores = np.array([methods[name]["valid" if how == PICKED else BALANCED] for name in tried])
    if how != PICKED:
        total = scores.sum(axis=1, keepdims=True)
        scores = total - scores if how == ELSEWHERE else np.broadcast_to(total, scores.shape)
    return [tried[place] for place in scores.argmax(axis=0)]


def values(one: Facts, method: str, figure: str = BALANCED) -> np.ndarray:
    """One value a split."""
    methods = one["methods"]
    if method not in PICKS:
        return np.array(methods[method][figure])
    return np.array([methods[name][figure][split] for split, name in enumerate(picked(one, method))])


def gain(one: Facts, method: str, over: str, figure: str = BALANCED) -> Mean:
    """Paired difference on one pair."""
    return Mean.from_values(values(one, method, figure) - values(one, over, figure))


def overall(sets: Mapping[str, Facts], method: str, over: str, figure: str = BALANCED) -> Mean:
    """The same, averaged over the pairs before anything else."""
    differences = [values(one, method, figure) - values(one, over, figure) for one in sets.values()]
    return Mean.from_values(np.mean(differences, axis=0))


def level(sets: Mapping[str, Facts], method: str, figure: str) -> float:
    """Average over pairs and splits, in percent."""
    return 100 * float(np.mean([values(one, method, figure).mean() for one in sets.values()]))


def unbiased(sets: Mapping[str, Facts], method: str) -> float:
    """Root mean square calibration error, what chance adds to its square taken off, in percent."""
    square = np.mean([values(one, method, "calibration_square").mean() for one in sets.values()])
    return 100 * math.sqrt(max(float(square), 0.0))


def claims(facts: Facts) -> list[Claim]:
    """What was asked for, on the pairs that nothing was chosen with: of all, and of features that an encoder made."""
    groups = {"encoders": encoded(facts), "encoders and raw tables": judged(facts)}
    return [claim for where, sets in groups.items() for claim in _claims(where, sets)]


def _claims(where: str, sets: Mapping[str, Facts]) -> Iterator[Claim]:
    for method, points in ((LINEAR, 0.5), (ANY, 1.5)):
        said = f"{where}: {method}"
        for rival in (ELSEWHERE, HINDSIGHT):
            yield from _held_against(said, sets, method, rival, points)
        error, chance = (level(sets, method, figure) for figure in ("calibration_error", "calibration_chance"))
        told = f"{error:.1f} %, of perfect probabilities {chance:.1f} %"
        yield Claim(f"{said}: calibration error", "4 % at most", told, error - 4.0, 0.0, "asked for")
        error = unbiased(sets, method)
        yield Claim(
            f"{said}: calibration error (root mean square), chance taken off",
            "4 % at most",
            f"{error:.1f} %",
            error - 4.0,
            0.0,
            "of few samples the plain error is mostly chance",
        )


def _held_against(said: str, sets: Mapping[str, Facts], method: str, rival: str, points: float) -> Iterator[Claim]:
    mean = overall(sets, method, rival)
    yield Claim(
        f"{said} gains over {rival}",
        f"{points:+.1f} points, the interval above zero",
        f"{mean} points",
        max(points - mean.mean, -mean.low),
        0.0,
        "asked for",
    )
    ahead = sum(gain(one, method, rival).mean >= 0 for one in sets.values())
    asked = math.ceil(0.8 * len(sets))
    yield Claim(
        f"{said} is not below {rival}",
        f"on {asked} of {len(sets)}",
        f"on {ahead}",
        float(asked - ahead),
        0.0,
        "asked for: four in five",
    )
    for figure in ("few", "worst"):
        gains = {name: gain(one, method, rival, figure) for name, one in sets.items()}
        lowest = min(gains, key=lambda name: gains[name].mean + gains[name].error)
        low = gains[lowest]
        yield Claim(
            f"{said}: the {FIGURES[figure]} is below {rival} by no more than its standard error",
            "on every pair",
            f"lowest on {lowest}: {low.mean:+.1f} ± {low.error:.1f}",
            -low.mean - low.error,
            0.0,
            "asked for",
        )


def tables(facts: Facts) -> dict[str, str]:
    """All tables, by the ends of their files' names."""
    return {
        "headline": _headline(encoded(facts)),
        "raw": _headline({name: one for name, one in judged(facts).items() if one["raw"]}),
        "pairs": _pairs(judged(facts)),
        "rivals": _rivals(encoded(facts), facts["grids"]),
        "sets": _sets(facts),
        "chosen": _pairs({name: one for name, one in facts["sets"].items() if one["chosen on"]}),
    }


def _headline(sets: Mapping[str, Facts]) -> str:
    rows: list[tuple[str, ...]] = []
    if not sets:
        return ""
    for method in (PLAIN, *PICKS, LINEAR, ANY):
        levels = (f"{level(sets, method, figure):.1f} %" for figure in FIGURES)
        # Of two picks among rivals one is ahead by how it is picked.
        over = () if method == PLAIN else (PLAIN,) if method in PICKS else (PLAIN, *PICKS)
        gains = (str(overall(sets, method, one)) if one in over else "–" for one in (PLAIN, *PICKS))
        chance = ("–", "–")
        if method in OURS:
            chance = (f"{level(sets, method, 'calibration_chance'):.1f} %", f"{unbiased(sets, method):.1f} %")
        told = (*levels, *chance, *gains, _seconds(sets, method))
        rows.append((f"**{method}**" if method in (LINEAR, ANY) else method, *told))
    head = (
        "",
        *FIGURES.values(),
        "that of perfect probabilities",
        "chance taken off",
        "over plain",
        "over the best on VALID",
        "over the best on the other splits",
        "over the best in hindsight",
        "seconds",
    )
    return markdown(head, rows) + f"\nBending gains {overall(sets, ANY, LINEAR)} points on the linear head.\n"


def _seconds(sets: Mapping[str, Facts], method: str) -> str:
    """Of one split in the median; for the one picked on VALID all of them are tuned."""
    if method == PICKED:
        found = [np.sum([one["methods"][name]["seconds"] for name in rivals(one)], axis=0) for one in sets.values()]
    elif method in PICKS:
        return "–"
    else:
        found = [one["methods"][method]["seconds"] for one in sets.values()]
    return f"{np.median(np.concatenate(found)):.1f}"


def _pairs(sets: Mapping[str, Facts]) -> str:
    rows = []
    for name, one in sets.items():
        top = picked(one, HINDSIGHT)[0]
        levels = [f"{100 * values(one, method).mean():.1f} %" for method in (PLAIN, top)]
        gains = [str(gain(one, method, top)) for method in (LINEAR, ANY)]
        rare = [_with_error(gain(one, method, top, "few")) for method in (LINEAR, ANY)]
        errors = [f"{unbiased({name: one}, method):.1f} %" for method in (LINEAR, ANY)]
        rows.append((name, levels[0], f"{levels[1]} {top}", *gains, *rare, *errors))
    head = ("", PLAIN, "best rival in hindsight", f"{LINEAR} gains on it", f"{ANY} gains on it")
    more = [
        f"{what}, {method}" for what in ("rarest third", "calibration error, chance off") for method in (LINEAR, ANY)
    ]
    return markdown((*head, *more), rows)


def _with_error(found: Mean) -> str:
    return f"{found.mean:+.1f} ± {found.error:.1f}"


def _rivals(sets: Mapping[str, Facts], grids: Mapping[str, str]) -> str:
    names = dict.fromkeys(name for one in sets.values() for name in rivals(one))
    rows = []
    tried = {name: {key: one for key, one in sets.items() if name in one["methods"]} for name in names}
    for name, some in sorted(tried.items(), key=lambda entry: -overall(entry[1], entry[0], PLAIN).mean):
        figures = [str(overall(some, method, name)) for method in (LINEAR, ANY)]
        rows.append(
            (
                name,
                grids[name],
                str(overall(some, name, PLAIN)),
                *figures,
                f"{level(some, name, 'calibration_error'):.1f} %",
                _seconds(some, name),
                f"{len(some)}",
            )
        )
    head = ("rival", "tuned over", "over plain", f"{LINEAR} gains on it", f"{ANY} gains on it")
    return markdown((*head, "calibration error", "seconds", "pairs"), rows)


def _sets(facts: Facts) -> str:
    rows = []
    for name, one in facts["sets"].items():
        counts = one["counts"]
        made = "natural" if one["natural"] else "cut"
        spread = f"{max(counts):,} … {min(counts):,}"
        numbers = (f"{size:,}" for size in (len(counts), one["width"], sum(counts)))
        rows.append(
            (name, made, *numbers, spread, *(f"{one[key]:,}" for key in ("valid", "test")), _role(one["chosen on"]))
        )
    head = ("pair", "imbalance", "classes", "width", "TRAIN", "of a class", "VALID", "judged on")
    return markdown((*head, "part"), rows)


def _role(chosen_on: bool) -> str:
    return "heads were chosen with it" if chosen_on else "judged"


def gains_chart(facts: Facts) -> alt.LayerChart:
    """What the heads gain on the best rival of each pair."""
    sets = judged(facts)
    rows = [
        {"pair": name, "head": method, **gain(one, method, HINDSIGHT)._asdict()}
        for name, one in sets.items()
        for method in (LINEAR, ANY)
    ]
    y = alt.Y("pair:N", sort=list(sets), title=None, axis=alt.Axis(labelLimit=260))
    base = alt.Chart(charts.inline(rows)).encode(y=y, yOffset="head:N", color=charts.colour("head", "", (LINEAR, ANY)))
    x = alt.X("low:Q", title="points of balanced accuracy")
    zero = alt.Chart(charts.inline([{"zero": 0.0}])).mark_rule(color=MUTED).encode(x="zero:Q")
    layers = (zero, base.mark_rule().encode(x=x, x2="high:Q"), base.mark_point(filled=True, size=34).encode(x="mean:Q"))
    drawn = alt.layer(*layers).properties(width=460, height=26 * len(sets))
    notes = ["95 % intervals of the paired differences over five splits; the best rival is known in hindsight only."]
    return charts.titled(drawn, "Gained on the best tuned rival of each pair", notes)
