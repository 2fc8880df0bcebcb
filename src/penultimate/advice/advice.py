"""What to change: weight decay, loss, samples, width, head, labels, each with the number that backs it.

counts, audit, features → `advise` → `Advice`: pieces, each with a forecast before and after and its cost, or with
the reason why there is not enough to say.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypedDict, Unpack, cast, overload

from penultimate.advice.decay import DecayAdvice, advise_decay
from penultimate.advice.drift import DriftAdvice, advise_drift
from penultimate.advice.evidence import ROWS_ALONE, Audited
from penultimate.advice.goals import Goal
from penultimate.advice.head import HeadAdvice, advise_head
from penultimate.advice.label_advice import LabelAdvice, advise_label_sets
from penultimate.advice.labels import LabelsAdvice, advise_labels
from penultimate.advice.loss import LossAdvice, advise_loss
from penultimate.advice.samples import SamplesAdvice, advise_samples
from penultimate.advice.status import Reason
from penultimate.advice.steps import Step, steps_of
from penultimate.advice.width import WidthAdvice, advise_width
from penultimate.audits.audit import Audit
from penultimate.audits.head import HeadAudit
from penultimate.audits.row_audit import RowAudit
from penultimate.counts import ClassCounts
from penultimate.counts.given import Counts, counts_of
from penultimate.counts.matching import places
from penultimate.drifts.drift import Drift
from penultimate.errors import ProblemError
from penultimate.features.sources.writing import save_head
from penultimate.forecasts.forecast import Forecast
from penultimate.forecasts.forecasting import by_itself
from penultimate.losses import BinaryCrossEntropy, Loss
from penultimate.model.arguments import decays, whole
from penultimate.model.before_training import before_training
from penultimate.model.networks import ANY
from penultimate.model.problem import Bias, Problem
from penultimate.reported import Reported
from penultimate.targets import LabelScatter

if TYPE_CHECKING:
    import os

    from penultimate.features.head import Head
    from penultimate.heads.comparison.comparison import Features, HeadComparison

_DECAY = 5e-4


@dataclass(frozen=True, eq=False, repr=False)
class Advice(Reported, presenter="advice"):
    """What to change, piece by piece.

    Made by `advise`. Each piece has a ``status`` (a change is advised, nothing to change, out of reach, not enough to
    say), a ``reason`` where it says no more, and the forecasts ``before`` and ``after``.

    Attributes
    ----------
    forecast : Forecast
        As things stand.
    audited : Audited or None
        What an audit gave.
    decay : DecayAdvice
        The largest weight decay at which every class keeps its direction.
    loss : LossAdvice
        The loss that reaches the goal at the least cost to frequent classes.
    samples : SamplesAdvice
        How many samples which classes must gain.
    width : WidthAdvice
        How wide the features must be.
    head : HeadAdvice
        Which head.
    labels : LabelsAdvice or None
        Which classes to label next; None without held-out features.
    drift : DriftAdvice or None
        What to do about classes that moved; None without a drift.

    Examples
    --------
    >>> import penultimate as pen
    >>> advice = pen.advise(pen.ClassCounts([6000, 600, 60, 60, 6]), weight_decay=0.04, feature_ratio=1)
    >>> advice.decay.status.value, round(advice.decay.largest, 4)
    ('a change is advised', 0.0332)
    >>> advice.samples.floor, advice.samples.raised, advice.samples.total
    (9.0, 1, 3.0)
    >>> advice.samples.after.survivors, advice.width.needed
    (4, 3)
    """

    forecast: Forecast
    audited: Audited | None
    decay: DecayAdvice
    loss: LossAdvice
    samples: SamplesAdvice
    width: WidthAdvice
    head: HeadAdvice
    labels: LabelsAdvice | None = None
    drift: DriftAdvice | None = None

    @property
    def counts(self) -> ClassCounts:
        """The class counts."""
        return self.forecast.counts

    @property
    def steps(self) -> tuple[Step, ...]:
        """What to do, cheapest first, nothing beside what it would undo or double; empty if nothing is to change."""
        return steps_of(self.head, self.decay, self.loss, self.width, self.samples, self.labels, self.drift)

    def save_head(self, path: "os.PathLike[str] | str") -> None:
        """Write W, b and class names of the head advised as .npz, whole or not at all; `Head.read` reads it.

        Raises
        ------
        ProblemError
            When there is none, as without features.
        FeaturesError
            When the file's name does not end in ``.npz``.
        FileError
            When the file cannot be written.
        """
        if self.head.head is None:
            reason = self.head.reason or Reason.NO_FEATURES
            raise ProblemError(f"no head is advised: {reason.why}; needed: {reason.needed}")
        save_head(self.head.head, self.head.head.names or self.counts.names, path)


class Options(TypedDict, total=False):
    """What `advise` takes beside counts and decays."""

    loss: str | Loss | BinaryCrossEntropy | None
    layers: int | None
    feature_decay: float | None
    feature_ratio: float | None
    like: str | None
    bias: Bias | None
    width: int | None
    problem: Problem | None
    audit: "Audit | HeadAudit | RowAudit | Audited | os.PathLike[str] | str | None"
    goal: str
    train: "Features | None"
    valid: "Features | None"
    head: "Head | os.PathLike[str] | str | None"
    drift: "Drift | os.PathLike[str] | str | None"
    seed: int
    progress: Callable[[int], object] | None


@overload
def advise(
    counts: LabelScatter, weight_decay: float | Sequence[float] | None = ..., **options: Unpack[Options]
) -> LabelAdvice: ...
@overload
def advise(
    counts: Counts, weight_decay: float | Sequence[float] | None = ..., **options: Unpack[Options]
) -> Advice: ...
def advise(
    counts: Counts | LabelScatter,
    weight_decay: float | Sequence[float] | None = None,
    *,
    loss: str | Loss | BinaryCrossEntropy | None = None,
    layers: int | None = None,
    feature_decay: float | None = None,
    feature_ratio: float | None = None,
    like: str | None = None,
    bias: Bias | None = None,
    width: int | None = None,
    problem: Problem | None = None,
    audit: "Audit | HeadAudit | RowAudit | Audited | os.PathLike[str] | str | None" = None,
    goal: str = "consistent",
    train: "Features | None" = None,
    valid: "Features | None" = None,
    head: "Head | os.PathLike[str] | str | None" = None,
    drift: "Drift | os.PathLike[str] | str | None" = None,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> Advice | LabelAdvice:
    """Say what to change, from class counts, and from an audit and features where there are any.

    Parameters
    ----------
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,); or LabelScatter
        Samples per class in training; or several labels a sample, with the loss "bce" by default.
    weight_decay : float or sequence of float, optional
        λ in use; by default the audited network's own, or 5e-4.
    loss, layers, feature_decay, feature_ratio, like, bias, width, problem
        As for `forecast`, with its defaults. An audit of features and their head settles all but the width, one of a
        head alone layers and bias: what agrees with it may be given beside it, what contradicts it is refused. The loss
        of a head alone is by default the one that its audit was told.
    audit : Audit, HeadAudit or path, optional
        Of the network, or the JSON that ``penultimate audit --json`` wrote. Where it measured the feature decay by
        strengths, advice rests on the cautious end of its quartiles.
    goal : {"consistent", "margins", "angles", "balanced"}, default "consistent"
        A loss that decides best for balanced accuracy at its least value; or what the third of the classes with fewest
        samples should have: margins, or angles to the nearest class means, as large as those of the third with most,
        or the margins of balanced classes.
    train, valid : FeatureSource, path or name, optional
        Features for `compare_heads`, which chooses a head on `valid`; of `valid` also which classes to label next.
    head : Head or path, optional
        The present head, if it is not beside `train`.
    drift : Drift or path, optional
        Of the network in use, or the JSON that ``penultimate drift --json`` wrote: what to do where it cost recall.
    seed : int, default 0
        Of that comparison.
    progress : callable, optional
        As for `compare_heads`.

    Returns
    -------
    Advice, or LabelAdvice of a LabelScatter

    Raises
    ------
    ProblemError
        For a problem that cannot be, an unknown goal, options that contradict the audit, an audit of other counts, and
        held-out features without training features.
    FileError
        When a file cannot be read, or holds no audit.
    FeaturesError, MissingDependencyError
        As `compare_heads`.

    Examples
    --------
    >>> import penultimate as pen
    >>> counts = pen.datasets.counts("fashion-mnist-lt")
    >>> advice = pen.advise(counts, 5e-3, loss="ce", feature_ratio=1)
    >>> [(option.loss, round(option.effective_samples, 2)) for option in advice.loss.options]
    [('la:1', 1.0), ('weighted:inverse', 0.16)]
    >>> advice = pen.advise(counts, 5e-3, loss="ce", goal="margins", feature_ratio=1)
    >>> advice.loss.chosen, [round(missing, 1) for missing in advice.loss.missing]
    ('vs:0.0548:0.1644', [1.4, -0.0])
    >>> advice = pen.advise(counts, audit=pen.audit("cnn-mse"))
    >>> advice.decay.status.value, round(advice.decay.largest, 2), round(advice.decay.advised, 2)
    ('nothing to change', 0.05, 0.02)
    """
    width = None if width is None else whole(width, "the width")
    options = {
        "loss": loss,
        "layers": layers,
        "feature_decay": feature_decay,
        "feature_ratio": feature_ratio,
        "like": like,
        "bias": bias,
        "width": width,
    }
    given = {name: value for name, value in options.items() if value is not None}
    if isinstance(counts, LabelScatter):
        beside = (problem, audit, train, valid, head, drift)
        if goal != "consistent" or any(one is not None for one in beside):
            raise ProblemError(
                "advice for several labels a sample rests on targets, decay and loss: leave the rest out"
            )
        return advise_label_sets(counts, _DECAY if weight_decay is None else weight_decay, **{"loss": "bce", **given})
    counts, wished, audited = counts_of(counts), Goal.from_name(goal), _audited(audit)
    if valid is not None and train is None:
        raise ProblemError("held-out features need training features beside them: give both")
    if audited is not None:
        audited.check(counts)
    if problem is not None:
        weight_decay, width, given = problem.weight_decay, problem.width, _options(problem)
    if audited is not None:
        given = audited.agreed(given, counts.samples)
    decay = None if weight_decay is None else decays(weight_decay)
    if audited is not None and audited.calibration is not None:
        now = audited.forecast(counts, decay)
    else:
        of_audit = None if audited is None or audited.problem is None else audited.problem.weight_decay
        given.pop("width", None)
        # How far other networks differ says that one should be trained, not that this one should be changed.
        now = by_itself(counts, cast("Callable[..., Problem]", before_training)(decay or of_audit or _DECAY, **given))
    narrowest = min((one for one in (width, audited and audited.dimension) if one is not None), default=None)
    if narrowest is not None and narrowest < now.directions:
        now = _narrowed(now, narrowest)
    moved = advise_drift(drift, counts)
    misfit = Reason.MISFIT if audited is not None and audited.fits is False else None
    return Advice(
        forecast=now,
        audited=audited,
        decay=advise_decay(now, misfit),
        loss=advise_loss(now, wished, misfit),
        samples=advise_samples(now, misfit),
        width=advise_width(now, narrowest, misfit),
        head=advise_head(now, audited, _compared(counts, train, valid, head, seed, progress)),
        labels=advise_labels(valid, counts),
        drift=moved,
    )


def _options(problem: Problem) -> dict[str, object]:
    """What a problem says, as options; of the feature decay and its ratio the one that holds."""
    feature: dict[str, object] = {"feature_ratio": problem.feature_ratio}
    if problem.feature_decay is not None:
        feature = {"feature_decay": problem.feature_decay}
    elif problem.networks is not None:
        feature = {} if problem.networks.kind == ANY else {"like": problem.networks.kind}
    return {"loss": problem.loss, "layers": problem.layers, "bias": problem.bias, **feature}


def _audited(audit: "Audit | HeadAudit | RowAudit | Audited | os.PathLike[str] | str | None") -> Audited | None:
    if audit is None or isinstance(audit, Audited):
        return audit
    if isinstance(audit, RowAudit):
        raise ProblemError(ROWS_ALONE)
    return Audited.from_audit(audit) if isinstance(audit, Audit | HeadAudit) else Audited.read(audit)


def _narrowed(now: Forecast, width: int) -> Forecast:
    def narrow(one: Forecast) -> Forecast:
        return by_itself(one.counts, replace(one.problem, width=width))

    band = None if now.band is None else (narrow(now.band[0]), narrow(now.band[1]))
    return replace(narrow(now), band=band, doubts=now.doubts)


def _compared(
    counts: ClassCounts,
    train: "Features | None",
    valid: "Features | None",
    head: "Head | os.PathLike[str] | str | None",
    seed: int,
    progress: Callable[[int], object] | None,
) -> "HeadComparison | None":
    if train is None:
        return None
    from penultimate.heads.comparison.comparison import compare_heads  # needs an optional library

    comparison = compare_heads(train, valid, head=head, seed=seed, progress=progress)
    places(comparison.counts.names, counts.names, "TRAIN", "the counts")  # refuses other classes
    return comparison
