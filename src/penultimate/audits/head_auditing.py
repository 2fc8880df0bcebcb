"""Which audit a head alone gets: its directions against the forecast, or, with more classes than d + 1, its rows."""

from typing import TYPE_CHECKING

from penultimate.audits.head import HeadAudit, audit_directions, narrowest
from penultimate.audits.problems import problem_of
from penultimate.audits.row_audit import RowAudit, audit_rows
from penultimate.counts import ClassCounts
from penultimate.counts.given import Counts, counts_of
from penultimate.datasets.by_name import head_given
from penultimate.errors import FeaturesError, ProblemError
from penultimate.features.head import Head
from penultimate.features.naming import one_order
from penultimate.losses import Loss, unseen_shift
from penultimate.model.problem import Problem

if TYPE_CHECKING:
    import os

_MERGED_AT = 0.9
_DECAY = 5e-4
_SQUARED = (
    "With more classes than d + 1 squared error keeps the strongest d directions alone. A head that cross-entropy "
    "trained has nothing to do with that: audit it without a loss."
)
_OTHER_LOSS = "The law of row lengths is that of plain cross-entropy, and this head is said to be trained with {loss}."


def audit_head(
    head: "Head | os.PathLike[str] | str",
    counts: Counts,
    *,
    key: str | None = None,
    weight_decay: float | tuple[float, ...] | None = None,
    loss: str | Loss | None = None,
    problem: Problem | None = None,
    merged_at: float | None = None,
    proxy_counts: bool = False,
) -> HeadAudit | RowAudit:
    """Audit the last layer of a network of which no features are at hand.

    Parameters
    ----------
    head : Head, path, or name
        A head, a file that holds one (`Head.read`), or the name of bundled features, whose head is taken.
    counts : ClassCounts, path, bundled name, mapping or array of shape (K,)
        Samples of each class in training.
    key : str, optional
        Name of the weight in a file that has several candidates.
    weight_decay : float or tuple of float, optional
        λ of every linear layer, in the convention of `Problem`; 5e-4 by default. A head with more classes than d + 1 is
        audited without one, and then nothing is said of its width.
    loss : str, CrossEntropy or SquaredError, optional
        What the network was trained with, as for `Problem`. By default "mse" for a head of at most d + 1 classes, and
        "ce" beyond.
    problem : Problem, optional
        Instead of decay and loss, for example with a known feature decay. Without one, ``λ_H = λ_1/N`` is assumed:
        it decides which directions die, and scales all others alike.
    merged_at : float, optional
        Cosine from which on two centred rows count as merged; 0.9 by default. Not for a head with more classes than
        d + 1, whose rows are scanned instead.
    proxy_counts : bool, default False
        Whether the counts are frequencies of another corpus than the network was trained on. Every sentence on counts
        then says so. For heads with more classes than d + 1.

    Returns
    -------
    HeadAudit or RowAudit
        The second for a head with more classes than d + 1 that was not trained with squared error.

    Raises
    ------
    FeaturesError
        When head and counts are of other classes, the head has one row, or all its rows are equal.
    FileError
        When a file cannot be read.
    ProblemError
        For decays that cannot be, a regularised bias, a threshold that is no cosine, and what is not for such a head.

    Examples
    --------
    >>> import penultimate as pen
    >>> ideal = pen.forecast(pen.ClassCounts([60, 30, 10]), weight_decay=1e-2, feature_ratio=1).geometry.factors(d=4)
    >>> audit = pen.audit_head(pen.Head(ideal.weights, ideal.bias), pen.ClassCounts([60, 30, 10]), weight_decay=1e-2)
    >>> round(audit.along.scale, 6), round(audit.along.error, 6), round(audit.off_diagonal_share, 5)
    (1.0, 0.0, 0.0)
    """
    counts = counts_of(counts)
    known = head_given(head, key, classes=counts.classes)
    _check(known, counts, merged_at)
    task = one_order(None, known, counts, features=False)
    counts = counts if task.counts is None else task.counts
    trained = problem.loss if problem is not None else loss or ("ce" if _is_crowded(known) else "mse")
    asked = problem_of(known, _DECAY if weight_decay is None else weight_decay, trained, problem)
    if not audits_rows(known, counts, asked.loss):
        if proxy_counts:
            raise ProblemError(
                "proxy_counts is for heads that cross-entropy trained, with more classes than d + 1: a forecast needs "
                "the counts in training"
            )
        notes = (*task.notes, _SQUARED) if _is_crowded(known) else task.notes
        at = _MERGED_AT if merged_at is None else merged_at
        return audit_directions(known, counts, asked, merged_at=at, notes=notes)
    if merged_at is not None:
        raise ProblemError(
            f"merged_at is for heads of at most d + 1 classes: this one has {known.classes} at d = {narrowest(known)}, "
            "and a scan finds the rows that are alike"
        )
    width = asked if weight_decay is not None or problem is not None else None
    notes = task.notes if asked.loss == "ce" else (*task.notes, _OTHER_LOSS.format(loss=asked.loss))
    return audit_rows(known, counts, width, proxy_counts=proxy_counts, notes=notes)


def audits_rows(head: Head, counts: ClassCounts, loss: str | Loss | None) -> bool:
    """Whether a head is audited by its rows: with more classes than d + 1, unless squared error trained it."""
    return _is_crowded(head) and (loss is None or unseen_shift(loss, counts) is not None)


def _is_crowded(head: Head) -> bool:
    """With more classes than d + 1; rows of one number have no directions, and nothing to scan."""
    return 1 < narrowest(head) < head.classes - 1


def _check(head: Head, counts: ClassCounts, merged_at: float | None) -> None:
    if head.classes < 2:
        raise FeaturesError("the head has one row: a head-only audit compares the rows of two classes or more")
    if head.classes != counts.classes:
        pads = "; rows that only pad its vocabulary are classes of 0 samples" if head.classes > counts.classes else ""
        raise FeaturesError(
            f"the head has {head.classes:,} classes and the counts have {counts.classes:,}: give those of one task, "
            f"for a language model those of its own tokenizer{pads}"
        )
    if merged_at is not None and not 0.0 < merged_at <= 1.0:
        raise ProblemError(f"merged_at is a cosine: give a number in (0, 1], got {merged_at}")
