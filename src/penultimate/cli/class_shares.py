"""``penultimate class-shares``."""

from typing import Literal

import click

from penultimate.cli.options import CLASSES, HTML, JSON, examples
from penultimate.cli.results import deliver, progress


@click.command(
    "class-shares",
    short_help="How often each class occurs in samples without labels.",
    epilog=examples(
        "penultimate class-shares now.npy --valid held-out.npz",
        "penultimate class-shares now.csv --trained-on counts.csv --html shares.html",
    ),
)
@click.argument("probabilities")
@click.option("--valid", metavar="FILE", help="Probabilities of samples with known classes, as y.")
@click.option("--trained-on", metavar="COUNTS", help="Counts of training, without VALID; 'balanced' for equal shares.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the intervals' draws.")
@CLASSES
@JSON
@HTML
def class_shares(
    probabilities: str,
    valid: str | None,
    trained_on: str | None,
    seed: int,
    classes: int | Literal["all", "none"],
    json_path: str | None,
    html_path: str | None,
) -> None:
    """Estimate the mix of classes in samples without labels, and say whether it has changed.

    PROBABILITIES are those that any model gives these samples, one row a sample and one column a class. Counting its
    answers would favour the classes of training. Known samples (--valid) say how far the probabilities are off.
    """
    from penultimate.probabilities.class_shares import class_shares as estimate

    with progress("drawing the samples anew"):
        found = estimate(probabilities, trained_on=trained_on, valid=valid, seed=seed)
    deliver(found, json_path, html_path, classes)
