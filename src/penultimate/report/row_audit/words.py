"""The audit of a head with more classes than d + 1, in plain sentences."""

from typing import TYPE_CHECKING

import numpy as np

from penultimate.report.kit.head_noise import noise_words
from penultimate.report.kit.numbers import names_of, number, percent
from penultimate.report.scan.words import paragraphs as scan_paragraphs

if TYPE_CHECKING:
    from jaxtyping import Int

    from penultimate.audits.row_audit import RowAudit
    from penultimate.audits.row_lengths import Explained

# A spectrum nearer to flat than this is as cross-entropy makes it whatever the counts: within 9 % (docs/theory §11).
_FLAT = 0.1
# Singular values of n random rows of d numbers are ½ √(d/n) from flat (Marchenko and Pastur), with some room.
_RANDOM = 0.6
# A mean row with less of the squared length is not worth a sentence.
_SHARED = 0.05


def verdict(audit: "RowAudit") -> str:
    """Say in a few sentences what an audit of the rows found."""
    return " ".join(paragraphs(audit))


def paragraphs(audit: "RowAudit") -> list[str]:
    """Rows that were never trained; then lengths, spectrum and names of all others."""
    first = [*audit.notes, scan_paragraphs(audit.scan)[0], _left_out(audit)]
    second = [lengths_words(audit), spectrum_words(audit), noise_words(audit.rows.noise), _shared(audit), _named(audit)]
    second += [width_words(audit), _limits()]
    return [" ".join(sentence for sentence in part if sentence) for part in (first, second)]


def lengths_words(audit: "RowAudit") -> str:
    """Say how far counts explain the lengths of rows; nothing where all counts are alike."""
    if not audit.counts_differ:
        return ""
    by = "By these frequencies, counts" if audit.proxy_counts else "Counts"
    if audit.lengths is None:
        few = "By these frequencies, whether" if audit.proxy_counts else "Whether"
        return f"{few} counts explain row lengths cannot be judged: too few classes, or lengths that are all alike."
    most = f"at most {share_words(audit.lengths.best)}"
    if not audit.lengths.explained:
        return f"{by} do not explain this head's row lengths: {most} of their variance."
    return f"{by} explain {share_words(audit.lengths.law)} of the variance of row lengths by the law, {most}."


def share_words(explained: "Explained") -> str:
    """A share and its interval."""
    low, high = explained.interval
    return f"{percent(explained.share, 2)} ({percent(low, 2)} … {percent(high, 2)})"


def spectrum_words(audit: "RowAudit") -> str:
    """Say how far the spectrum is from flat, and whether lengths have to do with it."""
    off = f"Spectrum: {percent(audit.from_flat, 2)} from flat"
    if audit.from_flat <= _FLAT:
        return f"{off}, as cross-entropy leaves it where there are many more classes than dimensions."
    if audit.from_flat <= _RANDOM * np.sqrt(audit.rows.dimension / audit.kept.size):
        return f"{off}, no more than rows in random directions would be."
    off = f"{off}; lengths account for {percent(audit.from_equal_lengths, 2)}."
    if audit.from_equal_lengths > 0.5 * audit.from_flat:
        return f"{off} A few rows are so long that they take directions of their own."
    return f"{off} It comes from which classes are alike{_not_counts(audit)}."


def width_words(audit: "RowAudit") -> str:
    """Say whether the width binds; nothing without a decay."""
    found = audit.width
    if found is None:
        return ""
    return (
        f"At a weight decay of {number(found.weight_decay)} and c = {number(found.ratio, 3)}, the margin z₀ is "
        f"{number(found.margin, 3)}, {number(found.share, 2)} of the width: {found.width.value}."
    )


def facts(audit: "RowAudit") -> list[tuple[str, str]]:
    """Say what was measured, one figure a line."""
    head, lengths = audit.head, audit.lengths
    layers = f"{len(head.weights)} layer{'s' if len(head.weights) > 1 else ''}"
    rows = [
        ("head", f"{number(head.classes)} × {number(head.dimension)}, {layers}, {audit.scan.dtype}"),
        ("rows kept", f"{number(audit.kept.size)}, of them {number(audit.compared.size)} with a count"),
        ("mean row", f"{percent(audit.mean_row_share, 2)} of the squared length"),
        (
            "spectrum",
            f"{percent(audit.from_flat, 2)} from flat, {percent(audit.from_equal_lengths, 2)} from that of the same "
            "rows at one length",
        ),
        ("as wide as", f"{number(audit.participation, 3)} equal directions of {number(audit.singular_values.size)}"),
    ]
    if lengths is not None:
        errors = (
            f"equal lengths {percent(lengths.blind_error, 3)}, the law {percent(lengths.law.error, 3)}, the best "
            f"function of counts {percent(lengths.best.error, 3)} off"
        )
        shares = f"law {share_words(lengths.law)}, at most {share_words(lengths.best)}"
        whose = "lengths by these frequencies" if audit.proxy_counts else "lengths by counts"
        rows += [(whose, errors), ("variance explained", shares)]
    if audit.width is not None:
        rows.append(("margin", f"z₀ {number(audit.width.margin, 3)}: {audit.width.width.value}"))
    return rows


def _left_out(audit: "RowAudit") -> str:
    gone = audit.counts.classes - audit.kept.size
    if not gone:
        return ""
    left = f"{number(gone)} rows that were never trained, are all zeros or copies are left out of all that follows."
    if gone == 1:
        left = "One row that was never trained, is all zeros or a copy is left out of all that follows."
    sampled = int(np.sum(audit.counts.values > 0)) - int(np.sum(audit.counts.values[audit.kept] > 0))
    if not sampled:
        return left
    by = "By these frequencies, the classes" if audit.proxy_counts else "The classes"
    return f"{left} {by} of {number(sampled)} of them do have samples."


def _not_counts(audit: "RowAudit") -> str:
    """Said only of counts in training that differ: of others nothing is known, or there is nothing to say."""
    return ", not from counts" if audit.counts_differ and not audit.proxy_counts else ""


def _shared(audit: "RowAudit") -> str:
    if audit.mean_row_share <= _SHARED:
        return ""
    share = percent(audit.mean_row_share, 2)
    return f"The mean row holds {share} of the squared length; a softmax does not see it, and it was taken off."


def _named(audit: "RowAudit") -> str:
    return f"Longest rows: {_some(audit, audit.longest)}; shortest: {_some(audit, audit.shortest)}."


def _some(audit: "RowAudit", classes: "Int[np.ndarray, ' l']") -> str:
    return names_of(audit.counts, classes[:3])


def _limits() -> str:
    return "The last layer alone says nothing about class means or recall."
