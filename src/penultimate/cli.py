"""The command ``penultimate``: parse, call, print."""

import json
import sys
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
from click.core import ParameterSource

from penultimate import __version__
from penultimate.cli_options import (
    BIAS,
    CLASSES,
    COLUMN,
    FEATURE_DECAY,
    FEATURE_RATIO,
    HOLDS,
    HTML,
    JSON,
    LAYERS,
    LOSS,
    LOSSES,
    TORCH_LOSS,
    WEIGHT_DECAY,
    WIDTH,
    WISH,
)
from penultimate.errors import FileError, PenultimateError, ProblemError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from rich.progress import TaskID

    from penultimate.advising import Advice
    from penultimate.auditing import Audit
    from penultimate.comparing import Comparison
    from penultimate.counts import ClassCounts
    from penultimate.features.head import Head
    from penultimate.forecasting import Forecast
    from penultimate.head_auditing import HeadAudit
    from penultimate.head_comparing import HeadComparison
    from penultimate.model.problem import Bias

    Result = Forecast | Comparison | Audit | HeadAudit | HeadComparison | Advice

_WIDTH = 120  # columns when the output is no terminal, where rich would fall back to 80 and wrap the tables


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="penultimate")
def cli() -> None:
    """Forecast the geometry that imbalanced classes force on a network's last layer."""


