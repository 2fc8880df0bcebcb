"""``penultimate compare``."""

from typing import TYPE_CHECKING

import click

from penultimate.cli.beside import one_of
from penultimate.cli.costs import announce_forecast
from penultimate.cli.options import (
    BIAS,
    FEATURE_DECAY,
    FEATURE_RATIO,
    HTML,
    JSON,
    LIKE,
    LOSSES,
    CountsFile,
    examples,
    reads_counts,
)
from penultimate.cli.results import deliver, progress, read

if TYPE_CHECKING:
    from penultimate.model.problem import Bias


@click.command(
    short_help="Several losses for the same class counts.",
    epilog=examples("penultimate compare train.csv --loss ce --loss la:1 --loss weighted:inverse"),
)
@click.argument("counts")
@reads_counts
@click.option("--loss", "losses", multiple=True, required=True, metavar="LOSS", help=f"Repeat: {LOSSES}.")
@click.option("--weight-decay", type=float, default=5e-4, show_default=True, help="Of the last layer.")
@FEATURE_DECAY
@FEATURE_RATIO
@LIKE
@BIAS
@JSON
@HTML
def compare(
    counts: str,
    counts_file: CountsFile,
    losses: tuple[str, ...],
    weight_decay: float,
    feature_decay: float | None,
    feature_ratio: float | None,
    like: str | None,
    bias: "Bias",
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Compare what several losses make of the same class counts at the same weight decay.

    COUNTS as for `penultimate forecast`.
    """
    one_of(feature_decay, feature_ratio)
    from penultimate.forecasts.comparison import compare_losses
    from penultimate.model.problem import Problem

    class_counts = read(counts, counts_file)
    problems = [Problem.from_decays(bias=bias, loss=loss) for loss in losses]
    announce_forecast(class_counts, *problems, searched=problems)
    with progress("comparing"):
        result = compare_losses(
            class_counts,
            losses,
            weight_decay,
            feature_decay=feature_decay,
            feature_ratio=feature_ratio,
            like=like,
            bias=bias,
        )
    deliver(result, json_path, html_path)
