"""Several labels a sample: the head for them beside what people do, judged on samples that none of it has seen."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Int

from penultimate.counts.class_names import NumberedNames
from penultimate.datasets.by_name import head_given
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.features.sources.label_samples import LabelSamples, label_samples, together
from penultimate.features.sources.writing import save_head
from penultimate.heads.comparison.samples import repeat_notes
from penultimate.heads.multi_label import FOLDS, MultiLabelHead, dealt
from penultimate.heads.sigmoids import Logistic, Rotated
from penultimate.model.arguments import checked_seed
from penultimate.probabilities.thresholds import Thresholds, f1
from penultimate.reported import Reported
from penultimate.threads import one_thread_of_blas

if TYPE_CHECKING:
    import os

    Given = os.PathLike[str] | str | tuple[object, object]

Interval = tuple[float, float, float]

BLEND, TUNED, PRESENT = "MultiLabelHead", "tuned thresholds", "present head at ½"
PLAIN, ROOT, BALANCED = "logistic at ½", "square-root weights at ½", "balanced at ½"
THIRDS = ("many", "medium", "few")
LABEL_FIGURES = ("macro_f1", *THIRDS, "micro_f1")
REPLICATES = 1000
# Draws that are held at a time.
_BLOCK = 100
_WHAT = {
    BLEND: "logistic regression and least squares blended, calibrated, expected-F1 thresholds out of fold",
    TUNED: "logistic regression, each threshold the best for the label's own samples out of fold",
    PLAIN: "logistic regression with scikit-learn's C = 1",
    ROOT: "logistic regression, positives weighted by √((N − n)/n), weight decay as with tuned thresholds",
    BALANCED: "logistic regression, positives weighted by (N − n)/n, weight decay as with tuned thresholds",
    PRESENT: "the head beside the features, a sigmoid a label",
}


@dataclass(frozen=True)
class LabelHeadResult:
    """One way to answer, and how it does on VALID.

    Attributes
    ----------
    name, what : str
        What it is called, and what it does.
    figures : dict of str to float
        ``macro_f1``, ``many``, ``medium`` and ``few`` (macro-F1 of the thirds of labels by samples in TRAIN),
        ``micro_f1``; NaN for a third without labels.
    f1 : ndarray of shape (K,)
        Of every label; NaN where VALID has no sample with it.
    gains : dict of str to tuple
        What the head gains over it, and the ends of the paired 95 % bootstrap interval; empty for the head itself.
    """

    name: str
    what: str
    figures: dict[str, float]
    f1: Float[np.ndarray, " K"]
    gains: dict[str, Interval]


@dataclass(frozen=True, eq=False, repr=False)
class LabelHeadComparison(Reported, presenter="label_head_comparison"):
    """Heads for several labels a sample, fitted to TRAIN and judged on VALID; made by `compare_label_heads`.

    Attributes
    ----------
    names : sequence of str
        Of the K labels.
    positives, valid_positives : ndarray of int of shape (K,)
        Samples of each in TRAIN and in VALID.
    samples : tuple of int
        Of TRAIN and VALID.
    thirds : ndarray of str of shape (K,)
        "many", "medium" or "few" by samples in TRAIN, "" where VALID has none: such labels are not judged.
    fitted : MultiLabelHead
        The estimator.
    results : tuple of LabelHeadResult
        The head first, then others, most macro-F1 first.
    grouped : bool
        Whether TRAIN names groups, which were kept together.
    seed : int
        Of folds and bootstrap.
    notes : tuple of str
        What the caller should know of the samples.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(900, 6))
    >>> y = X @ rng.normal(size=(6, 4)) + 2 * rng.normal(size=(900, 4)) > [0, 2, 4, 6]
    >>> found = pen.compare_label_heads((X[:600], y[:600]), (X[600:], y[600:]))
    >>> found.results[0].name, len(found.results)
    ('MultiLabelHead', 5)
    """

    names: Sequence[str]
    positives: Int[np.ndarray, " K"]
    valid_positives: Int[np.ndarray, " K"]
    samples: tuple[int, int]
    thirds: np.ndarray
    fitted: MultiLabelHead
    results: tuple[LabelHeadResult, ...]
    grouped: bool
    seed: int
    notes: tuple[str, ...]

    @property
    def best(self) -> LabelHeadResult:
        """The best of the others."""
        return self.results[1]

    @property
    def head(self) -> Head:
        """W and b, whose sigmoids are probabilities."""
        return self.fitted.head()

    @property
    def thresholds(self) -> Thresholds:
        """Where to answer yes."""
        return self.fitted.thresholds_

    @property
    def promised(self) -> float:
        """The macro-F1 that out-of-fold probabilities of TRAIN promise, for the labels that were judged."""
        return float(self.thresholds.expected_f[self.thirds != ""].mean())

    def save_head(self, path: "os.PathLike[str] | str") -> None:
        """Write W, b, ``classes`` and ``thresholds`` as .npz, whole or not at all; `Head.read` reads it.

        Answer yes where ``σ(W h + b)`` is at least the threshold.

        Raises
        ------
        FeaturesError
            When the file's name does not end in ``.npz``.
        FileError
            When the file cannot be written.
        """
        save_head(self.head, self.names, path, thresholds=self.thresholds.values)


def compare_label_heads(
    train: "Given",
    valid: "Given",
    *,
    head: "Head | os.PathLike[str] | str | None" = None,
    column: str | None = None,
    separator: str | None = None,
    seed: int = 0,
    progress: Callable[[int], object] | None = None,
) -> LabelHeadComparison:
    """Fit a head for several labels a sample, and judge it beside what people do.

    Parameters
    ----------
    train, valid : path, or (features, labels)
        Both of samples that the network was not trained on, as those of a frozen encoder, or held out. A file, or
        folder of shards, holds ``H`` (N, d) and ``y`` (N, K), 0 or 1, ``indptr`` and ``indices`` of a sparse y, or a
        Parquet column of lists; or two paths, of features and of labels. It may hold ``classes`` and ``groups``:
        samples of one group stay together in folds and bootstrap. Labels in memory are as for
        `LabelScatter.from_labels`.
    head : Head or path, optional
        The present head, to be judged too; by default the one beside TRAIN, if there is one.
    column, separator : str, optional
        Of files, as for `LabelScatter.read`.
    seed : int, default 0
        Of folds and bootstrap.
    progress : callable, optional
        Called with 1 after each of three steps.

    Returns
    -------
    LabelHeadComparison

    Raises
    ------
    FeaturesError
        When features, labels, names and head do not fit one another, hold NaN or infinity, or nothing can be judged.
    CountsError
        When labels are other than 0 and 1.
    FileError
        When a file cannot be read.
    MissingDependencyError
        Without scikit-learn.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(900, 6))
    >>> y = X @ rng.normal(size=(6, 4)) + 2 * rng.normal(size=(900, 4)) > [0, 2, 4, 6]
    >>> found = pen.compare_label_heads((X[:600], y[:600]), (X[600:], y[600:]))
    >>> sorted(found.best.gains)
    ['few', 'macro_f1', 'many', 'medium', 'micro_f1']
    """
    seed = checked_seed(seed)
    given, held = (_samples_of(side, what, column, separator) for side, what in ((train, "TRAIN"), (valid, "VALID")))
    if held.features.shape[1] != given.features.shape[1]:
        raise FeaturesError(
            f"VALID has features of width {held.features.shape[1]} and TRAIN of {given.features.shape[1]}"
        )
    if head is not None:
        given = given._replace(head=head_given(head, dimension=given.features.shape[1]))
    given, held = together(given, held)
    positives, there = given.truth.sum(axis=0), held.truth.sum(axis=0)
    judged = (positives > 0) & (there > 0)
    if not judged.any():
        raise FeaturesError("no label of TRAIN is on in a sample of VALID: nothing can be judged")
    present = given.head
    if present is not None:
        present.check(len(given.names), given.features.shape[1])

    def step() -> None:
        if progress is not None:
            progress(1)

    fitted = MultiLabelHead(seed=seed).fit(given.features, _named_columns(given), groups=given.groups)
    step()
    answers = {BLEND: fitted.predict(held.features) > 0}
    answers |= _logistic(given, held, fitted.weight_decays_["logistic"], seed)
    step()
    if present is not None:
        answers[PRESENT] = present.logits(held.features) >= 0.0
    thirds = _thirds(positives, judged)
    results = _judged(answers, held, thirds, seed)
    step()
    return LabelHeadComparison(
        names=given.names,
        positives=positives,
        valid_positives=there,
        samples=(len(given.truth), len(held.truth)),
        thirds=thirds,
        fitted=fitted,
        results=results,
        grouped=given.groups is not None,
        seed=seed,
        notes=repeat_notes(given.features, held.features, grouped=held.groups is not None),
    )


def _samples_of(given: "Given", what: str, column: str | None, separator: str | None) -> LabelSamples:
    found = label_samples(given, column, separator)
    if found is None:
        raise FeaturesError(
            f"{what} has not several labels a sample: give a file with H (N, d) and y (N, K), or (features, labels); "
            "for one label a sample there is compare_heads"
        )
    return found


def _named_columns(samples: LabelSamples) -> object:
    """The labels under their names, as a data frame has them."""
    return samples.truth if isinstance(samples.names, NumberedNames) else _Columns(samples.truth, samples.names)


class _Columns:
    """As much of a data frame as the readers of labels look at."""

    ndim = 2

    def __init__(self, values: Bool[np.ndarray, "N K"], columns: Sequence[str]) -> None:
        self.columns, self.shape, self._values = list(columns), values.shape, values

    def to_numpy(self) -> Bool[np.ndarray, "N K"]:
        """The values."""
        return self._values


def _logistic(train: LabelSamples, valid: LabelSamples, decay: float, seed: int) -> dict[str, Bool[np.ndarray, "M K"]]:
    """With the best threshold for each label's own samples out of fold, and at ½, weighted or not."""
    turned = Rotated.of(train.features)
    there = ((valid.features - turned.centre) @ turned.turn).astype(np.float32)
    fold = dealt(train.groups, len(train.truth), FOLDS, seed)
    out = np.empty(train.truth.shape, dtype=np.float32)
    with one_thread_of_blas():
        for index in range(int(fold.max()) + 1):
            rest = fold != index
            part = Logistic(turned.rows[rest], turned.variances, train.truth[rest]).fit(decay)
            out[~rest] = part.scores(turned.rows[~rest])
        whole = Logistic(turned.rows, turned.variances, train.truth).fit(decay)
        found = {TUNED: whole.scores(there) >= best_thresholds(out, train.truth)}
        found[PLAIN] = whole.fit(1.0 / len(train.truth)).scores(there) > 0.0
        positives = train.truth.sum(axis=0)
        odds = (len(train.truth) - positives) / np.maximum(positives, 1)
        for name, weight in {ROOT: np.sqrt(odds), BALANCED: odds}.items():
            # Where a label is always on there is nothing to weigh.
            weighted = Logistic(turned.rows, turned.variances, train.truth, np.where(odds > 0.0, weight, 1.0))
            found[name] = weighted.fit(decay).scores(there) > 0.0
        return found


