"""What imbalance does to a vocabulary: directions against decay and width, and row lengths under cross-entropy.

The words of WordNet's glosses, counted in nine of ten; words of the tenth alone have no samples. At this size squared
error has a closed form and cross-entropy a solution on bins with a proven gap. What a width far below the number of
classes does under cross-entropy is estimated, and looked at with fewer classes of the same kind by descent from twenty
starts.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import penultimate as pen
from penultimate.forecasts.narrow_forecast import Features
from studies.data import require
from studies.dimensions import descend
from studies.results import NEVER, TENTH, Claim, Study, main, markdown
from studies.text import read_glosses

DECAYS = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)
WIDTHS = (64, 256, 1024, 4096)
# Classes of the same kind, the dimensions that they are descended in, and the starts.
FEW, MORE = (40, (20,), 2), (300, (8, 16, 32, 64), 20)
KINDS: tuple[Features, ...] = ("free", "sphere")
# Weight decays of free features, and of features of one length, √d.
FREE, SPHERE = 1e-3, 1e-4
# The widths of a vocabulary's heads.
HEADS = (128, 512, 2048)


def words() -> pen.ClassCounts:
    """Counts of words in nine of ten glosses, with a 0 for those of the tenth alone."""
    require("wordnet-base")
    texts, _ = read_glosses()
    seen, all_of_them = (
        Counter(re.findall(r"[a-z]+", " ".join(text for at, text in enumerate(texts) if at % 10 < kept).lower()))
        for kept in (9, 10)
    )
    names = sorted(all_of_them, key=lambda word: (-seen[word], word))
    return pen.ClassCounts([seen[word] for word in names], names)


def study(quick: bool = False, seed: int = 0) -> Study:
    """Run everything and judge the claims."""
    counts = words()
    decays = DECAYS[1:2] if quick else DECAYS
    over_decay = [_at(counts, decay) for decay in decays]
    over_width = [_narrow(counts, width, DECAYS[0]) for width in WIDTHS]
    classes, dimensions, starts = FEW if quick else MORE
    few = pen.ClassCounts.long_tailed(classes, 100_000, classes, "zipf")
    over_dimension = [_descended(few, width, features, starts, seed) for features in KINDS for width in dimensions]
    heads = () if quick else HEADS
    over_head = [_of_head(counts, width, features) for features in KINDS for width in heads]
    facts = {
        "counts": counts.to_dict(),
        "decays": over_decay,
        "widths": over_width,
        "dimensions": over_dimension,
        "heads": over_head,
    }
    tables = {
        "decays": _table(over_decay),
        "widths": _table(over_width),
        "dimensions": _table(over_dimension),
        **({"heads": _table(over_head)} if over_head else {}),
    }
    return Study(_claims(over_decay, over_width, over_dimension), {}, facts, tables)


def _at(counts: pen.ClassCounts, decay: float) -> dict[str, float]:
    """Both losses without a bias, as in most language models."""
    squared, entropy = (
        pen.forecast(counts, decay, loss=loss, bias="none", feature_ratio=1.0) for loss in ("mse", "ce")
    )
    lengths, own = entropy.geometry.head_norms, entropy.status == "own"
    top, middle, rare = (float(lengths[place]) for place in (0, counts.seen // 2, counts.seen - 1))
    slope = np.polyfit(np.log(counts.values[own]), np.log(lengths[own]), 1)[0]
    return {
        "weight decay": decay,
        "directions, squared error": squared.survivors,
        "directions, cross-entropy": entropy.survivors,
        "gap, at most": entropy.solution.certificate.relative_gap,
        "row of the most frequent": top,
        "of the median": middle,
        "of the rarest": rare,
        "of all without samples": float(entropy.geometry.unseen_norms[0]),
        "slope of log length in log n, classes with their own": float(slope),
    }


def _narrow(counts: pen.ClassCounts, width: int, decay: float) -> dict[str, float]:
    """What a width leaves with squared error."""
    found = pen.forecast(counts, decay, bias="none", feature_ratio=1.0, width=width)
    return {
        "width": width,
        "directions, squared error": found.survivors,
        "classes that keep their own": found.classes_with("own"),
        "least samples among them": found.smallest_surviving_count or float("nan"),
    }


def _descended(
    counts: pen.ClassCounts, width: int, features: Features, starts: int, seed: int
) -> dict[str, float | str]:
    """The estimate for a few dimensions against the best of several descents, in shares of what is learnt."""
    decay = FREE if features == "free" else SPHERE
    forecast = pen.forecast(counts, decay, loss="ce", width=width, features=features)
    shares = counts.values / counts.samples
    found = descend(shares, width, decay, radius=forecast.radius, starts=starts, seed=seed)
    rows, means = (np.linalg.norm(part, axis=1) for part in (found.head, found.means))
    gain = float(-shares @ np.log(shares)) - found.objective
    scaled = forecast.head_norms * (rows @ forecast.head_norms) / (forecast.head_norms @ forecast.head_norms)
    return {
        "features": features,
        "width": width,
        "margin over width": forecast.margin.share,
        "outcome": forecast.outcome.name.lower(),
        "objective above the bound, of the gain": (found.objective - forecast.lower_bound) / gain,
        "rows off": _off(rows, forecast.head_norms),
        "rows off after one scale": _off(rows, scaled),
        "features off": _off(means, forecast.mean_norms),
        "singular values off": _off(np.linalg.svd(found.head, compute_uv=False), forecast.singular_values),
    }


def _off(measured: np.ndarray, said: np.ndarray) -> float:
    return float(np.linalg.norm(measured - said) / np.linalg.norm(measured))


def _of_head(counts: pen.ClassCounts, width: int, features: Features) -> dict[str, float | str]:
    """What is said of all words in so many dimensions."""
    decay = DECAYS[0] if features == "free" else DECAYS[0] / 10.0
    found = pen.forecast(counts, decay, loss="ce", bias="none", width=width, features=features)
    rare, frequent = found.group_head_norms[-1], found.group_head_norms[0]
    return {
        "features": features,
        "width": width,
        "weight decay": decay,
        "margin": found.margin.margin,
        "margin over width": found.margin.share,
        "near death": f"{found.margin.near_death:.1%}",
        "outcome": found.outcome.name.lower(),
        "objective, at least": found.lower_bound,
        "row of the rarest": float(rare),
        "of the most frequent": float(frequent),
        "slope of log length in log n": found.slope,
    }


def _claims(
    decays: Sequence[Mapping[str, float]],
    widths: Sequence[Mapping[str, float]],
    dimensions: Sequence[Mapping[str, Any]],
) -> list[Claim]:
    gap = max(row["gap, at most"] for row in decays)
    filled = max(0.0, *(row["directions, squared error"] - row["width"] for row in widths))
    below = max(0.0, *(-row["objective above the bound, of the gain"] for row in dimensions))
    said = [row for row in dimensions if row["outcome"] == "estimated"]
    free, sphere = ([row for row in said if row["features"] == kind] for kind in ("free", "sphere"))
    rows, scaled = max(row["rows off"] for row in free), max(row["rows off after one scale"] for row in sphere)
    means, spectrum = max(row["features off"] for row in free), max(row["singular values off"] for row in said)
    return [
        Claim(
            "Cross-entropy of all words is known, with proof",
            "gap of 0.1 % at most",
            f"{gap:.2%}",
            gap,
            1e-3,
            "what is asked for by default",
        ),
        Claim(
            "Squared error keeps no more directions than the width",
            "none above it",
            f"{filled:.0f} above it",
            filled,
            *NEVER,
        ),
        Claim(
            "Full width bounds every narrower one from below",
            "never below",
            f"{below:.1e} of the gain below",
            below,
            1e-8,
            "the gap of the bound",
        ),
        Claim(
            "Free features: rows are as long as the estimate says, wherever there is one",
            "off by nothing",
            f"{rows:.1%} off at most",
            rows,
            *TENTH,
        ),
        Claim(
            "Free features: so are features",
            "off by nothing",
            f"{means:.1%} off at most",
            means,
            0.05,
            "convention: a twentieth",
        ),
        Claim(
            "Features of one length: rows have the shape that the estimate says",
            "off by nothing after one scale",
            f"{scaled:.1%} off at most",
            scaled,
            0.02,
            "convention: a fiftieth",
        ),
        Claim(
            "The spectrum is about the flattest that lengths allow",
            "off by nothing",
            f"{spectrum:.1%} off at most",
            spectrum,
            0.15,
            "convention: what such a width changed in simulations",
        ),
    ]


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    return markdown(tuple(rows[0]), [tuple(_shown(name, value) for name, value in row.items()) for row in rows])


def _shown(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    if np.isnan(value):
        return "–"
    if "gap" in name or "gain" in name or "off" in name:
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"


if __name__ == "__main__":
    main("vocabulary", study)
