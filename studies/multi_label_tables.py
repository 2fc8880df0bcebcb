"""Claims and tables of `studies.multi_label`, made from its figures."""

from typing import Any

import numpy as np

from studies.multi_label_data import SETS
from studies.multi_label_unseen import UNSEEN
from studies.results import Claim, markdown

OURS, BENT = "MultiLabelHead", "MultiLabelHead, not linear"
TUNED = "logistic, thresholds tuned label by label"
KERNEL = "Gaussian kernel, thresholds tuned label by label"
THIRDS = ("many", "medium", "few")
DRAWS = 2000
# Sets whose test parts were looked at while the recipe of the linear head was made, in splits other than these.
LOOKED_AT = ("Debian's tags", "kinds of nouns")


def table_of(found: dict[str, Any]) -> str:
    """All ways on one set, best first."""
    bent = BENT in found["ways"]
    rows: list[tuple[str, ...]] = []
    for way, one in sorted(found["ways"].items(), key=lambda entry: -entry[1]["macro"]):
        shares = [f"{100 * one[key]:.1f}" for key in ("macro", *THIRDS, "micro")]
        gains = ["–", "–"] if way == OURS else [told(one["gain"]), told(one["gain_few"])]
        gains += [] if not bent else ["–"] if way == BENT else [told(one["gain_bent"])]
        rows.append((f"**{way}**" if way in (OURS, BENT) else way, *shares, *gains))
    head = ("way", "macro-F1", *THIRDS, "micro-F1", "the head gains on it", "few")
    return markdown((*head, "the one that is not linear") if bent else head, rows)


def told(gain: list[float]) -> str:
    """Points, with the interval."""
    return "{:+.1f} ({:+.1f} … {:+.1f})".format(*(100 * value for value in gain))


def claims(facts: dict[str, Any], missing: dict[str, str]) -> list[Claim]:
    """What was asked for, set by set, and on average over the sets that took no part."""
    found: list[Claim] = []
    for name in SETS:
        if name in missing:
            found.append(
                Claim(f"{name}: a gain on tuned thresholds", "above zero", missing[name], np.nan, 0.0, "not had")
            )
        if name in facts:
            found += _of_set(name, facts[name])
    unseen = [facts[name]["ways"] for name in UNSEEN if name in facts]
    if unseen:
        what = f"on average over {len(unseen)} sets that took no part"
        for way, other in ((OURS, TUNED), (BENT, TUNED), (BENT, KERNEL)):
            found.append(_above(f"{what}: {way} gains on {other}", averaged(unseen, way, other), 0.0, "asked for"))
    return [*found, _of_batches(facts)]


def averaged(sets: list[dict[str, Any]], way: str, other: str) -> list[float]:
    """Gain in macro-F1 on average over sets, and its interval over draws of each set's labels."""
    rng = np.random.default_rng(0)
    gains = [np.array(one[way]["f"]) - np.array(one[other]["f"]) for one in sets]
    draws = np.mean([rng.choice(gain, (DRAWS, gain.size)).mean(axis=1) for gain in gains], axis=0)
    return [float(np.mean([gain.mean() for gain in gains])), *np.quantile(draws, (0.025, 0.975)).tolist()]


def _of_set(name: str, found: dict[str, Any]) -> list[Claim]:
    one, labels = found["ways"][TUNED], f"{found['labels']} labels"
    because = "took part in the choice of the recipe" if name in LOOKED_AT else "took no part in it"
    asked = 0.02 if name == "Debian's tags" else 0.0
    gained = f"{name}: macro-F1 gained on thresholds tuned label by label, {labels}"
    out = [
        _above(gained, one["gain"], asked, because),
        Claim(
            f"{name}: the rarest third is not below",
            "0 within the interval, or a gain",
            told(one["gain_few"]),
            -one["gain_few"][2],
            0.0,
            "asked for",
        ),
    ]
    if "gain_bent" in one:
        out.append(_above(f"{gained}, by the head that is not linear", one["gain_bent"], asked, because))
    return out


def _above(what: str, gain: list[float], asked: float, because: str) -> Claim:
    predicted = f"{100 * asked:+.0f} points, the interval above zero"
    return Claim(what, predicted, told(gain), max(asked - gain[0], -gain[1]), 0.0, because)


def _of_batches(facts: dict[str, Any]) -> Claim:
    way = "MultiLabelHead, thresholds of batches of 200"
    gains = [found["ways"][way]["gain"][0] for found in facts.values()]
    range_ = " … ".join(f"{100 * gain:.1f}" for gain in (min(gains), max(gains))) + " points" if gains else "–"
    what = "thresholds of batches of 200 cost"
    return Claim(what, "points, on every set", range_, -min(gains, default=np.nan), 0.0, "asked for")
