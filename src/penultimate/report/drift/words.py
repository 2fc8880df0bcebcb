"""Drift in plain sentences: which classes moved, how far and where to, what that cost, and what cannot be said."""

import numpy as np
from jaxtyping import Int

from penultimate.drifts.drift import ClassOutcome, Drift
from penultimate.report.kit.numbers import how_many, names_of, number

# Classes that get sentences of their own.
_TOLD = 3
# Below this the tail of the p-value is not checked.
_LEAST = 1e-6
_SHAPES = {
    "mmd": "maximum mean discrepancy of whitened samples, by permutation",
    "sinkhorn": "Sinkhorn divergence by positive features, by permutation; excess: over samples that changed sides",
}


def verdict(drift: Drift) -> str:
    """Which classes moved and what it cost, in one paragraph."""
    return " ".join(paragraphs(drift))


def paragraphs(drift: Drift) -> list[str]:
    """What speaks against it all; what moved; its cost; what these samples are; what cannot be said."""
    if drift.identical:
        return ["Both sides are the same samples: no class moved, and nothing was lost."]
    return [text for text in (*drift.doubts, _moved(drift), _cost(drift), _fitted(drift), _untold(drift)) if text]


def p_value(value: float) -> str:
    """A p-value; below a millionth no more than that."""
    return "–" if np.isnan(value) else f"< {number(_LEAST)}" if value < _LEAST else number(value, 2)


def share(value: float) -> str:
    """A share in whole per cent; – where there is none."""
    return "–" if np.isnan(value) else f"{100 * value:.0f} %"


def points_lost(drift: Drift, k: int) -> str:
    """Recall lost in points, with its interval; – where it is not known."""
    low, high = drift.lost_interval[k]
    if np.isnan(low):
        return "–"
    return f"{_signed(drift.lost[k])} ({_signed(low)} … {_signed(high)})"


def excess(drift: Drift, k: int) -> str:
    """A class's divergence over that of samples that changed sides."""
    return number(float(drift.divergence[k] - drift.divergence_by_chance[k]), 2)


def facts(drift: Drift) -> list[tuple[str, str]]:
    """What was compared and how, one a line."""
    rows = [
        ("reference", how_many(int(drift.counts.samples), "sample", "samples")),
        ("current", how_many(int(drift.current.sum()), "sample", "samples")),
        ("moved", f"at {number(100 * drift.level)} % for all classes together (Holm)"),
        ("of the way", "shift of the mean over the distance to the nearest other class, less what noise adds"),
        ("p", "of the mean in the span of the five nearest classes, by the scatter of all classes and of its own"),
    ]
    if drift.shape is not None:
        rows.append(("shape", _SHAPES[drift.shape]))
    if drift.after is not None:
        rows.append(("recall lost", "counted on either side; interval of 95 %"))
    return [*rows, *(("note", note) for note in drift.notes)]


def _moved(drift: Drift) -> str:
    moved = np.flatnonzero(drift.moved)
    tested = int(drift.tested.sum())
    if not moved.size:
        return (
            f"No class moved by more than noise ({how_many(tested, 'class', 'classes')} tested)."
            if tested
            else "Whether a class moved cannot be said."
        )
    moved = moved[np.argsort(-np.nan_to_num(drift.of_the_way[moved], nan=-1.0), kind="stable")]
    said = [_told(drift, int(k)) for k in moved[:_TOLD]]
    if moved.size > _TOLD:
        said.append(f"So did {names_of(drift.counts, moved[_TOLD:])}, by less.")
    said.append(
        "All classes moved by more than noise."
        if moved.size == drift.counts.classes
        else f"{number(moved.size)} of {how_many(tested, 'class', 'classes')} moved by more than noise."
    )
    return " ".join(said)


def _told(drift: Drift, k: int) -> str:
    name, towards = drift.counts.names[k], int(drift.towards[k])
    if not drift.p_adjusted[k] <= drift.level:
        return f"Class {name} changed its shape, not its mean (p {_compared(drift.shape_p_adjusted[k])})."
    where = f", towards {drift.counts.names[towards]}" if towards >= 0 else ""
    told = (
        f"Class {name} moved {number(drift.of_the_way[k], 2)} of the way to its nearest class{where} "
        f"(p {_compared(drift.p_adjusted[k])})"
    )
    if drift.before is None or drift.after is None or np.isnan(drift.lost[k]):
        return f"{told}."
    low, high = 100 * drift.lost_interval[k]
    recalls = f"{share(drift.before.recall[k])} to {share(drift.after.recall[k])}"
    if low > 0:
        return f"{told}, and its recall fell from {recalls}, by {low:.0f} to {high:.0f} points."
    return f"{told}; its recall went from {recalls}, which is within chance."


def _cost(drift: Drift) -> str:
    if drift.after is None or drift.before is None:
        return "Without a head there are no recalls: what it cost is not known."
    explained = np.flatnonzero(drift.moved & ~np.isnan(drift.by_the_mean))
    if not explained.size:
        return ""
    k = int(explained[np.argmax(drift.lost[explained])])
    part = min(max(float(drift.by_the_mean[k]), 0.0), 1.0)
    return (
        f"Of what {drift.counts.names[k]} lost, the shift of its mean accounts for {share(part)}. That explains the "
        "loss and promises nothing: a head fitted anew to new labels of all classes (`penultimate heads`) shows what "
        "can be won back."
    )


def _fitted(drift: Drift) -> str:
    if not drift.fitted:
        return ""
    return (
        "The network is right on nearly all of the reference, as on samples that it was trained on. Then this is the "
        "step from training to new samples, where classes always move, and no drift over time: compare with held-out "
        "samples."
    )


def _untold(drift: Drift) -> str:
    said: list[str] = []
    for outcome in ClassOutcome:
        if outcome in (ClassOutcome.MOVED, ClassOutcome.WITHIN_NOISE):
            continue
        some: Int[np.ndarray, " b"] = np.flatnonzero([found is outcome for found in drift.outcomes])
        if some.size:
            one, many = f"class {names_of(drift.counts, some)}", f"classes {names_of(drift.counts, some)}"
            said.append(f"Not judged: {one if some.size == 1 else many}. {outcome.value}")
    return " ".join(said)


def _compared(value: float) -> str:
    text = p_value(value)
    return text if text.startswith("<") else f"= {text}"


def _signed(value: float) -> str:
    return f"{100 * value:.0f}".replace("-", "−")