def best_thresholds(scores: Float[np.ndarray, "N K"], truth: Bool[np.ndarray, "N K"]) -> Float[np.ndarray, " K"]:
    """The threshold of each label with the largest F1 on labelled samples, halfway to the next score.

    Parameters
    ----------
    scores : ndarray of shape (N, K)
    truth : ndarray of bool of shape (N, K)

    Returns
    -------
    ndarray of shape (K,)

    Examples
    --------
    >>> import numpy as np
    >>> from penultimate.heads.comparison.label_comparison import best_thresholds
    >>> best_thresholds(np.array([[3.0], [2.0], [1.0], [0.0]]), np.array([[1], [1], [0], [0]], dtype=bool))
    array([1.5])
    """
    bounds = np.empty(truth.shape[1])
    for k, (column, own) in enumerate(zip(scores.T, truth.T, strict=True)):
        order = np.argsort(-column, kind="stable")
        reached = 2.0 * np.cumsum(own[order]) / (np.arange(1, len(own) + 1) + own.sum())
        last = int(np.argmax(reached))
        bounds[k] = column[order[last : last + 2]].mean()
    return bounds


def _thirds(counts: Int[np.ndarray, " K"], judged: Bool[np.ndarray, " K"]) -> np.ndarray:
    low, high = np.quantile(counts[judged], (1 / 3, 2 / 3))
    named = np.where(counts > high, "many", np.where(counts > low, "medium", "few"))
    return np.where(judged, named, "")


