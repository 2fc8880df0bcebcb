"""``penultimate advise``."""

from functools import partial
from typing import TYPE_CHECKING, Any

import click

from penultimate.cli.beside import AUDITED_DECAY, given, one_of, refuse, scaled, scaled_bias, torch_scale
from penultimate.cli.costs import announce_forecast
from penultimate.cli.options import (
    BIAS,
    FEATURE_DECAY,
    FEATURE_RATIO,
    HTML,
    JSON,
    LAYERS,
    LIKE,
    LOSS,
    TORCH_LOSS,
    WEIGHT_DECAY,
    WIDTH,
    WISH,
    CountsFile,
    examples,
    reads_targets,
)
from penultimate.cli.output import note
from penultimate.cli.results import deliver, progress, read_targets
from penultimate.errors import ProblemError

if TYPE_CHECKING:
    from penultimate.model.problem import Bias
    from penultimate.targets import LabelScatter


@click.command(
    short_help="What to change: decay, loss, samples, width, head.",
    epilog=examples(
        "penultimate advise train.csv --loss ce --weight-decay 5e-4",
        "penultimate advise tags.csv --separator ';' --loss bce --pos-weight pos_weight.npy",
        "penultimate advise train.csv --audit audit.json --train train.npz --valid valid.npz --out head.npz",
    ),
)
@click.argument("counts")
@reads_targets
@click.option("--audit", "audit_path", metavar="AUDIT.json", help="What `penultimate audit --json` wrote.")
@click.option("--train", metavar="TRAIN", help="Features of training samples, to choose a head for.")
@click.option("--valid", metavar="VALID", help="Features of held-out samples, to choose it on.")
@click.option("--head", "head_path", metavar="FILE", help="The present head, if it is not beside TRAIN.")
@click.option("--drift", "drift_path", metavar="DRIFT.json", help="What `penultimate drift --json` wrote.")
@click.option("--out", metavar="HEAD.npz", help="Write W, b and class names of the head advised.")
@click.option(
    "--pos-weight", metavar="FILE.npy", help="Write the pos_weight advised for several labels a sample, for sigmoids."
)
@WISH
@LOSS
@TORCH_LOSS
@LAYERS
@WEIGHT_DECAY
@FEATURE_DECAY
@FEATURE_RATIO
@LIKE
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
    drift_path: str | None,
    out: str | None,
    pos_weight: str | None,
    goal: str,
    loss: str,
    torch_loss: str | None,
    layers: int | None,
    weight_decay: tuple[float, ...],
    feature_decay: float | None,
    feature_ratio: float | None,
    like: str | None,
    bias: "Bias",
    width: int | None,
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Say what to change: weight decay, loss, samples, width, head.

    COUNTS as for `penultimate forecast`, several labels a sample too. An audit settles loss, layers, feature decay and
    bias, and the weight decay if none is given; TRAIN and VALID are features as for `penultimate heads`.
    """
    one_of(feature_decay, feature_ratio)
    if head_path is not None and train is None:
        raise ProblemError("--head is the head of TRAIN: give --train beside it")
    if out is not None and train is None:
        raise ProblemError("--out writes a head for the features of TRAIN: give --train beside it")
    from penultimate.advice.advice import advise as make_advice
    from penultimate.advice.evidence import Audited
    from penultimate.counts import ClassCounts
    from penultimate.features.sources.writing import check_head_name
    from penultimate.model.problem import Problem

    if out is not None:
        check_head_name(out)

    class_counts = read_targets(counts, counts_file)
    if not isinstance(class_counts, ClassCounts):
        for name in ("audit_path", "train", "valid", "head_path", "drift_path", "out", "goal"):
            refuse(name, "several labels a sample", "advice rests on targets, decay and loss alone")
        _advise_label_sets(
            class_counts,
            weight_decay,
            torch_loss,
            "bce" if not given("loss") else loss,
            layers=layers,
            feature_decay=feature_decay,
            feature_ratio=feature_ratio,
            like=like,
            bias=bias if given("bias") else None,
            width=width,
            written=(pos_weight, json_path, html_path),
        )
        return
    if pos_weight is not None:
        raise ProblemError("--pos-weight is for several labels a sample: one label a sample has class weights")
    audited = None if audit_path is None else Audited.read(audit_path)
    audits_own = audited is not None and not given("weight_decay")
    if audits_own and torch_loss is not None:
        raise ProblemError(AUDITED_DECAY)
    # A head alone does not settle its loss.
    told = None if audited is None or (audited.calibration is None and given("loss")) else audited.loss
    trained = loss if told is None else str(told)
    scale = torch_scale(torch_loss, trained, class_counts.classes)
    problem = Problem.from_decays(scaled(weight_decay, scale), loss=trained)
    announce_forecast(class_counts, *[problem] * 5, searched=[problem])  # advice forecasts a handful
    with progress("weighing changes", "parts") as step:
        result = make_advice(
            class_counts,
            None if audits_own else scaled(weight_decay, scale),
            loss=loss if given("loss") else None,
            layers=layers,
            feature_decay=feature_decay,
            feature_ratio=feature_ratio,
            like=like,
            bias=scaled_bias(bias, scale) if given("bias") else None,
            width=width,
            audit=audited,
            goal=goal,
            train=train,
            valid=valid,
            head=head_path,
            drift=drift_path,
            progress=partial(step, "VALID"),
        )
    if out is not None:
        result.save_head(out)
        note(f"wrote {out}")
    deliver(result, json_path, html_path)


def _advise_label_sets(
    targets: "LabelScatter",
    weight_decay: tuple[float, ...],
    torch_loss: str | None,
    loss: str,
    *,
    bias: "Bias | None",
    written: tuple[str | None, str | None, str | None],
    **options: Any,
) -> None:
    """Weigh what several labels a sample have: pos_weight and decay."""
    from penultimate.advice.advice import advise as make_advice

    scale = torch_scale(torch_loss, loss, targets.labels)
    with progress("weighing changes"):
        bias = None if bias is None else scaled_bias(bias, scale)
        result = make_advice(targets, scaled(weight_decay, scale), loss=loss, bias=bias, **options)
    pos_weight, json_path, html_path = written
    if pos_weight is not None:
        result.save_pos_weight(pos_weight)
        note(f"wrote {pos_weight}")
    deliver(result, json_path, html_path)
