"""A head with more classes than d + 1, as cross-entropy trains it: what its rows tell, and what counts explain of them.

Cross-entropy with many more classes than dimensions makes a head whose singular values are all but equal, whatever the
counts, and counts act on the lengths of rows alone (docs/theory §11). So the spectrum of such a head is never held
against counts. What it has comes from which classes are alike. Rows that were never trained are named first (a scan,
docs/theory §8), and leave everything else.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from penultimate.audits.head_rows import HeadRows
from penultimate.audits.row_lengths import RowLengths, row_lengths
from penultimate.audits.shape import Shape
from penultimate.counts import ClassCounts
from penultimate.errors import FeaturesError
from penultimate.features.head import Head
from penultimate.forecasts.width_margin import WidthMargin, width_margin
from penultimate.model.problem import Problem
from penultimate.reported import Reported
from penultimate.scans.scan import Scan, scan

# Rows that are listed by name, of the longest and of the shortest.
_LISTED = 10


@dataclass(frozen=True, eq=False, repr=False)
class RowAudit(Reported, presenter="row_audit"):
    """What the rows of a head with more classes than d + 1 tell.

    Made by `audit_head`.

    Attributes
    ----------
    counts : ClassCounts
        Samples of each class in training, or frequencies in their place.
    proxy_counts : bool
        Whether they are of another corpus than the network was trained on.
    head : Head
        The linear layers and the bias.
    scan : Scan
        Rows that were never or hardly ever trained, copies, zeros.
    kept : ndarray of shape (s,)
        Classes whose row is none of these: all figures below are of them.
    rows : HeadRows
        Their rows, less the mean row, which a softmax does not see.
    lengths : RowLengths or None
        Lengths of those with samples against counts; None where counts or lengths are all alike, or with fewer than 64
        such classes.
    width : WidthMargin or None
        Whether the width binds; None without a weight decay.
    notes : tuple of str
        What was taken of the order of the classes, and of the loss.

    Examples
    --------
    >>> import numpy as np, penultimate as pen
    >>> rng = np.random.default_rng(0)
    >>> counts = np.floor(1e5 / np.arange(1, 501))
    >>> rows = rng.normal(size=(500, 40))
    >>> rows *= (2 + np.log(counts))[:, None] / np.linalg.norm(rows, axis=1, keepdims=True)
    >>> audit = pen.audit_head(pen.Head((rows,)), counts)
    >>> round(audit.lengths.law.share, 2), audit.untrained.size
    (0.99, 0)
    """

    counts: ClassCounts
    proxy_counts: bool
    head: Head
    scan: Scan
    kept: Int[np.ndarray, " s"]
    rows: HeadRows
    lengths: RowLengths | None
    width: WidthMargin | None
    notes: tuple[str, ...]

    @property
    def untrained(self) -> Int[np.ndarray, " u"]:
        """Classes that were never or hardly ever trained."""
        return self.scan.untrained

    @cached_property
    def norms(self) -> Float[np.ndarray, " K"]:
        """Length of each row less the mean row, shape (K,); NaN for rows that were left out."""
        return self._per_class(self.kept, self.rows.norms)

    @cached_property
    def law_norms(self) -> Float[np.ndarray, " K"]:
        """The law's, at the scale that fits best, shape (K,); NaN where counts explain nothing."""
        if self.lengths is None or not self.lengths.explained:
            return np.full(self.counts.classes, np.nan)
        return self._per_class(self.compared, self.lengths.by_law)

    @cached_property
    def compared(self) -> Int[np.ndarray, " n"]:
        """Classes of `kept` with samples."""
        return self.kept[(self.counts.values[self.kept] > 0) & (self.rows.norms > 0)]

    @property
    def counts_differ(self) -> bool:
        """Whether the classes compared have different counts; without that there is nothing to explain."""
        return np.unique(self.counts.values[self.compared]).size > 1

    @cached_property
    def longest(self) -> Int[np.ndarray, " l"]:
        """Classes with the longest rows, longest first, at most ten."""
        return self.kept[np.argsort(-self.rows.norms, kind="stable")[:_LISTED]]

    @cached_property
    def shortest(self) -> Int[np.ndarray, " l"]:
        """Classes with the shortest rows, shortest first, at most ten."""
        return self.kept[np.argsort(self.rows.norms, kind="stable")[:_LISTED]]

    @cached_property
    def mean_row_share(self) -> float:
        """Squared length of the mean row over the mean squared length of rows as they are stored."""
        square = float(self.rows.mean @ self.rows.mean)
        return square / (square + float(np.mean(self.rows.norms**2)))

    @cached_property
    def singular_values(self) -> Float[np.ndarray, " r"]:
        """Of the rows less their mean, largest first."""
        return self.rows.singular_values[: self._rank]

    @cached_property
    def equal_length_values(self) -> Float[np.ndarray, " r"]:
        """Those of the same rows if all had one length."""
        values = np.linalg.eigvalsh(self.rows.unit_gram)[::-1][: self._rank]
        return np.sqrt(np.maximum(values, 0.0))

    @cached_property
    def from_flat(self) -> float:
        """``‖σ − s‖ / ‖σ‖``: how far the singular values are from being equal."""
        return self._distance(np.ones_like(self.singular_values))

    @cached_property
    def from_equal_lengths(self) -> float:
        """The same distance from `equal_length_values`, up to scale: what lengths contribute to the spectrum."""
        return self._distance(self.equal_length_values)

    @cached_property
    def participation(self) -> float:
        """``(Σ σ²)² / Σ σ⁴``: over how many equal directions the rows would spread as evenly."""
        squares = self.singular_values**2
        return float(squares.sum() ** 2 / (squares @ squares))

    @property
    def _rank(self) -> int:
        return min(self.rows.dimension, self.kept.size - 1)

    def _distance(self, other: Float[np.ndarray, " r"]) -> float:
        return Shape.from_fit(self.singular_values, other, np.ones_like(other)).error

    def _per_class(self, classes: Int[np.ndarray, " s"], values: Float[np.ndarray, " s"]) -> Float[np.ndarray, " K"]:
        out = np.full(self.counts.classes, np.nan)
        out[classes] = values
        return out


