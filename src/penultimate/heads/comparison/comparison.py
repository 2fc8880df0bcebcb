"""A better head for the features a network has: what can be tried, tried, judged on held-out samples.

training features, held-out features, present head → `compare_heads` → `HeadComparison`. Nothing is selected on the
training features: they are collapsed onto their class means, so any head is right there. Without held-out features the
adjustment that theory says is made, and nothing is claimed of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np

from penultimate.counts import ClassCounts
from penultimate.datasets.by_name import head_given, source_of
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.naming import one_order
from penultimate.features.sources.writing import save_head
from penultimate.features.statistics import FeatureStatistics
from penultimate.heads.comparison.candidates import BY_THEORY, Candidate, Training, affordable, candidates
from penultimate.heads.comparison.samples import Samples, gather, held_out, order_notes
from penultimate.heads.comparison.scoring import Answers, Scorer
from penultimate.heads.comparison.selection import FOLDS, Blend, Chosen, Curve, Tried, cross_fit
from penultimate.reported import Reported
from penultimate.threads import one_thread_of_blas

if TYPE_CHECKING:
    import os

    from penultimate.features.sources import FeatureSource

    Features = FeatureSource | os.PathLike[str] | str

Interval = tuple[float, float, float]

PRESENT, BLEND = "present", "blend"
# Repeats of the cross-fitting, and the scores that it may look at in all.
_REPEATS = 3
_SCORES = 3e6


@dataclass(frozen=True)
class HeadResult:
    """One kind of head on held-out samples.

    Attributes
    ----------
    name, what : str
        What it is called, and what it does.
    learns_from : str
        "TRAIN", "VALID", or "–" for the present head.
    symbol : str
        Of its setting; empty where it has none.
    setting : float
        The setting chosen on all of VALID; NaN where there is none.
    weight : float
        In the blend; NaN for the present head and the blend itself.
    figures : dict of str to float
        ``accuracy``, ``balanced_accuracy``, ``many``, ``medium``, ``few``, ``macro_f1``, ``calibration_error``,
        ``log_loss``, all but the first for balanced classes; NaN for a band that VALID lacks.
    gains : dict of str to tuple
        Difference to the present head and the ends of its paired 95 % bootstrap interval.
    curve : Curve or None
        Balanced accuracy over the settings, on all of VALID.
    """

    name: str
    what: str
    learns_from: str
    symbol: str
    setting: float
    weight: float
    figures: dict[str, float]
    gains: dict[str, Interval]
    curve: Curve | None


@dataclass(frozen=True, repr=False)
class HeadComparison(Reported, presenter="head_comparison"):
    """Heads for the same features, judged on held-out samples.

    Made by `compare_heads`.

    Attributes
    ----------
    counts : ClassCounts
        Training samples of each class.
    held_out : ClassCounts or None
        Samples of each class in VALID; None without it.
    bounds : tuple of float
        Classes with more training samples than the first are "many", with fewer than the second "few".
    repeats, folds, seed : int
        Of the cross-fitting.
    present : HeadResult or None
        The head as it is; None without VALID.
    results : tuple of HeadResult
        Each other kind, most balanced accuracy first; settings chosen on other parts of VALID than it is judged on.
    blend : HeadResult or None
        All kinds added, settings and weights chosen on other parts than it is judged on: the honest expectation of
        what `blend_head` does; None without VALID.
    theory : HeadResult or None
        `theory_head` on the same samples; None without VALID.
    by_theory : str
        What that is: "logit adjustment" or "τ-normalised".
    keeps : bool
        Whether the present head is kept, because the interval of the gain of the blend reaches zero.
    head : Head
        The head to use: the blend, or the present one; without VALID that by theory.
    blend_head : Head or None
        The blend, fitted to all of VALID; None without it.
    theory_head : Head
        The one that theory says for balanced classes, τ = 1.
    left_out : dict of str to str
        What was not tried, and why.
    notes : tuple of str
        What was put in order by class names, what was taken as it stands, and what speaks against that.

    Examples
    --------
    >>> import penultimate as pen
    >>> comparison = pen.compare_heads("cnn-ce", "cnn-ce-test")
    >>> comparison.keeps, comparison.blend.gains["balanced_accuracy"][1] > 0.02
    (False, True)
    """

    counts: ClassCounts
    held_out: ClassCounts | None
    bounds: tuple[float, float]
    repeats: int
    folds: int
    seed: int
    present: HeadResult | None
    results: tuple[HeadResult, ...]
    blend: HeadResult | None
    theory: HeadResult | None
    by_theory: str
    keeps: bool
    head: Head
    blend_head: Head | None
    theory_head: Head
    left_out: dict[str, str]
    notes: tuple[str, ...]

    def save_head(self, path: "os.PathLike[str] | str") -> None:
        """Write W, b and class names of `head` as .npz, whole or not at all; `Head.read` reads it.

        Raises
        ------
        FeaturesError
            When the file's name does not end in ``.npz``.
        FileError
            When the file cannot be written.
        """
        save_head(self.head, self.counts.names, path)


def compare_heads(
    train: "Features",
    valid: "Features | None" = None,
    *,
    head: "Head | os.PathLike[str] | str | None" = None,
    many: float = 100,
    few: float = 20,
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
        The present head; by default the one that came with the training features.
    many, few : float, default 100 and 20
        Bounds of the bands (`ClassCounts.bands`), by training samples.
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
    source = source_of(train)
    task = one_order(source.names, _present(head, source), None)
    present = cast(Head, task.head)
    statistics = FeatureStatistics(present.classes, source.dimension)
    for batch in source.batches():
        statistics.update(batch.features, batch.labels, batch.weights)
    names = None if task.names is None else tuple(task.names)
    counts = ClassCounts(statistics.counts, task.names)
    afford = valid is not None and affordable(source.samples, source.dimension, present.classes)
    training = Training(present, statistics, gather(source) if afford else None)
    by_theory, changed = training.by_theory
    changed = _named(changed, names)
    if valid is None:
        return HeadComparison(
            counts=counts,
            held_out=None,
            bounds=(many, few),
            repeats=0,
            folds=0,
            seed=seed,
            present=None,
            results=(),
            blend=None,
            theory=None,
            by_theory=by_theory,
            keeps=False,
            head=changed,
            blend_head=None,
            theory_head=changed,
            left_out={},
            notes=task.notes,
        )
    others = source_of(valid)
    samples = held_out(others, present, counts, FOLDS)
    tried_ones, left_out = candidates(training, samples)
    tried = Tried(tried_ones, samples, present.classes)
    repeats = int(np.clip(_SCORES // (len(samples.labels) * present.classes), 1, _REPEATS))
    # Thousands of small products: a second thread of BLAS gains little, and costs many times as much on a busy machine.
    with one_thread_of_blas():
        answers, blended = cross_fit(tried, repeats, seed, progress)
        final, blend = tried.choose(np.arange(len(samples.labels)), np.random.default_rng(seed))
    rows = _judge(tried_ones, answers, blended, final, blend, present, samples, counts.bands(many, few), seed)
    keeps = not rows[BLEND].gains["balanced_accuracy"][1] > 0.0
    kinds = [rows[candidate.name] for candidate in tried_ones if candidate.name != BY_THEORY]
    blend_head = _named(blend.head, names)
    return HeadComparison(
        counts=counts,
        held_out=ClassCounts(np.bincount(samples.labels, minlength=present.classes), counts.names),
        bounds=(many, few),
        repeats=repeats,
        folds=FOLDS,
        seed=seed,
        present=rows[PRESENT],
        results=tuple(sorted(kinds, key=lambda row: -row.figures["balanced_accuracy"])),
        blend=rows[BLEND],
        theory=rows[BY_THEORY],
        by_theory=by_theory,
        keeps=keeps,
        head=_named(present, names) if keeps else blend_head,
        blend_head=blend_head,
        theory_head=changed,
        left_out=left_out,
        notes=(*task.notes, *order_notes(others, samples, present, counts)),
    )


def _judge(
    tried: list[Candidate],
    answers: dict[str, Answers],
    blended: Answers,
    final: dict[str, Chosen],
    blend: Blend,
    head: Head,
    samples: Samples,
    bands: np.ndarray,
    seed: int,
) -> dict[str, HeadResult]:
    scorer = Scorer(samples.labels, bands)
    present = Answers.empty(1, len(samples.labels))
    present.note(0, np.arange(len(samples.labels)), head, *samples)
    # Resampled alike, so that heads may be compared with one another too.
    judged = {**answers, BLEND: blended}
    gains = dict(zip(judged, scorer.gains([*judged.values()], present, seed), strict=True))
    nothing = float("nan")
    rows = {
        PRESENT: HeadResult(PRESENT, "the head as it is", "–", "", nothing, nothing, scorer.figures(present), {}, None),
        BLEND: HeadResult(
            BLEND, "all of them added", "VALID", "", nothing, nothing, scorer.figures(blended), gains[BLEND], None
        ),
    }
    for candidate in tried:
        chosen = final[candidate.name]
        rows[candidate.name] = HeadResult(
            name=candidate.name,
            what=candidate.what,
            learns_from="VALID" if candidate.held_out else "TRAIN",
            symbol=candidate.symbol,
            setting=chosen.setting if candidate.symbol else nothing,
            weight=blend.weights[candidate.name],
            figures=scorer.figures(answers[candidate.name]),
            gains=gains[candidate.name],
            curve=chosen.curve if candidate.symbol else None,
        )
    return rows


def _present(head: "Head | os.PathLike[str] | str | None", source: "FeatureSource") -> Head:
    found = source.head if head is None else head_given(head, dimension=source.dimension)
    if found is None:
        raise FeaturesError("there is no head beside the training features to compare with: give it (head=, --head)")
    found.check(found.classes, source.dimension)
    return found


def _named(head: Head, names: tuple[str, ...] | None) -> Head:
    return Head(head.weights, head.bias, names)
