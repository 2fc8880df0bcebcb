"""Binary cross-entropy, one sigmoid a label, with a weight for the positives of each (docs/theory §17).

    ω_k y softplus(−z) + (1 − y) softplus(z),      summed over labels, averaged over samples

PyTorch's ``BCEWithLogitsLoss(pos_weight=ω)`` averages over labels too: its weight decay w is K·w here.
"""

from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from penultimate.counts.given import Counts, counts_of
from penultimate.errors import ProblemError
from penultimate.losses.names import resolve
from penultimate.losses.weights import as_positive, normalised
from penultimate.targets.label_scatter import LabelScatter

RULES = {
    "sqrt": "√((N − n)/n)",
    "balanced": "(N − n)/n",
    "equal": "such that all labels die at one weight decay",
}
_FORM = "bce, bce:sqrt, bce:balanced, bce:equal or bce:NUMBER"


@dataclass(frozen=True, eq=False)
class BinaryCrossEntropy:
    """One sigmoid a label, its positives weighted.

    Parameters
    ----------
    pos_weight : float, array-like of shape (K,), or str, default 1
        ω: one positive number for all labels or one for each; or by rule: "sqrt" is √((N − n)/n), "balanced" is
        (N − n)/n, "equal" has all labels die at one and the same weight decay.

    Raises
    ------
    ProblemError
        For numbers that are not positive and finite, and unknown rules.

    Examples
    --------
    >>> import penultimate as pen
    >>> str(pen.losses.BinaryCrossEntropy("sqrt")), str(pen.losses.BinaryCrossEntropy())
    ('bce:sqrt', 'bce')
    >>> targets = pen.LabelScatter.from_labels([["cat"]] * 64 + [["newt"]] * 36)
    >>> pen.losses.BinaryCrossEntropy("balanced").of(targets)
    array([0.5625    , 1.77777778])
    """

    pos_weight: float | ArrayLike | str = 1.0
    _known: Float[np.ndarray, " n"] | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        known = None
        if isinstance(self.pos_weight, str):
            if self.pos_weight not in RULES:
                raise ProblemError(
                    f"unknown rule {self.pos_weight!r} for pos_weight: give a number, or {', '.join(RULES)}"
                )
        else:
            one = isinstance(self.pos_weight, int | float) or getattr(self.pos_weight, "ndim", 1) == 0
            known = as_positive(np.array([self.pos_weight]) if one else self.pos_weight, "pos_weight")
        object.__setattr__(self, "_known", known)

    @classmethod
    def named(cls, name: str) -> "BinaryCrossEntropy":
        """The loss of a name: bce, bce:sqrt, bce:balanced, bce:equal or bce:3.

        Raises
        ------
        ProblemError
            If it is none of these.
        """
        first, _, weight = name.strip().partition(":")
        if first != "bce" or (not weight and ":" in name):
            raise ProblemError(f"unknown loss {name!r}: for sigmoids say {_FORM}")
        if not weight:
            return cls()
        if weight in RULES:
            return cls(weight)
        try:
            return cls(float(weight))
        except ValueError as error:
            if isinstance(error, ProblemError):
                raise
            raise ProblemError(f"unknown loss {name!r}: for sigmoids say {_FORM}") from None

    @property
    def is_plain(self) -> bool:
        """Whether no positive is weighted."""
        return self._known is not None and bool(np.all(self._known == 1.0))

    def of(self, targets: LabelScatter) -> Float[np.ndarray, " K"]:
        """ω of each label, shape (K,).

        Raises
        ------
        ProblemError
            When a rule has no weight for a label, which is named, or there is not one number a label.
        """
        if self._known is None:
            return _by_rule(str(self.pos_weight), targets)
        if self._known.size not in (1, targets.labels):
            raise ProblemError(
                f"{self._known.size} weights in pos_weight for {targets.labels} labels: give one for each"
            )
        return np.broadcast_to(self._known, (targets.labels,)).copy()

    def __str__(self) -> str:
        if self._known is None:
            return f"bce:{self.pos_weight}"
        if self.is_plain:
            return "bce"
        return f"bce:{self._known[0]:g}" if self._known.size == 1 else "bce with weights of its own"