@cli.command()
@click.argument("counts")
@COLUMN
@HOLDS
@LOSS
@TORCH_LOSS
@LAYERS
@WEIGHT_DECAY
@FEATURE_DECAY
@FEATURE_RATIO
@click.option("--calibrate", metavar="AUDIT.json", help="Take layers, bias and λ_H from an audited network.")
@BIAS
@WIDTH
@CLASSES
@JSON
@HTML
def forecast(
    counts: str,
    column: str | None,
    holds: Literal["counts", "labels"] | None,
    loss: str,
    torch_loss: str | None,
    layers: int | None,
    weight_decay: tuple[float, ...],
    feature_decay: float | None,
    feature_ratio: float | None,
    calibrate: str | None,
    bias: "Bias",
    width: int | None,
    classes: int | Literal["all", "none"],
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Forecast the last layer's geometry from class counts.

    COUNTS is a CSV/TSV, JSON, COCO/LVIS annotation, .npy, .npz or Parquet file, a folder with one sub-folder a class,
    or the name of a bundled data set (`penultimate data`).
    """
    _one_of(feature_decay, feature_ratio)
    from penultimate.forecasting import forecast as make_forecast
    from penultimate.model.problem import Problem

    class_counts = _read(counts, column, holds)
    settings: dict[str, Any] = {
        "layers": layers,
        "feature_decay": feature_decay,
        "feature_ratio": 1.0 if feature_ratio is None else feature_ratio,
        "bias": bias,
        "width": width,
    }
    if calibrate is not None:
        _refuse_beside_calibrate()
        from penultimate.calibration import Calibration

        decays = _converted(weight_decay, torch_loss, class_counts.classes)
        result = Calibration.read(calibrate).forecast(class_counts, decays, width=width)
    elif torch_loss == "mse":
        if not loss.startswith("mse"):
            raise ProblemError(f"--torch-loss mse beside --loss {loss}: cross-entropy's decays are read as they are")
        problem = Problem.from_torch(weight_decay, loss="MSELoss", classes=class_counts.classes, **settings)
        result = make_forecast(class_counts, problem=replace(problem, loss=loss))
    else:
        result = make_forecast(class_counts, problem=Problem.of(weight_decay, loss=loss, **settings))
    _deliver(result, json_path, html_path, classes)


@cli.command()
@click.argument("counts")
@COLUMN
@HOLDS
@click.option("--loss", "losses", multiple=True, required=True, metavar="LOSS", help=f"Repeat: {LOSSES}.")
@click.option("--weight-decay", type=float, default=5e-4, show_default=True, help="Of the last layer.")
@FEATURE_DECAY
@FEATURE_RATIO
@BIAS
@JSON
@HTML
def compare(
    counts: str,
    column: str | None,
    holds: Literal["counts", "labels"] | None,
    losses: tuple[str, ...],
    weight_decay: float,
    feature_decay: float | None,
    feature_ratio: float | None,
    bias: "Bias",
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Compare what several losses make of the same class counts at the same weight decay.

    COUNTS as for `penultimate forecast`.
    """
    _one_of(feature_decay, feature_ratio)
    from penultimate.comparing import compare as make_comparison

    result = make_comparison(
        _read(counts, column, holds),
        losses,
        weight_decay,
        feature_decay=feature_decay,
        feature_ratio=1.0 if feature_ratio is None else feature_ratio,
        bias=bias,
    )
    _deliver(result, json_path, html_path)


def _one_of(feature_decay: float | None, feature_ratio: float | None) -> None:
    if feature_decay is not None and feature_ratio is not None:
        raise ProblemError("--feature-decay and --feature-ratio say the same thing twice: give one of them")


def _refuse_beside_calibrate() -> None:
    """Refuse options that an audit has settled."""
    for name in ("loss", "layers", "feature_decay", "feature_ratio", "bias"):
        _refuse(name, "--calibrate", "the audited network has settled it, leave it out")


def _refuse(name: str, beside: str, why: str) -> None:
    """Refuse an option that was given beside another that leaves it no sense."""
    if click.get_current_context().get_parameter_source(name) is not ParameterSource.DEFAULT:
        option = "--" + name.removesuffix("_path").replace("_", "-")
        raise ProblemError(f"{option} beside {beside}: {why}")


@cli.command()
@click.argument("features")
@click.option("--head", "head_path", metavar="FILE", help="Linear layers, if they are not beside the features.")
@click.option("--head-only", is_flag=True, help="FEATURES is a head alone: a checkpoint's last layer. Needs --counts.")
@click.option("--key", metavar="NAME", help="Weight of the head, where a file holds several candidates.")
@click.option("--counts", "counts_path", metavar="COUNTS", help="Samples in training, if FEATURES are others.")
@LOSS
@TORCH_LOSS
@WEIGHT_DECAY
@click.option("--drop-bad", is_flag=True, help="Leave out rows that hold NaN or infinity.")
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
    loss: str,
    torch_loss: str | None,
    weight_decay: tuple[float, ...],
    drop_bad: bool,
    checkpoint: str | None,
    dask: str | None,
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Audit a trained network's penultimate features against the forecast for its class counts.

    FEATURES is an .npz, .safetensors, .zarr, .parquet or .h5 file, a folder or a quoted glob of such shards, a folder
    of .npy arrays, or the name of bundled features (`penultimate data`). With --head-only it is a head without
    features, .npz or .safetensors.
    """
    if head_only:
        _audit_head(features, key, counts_path, loss, torch_loss, weight_decay, json_path, html_path)
        return
    from penultimate.auditing import audit as make_audit
    from penultimate.features.head import Head

    if key is not None and head_path is None:
        raise ProblemError("--key names a weight in a file of a head: give that with --head, or --head-only")
    head = None if head_path is None else Head.read(head_path, key)
    counts = None if counts_path is None else _read(counts_path, None, None)
    decays = weight_decay if torch_loss is None else _converted(weight_decay, torch_loss, _outputs(head, features))
    with _progress() as advance:
        result = make_audit(
            features,
            head=head,
            counts=counts,
            weight_decay=decays,
            loss=loss,
            drop_bad=drop_bad,
            checkpoint=checkpoint,
            dask=dask,
            advance=advance,
        )
    _deliver(result, json_path, html_path)


def _audit_head(
    path: str,
    key: str | None,
    counts_path: str | None,
    loss: str,
    torch_loss: str | None,
    weight_decay: tuple[float, ...],
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Audit a head without features."""
    for name in ("head_path", "drop_bad", "checkpoint", "dask"):
        _refuse(name, "--head-only", "no features are read, leave it out")
    if counts_path is None:
        raise ProblemError("--head-only needs --counts: a head alone does not say how many samples its classes had")
    from penultimate.head_auditing import audit_head

    counts = _read(counts_path, None, None)
    decays = _converted(weight_decay, torch_loss, counts.classes)
    _deliver(audit_head(path, counts, key=key, weight_decay=decays, loss=loss), json_path, html_path)


def _deliver(result: "Result", json_path: str | None, html_path: str | None, *selection: Any) -> None:
    """Write and print a result, or of its classes what is selected."""
    if html_path is not None:
        result.report(html_path)
        click.echo(f"wrote {html_path}", err=True)
    if json_path is not None:
        _write_json(result.to_dict(*selection), json_path)
    if json_path != "-":
        _show(result.table(*selection))


def _converted(weight_decay: tuple[float, ...], torch_loss: str | None, classes: int) -> tuple[float, ...]:
    """Decays in the model's convention: PyTorch's squared error averages over outputs (docs/theory §1)."""
    return weight_decay if torch_loss is None else tuple(decay * classes / 2.0 for decay in weight_decay)


def _outputs(head: "Head | None", features: str) -> int:
    """K, of the head."""
    from penultimate.feature_sources import source_of

    own = source_of(features).head if head is None else head
    if own is None:
        raise ProblemError("--torch-loss needs the number of outputs: give the head with --head")
    return own.classes


@contextmanager
def _progress(unit: str = "samples") -> "Generator[Callable[[str, int], object]]":
    """Count the samples, or parts, of each pass on stderr; nothing where that is no terminal."""
    from rich.console import Console
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), TextColumn("{task.completed:,.0f} " + unit), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bars:
        tasks: dict[str, TaskID] = {}

        def advance(stage: str, rows: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(f"reading {stage}", total=None)
            bars.advance(tasks[stage], rows)

        yield advance


@cli.command()
@click.argument("train")
@click.argument("valid", required=False)
@click.option("--head", "head_path", metavar="FILE", help="The present head, if it is not beside the features.")
@click.option("--many", type=float, default=100, show_default=True, help="Classes with more samples are 'many'.")
@click.option("--few", type=float, default=20, show_default=True, help="Classes with fewer samples are 'few'.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of parts and bootstrap.")
@click.option("--out", metavar="HEAD.npz", help="Write W, b and class names of the head to use.")
@JSON
@HTML
def heads(
    train: str,
    valid: str | None,
    head_path: str | None,
    many: float,
    few: float,
    seed: int,
    out: str | None,
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Find a better head for the features of TRAIN, chosen and judged on those of VALID.

    TRAIN and VALID are features as for `penultimate audit`; nothing is chosen on TRAIN. Without VALID the present head
    is adjusted as theory says, unjudged. When nothing beats the present head, it is kept.
    """
    from penultimate.head_comparing import compare_heads

    with _progress("parts") as advance:
        result = compare_heads(
            train, valid, head=head_path, many=many, few=few, seed=seed, advance=partial(advance, "VALID")
        )
    if out is not None:
        result.save_head(out)
        click.echo(f"wrote {out}", err=True)
    _deliver(result, json_path, html_path)


@cli.command()
@click.argument("counts")
@COLUMN
@HOLDS
@click.option("--audit", "audit_path", metavar="AUDIT.json", help="What `penultimate audit --json` wrote.")
@click.option("--train", metavar="TRAIN", help="Features of training samples, to choose a head for.")
@click.option("--valid", metavar="VALID", help="Features of held-out samples, to choose it on.")
@click.option("--head", "head_path", metavar="FILE", help="The present head, if it is not beside TRAIN.")
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
    column: str | None,
    holds: Literal["counts", "labels"] | None,
    audit_path: str | None,
    train: str | None,
    valid: str | None,
    head_path: str | None,
    wish: str,
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
    _one_of(feature_decay, feature_ratio)
    if torch_loss == "mse" and not loss.startswith("mse"):
        raise ProblemError(f"--torch-loss mse beside --loss {loss}: cross-entropy's decays are read as they are")
    if head_path is not None and train is None:
        raise ProblemError("--head is the head of TRAIN: give --train beside it")
    from penultimate.advising import advise as make_advice

    class_counts = _read(counts, column, holds)
    decays = _converted(weight_decay, torch_loss, class_counts.classes)
    given = click.get_current_context().get_parameter_source("weight_decay") is not ParameterSource.DEFAULT
    if isinstance(bias, float) and torch_loss is not None:
        bias = _converted((bias,), torch_loss, class_counts.classes)[0]
    with _progress("parts") as advance:
        result = make_advice(
            class_counts,
            decays if given or (torch_loss is not None and audit_path is None) else None,
            loss=loss,
            layers=layers,
            feature_decay=feature_decay,
            feature_ratio=1.0 if feature_ratio is None else feature_ratio,
            bias=bias,
            width=width,
            audit=audit_path,
            wish=wish,
            train=train,
            valid=valid,
            head=head_path,
            advance=partial(advance, "VALID"),
        )
    _deliver(result, json_path, html_path)


@cli.command()
def data() -> None:
    """List the bundled class counts and features, which can be named instead of a file."""
    from penultimate.report.data_terminal import data_tables

    _show(data_tables())


def _read(counts: str, column: str | None, holds: Literal["counts", "labels"] | None) -> "ClassCounts":
    """Read a file or folder, or bundled counts by name; a file of that name goes first."""
    from penultimate import datasets
    from penultimate.counts import ClassCounts

    if Path(counts).exists():
        return ClassCounts.read(counts, column=column, holds=holds)
    if counts in datasets.names():
        return datasets.counts(counts)
    raise FileError(
        f"no file {counts!r}, and no bundled counts of that name: the bundled ones are {', '.join(datasets.names())}"
    )


def _write_json(record: dict[str, object], path: str) -> None:
    text = json.dumps(record, indent=2, allow_nan=False, ensure_ascii=False)
    if path == "-":
        click.echo(text)
        return
    from penultimate.files import write_whole

    write_whole(path, text + "\n")
    click.echo(f"wrote {path}", err=True)


def _show(renderable: Any) -> None:
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    console.print(renderable)


def main() -> None:
    """Run the command; exit 0 on success, 2 for the user's input, 1 for a fault of ours."""
    try:
        sys.exit(cli.main(standalone_mode=False))
    except PenultimateError as error:
        _fail(str(error), 2)
    except click.ClickException as error:
        _fail(f"{error.format_message()} (see penultimate --help)", 2)
    except (KeyboardInterrupt, click.exceptions.Abort):
        _fail("interrupted", 130)
    except BrokenPipeError:
        # The reader (head, less) has seen enough; keep Python from complaining when it flushes at exit.
        sys.stdout = None
        sys.exit(0)
    except Exception as error:
        _fail(f"internal error, please report it with the command you ran: {type(error).__name__}: {error}", 1)


def _fail(message: str, status: int) -> None:
    click.echo(f"penultimate: {' '.join(message.split())}", err=True)
    sys.exit(status)
