"""The heads that a comparison tries: what each learns from, and its settings, the least change first."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import TypeVar

import numpy as np
from jaxtyping import Int

from penultimate.features.head import Head
from penultimate.features.sources.in_memory import Samples
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.calibrated import CalibratedHead, WeightScalingHead
from penultimate.heads.comparison.by_theory import head_by_theory
from penultimate.heads.discriminant import DiscriminantHead
from penultimate.heads.framed import FrameHead
from penultimate.heads.kernel_head import AnyHead, KernelHead
from penultimate.heads.linear_head import NEVER
from penultimate.heads.logistic import LogisticHead
from penultimate.heads.nearest_mean import NearestMeanHead
from penultimate.heads.nystroem import NystroemHead
from penultimate.heads.rescaled import LogitAdjustedHead, PriorScaledHead, TauNormalisedHead
from penultimate.heads.ridge import RidgeHead
from penultimate.heads.scikit import ConvergenceWarning
from penultimate.heads.spiked import SpikedDiscriminantHead

H = TypeVar("H", Head, KernelHead)

TEMPERATURE, BY_THEORY = "temperature", "by theory"
# Multiply-adds of one pass over all samples up to which heads are fitted by descent: a minute or two for the whole
# comparison where there are most.
_WORK = 1e9
# Classes up to which frames, of size K × K, are made.
_FRAME_CLASSES = 512
# Samples a class needs in VALID for a mean of its own.
_ENOUGH = 8
# Weight decay of least squares, in units of the mean variance of a feature.
_RIDGE = 1e-2
# Frames whose decisions differ: orthonormal rows differ from the simplex's by one vector, the same for all classes.
_FRAMES = ("simplex", "forecast")
# τ of what is subtracted from scores, or is a power of norms; and of powers of the class shares.
_MULTIPLES: tuple[float, ...] = tuple(np.arange(0.0, 3.01, 0.25).tolist())
_POWERS: tuple[float, ...] = tuple((np.arange(0, 11) / 10).tolist())
_KERNEL_DECAYS = (1e-1, 3e-2, 3e-3, 3e-4)
# Scores from which three numbers are fitted.
_CALIBRATION = 2_000_000
# Parts of VALID that are in use at a time, and what is fitted to each for all settings: three of three, and the whole.
_PARTS = 4
# Widths of a Gaussian kernel, in units of how far features are from their mean.
_BANDWIDTHS = {"kernel machine": 1.0, "narrow kernel machine": 0.5}
# Descent inside a comparison stops earlier than an estimator does: answers no longer change.
_MAX_ITER = 100
_TOL = 1e-4


@dataclass(frozen=True)
class Training:
    """What a comparison knows of the training.

    Attributes
    ----------
    present : Head
        The trained head.
    statistics : FeatureStatistics
        Of the training features.
    samples : Samples or None
        These features themselves; None where descent on them would take too long.
    """

    present: Head
    statistics: FeatureStatistics
    samples: Samples | None

    @cached_property
    def by_theory(self) -> tuple[str, Head]:
        """What theory does to the present head, and the head that comes of it."""
        return head_by_theory(self.present, self.statistics)

    @cached_property
    def variance(self) -> float:
        """Mean variance of a feature, by which weight decays are measured."""
        statistics = self.statistics
        return float(np.trace(statistics.total_scatter)) / (statistics.samples * statistics.dimension) or 1.0


@dataclass(frozen=True)
class Candidate:
    """One kind of head with its settings.

    Attributes
    ----------
    name, what : str
        What it is called, and what it does, in a line.
    symbol : str
        Of the setting; empty where there is one only.
    settings : tuple of float
        To choose from.
    fit : callable
        From a setting and held-out samples to a head; those fitted on the training ignore the samples.
    held_out : bool
        Whether it learns its weights from the held-out samples.
    """

    name: str
    what: str
    symbol: str
    settings: tuple[float, ...]
    fit: Callable[[float, Samples], AnyHead]
    held_out: bool = False


def affordable(samples: int, dimension: int, classes: int) -> bool:
    """Whether heads can be fitted to so many samples by descent within a comparison."""
    return float(samples) * dimension * classes <= _WORK


def candidates(training: Training, valid: Samples, *, linear: bool = True) -> tuple[list[Candidate], dict[str, str]]:
    """What to try, and what not, with the reason.

    Parameters
    ----------
    training : Training
    valid : Samples
        Held out.
    linear : bool, default True
        Whether heads have to be ``W h + b``.

    Returns
    -------
    list of Candidate, dict of str to str
    """
    left_out: dict[str, str] = {}
    found = _of_present(training) + _of_statistics(training)
    if training.statistics.classes <= _FRAME_CLASSES:
        found += _frames(training)
    else:
        left_out["frames"] = f"more than {_FRAME_CLASSES:,} classes"
    if training.samples is not None:
        found += _of_samples(training, training.samples)
        if not linear:
            found += _kernel_machines(training.samples, training.present.classes)
    else:
        left_out["re-training on TRAIN"] = "TRAIN is too large for descent within a comparison"
    calibrated = lru_cache(_PARTS)(partial(_calibrated, training))
    found.append(_calibration(calibrated))
    if affordable(len(valid.labels), training.statistics.dimension, training.statistics.classes):
        found += [_correction(calibrated), _held_out_scaling(training)]
    else:
        left_out["corrected, held-out weight scaling"] = "VALID is too large for descent within a comparison"
    number = np.bincount(valid.labels, minlength=training.statistics.classes)
    if number[training.statistics.counts > 0].min() >= _ENOUGH:
        found.append(_held_out_discriminant(training.statistics.classes))
        if training.statistics.dimension > len(valid.labels):
            found.append(_held_out_spiked(training.statistics.classes))
    else:
        left_out["held-out discriminant"] = f"a class has fewer than {_ENOUGH} samples in VALID"
    return found, left_out


def _of_present(training: Training) -> list[Candidate]:
    present, statistics = training.present, training.statistics
    said, adjusted = training.by_theory
    return [
        Candidate(BY_THEORY, f"{said} with τ = 1", "", (0.0,), lambda _, __: adjusted),
        Candidate(TEMPERATURE, "the present head, its scores divided by T", "", (0.0,), lambda _, __: present),
        Candidate(
            "logit adjustment",
            "s − τ log π",
            "τ",
            _MULTIPLES,
            lambda tau, _: LogitAdjustedHead(present, tau=tau).fit_statistics(statistics).head(),
        ),
        Candidate(
            "prior scaling",
            "s / π^τ",
            "τ",
            _POWERS,
            lambda tau, _: PriorScaledHead(present, tau=tau).fit_statistics(statistics).head(),
        ),
        Candidate(
            "τ-normalised",
            "w / ‖w‖^τ, no bias",
            "τ",
            _MULTIPLES,
            lambda tau, _: TauNormalisedHead(present, tau=tau).fit_statistics(statistics).head(),
        ),
    ]


def _of_statistics(training: Training) -> list[Candidate]:
    statistics = training.statistics
    squares = RidgeHead(_RIDGE * training.variance).fit_statistics(statistics).head()
    return [
        Candidate(
            "nearest mean",
            "class means of TRAIN",
            "",
            (0.0,),
            lambda _, __: NearestMeanHead().fit_statistics(statistics).head(),
        ),
        Candidate(
            "discriminant",
            "Gaussian classes, shared covariance of TRAIN",
            "s",
            (0.5, 0.1, 0.01),
            # Features of TRAIN are memorised: their scatter does not tell how noisy a mean is.
            lambda share, _: DiscriminantHead(share, means="plain").fit_statistics(statistics).head(),
        ),
        Candidate(
            "least squares",
            "on TRAIN, s / π^τ",
            "τ",
            _POWERS,
            lambda tau, _: PriorScaledHead(squares, tau=tau).fit_statistics(statistics).head(),
        ),
    ]


def _frames(training: Training) -> list[Candidate]:
    def made(frame: str) -> Callable[[float, Samples], Head]:
        return lambda _, __: FrameHead(frame).fit_statistics(training.statistics).head()  # pyright: ignore[reportArgumentType]

    what = "fixed angles, turned to the class means of TRAIN"
    return [Candidate(f"{frame} frame", what, "", (0.0,), made(frame)) for frame in _FRAMES]


def _of_samples(training: Training, samples: Samples) -> list[Candidate]:
    present = training.present

    def logistic(decay: float, adjustment: float) -> Head:
        weight = None if adjustment else "balanced"
        head = descended(decay * training.variance, samples, class_weight=weight, adjustment=adjustment)
        return among(head, np.unique(samples.labels), present.classes)

    decays = (1e-1, 1e-2, 1e-3)
    return [
        Candidate("re-trained", "balanced on TRAIN", "λ", decays, lambda decay, _: logistic(decay, 0.0)),
        Candidate("balanced softmax", "re-trained on TRAIN", "λ", decays, lambda decay, _: logistic(decay, 1.0)),
        Candidate(
            "weight scaling",
            "one factor a class, from TRAIN",
            "",
            (0.0,),
            lambda _, __: _quietly(lambda: WeightScalingHead(present).fit(*samples).head()),
        ),
    ]


def _kernel_machines(samples: Samples, classes: int) -> list[Candidate]:
    def fit(bandwidth: float, decay: float) -> AnyHead:
        settings = {"adjustment": 1.0, "max_iter": _MAX_ITER, "tol": _TOL}
        head = NystroemHead(bandwidth=bandwidth, weight_decay=decay, **settings)  # pyright: ignore[reportArgumentType]
        return among(_quietly(lambda: head.fit(*samples).kernel_head()), np.unique(samples.labels), classes)

    what = "balanced softmax on how near landmarks of TRAIN are"
    return [
        Candidate(name, what, "λ", _KERNEL_DECAYS, lambda decay, _, width=width: fit(width, decay))
        for name, width in _BANDWIDTHS.items()
    ]


def _calibration(calibrated: Callable[[Samples], Head]) -> Candidate:
    what = "a s π^(−ρ) − τ log π, three numbers from VALID"
    return Candidate("calibrated", what, "", (0.0,), lambda _, part: calibrated(part), held_out=True)


def _held_out_scaling(training: Training) -> Candidate:
    def fit(_: float, part: Samples) -> Head:
        return _quietly(lambda: WeightScalingHead(training.present).fit(*part).head())

    return Candidate("held-out weight scaling", "one factor a class, from VALID", "", (0.0,), fit, held_out=True)


def _correction(calibrated: Callable[[Samples], Head]) -> Candidate:
    def fit(decay: float, part: Samples) -> Head:
        variance = float(part.features.var(axis=0, dtype=np.float64).mean()) or 1.0
        base = calibrated(part)
        return descended(decay * variance, part, class_weight="balanced", base=base)

    what = "calibrated, then corrected on VALID, held back by λ"
    return Candidate("corrected", what, "λ", (1.0, 0.1, 0.03, 0.01), fit, held_out=True)


def _held_out_discriminant(classes: int) -> Candidate:
    what = "Gaussian classes, means and covariance of VALID"

    @lru_cache(_PARTS)
    def statistics(part: Samples) -> FeatureStatistics:
        return FeatureStatistics.from_features(*part, classes)

    def fit(share: float, part: Samples) -> Head:
        return DiscriminantHead(share).fit_statistics(statistics(part)).head()

    return Candidate("held-out discriminant", what, "s", (1.0, 0.5, 0.1), fit, held_out=True)


def _held_out_spiked(classes: int) -> Candidate:
    """Only where features are more than samples: elsewhere an inverse of the whole covariance does better."""
    what = "few directions of large scatter in VALID; s = 1 leaves coordinates out that are noise"

    def fit(screened: float, part: Samples) -> Head:
        head = SpikedDiscriminantHead(screen="auto" if screened else None).fit(*part)
        return among(head.head(), head.classes_, classes)

    return Candidate("held-out spiked discriminant", what, "s", (0.0, 1.0), fit, held_out=True)


def _calibrated(training: Training, part: Samples) -> Head:
    head = CalibratedHead(training.present, counts=training.statistics.counts)
    some = part.thinned(_CALIBRATION // training.statistics.classes)
    return _quietly(lambda: head.fit(*some).head())


def descended(decay: float, samples: Samples, **settings: object) -> Head:
    """Softmax regression, stopped earlier than an estimator would be."""
    head = LogisticHead(decay, max_iter=_MAX_ITER, tol=_TOL, **settings)  # pyright: ignore[reportArgumentType]
    return _quietly(lambda: head.fit(*samples).head())


def among(head: H, known: Int[np.ndarray, " k"], classes: int) -> H:
    """A head of some classes as one of all, of which it never answers with the others."""
    if isinstance(head, KernelHead):
        coefficients = np.zeros((classes, len(head.landmarks)))
        coefficients[known] = head.coefficients
        return KernelHead(among(head.linear, known, classes), head.landmarks, head.widths, coefficients)
    weight, bias = np.zeros((classes, head.dimension)), np.full(classes, NEVER)
    weight[known], bias[known] = head.product, head.offset
    return Head((weight,), bias)


def _quietly(fit: Callable[[], H]) -> H:
    """Without warnings of an early stop, and of few samples a class: cross-fitting judges what came of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        return fit()
