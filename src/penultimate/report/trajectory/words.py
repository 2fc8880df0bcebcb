"""What stood above noise over training, in sentences."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Int

from penultimate.forecasts.foreseeing import DEAD, Fate, Foreseen
from penultimate.noise.standing import Direction, Standing
from penultimate.report.kit.numbers import number

# Names of one sentence.
_LISTED = 5


def verdict(steps: Int[np.ndarray, " T"], classes: Sequence[Direction], notes: Sequence[str]) -> str:
    """Which classes have a direction that is no noise, which lost theirs, and which cannot be judged."""
    above = [one for one in classes if one.standing is Standing.ABOVE]
    text = [
        f"{number(len(above))} of {number(len(classes))} classes stood above noise within {number(steps[-1])} steps."
    ]
    born = [one for one in above if one.born_at is not None]
    if born:
        last = max(born, key=lambda one: one.born_at or 0)
        text.append(f"The last to do so was class {_described(last)}, at step {number(last.born_at)}.")
    for one in [one for one in above if one.died_at is not None][:_LISTED]:
        text.append(
            f"Class {_described(one)} had a direction from step {number(one.born_at or 0)} on and lost it by step "
            f"{number(one.died_at or 0)}: its samples were enough, so training undid it."
        )
    hidden = [one for one in classes if one.standing is Standing.NOT_ABOVE]
    if hidden:
        text.append(f"Never above noise: {_names(hidden)}.")
    few = [one for one in classes if one.standing is Standing.TOO_FEW]
    if few:
        text.append(f"Too few samples to tell: {_names(few)}.")
    return " ".join([*text, *(f"Note: {note}." for note in notes)])


def foreseen_line(foreseen: Foreseen) -> str:
    """What is foreseen, in one line: which directions will be alive, which dead, and of which it cannot be said."""
    if foreseen.by == "last value":
        end = "dotted: the last value, which nothing foresees better under this loss"
    else:
        end = f"dotted: the end as foreseen; dead is below {number(DEAD)} σ"
    fates: tuple[Fate, ...] = ("alive", "dead", "cannot say")
    told = [f"{fate} {_ranks(ranks)}" for fate in fates if (ranks := _having(foreseen, fate))]
    return f"At {number(100 * foreseen.prefix, 2)} % of the run, {'; '.join(told)} ({end})"


def _having(foreseen: Foreseen, fate: Fate) -> list[int]:
    return [rank for rank, found in enumerate(foreseen.verdict, start=1) if found == fate]


def _ranks(ranks: list[int]) -> str:
    """Ranks as ranges: "1–3, 5"."""
    starts = [rank for rank in ranks if rank - 1 not in ranks]
    ends = [rank for rank in ranks if rank + 1 not in ranks]
    spans = [str(first) if first == last else f"{first}–{last}" for first, last in zip(starts, ends, strict=True)]
    return ", ".join(spans[:_LISTED]) + (", …" if len(spans) > _LISTED else "")


def _described(one: Direction) -> str:
    return f"{one.name} ({number(one.samples)} samples)"


def _names(some: Sequence[Direction]) -> str:
    listed = ", ".join(one.name for one in some[:_LISTED])
    return listed if len(some) <= _LISTED else f"{listed} and {number(len(some) - _LISTED)} more"
