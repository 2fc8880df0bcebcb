"""What a forecast says of one label, and for one value of an unknown ratio."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LabelRow:
    """What a forecast says of one label; None where there is no such figure.

    Attributes
    ----------
    label : str
        Its name.
    samples : float
        How many have it.
    status : str
        "own", "shared" or "lost" by `retained`; "unseen" or "always" where no sample, or each, has the label.
    retained, lift, score_on, to_keep, to_answer : float or None
        As `LabelForecast` has them for all labels.
    answered : bool or None
        Whether the mean score where the label is on exceeds ½.
    nearest : str or None
        The label whose mean feature points most nearly the same way.
    cosine : float or None
        Between the two.
    """

    label: str
    samples: float
    status: str
    retained: float | None
    lift: float | None
    score_on: float | None
    answered: bool | None
    to_keep: float | None
    to_answer: float | None
    nearest: str | None
    cosine: float | None


@dataclass(frozen=True)
class LabelRatio:
    """The forecast for one value of the unknown ratio ``c = N λ_H / λ_1``.

    Attributes
    ----------
    ratio : float
        c.
    survivors, answered : int
        Directions that survive, and labels that are answered at ½.
    to_keep, to_answer : float
        Samples that a label needs.
    """

    ratio: float
    survivors: int
    answered: int
    to_keep: float
    to_answer: float
