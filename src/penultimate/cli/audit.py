"""``penultimate audit``."""

from typing import TYPE_CHECKING

import click

from penultimate.cli.beside import given, refuse, scaled, torch_scale
from penultimate.cli.costs import announce_audit, announce_head
from penultimate.cli.options import (
    HTML,
    JSON,
    LABELS,
    LOSS,
    SEPARATOR,
    TORCH_LOSS,
    WEIGHT_DECAY,
    CountsFile,
    examples,
    reads_counts,
)
from penultimate.cli.output import note
from penultimate.cli.results import deliver, progress, read, say_origin
from penultimate.errors import ProblemError

if TYPE_CHECKING:
    from penultimate.audits.audit import Audit
    from penultimate.audits.head import HeadAudit
    from penultimate.audits.row_audit import RowAudit
    from penultimate.counts import ClassCounts
    from penultimate.features.arrays import Gaps
    from penultimate.features.head import Head


@click.command(
    short_help="A trained network against its forecast.",
    epilog=examples(
        "penultimate audit train.npz --loss ce --weight-decay 5e-4 --html audit.html",
        "penultimate audit tagged.npz --head head.npz",
        "penultimate audit features.npy --labels tags.csv --separator ';'",
        "penultimate audit model.safetensors --head-only --counts train.csv",
    ),
)
@click.argument("features")
@click.option("--head", "head_path", metavar="FILE", help="Linear layers, if they are not beside the features.")
@click.option("--head-only", is_flag=True, help="FEATURES is a head alone: a checkpoint's last layer. Needs --counts.")
@click.option("--key", metavar="NAME", help="Weight of the head, where a file holds several candidates.")
@click.option("--counts", "counts_path", metavar="COUNTS", help="Samples in training, if FEATURES are others.")
@LABELS
@SEPARATOR
@reads_counts
@LOSS
@TORCH_LOSS
@WEIGHT_DECAY
@click.option(
    "--proxy-counts",
    is_flag=True,
    help="COUNTS are of another corpus than the network was trained on. With --head-only, for more classes than d + 1.",
)
@click.option(
    "--gaps",
    type=click.Choice(["refuse", "drop", "observed"]),
    default="refuse",
    show_default=True,
    help="What to do with NaN: refuse it, drop such rows, or estimate from the entries that are there.",
)
@click.option("--checkpoint", metavar="FILE", help="From which an interrupted audit goes on.")
@click.option(
    "--dask", metavar="local|ADDRESS", help="Read shards on a Dask cluster of this machine, or a running one."
)
@JSON
@HTML
def audit(
    features: str,
    head_path: str | None,
    head_only: bool,
    key: str | None,
    counts_path: str | None,
    labels_path: str | None,
    separator: str | None,
    counts_file: CountsFile,
    loss: str,
    torch_loss: str | None,
    weight_decay: tuple[float, ...],
    proxy_counts: bool,
    gaps: "Gaps",
    checkpoint: str | None,
    dask: str | None,
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Audit a trained network's penultimate features against the forecast for its class counts.

    FEATURES is an .npz, .safetensors, .zarr, .parquet or .h5 file, a folder or a quoted glob of such shards, a folder
    of .npy arrays, or the name of bundled features (`penultimate data`). Where y has one column for each label, is
    sparse, or a Parquet column of lists, samples have several labels, and their label sets are audited; with --labels
    they are in a file of their own. With --head-only it is a head without features, .npz or .safetensors.
    """
    if head_only:
        asked = loss if given("loss") or torch_loss is not None else None
        decays = weight_decay if given("weight_decay") or torch_loss is not None else None
        _audit_head(
            features, key, counts_path, counts_file, asked, torch_loss, decays, proxy_counts, json_path, html_path
        )
        return
    refuse("proxy_counts", "features", "an audit of features needs the counts in training, and has them by itself")
    if counts_path is None:
        for name in ("holds", "order", "format"):
            refuse(name, "features without --counts", "it says how the file of --counts is read")
    if key is not None and head_path is None:
        raise ProblemError("--key names a weight in a file of a head: give that with --head, or --head-only")
    from penultimate.audits.audit import audit as make_audit
    from penultimate.datasets.by_name import source_of
    from penultimate.features.sources.label_files import holds_label_sets

    column = counts_file.column
    if labels_path is not None or holds_label_sets(features, column, separator):
        if counts_path is not None or gaps != "refuse" or checkpoint is not None or dask is not None:
            raise ProblemError(
                f"{features} has several labels a sample: its targets are in it or in --labels and it is read once, "
                "leave out --counts, --gaps, --checkpoint and --dask"
            )
        _audit_label_sets(features, labels_path, column, separator, head_path, key, loss, json_path, html_path)
        return
    if separator is not None:
        raise ProblemError(f"--separator: {features} has no column of texts to take apart, and there is no --labels")
    if counts_path is None:
        refuse("column", "features of one label a sample without --counts", "it says how that file is read")
    counts = None if counts_path is None else read(counts_path, counts_file)
    source = source_of(features)
    head = None if head_path is None else _head(head_path, key, source.dimension, counts)
    outputs = 0 if torch_loss is None else _outputs(head or source.head)
    decays = scaled(weight_decay, torch_scale(torch_loss, loss, outputs))
    known = head or counts or source.head
    if known is not None:
        announce_audit(known.classes, source.dimension)
    with progress("auditing") as step:
        result = make_audit(
            source,
            head=head,
            counts=counts,
            weight_decay=decays,
            loss=loss,
            gaps=gaps,
            checkpoint=checkpoint,
            dask=dask,
            progress=step,
        )
    _notes(result)
    deliver(result, json_path, html_path)


def _audit_label_sets(
    features: str,
    labels: str | None,
    column: str | None,
    separator: str | None,
    head_path: str | None,
    key: str | None,
    loss: str,
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Audit features with several labels a sample."""
    from penultimate.audits.label_audit import audit_label_sets
    from penultimate.datasets.by_name import head_given

    if given("weight_decay") or given("torch_loss"):
        note("the weight decay is not used: strengths of several labels are compared with laws that do not ask for it")
    with progress("auditing") as step:
        result = audit_label_sets(
            features,
            labels,
            head=head_path if key is None else head_given(head_path, key),
            loss=loss,
            column=column,
            separator=separator,
            progress=lambda rows: step("features", rows),
        )
    deliver(result, json_path, html_path)


def _audit_head(
    path: str,
    key: str | None,
    counts_path: str | None,
    counts_file: CountsFile,
    loss: str | None,
    torch_loss: str | None,
    weight_decay: tuple[float, ...] | None,
    proxy_counts: bool,
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Audit a head without features."""
    for name in ("head_path", "labels_path", "separator", "gaps", "checkpoint", "dask"):
        refuse(name, "--head-only", "no features are read, leave it out")
    if counts_path is None:
        raise ProblemError("--head-only needs --counts: a head alone does not say how many samples its classes had")
    from penultimate.audits.head_auditing import audit_head, audits_rows
    from penultimate.datasets.by_name import head_given

    counts = read(counts_path, counts_file)
    scale = torch_scale(torch_loss, loss or "ce", counts.classes)
    decays = None if weight_decay is None else scaled(weight_decay, scale)
    with progress("reading the head"):
        head = head_given(path, key, classes=counts.classes)
    say_origin(head)
    announce_head(head.classes, head.dimension, compared=not audits_rows(head, counts, loss))
    with progress("auditing the head"):
        result = audit_head(head, counts, weight_decay=decays, loss=loss, proxy_counts=proxy_counts)
    _notes(result)
    deliver(result, json_path, html_path)


def _notes(result: "Audit | HeadAudit | RowAudit") -> None:
    """What was taken of the order of the classes is said even where nobody reads the verdict."""
    for line in result.notes:
        note(line)


def _head(path: str, key: str | None, dimension: int, counts: "ClassCounts | None") -> "Head":
    """The head of a file, and a line on what was taken."""
    from penultimate.datasets.by_name import head_given

    classes = None if counts is None else counts.classes
    head = head_given(path, key, classes=classes, dimension=dimension)
    say_origin(head)
    return head


def _outputs(head: "Head | None") -> int:
    """K, of the head."""
    if head is None:
        raise ProblemError("--torch-loss needs the number of outputs: give the head with --head")
    return head.classes