def audit_rows(
    head: Head, counts: ClassCounts, problem: Problem | None, *, proxy_counts: bool, notes: tuple[str, ...]
) -> RowAudit:
    """Audit a head with more classes than d + 1, in the order of its counts.

    Parameters
    ----------
    head, counts
        Of the same classes.
    problem : Problem or None
        For the margin; without one nothing is said of the width.
    proxy_counts : bool
        Whether the counts are of another corpus.
    notes : tuple of str
        To go on with.

    Returns
    -------
    RowAudit

    Raises
    ------
    FeaturesError
        When no two rows are left that differ.
    """
    weight = head.weights[0] if len(head.weights) == 1 else head.product
    found = scan(weight, bias=head.bias, names=[str(name) for name in counts.names])
    kept = np.flatnonzero(~_left_out(found))
    rows = HeadRows(head, kept, np.ones(head.classes)) if kept.size else None
    if rows is None or not rows.norms.any():
        raise FeaturesError("no two rows of the head that were trained differ, so there is nothing to audit: scan it")
    used = (counts.values[kept] > 0) & (rows.norms > 0)
    known = counts.values[kept][used]
    return RowAudit(
        counts=counts,
        proxy_counts=proxy_counts,
        head=head,
        scan=found,
        kept=kept,
        rows=rows,
        lengths=row_lengths(rows.norms[used], known),
        width=width_margin(known, head.dimension, problem) if problem is not None and known.size else None,
        notes=notes,
    )


def _left_out(found: Scan) -> Bool[np.ndarray, " K"]:
    """Rows that were never trained, are all zeros, or copies, which no two classes train to."""
    out = np.zeros(found.classes, dtype=bool)
    for rows in (found.untrained, found.zero, *found.duplicates):
        out[rows] = True
    return out
