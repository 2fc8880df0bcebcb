"""Advice as plain numbers, lists and strings: what ``--json`` prints and what tables show."""

import math
from typing import TYPE_CHECKING

from penultimate.advice.design import Option, Point
from penultimate.advice.evidence import Audited
from penultimate.advice.figures import Figures
from penultimate.advice.status import Piece, Status
from penultimate.forecasts.forecast import Forecast
from penultimate.learning_curves.where_next import MORE
from penultimate.report.advice.steps import step_records
from penultimate.report.advice.words import verdict
from penultimate.report.kit.numbers import finite, plain
from penultimate.reported import Classes
from penultimate.version import __version__

if TYPE_CHECKING:
    from penultimate.advice.advice import Advice
    from penultimate.advice.decay import DecayAdvice
    from penultimate.advice.drift import DriftAdvice
    from penultimate.advice.head import HeadAdvice
    from penultimate.advice.labels import LabelsAdvice
    from penultimate.advice.loss import LossAdvice
    from penultimate.advice.samples import SamplesAdvice
    from penultimate.advice.width import WidthAdvice


def record(advice: "Advice", classes: Classes = 20) -> dict[str, object]:
    """Advice as a dictionary ready for JSON; what is not a finite number is None."""
    return {
        "penultimate": __version__,
        "counts": advice.counts.to_dict(),
        "problem": advice.forecast.problem.to_dict(advice.counts.samples),
        "steps": step_records(advice),
        "now": figures_record(advice.forecast),
        "audit": None if advice.audited is None else _audited(advice.audited),
        "decay": _decay(advice.decay),
        "loss": _loss(advice.loss),
        "samples": _samples(advice.samples, classes),
        "width": _width(advice.width),
        "head": _head(advice.head),
        "labels": None if advice.labels is None else _labels(advice.labels),
        "drift": None if advice.drift is None else _drift(advice.drift),
        "verdict": verdict(advice),
    }


def figures_record(of: Forecast | Figures | None) -> dict[str, object] | None:
    """Key figures of a forecast; None for none."""
    if of is None:
        return None
    figures = Figures.from_forecast(of) if isinstance(of, Forecast) else of
    return {
        "survivors": figures.survivors,
        "directions": figures.directions,
        "classes_by_status": {"own": figures.own, "shared": figures.shared, "lost": figures.lost},
        "many_margin": finite(figures.many_margin),
        "few_margin": finite(figures.few_margin),
        "many_cosine": finite(figures.many_cosine),
        "few_cosine": finite(figures.few_cosine),
        "strength": finite(figures.strength),
        "reserve": finite(figures.reserve),
        "over_corrects": figures.over_corrects,
    }


def too_small(samples: "SamplesAdvice", classes: Classes) -> list[dict[str, object]]:
    """Classes that do not have what they need, fewest samples first; those of equal count in one record."""
    forecast = samples.before
    counts, gain = forecast.counts, forecast.group_samples_to_gain
    limit = gain.size if classes == "all" else 0 if classes == "none" else classes
    groups = [g for g in reversed(range(gain.size)) if gain[g] > 0][:limit]
    return [
        {
            "class": str(counts.names[int(counts.representatives[g, 0])]),
            "alike": int(counts.multiplicity[g]),
            "count": plain(float(counts.distinct[g])),
            "samples_to_gain": finite(float(gain[g])),
        }
        for g in groups
    ]


def _status(piece: Piece) -> dict[str, object]:
    return {
        "status": piece.status.name.lower(),
        "meaning": piece.status.value,
        "reason": None if piece.reason is None else piece.reason.why,
        "needed_to_say_more": None if piece.reason is None else piece.reason.needed,
    }


def _decay(decay: "DecayAdvice") -> dict[str, object]:
    return {
        **_status(decay),
        "in_use": decay.in_use,
        "largest": decay.largest,
        "quartiles": None if decay.quartiles is None else list(decay.quartiles),
        "advised": decay.advised,
        "factor": decay.factor,
        "survivors_just_below": decay.below,
        "survivors_just_above": decay.above,
        "before": figures_record(decay.before),
        "after": figures_record(decay.after),
    }


