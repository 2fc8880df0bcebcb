"""A better head for the features a network has: what can be tried, tried, judged on held-out samples.

training features, held-out features, present head → `compare_heads` → `HeadComparison`. Nothing is selected on the
training features: they are collapsed onto their class means, so any head is right there. Without held-out features the
adjustment that theory says is made, and nothing is claimed of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float

from penultimate.counts import ClassCounts
from penultimate.datasets.by_name import head_given, source_of
from penultimate.errors import FeaturesError, ProblemError
from penultimate.features.head import Head
from penultimate.features.naming import one_order
from penultimate.features.sources.in_memory import Samples, gather, named
from penultimate.features.sources.writing import save_head
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.comparison.candidates import BY_THEORY, Candidate, Training, affordable, candidates
from penultimate.heads.comparison.frozen import fitted_to_both, frozen_training
from penultimate.heads.comparison.plain import plain_decay
from penultimate.heads.comparison.samples import check_varied, held_out, order_notes, repeat_notes
from penultimate.heads.comparison.scoring import COST, Answers, Scorer
from penultimate.heads.comparison.selection import FOLDS, Blend, Chosen, Tried, cross_fit
from penultimate.heads.comparison.trees import trees_note
from penultimate.heads.kernel_head import AnyHead, KernelHead, as_kernel, renamed
from penultimate.heads.validation_curve import Curve
from penultimate.model.arguments import checked_seed
from penultimate.probabilities.deciding import costs_of
from penultimate.reported import Reported
from penultimate.threads import one_thread_of_blas

if TYPE_CHECKING:
    import os

    from penultimate.features.sources import FeatureSource
    from penultimate.probabilities.given import Given

    Features = FeatureSource | os.PathLike[str] | str

Interval = tuple[float, float, float]

PRESENT, PLAIN, BLEND = "present", "plain", "blend"
_FITTED_HERE = "No head came with the features, so a plain cross-entropy head was fitted to TRAIN to compare with."
_LEARNT_BOTH = "The blend was fitted to TRAIN and VALID in the end; its figures are of blends that learnt less."
# Repeats of the cross-fitting, and the scores that it may look at in all.
_REPEATS = 3
_SCORES = 3e6


@dataclass(frozen=True)
class HeadResult:
    """One kind of head, and how it does on held-out samples.

    Attributes
    ----------
    name, what : str
        What it is called, and what it does.
    head : Head or KernelHead
        Made of all that it learns from. The figures are those of heads made without the samples they are judged on.
    learns_from : "train", "valid" or None
        None is a present head that was given, which learned before.
    symbol : str
        Of its setting; empty where it has none.
    setting : float or None
        The one chosen on all of VALID; None where there is none.
    weight : float or None
        In the blend; None for the present head and the blend itself, and without VALID.
    figures : dict of str to float
        ``accuracy``, ``balanced_accuracy``, ``many``, ``medium``, ``few``, ``macro_f1``, ``calibration_error``,
        ``log_loss``, and ``cost`` where costs were given, all but the first for balanced classes; NaN for a band that
        VALID lacks. Empty without VALID.
    gains : dict of str to tuple
        Difference to the present head and the ends of its paired 95 % bootstrap interval; empty for that head itself.
    curve : Curve or None
        Balanced accuracy over the settings, on all of VALID.
    """

    name: str
    what: str
    head: AnyHead
    learns_from: Literal["train", "valid"] | None = None
    symbol: str = ""
    setting: float | None = None
    weight: float | None = None
    figures: dict[str, float] = field(default_factory=dict[str, float])
    gains: dict[str, Interval] = field(default_factory=dict[str, Interval])
    curve: Curve | None = None


@dataclass(frozen=True, eq=False, repr=False)
class HeadComparison(Reported, presenter="head_comparison"):
    """Heads for the same features, judged on held-out samples.

    Made by `compare_heads`.

    Attributes
    ----------
    counts : ClassCounts
        Training samples of each class.
    bounds : tuple of float
        Classes with more training samples than the first are "many", with fewer than the second "few".
    seed : int
        Of the cross-fitting.
    present : HeadResult
        The head as it is; where none was given, plain cross-entropy, which learns from TRAIN.
    theory : HeadResult
        The head that theory says for balanced classes, τ = 1.
    by_theory : str
        What that is: "logit adjustment" or "τ-normalised".
    held_out : ClassCounts or None
        Samples of each class in VALID; without it nothing is judged.
    repeats, folds : int
        Of the cross-fitting.
    results : tuple of HeadResult
        Each other kind, most balanced accuracy first; settings chosen on other parts of VALID than it is judged on.
    blend : HeadResult or None
        All kinds added, settings and weights chosen on other parts than it is judged on: its figures are the honest
        expectation of what its head does. Where no head came with the features, that head was fitted to VALID too and
        should do a little better than they say. None without VALID.
    left_out : dict of str to str
        What was not tried, and why.
    notes : tuple of str
        What was put in order by class names, what was taken as it stands, and what speaks against that.
    costs : ndarray of shape (K, K) or None
        Of answering the column where the row is true. With them heads answer what costs least, and the gain that
        decides is that of the mean cost.

    Examples
    --------
    >>> import penultimate as pen
    >>> features, labels, *_ = next(pen.datasets.features("cnn-ce-test").batches())
    >>> comparison = pen.compare_heads("cnn-ce", pen.ArraySource(features[:1000], labels[:1000]))
    >>> comparison.keeps, comparison.blend.gains["balanced_accuracy"][0] > 0.02
    (False, True)
    """

    counts: ClassCounts
    bounds: tuple[float, float]
    seed: int
    present: HeadResult
    theory: HeadResult
    by_theory: str
    held_out: ClassCounts | None = None
    repeats: int = 0
    folds: int = 0
    results: tuple[HeadResult, ...] = ()
    blend: HeadResult | None = None
    left_out: dict[str, str] = field(default_factory=dict[str, str])
    notes: tuple[str, ...] = ()
    costs: Float[np.ndarray, "K K"] | None = None

    @property
    def target(self) -> str:
        """The figure that decides: "balanced_accuracy", or "cost" where costs were given."""
        return "balanced_accuracy" if self.costs is None else COST

    @property
    def keeps(self) -> bool:
        """Whether the present head is kept, because the interval of the gain of the blend reaches zero."""
        if self.blend is None:
            return False
        _, low, high = self.blend.gains[self.target]
        return not (low > 0.0 if self.costs is None else high < 0.0)

    @property
    def head(self) -> AnyHead:
        """The head to use: the blend, or the present one; without VALID that by theory."""
        used = self.present if self.keeps else self.blend or self.theory
        return used.head

    def save_head(self, path: "os.PathLike[str] | str") -> None:
        """Write `head` with its class names, whole or not at all.

        A linear one as .npz with W and b, which `Head.read` reads. Where kernel machines were tried, it may also be
        written as they are: as .safetensors, for `KernelHead.read`, or .onnx.

        Raises
        ------
        FeaturesError
            When the file's name does not end so, or in .npz for a head that is not linear.
        FileError
            When the file cannot be written.
        """
        # Who asked for kernel machines names the file before it is known whether one is of use.
        tried = any(isinstance(one.head, KernelHead) for one in self.results)
        if isinstance(self.head, KernelHead) or (tried and Path(path).suffix != ".npz"):
            as_kernel(self.head).save(path, self.counts.names)
        else:
            save_head(self.head, self.counts.names, path)


def compare_heads(
    train: "Features",
    valid: "Features | None" = None,
    *,
    head: "Head | os.PathLike[str] | str | None" = None,
    many: float = 100,
    few: float = 20,
    costs: "Given | None" = None,
    linear: bool = True,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> HeadComparison:
    """Try heads for a network's features, blend them by held-out samples, and say what the blend gains on others.

    Parameters
    ----------
    train : FeatureSource, path or name
        Features that the network was trained on: a file, folder or glob, bundled features, or an `ArraySource`.
    valid : FeatureSource, path or name, optional
        Features that it was not trained on. Imbalanced ones are weighted to balanced classes. Without them the head is
        adjusted as theory says, τ = 1, unjudged.
    head : Head or path, optional
        The present head; by default the one that came with the training features. Where there is none, as with features
        of a frozen encoder, plain cross-entropy is fitted to TRAIN and takes its place.
    many, few : float, default 100 and 20
        Bounds of the bands (`ClassCounts.bands`), by training samples.
    costs : array-like of shape (K, K), data frame or path, optional
        What it costs to answer the column where the row is true (`decide`). Then every head answers what costs least,
        and the mean cost decides whether the present head is kept.
    linear : bool, default True
        Whether heads have to be ``W h + b``, which a network's last layer can take. False tries kernel machines too
        (`NystroemHead`); then the blend is a `KernelHead`. It also fits gradient boosting where classes times columns
        are 800 at most, and samples times both 10⁸, and a note says so where trees are better for certain.
    seed : int, default 0
        Of the parts and the bootstrap.
    progress : callable, optional
        Called with 1 after each part of the cross-fitting.

    Returns
    -------
    HeadComparison

    Raises
    ------
    FeaturesError
        When features, labels and head do not fit one another, hold NaN or infinity, or VALID has classes that TRAIN
        lacks.
    ProblemError
        When costs do not fit the classes, or come without VALID, on which they would be counted.
    FileError
        When a file cannot be read.
    MissingDependencyError
        Without scikit-learn.

    Examples
    --------
    >>> import penultimate as pen
    >>> pen.compare_heads("cnn-mse").by_theory
    'τ-normalised'
    """
    seed = checked_seed(seed)
    if costs is not None and valid is None:
        raise ProblemError("costs decide between heads on held-out samples: give VALID too")
    source = source_of(train)
    given = source.head if head is None else head_given(head, dimension=source.dimension)
    task = one_order(source.names, given, None)
    names = None if task.names is None else tuple(task.names)
    training, decay = (
        _plain(source, task.classes, seed) if task.head is None else (_trained(source, task.head, valid), None)
    )
    present, statistics = training.present, training.statistics
    by_theory, changed = training.by_theory
    counts = ClassCounts(statistics.counts, task.names)
    counts.bands(many, few)  # bounds that are none are refused before the work begins
    unjudged = HeadComparison(
        counts=counts,
        bounds=(many, few),
        seed=seed,
        present=HeadResult(PRESENT, "the head as it is", renamed(present, names))
        if task.head is not None
        else HeadResult(PLAIN, "plain cross-entropy on TRAIN", renamed(present, names), "train"),
        theory=HeadResult(BY_THEORY, f"{by_theory} with τ = 1", renamed(changed, names), "train"),
        by_theory=by_theory,
        notes=task.notes if task.head is not None else (*task.notes, _FITTED_HERE),
        costs=None if costs is None else costs_of(costs, counts.names),
    )
    return unjudged if valid is None else _judged(unjudged, training, source_of(valid), names, decay, linear, progress)


def _judged(
    unjudged: HeadComparison,
    training: Training,
    valid: "FeatureSource",
    names: tuple[str, ...] | None,
    decay: float | None,
    linear: bool,
    progress: Callable[[int], object] | None,
) -> HeadComparison:
    """Try every kind of head on held-out samples, and their blend; a decay is that of the plain head of an encoder."""
    present, counts, seed = training.present, unjudged.counts, unjudged.seed
    samples = held_out(valid, present, counts, FOLDS)
    kinds, left_out = candidates(training, samples, linear=linear)
    tried = Tried(kinds, samples, training.statistics.counts)
    repeats = int(np.clip(_SCORES // (len(samples.labels) * present.classes), 1, _REPEATS))
    # Thousands of small products: a second thread of BLAS gains little, and costs many times as much on a busy machine.
    with one_thread_of_blas():
        answers, blended = cross_fit(tried, repeats, seed, unjudged.costs, progress)
        final, blend = tried.choose(np.arange(len(samples.labels)), np.random.default_rng(seed))
        if decay is not None and training.samples is not None:
            blend = fitted_to_both(final, blend, training.samples, samples, decay=decay, linear=linear, seed=seed)
    heads = [unjudged.present, *(_fitted(kind, final[kind.name], blend, names) for kind in kinds)]
    what, tau = "all of them added, − τ log π", blend.adjustment
    heads.append(HeadResult(BLEND, what, renamed(blend.head, names), "valid", "τ", tau))
    scorer = Scorer(samples.labels, counts.bands(*unjudged.bounds), unjudged.costs)
    said = _figured(heads, [*answers.values(), blended], samples, scorer, seed)
    trees = None
    if not linear and training.samples is not None and unjudged.costs is None:
        trees = trees_note(training.samples, samples, scorer, blended, seed)
    by_name = {one.name: one for one in said}
    before, added, theory = (by_name.pop(name) for name in (unjudged.present.name, BLEND, BY_THEORY))
    return replace(
        unjudged,
        held_out=ClassCounts(np.bincount(samples.labels, minlength=present.classes), counts.names),
        repeats=repeats,
        folds=FOLDS,
        present=before,
        # The head that is handed out without VALID: the temperature, which is from VALID, changes no answer.
        theory=replace(theory, head=unjudged.theory.head),
        results=tuple(sorted(by_name.values(), key=lambda one: -one.figures["balanced_accuracy"])),
        blend=added,
        left_out=left_out,
        notes=(
            *unjudged.notes,
            *([] if decay is None else [_LEARNT_BOTH]),
            *order_notes(valid, samples, present, counts),
            *repeat_notes(None if training.samples is None else training.samples.features, samples.features),
            *([] if trees is None else [trees]),
        ),
    )


def _fitted(kind: Candidate, chosen: Chosen, blend: Blend, names: tuple[str, ...] | None) -> HeadResult:
    """One kind of head as it was chosen on all of VALID, without figures."""
    return HeadResult(
        name=kind.name,
        what=kind.what,
        head=renamed(chosen.head, names),
        learns_from="valid" if kind.held_out else "train",
        symbol=kind.symbol,
        setting=chosen.setting if kind.symbol else None,
        weight=blend.weights[kind.name],
        curve=chosen.curve if kind.symbol else None,
    )


def _figured(
    heads: Sequence[HeadResult], answers: Sequence[Answers], samples: Samples, scorer: Scorer, seed: int
) -> list[HeadResult]:
    """The present head, which is first, and the others with their figures; `answers` are those of the others."""
    present = Answers.empty(1, len(samples.labels), scorer.costs)
    present.note(0, np.arange(len(samples.labels)), heads[0].head, *samples)
    # Resampled alike, so that heads may be compared with one another too.
    gains: list[dict[str, Interval]] = [{}, *scorer.gains(answers, present, seed)]
    return [
        replace(one, figures=scorer.figures(own), gains=gain)
        for one, own, gain in zip(heads, [present, *answers], gains, strict=True)
    ]


def _trained(source: "FeatureSource", present: Head, valid: "Features | None") -> Training:
    """A network with its head; samples are kept where heads are fitted to them."""
    present.check(present.classes, source.dimension)
    statistics = FeatureStatistics(present.classes, source.dimension)
    with named(f"TRAIN ({source})"):
        for batch in source.batches():
            statistics.update(batch.features, batch.labels, batch.weights)
    afford = valid is not None and affordable(source.samples, source.dimension, present.classes)
    return Training(present, statistics, gather(source, "TRAIN") if afford else None)


def _plain(source: "FeatureSource", classes: int | None, seed: int) -> tuple[Training, float]:
    """Features without a head, and a plain one fitted to them; with its weight decay."""
    if classes is None:
        classes = 1 + max((int(labels.max(initial=-1)) for labels in source.labels()), default=-1)
    if not affordable(source.samples, source.dimension, classes):
        raise FeaturesError(
            f"no head came with the features, and {source.samples} samples of width {source.dimension} and {classes} "
            "classes are too many to fit one here: give it (head=, --head)"
        )
    samples = gather(source, "TRAIN")
    if np.unique(samples.labels).size < 2:
        raise FeaturesError("TRAIN has samples of fewer than two classes: a head needs two to tell apart")
    check_varied(samples, "TRAIN")
    with one_thread_of_blas():
        decay = plain_decay(samples, classes, seed)
        return frozen_training(samples, classes, decay), decay