def class_weights(how: str, targets: LabelScatter | Counts) -> Float[np.ndarray, " K"]:
    """Weights for a trainer: ``pos_weight`` of sigmoids, or ``weight`` of cross-entropy.

    Parameters
    ----------
    how : str
        For a LabelScatter "auto" (that is "sqrt"), "sqrt", "balanced" or "equal". For class counts "auto" (that is
        "inverse"), "inverse", "power:ρ" or "effective:β", with the mean 1 over samples.
    targets : LabelScatter; or ClassCounts, path, bundled name, mapping or array of shape (K,)
        What is trained on.

    Returns
    -------
    ndarray of shape (K,)
        For ``BCEWithLogitsLoss(pos_weight=…)`` or ``CrossEntropyLoss(weight=…)``.

    Raises
    ------
    ProblemError
        For an unknown rule, and labels that no sample has, or all have: no weight helps them.

    Notes
    -----
    With √((N − n)/n) every label that is uncorrelated with the others is answered up to one and the same weight decay;
    (N − n)/n over-corrects: the rarest then outlive all others (docs/theory §17). 1/n is the weight for which
    cross-entropy decides best for balanced accuracy (`penultimate.losses.consistency`).

    Examples
    --------
    >>> import penultimate as pen
    >>> targets = pen.LabelScatter.from_labels([["cat"]] * 90 + [["newt"]] * 10)
    >>> pen.class_weights("auto", targets).round(2)
    array([0.33, 3.  ])
    >>> pen.class_weights("auto", [90, 10]).round(2)
    array([0.56, 5.  ])
    """
    if isinstance(targets, LabelScatter):
        return _by_rule("sqrt" if how == "auto" else how, targets)
    counts = counts_of(targets)
    rule = "inverse" if how == "auto" else str(how)
    if rule.partition(":")[0] not in ("inverse", "power", "effective"):
        raise ProblemError(f"unknown weights {how!r} for class counts: say auto, inverse, power:0.5 or effective:0.999")
    return normalised(resolve(f"weighted:{rule}", counts).vectors["weights"], counts.values)


def sigmoids_of(loss: object) -> BinaryCrossEntropy | None:
    """The loss, by name or as it is, if it has one sigmoid a label.

    Raises
    ------
    ProblemError
        For a name that starts like one and is none.
    """
    if isinstance(loss, str) and loss.strip().partition(":")[0] == "bce":
        return BinaryCrossEntropy.named(loss)
    return loss if isinstance(loss, BinaryCrossEntropy) else None


def spread_of(targets: LabelScatter) -> Float[np.ndarray, " K"]:
    """``s = √(N ȳ (1 − ȳ))``: the singular value of each label, were it uncorrelated with the others."""
    return np.sqrt(targets.samples * targets.mean * (1.0 - targets.mean))


def leverages(targets: LabelScatter, weights: Float[np.ndarray, " K"]) -> Float[np.ndarray, " K"]:
    """``c = ω/(ω ȳ + 1 − ȳ)``: what multiplies a label's pull where all features are zero and the bias is free."""
    mean = targets.mean
    return weights / (weights * mean + 1.0 - mean)


def _by_rule(rule: str, targets: LabelScatter) -> Float[np.ndarray, " K"]:
    if rule not in RULES:
        raise ProblemError(f"unknown rule {rule!r} for pos_weight: say {', '.join(RULES)}")
    if targets.kind == "real":
        raise ProblemError("real targets have no positives to weigh: pos_weight is for labels between 0 and 1")
    mean = targets.mean
    fixed = np.flatnonzero((mean <= 0.0) | (mean >= 1.0))
    if fixed.size:
        name, always = targets.names[int(fixed[0])], mean[fixed[0]] > 0.0
        more = f", and {fixed.size - 1} more" if fixed.size > 1 else ""
        which = "is on in every sample" if always else "is on in no sample"
        raise ProblemError(f"label {name!r} {which}{more}: no weight helps it, leave it out")
    odds = (1.0 - mean) / mean
    if rule != "equal":
        return np.sqrt(odds) if rule == "sqrt" else odds
    spread = spread_of(targets)
    leverage = spread.max() / spread
    over = np.flatnonzero(leverage * mean >= 1.0)
    if over.size:
        raise ProblemError(
            f"label {targets.names[int(over[0])]!r} is on in {mean[over[0]]:.0%} of the samples: no weight makes it "
            "die with the others, say bce:sqrt"
        )
    return leverage * (1.0 - mean) / (1.0 - leverage * mean)