def _judged(
    answers: dict[str, Bool[np.ndarray, "M K"]], valid: LabelSamples, thirds: np.ndarray, seed: int
) -> tuple[LabelHeadResult, ...]:
    truth, judged = valid.truth, thirds != ""
    weights = np.ones((1, len(truth)))
    points = {name: _figures(weights, truth, said, thirds)[0] for name, said in answers.items()}
    draws: dict[str, list[np.ndarray]] = {name: [] for name in answers}
    for drawn in _drawn(valid, seed):
        for name, said in answers.items():
            draws[name].append(_figures(drawn, truth, said, thirds))
    samples = {name: np.concatenate(parts) for name, parts in draws.items()}
    results: list[LabelHeadResult] = []
    for name, said in answers.items():
        ends = np.quantile(samples[BLEND] - samples[name], (0.025, 0.975), axis=0)
        rows = np.stack([points[BLEND] - points[name], *ends], axis=1).tolist()
        gains: dict[str, Interval] = {
            key: (row[0], row[1], row[2]) for key, row in zip(LABEL_FIGURES, rows, strict=True)
        }
        figures: dict[str, float] = dict(zip(LABEL_FIGURES, points[name].tolist(), strict=True))
        own = np.where(judged, f1(truth, said), np.nan)
        results.append(LabelHeadResult(name, _WHAT[name], figures, own, {} if name == BLEND else gains))
    return (results[0], *sorted(results[1:], key=lambda one: -one.figures["macro_f1"]))


