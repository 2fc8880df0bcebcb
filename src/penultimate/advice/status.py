"""How a piece of advice stands, and why nothing can be said where nothing can be."""

from enum import Enum


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
        "the audited network is not near what the loss it was audited with leaves",
        "an audit with the loss and the decays that it was trained with",
    )
    WIDTH = (
        "the width holds fewer directions than there are, whatever else is changed",
        "a wider layer: see the advice on width",
    )
    NOT_SEARCHED = (
        "no weight decay at which directions die is known for this problem",
        "forecasts at several weight decays, or penultimate.solution_path for one layer without a width",
    )
    SEVERAL_LAYERS = (
        "with several layers and another loss than squared error no minimum can be proven",
        "a forecast with one layer, as a guide",
    )
    COLLAPSED = ("at this weight decay every direction is dead", "a lower weight decay first")
    MANY_COUNTS = (
        "with so many distinct counts each certified minimum takes minutes",
        "counts of fewer classes, or penultimate.compare_losses for a few losses of your choice",
    )
    NOT_CERTIFIED = (
        "the solver did not reach its certificate",
        "a larger weight decay, or a look at the gap of penultimate.minimise",
    )
    NOT_HELD = (
        "what fulfils the goal for the coarser counts that were searched does not for the counts as they are",
        "penultimate.compare_losses for strengths near those listed",
    )
    MOVING_WEIGHTS = (
        "the weights or scales of this loss move with the counts, and with them the samples that a class needs",
        "a forecast of the counts that you could have, with the loss made anew for them",
    )
    NOT_REACHED = (
        "the floor that theory gives did not stand the test of a forecast",
        "forecasts of the counts that you could have",
    )
    NO_WIDTH = ("the width of the network is not known", "the width: --width, or an audit of features")
    NO_FEATURES = (
        "what a head gains shows on samples that the network was not trained on",
        "features of training and held-out samples: --train and --valid",
    )
    NO_HELD_OUT = ("training features are collapsed onto their means and judge no head", "held-out features: --valid")
    NOT_PROVEN = (
        "the held-out samples are too few to prove a gain, and prove no loss",
        "more held-out samples, of the rare classes first",
    )
    ADJUSTED = (
        "the loss in use adjusts for imbalance already, and adjusting twice costs accuracy",
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
