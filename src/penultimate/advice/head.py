"""Which head to put on the features: by held-out samples where there are any, else by what theory says of the loss."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from penultimate.advice.evidence import Audited
from penultimate.advice.figures import Figures, of_thirds
from penultimate.advice.status import Piece, Reason, Status
from penultimate.forecasts.forecast import Forecast

if TYPE_CHECKING:
    from penultimate.features.head import Head
    from penultimate.heads.comparison.comparison import HeadComparison, HeadResult

Margins = tuple[float, float]


@dataclass(frozen=True, repr=False, kw_only=True)
class HeadAdvice(Piece):
    """Which head to take.

    Attributes
    ----------
    status : Status
        By the comparison and theory; UNKNOWN without features.
    reason : Reason or None
        Why no more is said.
    by_theory : str or None
        The head that theory says, unjudged; None where the loss adjusts for imbalance already, and where all is dead.
    before, after : tuple of float
        Margins of frequent and rare classes (thirds) in the forecast, with its own head and with that by theory;
        None where there is none.
    lost : int
        Classes that the forecast finds without a direction of their own: no head parts them.
    audited : Audited or None
        What an audit found of the head and of merged classes.
    comparison : HeadComparison or None
        Of heads on features, where they were given.
    head : Head or None
        The head to take; None without features.
    """

    by_theory: str | None
    before: Margins
    after: Margins | None
    lost: int
    audited: Audited | None
    comparison: "HeadComparison | None"
    head: "Head | None"


def advise_head(now: Forecast, audited: Audited | None, comparison: "HeadComparison | None") -> HeadAdvice:
    """Take the blend that a comparison proves; where it proves nothing, still the better head unless a loss is proven.

    A few held-out samples cannot prove the gain of a point or two that theory promises a network whose loss left the
    class shares in its scores (docs/does-it-help): to wait for proof would give it away. Blend or theory's head is
    then told by their log loss on samples that they did not learn from, which says more than answers do.

    Parameters
    ----------
    now : Forecast
        As things stand.
    audited : Audited or None
        What an audit gives.
    comparison : HeadComparison or None
        Of heads on features.

    Returns
    -------
    HeadAdvice
    """
    figures = Figures.from_forecast(now)
    by_theory = _BY_LOSS.get(str(now.problem.loss))
    after = None if by_theory is None else _MARGINS[by_theory](now)
    if comparison is not None and comparison.held_out is None and by_theory is None:
        comparison = None  # theory's head would adjust a second time
    head = None if comparison is None else cast("Head", comparison.head)  # linear ones were compared
    if comparison is not None and comparison.held_out is not None:
        status, reason = (Status.KEEP if comparison.keeps else Status.CHANGE), None
        unproven = likelier(comparison) if comparison.keeps and by_theory is not None else None
        if unproven is not None and unproven.gains["balanced_accuracy"][2] >= 0.0:
            status, reason, head = Status.CHANGE, Reason.NOT_PROVEN, cast("Head", unproven.head)
    elif comparison is not None:
        status, reason, by_theory, after = Status.CHANGE, Reason.NO_HELD_OUT, comparison.by_theory, None
    elif now.survivors == 0:
        status, reason, by_theory, after = Status.UNKNOWN, Reason.COLLAPSED, None, None
    elif by_theory is None:
        status, reason = Status.UNKNOWN, Reason.ADJUSTED
    else:
        status, reason = Status.UNKNOWN, Reason.NO_FEATURES
    before = figures.many_margin, figures.few_margin
    return HeadAdvice(
        status=status,
        reason=reason,
        by_theory=by_theory,
        before=before,
        after=after,
        lost=figures.lost,
        audited=audited,
        comparison=comparison,
        head=head,
    )


def likelier(comparison: "HeadComparison") -> "HeadResult | None":
    """Of the blend and the head by theory the one of less balanced log loss; None where none was judged."""
    if comparison.blend is None:
        return None
    return min(comparison.blend, comparison.theory, key=lambda one: one.figures["log_loss"])


def _logit_adjusted(now: Forecast) -> Margins:
    """With log n/N taken from the outputs."""
    bias = now.geometry.group_bias - np.log(now.counts.distinct / now.counts.samples)
    return of_thirds(now.counts, now.geometry.logits.margins(bias))


def _normalised(now: Forecast) -> Margins:
    """With every row of the head of norm 1, and no bias."""
    logits, norms = now.geometry.logits, now.geometry.group_product_norms
    inverse = np.divide(1.0, norms, out=np.zeros_like(norms), where=norms > 0)
    rows = replace(logits, row_scale=logits.row_scale * inverse)
    return of_thirds(now.counts, rows.margins(np.zeros_like(norms)))


# Scores of plain losses carry the class shares; those of the others were adjusted, more or less, in training.
_BY_LOSS = {"ce": "logit adjustment", "mse": "τ-normalised"}
_MARGINS: dict[str, Callable[[Forecast], Margins]] = {"logit adjustment": _logit_adjusted, "τ-normalised": _normalised}
