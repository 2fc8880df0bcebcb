"""A comparison of heads for several labels a sample, in plain sentences."""

import numpy as np

from penultimate.heads.comparison.label_comparison import (
    PRESENT,
    REPLICATES,
    THIRDS,
    Interval,
    LabelHeadComparison,
    LabelHeadResult,
)
from penultimate.report.kit.numbers import how_many, number, points

# Where held-out samples have this much less than out-of-fold probabilities promise, TRAIN is not like VALID.
_SHORT = 0.1
# Names in a sentence.
_NAMED = 5


def verdict(found: LabelHeadComparison) -> str:
    """The comparison in one paragraph."""
    return " ".join(paragraphs(found))


def paragraphs(found: LabelHeadComparison) -> list[str]:
    """What is to be known of the samples, what the head gains, on rare labels too, and the doubts."""
    parts = (_gain(found), _rare(found), _present(found), _short(found), _odd(found), _unjudged(found))
    return [*found.notes, *filter(None, parts)]


def share(value: float) -> str:
    """An F1 for people."""
    return "–" if np.isnan(value) else f"{100 * value:.1f}"


def interval(gain: Interval) -> str:
    """A gain in points, with its interval."""
    return f"{points(gain[0])} ({points(gain[1])} to {points(gain[2])})"


def how(found: LabelHeadComparison) -> list[tuple[str, str]]:
    """How the comparison was made, as names and values."""
    kept = "groups kept together" if found.grouped else "no groups named"
    low, high = (found.positives[found.thirds == name] for name in ("medium", "many"))
    bounds = (
        f"medium from {number(int(low.min()))}, many from {number(int(high.min()))}" if low.size and high.size else ""
    )
    decays = ", ".join(f"{name} {number(value, 2)}" for name, value in found.fitted.weight_decays_.items())
    return [
        ("fitted on", f"TRAIN, {number(found.samples[0])} samples; {found.fitted.folds} folds, {kept}"),
        ("judged on", f"VALID, {number(found.samples[1])} samples; {number(int((found.thirds != '').sum()))} labels"),
        ("weight decays", f"{decays}, in units of the mean variance of a feature"),
        *([("thirds", f"by samples in TRAIN: {bounds}")] if bounds else []),
        ("intervals", f"95 %, paired bootstrap of VALID, {number(REPLICATES)} draws (seed {found.seed})"),
    ]


def _gain(found: LabelHeadComparison) -> str:
    ours, best = found.results[0], found.best
    gain = best.gains["macro_f1"]
    sure = "" if gain[1] > 0 else ", which does not exclude zero" if gain[2] >= 0 else ", a loss"
    use = f"Use {ours.name}" if gain[0] >= 0 else f"Use {best.name}"
    return (
        f"{use}: on VALID {ours.name} has a macro-F1 of {share(ours.figures['macro_f1'])} % and {best.name}, the best "
        f"of the others, {share(best.figures['macro_f1'])} %, a gain of {points(gain[0])} points (95 % interval "
        f"{points(gain[1])} to {points(gain[2])}){sure}."
    )


def _rare(found: LabelHeadComparison) -> str:
    told = [f"{name} {interval(found.best.gains[name])}" for name in THIRDS if not np.isnan(found.best.figures[name])]
    return f"By thirds of labels, in points: {', '.join(told)}."


def _present(found: LabelHeadComparison) -> str:
    here = next((one for one in found.results if one.name == PRESENT), None)
    if here is None or here is found.best:
        return ""
    return (
        f"The {here.name} has {share(here.figures['macro_f1'])} %: a gain of {interval(here.gains['macro_f1'])} points."
    )


def _short(found: LabelHeadComparison) -> str:
    promised, reached = found.promised, found.results[0].figures["macro_f1"]
    if promised - reached < _SHORT:
        return ""
    return (
        f"TRAIN promised {share(promised)} %, far more than VALID has. If the network was trained on TRAIN, its "
        "features are too easy there: give features of samples that it was not trained on. If samples come in "
        "families, name them as groups."
    )


def _odd(found: LabelHeadComparison) -> str:
    outcomes = found.fitted.outcomes_
    told: list[str] = []
    for outcome, one, several in (
        ("unseen", "label is on in no sample of TRAIN and never answered", "labels are on in none and never answered"),
        ("always", "label is on in every sample and always answered", "labels are on in every one and always answered"),
        ("few", "label has fewer than five samples", "labels have fewer than five samples"),
    ):
        places = np.flatnonzero(outcomes == outcome)
        if places.size:
            named = ", ".join(repr(str(found.names[k])) for k in places[:_NAMED].tolist())
            more = f" and {number(places.size - _NAMED)} more" if places.size > _NAMED else ""
            told.append(f"{how_many(places.size, one, several)} ({named}{more})")
    return f"In TRAIN, {'; '.join(told)}." if told else ""


def _unjudged(found: LabelHeadComparison) -> str:
    left = int(((found.valid_positives == 0) & (found.positives > 0)).sum())
    return f"{how_many(left, 'label is', 'labels are')} on in no sample of VALID and not judged." if left else ""


def cells(result: LabelHeadResult) -> tuple[str, ...]:
    """One row of the table of ways."""
    figures = [share(result.figures[name]) for name in ("macro_f1", *THIRDS, "micro_f1")]
    gains = [interval(result.gains[name]) if result.gains else "" for name in ("macro_f1", "few")]
    return (result.name, *figures, *gains)
