"""``penultimate advise``."""

from functools import partial
from typing import TYPE_CHECKING

import click

from penultimate.cli.checks import given, one_of, scaled, scaled_bias, torch_scale
from penultimate.cli.costs import announce_forecast
from penultimate.cli.options import (
    BIAS,
    FEATURE_DECAY,
    FEATURE_RATIO,
    HTML,
    JSON,
    LAYERS,
    LOSS,
    TORCH_LOSS,
    WEIGHT_DECAY,
    WIDTH,
    WISH,
    CountsFile,
    examples,
    reads_counts,
)
from penultimate.cli.output import note
from penultimate.cli.results import deliver, progress, read
from penultimate.errors import ProblemError

if TYPE_CHECKING:
    from penultimate.model.problem import Bias


@click.command(
    short_help="What to change: decay, loss, samples, width, head.",
    epilog=examples(
        "penultimate advise train.csv --loss ce --weight-decay 5e-4",
        "penultimate advise train.csv --audit audit.json --train train.npz --valid valid.npz --out head.npz",
    ),
)
@click.argument("counts")
@reads_counts
@click.option("--audit", "audit_path", metavar="AUDIT.json", help="What `penultimate audit --json` wrote.")
@click.option("--train", metavar="TRAIN", help="Features of training samples, to choose a head for.")
@click.option("--valid", metavar="VALID", help="Features of held-out samples, to choose it on.")
@click.option("--head", "head_path", metavar="FILE", help="The present head, if it is not beside TRAIN.")
@click.option("--out", metavar="HEAD.npz", help="Write W, b and class names of the head advised.")
@WISH
@LOSS
@TORCH_LOSS
@LAYERS
@WEIGHT_DECAY
@FEATURE_DECAY
@FEATURE_RATIO
@BIAS
@WIDTH
@JSON
@HTML
def advise(
    counts: str,
    counts_file: CountsFile,
    audit_path: str | None,
    train: str | None,
    valid: str | None,
    head_path: str | None,
    out: str | None,
    goal: str,
    loss: str,
    torch_loss: str | None,
    layers: int | None,
    weight_decay: tuple[float, ...],
    feature_decay: float | None,
    feature_ratio: float | None,
    bias: "Bias",
    width: int | None,
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Say what to change: weight decay, loss, samples, width, head.

    COUNTS as for `penultimate forecast`. An audit settles loss, layers, feature decay and bias, and the weight decay if
    none is given; TRAIN and VALID are features as for `penultimate heads`.
    """
    one_of(feature_decay, feature_ratio)
    if head_path is not None and train is None:
        raise ProblemError("--head is the head of TRAIN: give --train beside it")
    if out is not None and train is None:
        raise ProblemError("--out writes a head for the features of TRAIN: give --train beside it")
    from penultimate.advice.advice import advise as make_advice
    from penultimate.model.problem import Problem

    class_counts = read(counts, counts_file)
    scale = torch_scale(torch_loss, loss, class_counts.classes)
    problem = Problem.from_decays(scaled(weight_decay, scale), loss=loss)
    announce_forecast(class_counts, *[problem] * 5)  # advice forecasts a handful
    audits_own = audit_path is not None and not given("weight_decay")
    with progress("weighing changes", "parts") as step:
        result = make_advice(
            class_counts,
            None if audits_own else scaled(weight_decay, scale),
            loss=loss if given("loss") else None,
            layers=layers,
            feature_decay=feature_decay,
            feature_ratio=feature_ratio,
            bias=scaled_bias(bias, scale) if given("bias") else None,
            width=width,
            audit=audit_path,
            goal=goal,
            train=train,
            valid=valid,
            head=head_path,
            progress=partial(step, "VALID"),
        )
    if out is not None:
        result.save_head(out)
        note(f"wrote {out}")
    deliver(result, json_path, html_path)
