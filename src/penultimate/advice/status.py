"""What a piece of advice amounts to, and why nothing can be said where nothing can be."""

from dataclasses import dataclass
from enum import Enum

from penultimate.reported import OneLine


class Status(Enum):
    """What a piece of advice amounts to."""

    CHANGE = "a change is advised"
    KEEP = "nothing to change"
    OUT_OF_REACH = "no setting of this kind does it"
    UNKNOWN = "not enough to say"


class Reason(Enum):
    """Why a piece says no more, and what would be needed; each value is the pair of both.

    Examples
    --------
    >>> from penultimate.advice.status import Reason
    >>> Reason.NO_WIDTH.needed
    'the width: --width, or an audit of features'
    """

    MISFIT = (
        "the audited network is far from what its loss leads to, so this forecast does not describe it",
        "an audit with the loss and the weight decays that the network was trained with",
    )
    WIDTH = (
        "the features are too narrow for all directions, whatever else is changed",
        "a wider layer: see the advice on width",
    )
    NOT_SEARCHED = (
        "the weight decays at which directions vanish are not known for this problem",
        "forecasts at several weight decays, or penultimate.solution_path for one layer without a width",
    )
    SEVERAL_LAYERS = (
        "with several layers and a loss other than squared error, no minimum can be proven",
        "a forecast with one layer, as a guide",
    )
    COLLAPSED = ("at this weight decay every direction has vanished", "a lower weight decay first")
    MANY_COUNTS = (
        "with so many distinct counts each certified minimum takes minutes",
        "counts of fewer classes, or penultimate.compare_losses for a few losses of your choice",
    )
    NOT_CERTIFIED = (
        "the solver did not reach its certificate",
        "a larger weight decay, or a look at the gap of penultimate.minimise",
    )
    NOT_HELD = (
        "the search used binned counts, and its result does not hold for the exact counts",
        "penultimate.compare_losses for losses near those listed",
    )
    MOVING_WEIGHTS = (
        "the weights of this loss change with the counts, and with them the samples that a class needs",
        "a forecast for the counts that you could collect, with this loss",
    )
    NOT_REACHED = (
        "the number of samples from the theory did not pass the check by a forecast",
        "forecasts for the counts that you could collect",
    )
    NO_WIDTH = ("the width of the network is not known", "the width: --width, or an audit of features")
    NO_FEATURES = (
        "what another classifier gains only shows on samples that the network was not trained on",
        "features of training and held-out samples: --train and --valid",
    )
    NO_HELD_OUT = (
        "on training samples any classifier looks right, because features have collapsed onto their class means",
        "held-out features: --valid",
    )
    NOT_PROVEN = (
        "there are too few held-out samples to prove a gain or a loss",
        "more held-out samples, of the rare classes first",
    )
    NO_RECALLS = (
        "without the head's answers nobody knows what the drift cost",
        "a drift with recalls: features with their head, or penultimate drift --head",
    )
    TRAINING_REFERENCE = (
        "the drift starts from what the network was trained on, and classes always move from there to new samples",
        "a drift from held-out samples of the time of training",
    )
    ADJUSTED = (
        "the current loss already corrects for imbalance, and correcting twice costs accuracy",
        "held-out features, to see whether anything is left to gain: --train and --valid",
    )

    @property
    def why(self) -> str:
        """What stands in the way."""
        return self.value[0]

    @property
    def sentence(self) -> str:
        """The same as a sentence; what is needed stands beside it."""
        return f"{self.why[0].upper()}{self.why[1:]}."

    @property
    def needed(self) -> str:
        """What would help."""
        return self.value[1]


@dataclass(frozen=True, repr=False, kw_only=True)
class Piece(OneLine):
    """One piece of advice; what it adds to this its own class says.

    Attributes
    ----------
    status : Status
        What it amounts to.
    reason : Reason or None
        Why nothing, or no more, is advised.
    """

    status: Status
    reason: Reason | None = None
