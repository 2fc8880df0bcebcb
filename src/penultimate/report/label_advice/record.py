"""Advice for several labels a sample as plain numbers, lists and strings."""

from penultimate.advice.label_advice import LabelAdvice
from penultimate.report.kit.numbers import finite, plain
from penultimate.report.label_advice.words import steps, verdict
from penultimate.report.label_forecast.record import select_labels
from penultimate.reported import Classes
from penultimate.version import __version__


def record(advice: LabelAdvice, classes: Classes = 20) -> dict[str, object]:
    """The advice as a dictionary ready for JSON; what is not a finite number is None."""
    now, weighted, targets = advice.forecast, advice.weighted, advice.targets
    return {
        "penultimate": __version__,
        "targets": {"labels": targets.labels, "samples": plain(targets.samples)},
        "problem": {**now.problem.to_dict(targets.samples), "loss": now.loss_name},
        "never_answered": {"now": now.never_answered, "weighted": weighted and weighted.never_answered},
        "largest_answering_weight_decay": {
            "now": now.largest_answering_weight_decay,
            "weighted": weighted and weighted.largest_answering_weight_decay,
        },
        "advised_weight_decay": advice.advised_weight_decay,
        "pos_weight": None if advice.pos_weight is None else advice.pos_weight.tolist(),
        "refused": advice.refused,
        "one_label_twice": [[targets.names[pair.first], targets.names[pair.second]] for pair in now.one_label_twice],
        "labels": label_records(advice, classes),
        "steps": steps(advice),
        "verdict": verdict(advice),
    }


def label_records(advice: LabelAdvice, classes: Classes) -> list[dict[str, object]]:
    """One record for each of the labels that are answered least, or of all."""
    now, weighted = advice.forecast, advice.weighted
    weights = advice.pos_weight
    return [
        {
            "label": str(advice.targets.names[k]),
            "samples": plain(float(advice.targets.positives[k])),
            "score_on": finite(float(now.score_on[k])),
            "pos_weight": None if weights is None else finite(float(weights[k])),
            "weighted_score_on": None if weighted is None else finite(float(weighted.score_on[k])),
            "to_answer": finite(float((weighted or now).to_answer[k])),
        }
        for k in select_labels(now, classes).tolist()
    ]
