"""What imbalance does to a vocabulary: directions against decay and width, and row lengths under cross-entropy.

The words of WordNet's glosses, counted in nine of ten; words of the tenth alone have no samples. At this size squared
error has a closed form and cross-entropy a solution on bins with a proven gap. What a width far below the number of
classes does under cross-entropy is looked at with fewer classes of the same kind, by descent from several starts.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

import penultimate as pen
from studies.data import require
from studies.results import NEVER, Claim, Study, main, markdown
from studies.text import read_glosses

DECAYS = (1e-4, 1e-3, 3e-3, 1e-2, 3e-2)
WIDTHS = (64, 256, 1024, 4096)
# Classes of the same kind, and the dimensions that they are descended in.
FEW, MORE = (16, (6, 12)), (32, (4, 8, 16, 24))
# Where the note on the law of the margin draws its line: below, the full width's lengths are meant to hold.
_BOUND = 2.0 / 3.0


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
    classes, dimensions = FEW if quick else MORE
    few = pen.ClassCounts.long_tailed(classes, 3000, 300, "zipf")
    over_dimension = [_descended(few, width) for width in dimensions]
    facts = {
        "counts": counts.to_dict(),
        "decays": over_decay,
        "widths": over_width,
        "dimensions": over_dimension,
    }
    tables = {
        "decays": _table(over_decay),
        "widths": _table(over_width),
        "dimensions": _table(over_dimension),
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


def _descended(counts: pen.ClassCounts, width: int, decay: float = 1e-3) -> dict[str, float]:
    """Cross-entropy in a few dimensions by descent, against the full width's proven minimum."""
    problem = pen.Problem.from_decays(decay, loss="ce")
    narrow = pen.Problem.from_decays(decay, loss="ce", width=width)
    full, found = pen.minimise(counts, problem), pen.minimise(counts, narrow)
    collapsed = float(-np.sum(counts.values * np.log(counts.values / counts.samples)) / counts.samples)
    lengths, there = full.geometry.head_norms, found.geometry.head_norms
    strength = np.repeat(found.strength, found.surviving) ** 0.5
    # The margin of all classes in the mean field without width (docs/theory §11), c = 1.
    margin = np.log(np.sum(np.sqrt(counts.values / counts.samples)) / decay)
    return {
        "width": width,
        "margin over width": float(margin / width),
        "objective above the bound, of the gain": float(
            (found.objective - full.objective) / (collapsed - full.objective)
        ),
        "lengths off": float(np.linalg.norm(there - lengths) / np.linalg.norm(there)),
        "spectrum from flat": float(np.std(strength) / np.sqrt(np.mean(strength**2))),
        "classes with a positive margin": int(np.count_nonzero(found.geometry.margins > 0)),
    }


def _claims(
    decays: Sequence[Mapping[str, float]],
    widths: Sequence[Mapping[str, float]],
    dimensions: Sequence[Mapping[str, float]],
) -> list[Claim]:
    gap = max(row["gap, at most"] for row in decays)
    filled = max(0.0, *(row["directions, squared error"] - row["width"] for row in widths))
    below = max(0.0, *(-row["objective above the bound, of the gain"] for row in dimensions))
    inside = [row for row in dimensions if row["margin over width"] < _BOUND]
    off = max((row["lengths off"] for row in inside), default=float("nan"))
    wrong = dimensions[-1]["lengths off"]
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
            "Where the margin is below two thirds of the width, row lengths are those of the full width",
            "off by nothing",
            "not asked at these widths" if np.isnan(off) else f"{off:.1%} off at most",
            off,
            0.15,
            "convention: what such a width changed in simulations",
        ),
        Claim(
            "At the largest width tried, row lengths are those of the full width",
            "off by nothing",
            f"{wrong:.1%} off",
            wrong,
            0.05,
            "convention: a twentieth",
        ),
    ]


def _table(rows: Sequence[Mapping[str, float]]) -> str:
    return markdown(tuple(rows[0]), [tuple(_shown(name, value) for name, value in row.items()) for row in rows])


def _shown(name: str, value: float) -> str:
    if "gap" in name or "gain" in name or "off" in name or "flat" in name:
        return f"{value:.2%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3g}"


if __name__ == "__main__":
    main("vocabulary", study)
