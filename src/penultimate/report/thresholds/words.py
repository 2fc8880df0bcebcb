"""Thresholds in plain sentences: what they gain, and how far to trust them."""

import numpy as np

from penultimate.probabilities.thresholds import FEW, Thresholds
from penultimate.report.kit.numbers import how_many, number

# Names in a sentence.
_NAMED = 5


def verdict(found: Thresholds) -> str:
    """The thresholds in one paragraph."""
    return " ".join(paragraphs(found))


def paragraphs(found: Thresholds) -> list[str]:
    """What a threshold for each label gains, what was measured, and the doubts."""
    return [
        " ".join(filter(None, part))
        for part in ([_gain(found), _silent(found), _measured(found)], _doubts(found))
        if any(part)
    ]


def share(value: float) -> str:
    """An F1 for people."""
    return f"{100 * value:.1f} %"


def facts(found: Thresholds) -> list[tuple[str, str]]:
    """How they were found."""
    low, high = float(found.values.min()), float(found.values.max())
    fewest, most = float(found.expected_positives.min()), float(found.expected_positives.max())
    return [
        ("samples", number(found.samples)),
        ("labels", number(len(found.names))),
        ("threshold", "half of the largest expected F1 of the label; no label was looked at"),
        ("thresholds", f"{number(low, 2)} … {number(high, 2)}"),
        ("expected positives", f"{number(fewest, 2)} … {number(most, 3)} a label"),
    ]


def _gain(found: Thresholds) -> str:
    labels = len(found.names)
    own = "A threshold" if labels == 1 else f"A threshold for each of {number(labels)} labels"
    mean = "" if labels == 1 else " on average over labels"
    before, after = float(found.expected_f_at_half.mean()), float(found.expected_f.mean())
    return f"{own} raises the F1 to be expected from {share(before)} at ½ to {share(after)}{mean}."


def _silent(found: Thresholds) -> str:
    silent = int(found.never_at_half.sum())
    return f"{how_many(silent, 'label is', 'labels are')} never answered at ½." if silent else ""


def _measured(found: Thresholds) -> str:
    if found.measured_f is None or found.measured_f_at_half is None:
        return ""
    before, after = float(found.measured_f_at_half.mean()), float(found.measured_f.mean())
    return f"Against the labels given, F1 is {share(before)} at ½ and {share(after)} with these thresholds."


def _doubts(found: Thresholds) -> list[str]:
    return [_few(found), _off(found), _one_label(found)]


def _few(found: Thresholds) -> str:
    few = int(found.few.sum())
    if not few:
        return ""
    where = "All labels have" if few == len(found.names) else f"{how_many(few, 'label has', 'labels have')}"
    return (
        f"{where} fewer than {number(FEW)} expected positives among these {number(found.samples)} samples: such "
        "thresholds do harm on other samples, so take them from more of them, out of fold or held out."
    )


def _off(found: Thresholds) -> str:
    if found.positives is None or not found.off.any():
        return ""
    places = np.flatnonzero(found.off)
    promised, there = found.expected_positives, found.positives
    shown = ", ".join(
        f"{found.names[k]} ({number(float(promised[k]), 3)} expected, {number(float(there[k]))} there)"
        for k in places[:_NAMED].tolist()
    )
    more = f" and {number(places.size - _NAMED)} more" if places.size > _NAMED else ""
    return (
        f"The probabilities are not calibrated for {shown}{more}: calibrate them first, and find the thresholds anew."
    )


def _one_label(found: Thresholds) -> str:
    if not found.one_label:
        return ""
    return (
        "Every row sums to one, as probabilities of one label a sample do: for those the answer is the largest, not "
        "all above a threshold."
    )