def _drawn(valid: LabelSamples, seed: int) -> "Sequence[Float[np.ndarray, 'B M']]":
    """How often each sample is drawn; those of one group together."""
    rng = np.random.default_rng(seed)
    groups = np.arange(len(valid.truth)) if valid.groups is None else np.unique(valid.groups, return_inverse=True)[1]
    number = int(groups.max()) + 1
    even = np.full(number, 1.0 / number)
    return [rng.multinomial(number, even, size=_BLOCK)[:, groups] * 1.0 for _ in range(REPLICATES // _BLOCK)]


def _figures(
    drawn: Float[np.ndarray, "B M"],
    truth: Bool[np.ndarray, "M K"],
    said: Bool[np.ndarray, "M K"],
    thirds: np.ndarray,
) -> Float[np.ndarray, "B 5"]:
    """Each of `LABEL_FIGURES` for each draw."""
    judged = thirds != ""
    truth, said, held = truth[:, judged], said[:, judged], thirds[judged]
    both, either = drawn @ (truth & said), drawn @ (truth.astype(np.float64) + said)
    of_labels = 2.0 * both / np.maximum(either, 1e-12)
    means = [of_labels[:, held == name].mean(axis=1) if (held == name).any() else np.nan for name in THIRDS]
    micro = 2.0 * both.sum(axis=1) / np.maximum(either.sum(axis=1), 1e-12)
    return np.column_stack([of_labels.mean(axis=1), *(np.broadcast_to(mean, len(drawn)) for mean in means), micro])
