"""What to do, cheapest first, and nothing twice: the pieces of advice that change something, as steps.

A head is found in seconds on the network as it is; weight decay and loss take another training; a wider layer another
network; samples have to be labelled or collected. A head and a loss that both adjust for imbalance would adjust twice:
where the head is found on features, it stands, and the loss is left out.
"""

from dataclasses import dataclass
from typing import Literal

from penultimate.advice.decay import DecayAdvice
from penultimate.advice.drift import DriftAdvice
from penultimate.advice.head import HeadAdvice
from penultimate.advice.labels import LabelsAdvice
from penultimate.advice.loss import LossAdvice
from penultimate.advice.samples import SamplesAdvice
from penultimate.advice.status import Status
from penultimate.advice.width import WidthAdvice

Topic = Literal["head", "drift", "weight decay", "loss", "width", "labels", "samples"]


@dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes
    ----------
    topic : {"head", "drift", "weight decay", "loss", "width", "labels", "samples"}
        What is changed.
    command : str
        How, as a command or a line of Python.
    """

    topic: Topic
    command: str


def steps_of(
    head: HeadAdvice,
    decay: DecayAdvice,
    loss: LossAdvice,
    width: WidthAdvice,
    samples: SamplesAdvice,
    labels: LabelsAdvice | None = None,
    drift: DriftAdvice | None = None,
) -> tuple[Step, ...]:
    """The changes advised, cheapest first, none beside another that it would double.

    Parameters
    ----------
    head, decay, loss, width, samples, labels, drift
        The pieces.

    Returns
    -------
    tuple of Step
    """
    command: dict[Topic, str | None] = {
        "head": "penultimate heads TRAIN VALID --out head.npz",
        "drift": "penultimate heads NOW VALID --out head.npz   # NOW: labelled current samples",
        "weight decay": None if decay.advised is None else f"weight_decay={_below(decay.advised):g}",
        "loss": None if head.status is Status.CHANGE else f"pen.torch.ClassLoss({loss.chosen!r}, counts)",
        "width": f"torch.nn.Linear(…, {width.needed})",
        "labels": "penultimate learning-curve VALID --class-weight balanced",
        "samples": "penultimate advise COUNTS --json -   # samples.too_small lists the classes",
    }
    pieces = (head, drift, decay, loss, width, labels, samples)
    changed = {
        topic
        for topic, piece in zip(command, pieces, strict=True)
        if piece is not None and piece.status is Status.CHANGE
    }
    return tuple(Step(topic, how) for topic, how in command.items() if topic in changed and how is not None)


def _below(decay: float) -> float:
    """A tenth below, in two digits: at the edge a direction is alive without strength."""
    return float(f"{0.9 * decay:.1e}")