def _loss(loss: "LossAdvice") -> dict[str, object]:
    missing = loss.missing or (math.nan, math.nan)
    return {
        **_status(loss),
        "goal": loss.goal.name.lower(),
        "goal_meaning": loss.goal.value,
        "loss": loss.chosen,
        "missing": {"before": finite(missing[0]), "after": finite(missing[1])},
        "effective_samples": {"before": loss.effective_samples[0], "after": loss.effective_samples[1]},
        "many_cost": None if loss.many_cost is None else finite(loss.many_cost),
        "relative_gap": _gap(loss.after),
        "distinct_counts_searched": loss.searched,
        "balanced": None if loss.target is None else figures_record(loss.target.balanced),
        "options": [_option(option) for option in loss.options],
        "before": figures_record(loss.before),
        "after": figures_record(loss.after),
    }


def _gap(forecast: Forecast | None) -> float | None:
    certificate = None if forecast is None else forecast.solution.certificate
    return None if certificate is None else certificate.relative_gap


def _option(option: Option) -> dict[str, object]:
    return {
        "family": option.family.name,
        "loss": option.loss,
        "symbol": option.family.symbol,
        "met": option.met,
        "missing": finite(option.missing),
        "many_cost": finite(option.many_cost),
        "keeps_directions": option.keeps_directions,
        "effective_samples": option.effective_samples,
        **_point(option.point),
        "curve": [_point(point) for point in option.curve],
    }


def _point(point: Point) -> dict[str, object]:
    return {
        "strength": point.strength,
        "relative_gap": finite(point.relative_gap),
        "converged": point.converged,
        "figures": figures_record(point.figures),
    }


def _samples(samples: "SamplesAdvice", classes: Classes) -> dict[str, object]:
    return {
        **_status(samples),
        "needed": finite(samples.needed),
        "floor": samples.floor,
        "classes_raised": samples.raised,
        "samples_added": samples.total,
        "too_small": too_small(samples, classes) if samples.status is not Status.KEEP else [],
        "before": figures_record(samples.before),
        "after": figures_record(samples.after),
    }


def _width(width: "WidthAdvice") -> dict[str, object]:
    return {
        **_status(width),
        "needed": width.needed,
        "directions": width.directions,
        "in_use": width.in_use,
        "narrower": [{"width": one.problem.width, "figures": figures_record(one)} for one in width.narrower],
        "before": figures_record(width.before),
        "after": figures_record(width.after),
    }


def _head(head: "HeadAdvice") -> dict[str, object]:
    return {
        **_status(head),
        "by_theory": head.by_theory,
        "before": _margins(head.before),
        "after": None if head.after is None else _margins(head.after),
        "classes_lost": head.lost,
        "comparison": None if head.comparison is None else head.comparison.to_dict(),
    }


def _labels(labels: "LabelsAdvice") -> dict[str, object]:
    return {
        **_status(labels),
        "refusal": labels.refusal or None,
        "next": [
            {"class": labels.name(one), "more": MORE, "gain": one.gain, "gain_error": one.error}
            for one in labels.next_up
        ],
        "learning_curve": None if labels.curve is None else labels.curve.to_dict(),
    }


def _drift(drift: "DriftAdvice") -> dict[str, object]:
    return {
        **_status(drift),
        "moved": drift.moved,
        "lost": [
            {
                "class": one.name,
                "of_the_way": one.of_the_way,
                "recall_lost": one.lost,
                "recall_lost_interval": [one.low, one.high],
            }
            for one in drift.lost
        ],
    }


def _margins(margins: tuple[float, float]) -> dict[str, object]:
    return {"many_margin": finite(margins[0]), "few_margin": finite(margins[1])}


def _audited(audited: Audited) -> dict[str, object]:
    return {
        "of": audited.of,
        "dimension": audited.dimension,
        "fits_loss": audited.fits,
        "calibration": None if audited.calibration is None else audited.calibration.to_dict(),
        "merged": [list(group) for group in audited.merged],
        "balanced_accuracy": audited.balanced_accuracy,
        "balanced_accuracy_by_means": audited.by_means,
    }
